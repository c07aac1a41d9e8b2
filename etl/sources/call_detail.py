"""Details of calls that other systems export, one call a row: Issabel's "Detalle de Llamadas", Asternic PRO's detail.

They are calls, so each row becomes the events that a log would have of it (``etl.call_details``), counted only where no
log tells them. Titles of columns are compared without accents, capitals and punctuation.
"""

from dataclasses import replace

from etl.schema import DetailLayout, Lane, Loss, Reason
from etl.sources.queue_log import QUEUE_LOG

_REASONS = (
    Reason("detail_time", "no tiene una fecha con hora de la llamada, o está fuera de rango"),
    Reason("detail_queue", "no dice a qué cola entró la llamada"),
    Reason("detail_outcome", "no dice si la llamada se atendió, o lo dice con una palabra desconocida"),
    Reason("detail_row", "la fila no se puede leer: revise comillas y separadores"),
)
ONLY_IN_EXPORT = "only_in_export"
_FINDINGS = (
    Reason(
        ONLY_IN_EXPORT,
        "en la exportación, no en el registro: el registro de colas cubre esa media hora y no la tiene; no cuenta",
    ),
)
_LOSSES = (
    Loss("entry", "no guarda el instante de ingreso a cola: se calcula con la espera y la duración", ("wait",)),
    Loss(
        "events",
        "no guarda timbres sin contestar, el número marcado (DID), pausas, sesiones ni reinicios de la central",
        ("rings", "did", "sessions", "cause"),
    ),
    Loss("visits", "guarda una fila por llamada: los pasos de una cola a otra pueden faltar", ("visits",)),
    Loss("end", "no dice quién colgó ni la posición en la cola", ("hangup", "position")),
)
_ANSWERED = (
    "terminada", "success", "atendida", "answered", "answer", "completada", "completed", "completeagent",
    "completecaller", "contestada", "exitosa", "connected", "conectada", "complete",
)  # fmt: skip
#: What the state of a call is called, by the event that ends it; "" of a call under way.
OUTCOMES: dict[str, str] = {
    **dict.fromkeys(_ANSWERED, "COMPLETECALLER"),
    **dict.fromkeys(("completeagent",), "COMPLETEAGENT"),
    **dict.fromkeys(("transferida", "transferred", "transfer", "blindtransfer"), "BLINDTRANSFER"),
    **dict.fromkeys(
        ("abandonada", "abandoned", "abandon", "no atendida", "unanswered", "noanswer", "no answer", "no contestada",
         "sin atender", "perdida", "missed"), "ABANDON",
    ),
    **dict.fromkeys(("exitwithtimeout", "timeout", "expirada", "expirado", "tiempo agotado"), "EXITWITHTIMEOUT"),
    **dict.fromkeys(("exitempty", "sin operadores", "sin agentes"), "EXITEMPTY"),
    **dict.fromkeys(("exitwithkey", "salio por opcion"), "EXITWITHKEY"),
    **dict.fromkeys(("activa", "active", "en cola", "onqueue", "hold", "fin monitoreo", "en curso"), ""),
}  # fmt: skip
OUTBOUND = ("outbound", "outgoing", "saliente", "salida", "out")

_COLUMNS: dict[str, tuple[str, ...]] = {
    "agent_number": (
        "no agente", "numero de agente", "numero agente", "n agente", "agent number", "agent no", "no agent",
    ),
    "agent": ("agente", "agent", "agent name", "nombre de agente", "nombre agente", "operador"),
    "start": (
        "start time", "hora de inicio", "hora inicio", "inicio", "fecha de inicio", "fecha inicio", "fecha inicial",
        "start date", "start", "fecha y hora", "fecha hora", "datetime", "date time", "calldate",
    ),
    "date": ("fecha", "date", "dia"),
    "time": ("hora", "time"),
    "end": (
        "end time", "hora de fin", "hora fin", "fin", "fecha de fin", "fecha fin", "fecha final", "end date", "end",
    ),
    "talk": (
        "duracion", "duration", "dur", "dur llamada", "duracion llamada", "talk time", "talk", "tiempo conversacion",
        "tiempo de conversacion", "conversacion", "tiempo hablado", "call time",
    ),
    "wait": ("tiempo espera", "tiempo de espera", "espera", "wait time", "wait", "hold time", "dur espera", "hold"),
    "queue": ("cola", "queue", "queue name", "nombre de cola"),
    "kind": ("tipo", "type", "tipo de llamada", "call type"),
    "phone": (
        "telefono", "phone", "phone number", "numero", "number", "callerid", "caller id", "clid", "caller", "origen",
        "llamante", "numero de telefono",
    ),
    "transfer": ("transferencia", "transfer", "transferida a", "transferred to"),
    "outcome": ("estado", "status", "evento", "event", "resultado", "outcome", "disposition", "disposicion"),
    "uniqueid": ("uniqueid", "unique id", "callid", "call id", "id unico"),
}  # fmt: skip

ISSABEL_DETAIL = replace(
    QUEUE_LOG,
    name="call_detail",
    title="Detalle de Llamadas de Elastix o Issabel",
    reasons=_REASONS,
    findings=_FINDINGS,
    rank=10,
    losses=_LOSSES,
    lane=Lane.DETAILS,
    detail=DetailLayout(
        columns=tuple(_COLUMNS.items()),
        needed=(("agent_number", "kind"), ("start",), ("end",), ("wait",), ("queue",), ("outcome",)),
    ),
)
ASTERNIC_DETAIL = replace(
    ISSABEL_DETAIL,
    name="call_detail_asternic",
    title="Detalle de llamadas de Asternic PRO",
    rank=11,
    detail=DetailLayout(
        columns=tuple(_COLUMNS.items()),
        needed=(("start", "date"), ("queue",), ("outcome",), ("wait", "talk"), ("agent", "phone", "uniqueid")),
    ),
)
#: In the order in which a table is held against them.
DETAILS = (ISSABEL_DETAIL, ASTERNIC_DETAIL)

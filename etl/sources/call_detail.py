"""Details of calls that other systems export, one call a row: Issabel's "Detalle de Llamadas", Asternic PRO's detail.

They are calls, so each row becomes the events that a log would have of it (``etl.call_details``), counted only where no
log tells them. Titles of columns are compared without accents and capitals, with a _ for whatever stands between words.
"""

from dataclasses import replace

from etl.schema import DetailLayout, Lane, Loss, Reason
from etl.sources.queue_log import QUEUE_LOG

_REASONS = (
    Reason("detail_time", "no tiene una fecha con hora de la llamada, o está fuera de rango"),
    Reason("detail_queue", "no dice a qué cola entró la llamada"),
    Reason("detail_outcome", "no dice si la llamada se atendió, o lo dice con una palabra desconocida"),
    Reason("detail_under_way", "la llamada seguía en curso al exportar; entra con una exportación posterior"),
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
    Loss(
        "end", "no dice quién colgó, la posición en la cola ni cuánto sonó el teléfono", ("hangup", "position", "ring")
    ),
)
_ANSWERED = (
    "terminada", "success", "atendida", "answered", "answer", "completada", "completed", "completecaller",
    "contestada", "exitosa", "connected", "conectada", "complete",
)  # fmt: skip
#: What the state of a call is called, by the event that ends it; "" of a call whose end Issabel missed.
OUTCOMES: dict[str, str] = {
    **dict.fromkeys(_ANSWERED, "COMPLETECALLER"),
    **dict.fromkeys(("completeagent",), "COMPLETEAGENT"),
    **dict.fromkeys(("transferida", "transferred", "transfer", "blindtransfer"), "BLINDTRANSFER"),
    **dict.fromkeys(
        ("abandonada", "abandoned", "abandon", "no_atendida", "unanswered", "noanswer", "no_answer", "no_contestada",
         "sin_atender", "perdida", "missed"), "ABANDON",
    ),
    **dict.fromkeys(("exitwithtimeout", "timeout", "expirada", "expirado", "tiempo_agotado"), "EXITWITHTIMEOUT"),
    **dict.fromkeys(("exitempty", "sin_operadores", "sin_agentes"), "EXITEMPTY"),
    **dict.fromkeys(("exitwithkey", "salio_por_opcion"), "EXITWITHKEY"),
    **dict.fromkeys(("fin_monitoreo",), ""),
}  # fmt: skip
#: A call that was under way when it was exported: a later export has it again, with other durations and its end.
UNDER_WAY = ("activa", "active", "en_cola", "onqueue", "hold", "en_curso")
OUTBOUND = ("outbound", "outgoing", "saliente", "salida", "out")

_COLUMNS: dict[str, tuple[str, ...]] = {
    "agent_number": (
        "no_agente", "numero_de_agente", "numero_agente", "n_agente", "agent_number", "agent_no", "no_agent",
    ),
    "agent": ("agente", "agent", "agent_name", "nombre_de_agente", "nombre_agente", "operador"),
    "start": (
        "start_time", "hora_de_inicio", "hora_inicio", "inicio", "fecha_de_inicio", "fecha_inicio", "fecha_inicial",
        "start_date", "start", "fecha_y_hora", "fecha_hora", "datetime", "date_time", "calldate",
    ),
    "date": ("fecha", "date", "dia"),
    "time": ("hora", "time"),
    "end": (
        "end_time", "hora_de_fin", "hora_fin", "fin", "fecha_de_fin", "fecha_fin", "fecha_final", "end_date", "end",
    ),
    "talk": (
        "duracion", "duration", "dur", "dur_llamada", "duracion_llamada", "talk_time", "talk", "tiempo_conversacion",
        "tiempo_de_conversacion", "conversacion", "tiempo_hablado", "call_time",
    ),
    "wait": ("tiempo_espera", "tiempo_de_espera", "espera", "wait_time", "wait", "hold_time", "dur_espera", "hold"),
    "queue": ("cola", "queue", "queue_name", "nombre_de_cola"),
    "kind": ("tipo", "type", "tipo_de_llamada", "call_type"),
    "phone": (
        "telefono", "phone", "phone_number", "numero", "number", "callerid", "caller_id", "clid", "caller", "origen",
        "llamante", "numero_de_telefono",
    ),
    "transfer": ("transferencia", "transfer", "transferida_a", "transferred_to"),
    "outcome": ("estado", "status", "evento", "event", "resultado", "outcome", "disposition", "disposicion"),
    "uniqueid": ("uniqueid", "unique_id", "callid", "call_id", "id_unico"),
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

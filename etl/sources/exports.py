"""What Asternic Stats and the call_center of Elastix or Issabel export as totals: reports, their columns, their units.

Titles are compared without accents, capitals and punctuation, so each stands here once. Asternic writes two columns
"%" and two "Promedio" in one header: percentages and averages are known and not read, as they cannot be added up.
Percentages of a total and averages are told by the figures that they are made of.
"""

from etl.schema import ExportColumn, ExportLabel, ExportReport, ExportSource, ExportUnit, Reason

ASTERNIC, ISSABEL = "asternic", "issabel"
SYSTEMS = {ASTERNIC: "Asternic", ISSABEL: "Elastix o Issabel"}

_UNREAD = ExportUnit.UNREAD
_AGENT = ExportColumn(("Agente", "Agent"))
_QUEUE = ExportColumn(("Cola", "Queue"))
_COUNT = ("Nro", "Count", "Cantidad")
_PERCENT = ExportColumn(("%", "% Llamadas", "% Calls"), unit=_UNREAD, required=False)

# Asternic's distribution: the same columns by day, hour and day of the week.
_DISTRIBUTION = (
    ExportColumn(("Atendidas", "Answered"), ("answered",)),
    ExportColumn(("% Atend", "% Answ"), unit=_UNREAD, required=False),
    ExportColumn(("Sin atender", "Unanswered"), ("unanswered",)),
    ExportColumn(("% Desat", "% Unansw"), unit=_UNREAD, required=False),
    ExportColumn(("Duracion media", "Avg Durat."), unit=_UNREAD, required=False),
    ExportColumn(("Espera media", "Avg Hold"), unit=_UNREAD, required=False),
    ExportColumn(("Ingresos", "Login"), ("logins",), required=False),
    ExportColumn(("Egresos", "Logoff"), ("logoffs",), required=False),
)
_ASTERNIC = (
    ExportReport(
        ASTERNIC, "by_agent", "Asternic, atendidas por operador(a)", "agent", agent=_AGENT, key=_AGENT,
        columns=(
            ExportColumn(("Llamadas", "Calls"), ("answered",)),
            ExportColumn(("Dur. Llamada", "Call Time"), ("talk_seconds",), ExportUnit.MINUTES),
            ExportColumn(("Dur. Espera", "Hold Time"), ("wait_seconds",), ExportUnit.SECONDS),
            ExportColumn(("%", "% Llamadas", "% Calls"), unit=_UNREAD, required=False),
            ExportColumn(("% Dur. Llamada", "% Call Time"), unit=_UNREAD, required=False),
            ExportColumn(("Promedio", "Avg", "Promedio Dur. Llamada", "Avg Call Time"), unit=_UNREAD, required=False),
            ExportColumn(("Promedio Dur. Espera", "Avg Hold Time"), unit=_UNREAD, required=False),
        ),
    ),
    ExportReport(
        ASTERNIC, "service_level", "Asternic, nivel de servicio", "wait",
        key=ExportColumn(("Atendida", "Answer")),
        columns=(
            ExportColumn(_COUNT), ExportColumn(("Delta",), unit=_UNREAD), _PERCENT,
        ),
        labels=(
            ExportLabel(("dentro de {}+ segs", "within {}+ secs"), ("connected",)),
            ExportLabel(("dentro de {} segs", "within {} secs"), ("answered_within_{}",)),
        ),
    ),
    ExportReport(
        ASTERNIC, "answered_by_queue", "Asternic, atendidas por cola", "queue", key=_QUEUE, queue=_QUEUE,
        columns=(ExportColumn(_COUNT, ("answered",)), _PERCENT),
        captions=("Llamadas Atendidas por Cola", "Answered Calls by Queue"),
    ),
    ExportReport(
        ASTERNIC, "unanswered_by_queue", "Asternic, sin atender por cola", "queue", key=_QUEUE, queue=_QUEUE,
        columns=(ExportColumn(_COUNT, ("unanswered",)), _PERCENT),
        captions=("Llamadas sin Atender por Cola", "Unanswered Calls by Queue"),
    ),
    ExportReport(
        ASTERNIC, "ended_by", "Asternic, quién cortó", "cause", key=ExportColumn(("Causa", "Cause")),
        columns=(ExportColumn(_COUNT), _PERCENT),
        labels=(
            ExportLabel(("Corto el agente", "Agent hung up"), ("ended_by_agent",), required=True),
            ExportLabel(("Corto el usuario", "Caller hung up"), ("ended_by_caller",), required=True),
        ),
    ),
    ExportReport(
        ASTERNIC, "unanswered_by_cause", "Asternic, sin atender por causa", "cause",
        key=ExportColumn(("Causa", "Cause")),
        columns=(ExportColumn(_COUNT), _PERCENT),
        labels=(
            ExportLabel(("Abandonada por Usuario", "User Abandon", "Abandonada", "Abandon"), ("abandoned",),
                        required=True),
            ExportLabel(("Expirado", "Timeout"), ("timed_out",), required=True),
        ),
    ),
    ExportReport(
        ASTERNIC, "transfers", "Asternic, transferencias", "agent", agent=_AGENT,
        key=ExportColumn(("Hacia", "To")), columns=(ExportColumn(_COUNT, ("transferred",)),),
    ),
    ExportReport(
        ASTERNIC, "by_day", "Asternic, distribución por día", "day", key=ExportColumn(("Fecha", "Date")),
        columns=_DISTRIBUTION,
    ),
    ExportReport(
        ASTERNIC, "by_hour", "Asternic, distribución por hora", "hour", key=ExportColumn(("Hora", "Hour")),
        columns=_DISTRIBUTION,
    ),
    ExportReport(
        ASTERNIC, "by_weekday", "Asternic, distribución por día de la semana", "weekday",
        key=ExportColumn(("Dia", "Day")), columns=_DISTRIBUTION,
    ),
    ExportReport(
        ASTERNIC, "summary_totals", "Asternic, totales", "total",
        labels=(
            ExportLabel(("Numero de llamadas atendidas", "Number of Answered Calls"), ("answered",), required=True),
            ExportLabel(("Numero de llamadas sin atender", "Number of Unanswered Calls"), ("unanswered",),
                        required=True),
            ExportLabel(("Ingresos de Agentes", "Agent Login"), ("logins",)),
            ExportLabel(("Egresos de Agentes", "Agent Logoff"), ("logoffs",)),
        ),
    ),
    ExportReport(
        ASTERNIC, "summary_answered", "Asternic, resumen de atendidas", "total",
        labels=(
            ExportLabel(("Llamadas Atendidas", "Answered Calls"), ("answered",), required=True),
            ExportLabel(("Llamadas Transferidas", "Transferred Calls"), ("transferred",)),
            ExportLabel(("Total Dur. Llamada", "Total Call Time"), ("talk_seconds",), ExportUnit.MINUTES),
            ExportLabel(("Duracion media", "Avg Durat.", "Espera media", "Avg Hold"), unit=_UNREAD),
        ),
    ),
    ExportReport(
        ASTERNIC, "summary_unanswered", "Asternic, resumen de no atendidas", "total",
        labels=(
            ExportLabel(("Nro de llamadas sin atender", "Numero de llamadas sin atender",
                         "Number of Unanswered Calls"), ("unanswered",), required=True),
            ExportLabel(("Promedio de espera antes de desconectar", "Avg wait time before disconnect",
                         "Posicion promedio en cola al desconectar", "Avg queue position at disconnection",
                         "Posicion inicial promedio en cola", "Avg start queue position"), unit=_UNREAD),
        ),
    ),
)  # fmt: skip

_TOTAL_CALLS = ("Llamadas Totales", "Total de Llamadas", "Total Llamadas", "Total Calls")
_NUMBER_OF_AGENT = ExportColumn(("No. Agente", "No.Agente", "No. Agent", "Agent Number"), required=False, unit=_UNREAD)
_NAME = ExportColumn(("Nombre", "Name", "Agente", "Agent"))
_ISSABEL = (
    ExportReport(
        ISSABEL, "waits_by_queue", "Elastix o Issabel, tiempo de espera", "queue", key=_QUEUE, queue=_QUEUE,
        columns=(
            *(ExportColumn((f"{low} - {low + span}",), (f"waited_{low}_{low + span}",))
              for low, span in ((0, 10), (11, 9), (21, 9), (31, 9), (41, 9), (51, 9))),
            ExportColumn(("61 >", "> 61", "61 o mas"), ("waited_61_more",)),
            ExportColumn(("Tiempo Promedio Espera(Seg)", "Average Wait Time(Sec)"), unit=_UNREAD, required=False),
            ExportColumn(("Espera Mayor(seg)", "Longest Wait(sec)"), unit=_UNREAD, required=False),
            ExportColumn(_TOTAL_CALLS, ("calls",)),
        ),
    ),
    ExportReport(
        ISSABEL, "incoming_success", "Elastix o Issabel, éxito de llamadas entrantes", "queue", key=_QUEUE,
        queue=_QUEUE,
        columns=(
            ExportColumn(("Exitosas", "Successful"), ("answered",)),
            # What the module knows of a call that was not answered is that it was abandoned.
            ExportColumn(("Abandonadas", "Left", "Abandoned"), ("abandoned", "unanswered")),
            ExportColumn(("Tiempo de espera", "Time Hopes", "Wait Time"), ("wait_seconds",), ExportUnit.CLOCK,
                         required=False),
            ExportColumn(_TOTAL_CALLS, ("calls",)),
        ),
    ),
    ExportReport(
        ISSABEL, "calls_by_agent", "Elastix o Issabel, llamadas por operador(a)", "agent", key=_NAME, agent=_NAME,
        queue=_QUEUE, kind=ExportColumn(("Tipo", "Type")),
        columns=(
            _NUMBER_OF_AGENT,
            ExportColumn(("Llamadas Contestadas", "Calls Answered", "Answered Calls"), ("answered",)),
            ExportColumn(("Duracion", "Duration"), ("talk_seconds",), ExportUnit.CLOCK),
            ExportColumn(("Promedio", "Average"), unit=_UNREAD, required=False),
            ExportColumn(("Llamada mas larga", "Call longest", "Longest Call"), unit=_UNREAD, required=False),
        ),
    ),
    ExportReport(
        ISSABEL, "sessions", "Elastix o Issabel, tiempo de sesión", "session", agent=_AGENT, per_queue=False,
        key=ExportColumn(("Fecha Inicial", "Fecha Inicio", "Date Init", "Start Date")),
        columns=(
            ExportColumn(("Nombre", "Name"), unit=_UNREAD, required=False),
            ExportColumn(("Fecha Final", "Fecha Fin", "Date End", "End Date"), unit=_UNREAD),
            ExportColumn(("Total Sesion", "Total Login"), ("session_seconds",), ExportUnit.CLOCK),
            ExportColumn(("Llamadas entrantes", "Incoming Calls"), ("inbound_seconds",), ExportUnit.CLOCK),
            ExportColumn(("Llamadas salientes", "Outgoing Calls"), ("outbound_seconds",), ExportUnit.CLOCK),
            ExportColumn(("Tiempo en Llamadas", "Time in Calls"), ("call_seconds",), ExportUnit.CLOCK, required=False),
            ExportColumn(("Servicio(%)", "Service(%)"), unit=_UNREAD, required=False),
            ExportColumn(("Estado", "Status"), unit=_UNREAD, required=False),
        ),
    ),
    ExportReport(
        ISSABEL, "breaks", "Elastix o Issabel, recesos", "agent", key=_NAME, agent=_NAME, per_queue=False,
        columns=(_NUMBER_OF_AGENT, ExportColumn(("Total",), ("break_seconds",), ExportUnit.CLOCK)),
        rest="break_seconds_of",
        captions=("Recesos", "Breaks", "Break"),
    ),
)  # fmt: skip

#: What a page says of itself beside its tables: from when to when, and of which queues.
FIRST_DAY = ("Inicio", "Start Date", "Fecha Inicio", "Fecha Inicial", "Desde", "Date Init")
LAST_DAY = ("Final", "End Date", "Fecha Fin", "Fecha Final", "Hasta", "Date End")
QUEUES = ("Cola", "Queue", "Colas", "Queues")
#: What begins the row that adds the others up.
TOTALS = ("Total", "Totales", "Totals")
WEEKDAYS = (
    ("Lunes", "Monday"), ("Martes", "Tuesday"), ("Miercoles", "Wednesday"), ("Jueves", "Thursday"),
    ("Viernes", "Friday"), ("Sabado", "Saturday"), ("Domingo", "Sunday"),
)  # fmt: skip
INBOUND = ("Entrante", "Entrantes", "Inbound", "Incoming", "Ingoing")
OUTBOUND = ("Saliente", "Salientes", "Outbound", "Outgoing")

EXPORTS = ExportSource(
    name="exports",
    title="Exportación de Asternic o de Elastix/Issabel (informes con totales: CSV, Excel o página guardada)",
    reports=(*_ASTERNIC, *_ISSABEL),
    reasons=(
        Reason("columns", "tiene más o menos celdas que el encabezado"),
        Reason("number", "una celda que debe ser un número no lo es, o no se sabe si su punto separa miles (12.000)"),
        Reason("duration", "una celda que debe ser una duración no lo es"),
        Reason("date", "la fecha no se entiende o no existe"),
        Reason("period", "la fecha está fuera del período del archivo"),
        Reason("key", "no dice de qué es la fila, o no es de este informe"),
        Reason("quote", "tiene comillas mal cerradas"),
    ),
)

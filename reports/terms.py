"""Every label users read, in one place: figures, dimensions, causes, units, lines.

In: codes. Out: Spanish words (terms.md). The label of an indicator stands in its literal and is read from there.
"""

from __future__ import annotations

from reports.definition import Dimension, Unit
from reports.indicators import BY_NAME as _DECLARED

INDICATORS = {name: indicator.label for name, indicator in _DECLARED.items()}

DIMENSIONS = {
    Dimension.MONTH: "mes",
    Dimension.DAY: "día",
    Dimension.WEEKDAY: "día de la semana",
    Dimension.HOUR: "hora",
    Dimension.INTERVAL: "media hora",
    Dimension.SERVICE: "línea",
    Dimension.QUEUE: "cola",
    Dimension.AGENT: "operador(a)",
    Dimension.CAUSE: "causa",
    Dimension.OUTCOME: "resultado",
    Dimension.WAIT_CLASS: "tramo de espera",
    Dimension.REASON: "motivo de pausa",
    Dimension.DID: "número marcado",
    Dimension.POSITION: "lugar en la cola al entrar",
    Dimension.TRANSFER: "destino de la transferencia",
    Dimension.TRANSFER_KIND: "modo de la transferencia",
}

UNITS = {Unit.VISIT: "ingreso a cola", Unit.LINE: "llamada", Unit.CALL: "llamada del cliente"}
UNITS_PLURAL = {Unit.VISIT: "ingresos a cola", Unit.LINE: "llamadas", Unit.CALL: "llamadas del cliente"}
# How "registrad-" and "atendid-" end beside a unit.
UNIT_ENDINGS = {Unit.VISIT: "o", Unit.LINE: "a", Unit.CALL: "a"}

# Why a call was not answered, in the order of the reports.
CAUSES = {
    "caller_hung_up": "colgó",
    "timeout": "tiempo agotado",
    "empty": "sin operadores",
    "key": "salió por opción",
    "restart": "reinicio de la central",
    "withdrawn": "retirada",
    "incompatible": "canales incompatibles",
    "unknown": "desconocida",
}
# What each means, by its label.
CAUSES_EXPLAINED = {
    "colgó": "quien llamaba cortó mientras esperaba.",
    "tiempo agotado": "esperó lo máximo que admite la cola y la central la sacó de ella.",
    "sin operadores": "esperaba y la cola se quedó sin operadores conectados, así que la central la sacó de ella.",
    "salió por opción": "quien llamaba marcó una opción para dejar de esperar.",
    "reinicio de la central": "la central se reinició mientras esperaba.",
    "retirada": "la central o un programa la sacó de la cola antes de que alguien la atendiera.",
    "canales incompatibles": "un operador(a) la tomó, pero la central no pudo unir las dos comunicaciones "
    "(no comparten un formato de audio).",
    "desconocida": "el registro no dice cómo terminó.",
}
OUTCOMES = {"answered": "atendida", "abandoned": "abandonada"}
WAIT_CLASSES = ("0", "1-10", "11-20", "21-30", "31-60", "61-120", "121-300", "> 300", "sin dato")
POSITIONS = ("1", "2", "3", "4-5", "6-10", "> 10", "sin dato")
#: How a call was transferred (etl.call_facts), and how it is said of a transfer that the log tells in no known way.
TRANSFER_KINDS = {
    "blind": "directa",
    "bridge": "con consulta, a otra conversación",
    "app": "con consulta, a una aplicación",
    "link": "con consulta, uniendo canales",
    "": "sin modo anotado",
}
NO_DID = "sin DID"
NO_TARGET_LOGGED = "sin destino anotado"

# The lines by the names of the manual, in its order.
LINES = {
    "101": "Reclamos Técnicos",
    "102": "Facturación",
    "103": "Instalaciones",
    "104": "Números telefónicos",
    "4200224": "Guía Comercial",
    "4251000": "Central Telefónica",
    "4522222": "Televisión por cable",
    "4200002": "Facturación línea gratuita",
    "800131313": "Boliviatel",
    "800130001": "MIO",
    "4639999": "Telefonía Pública",
    "4200400": "Contact Center",
}
NO_LINE = "sin línea"
NO_AGENT = "sin operador(a)"
NO_REASON = "sin motivo"

# The state of a line's day.
WITH_DATA = "con datos"
NO_CALLS = "sin llamadas"
NO_RECORD = "sin registro"
OPEN = "en curso"

MONTHS_SHORT = ("ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sep", "oct", "nov", "dic")
WEEKDAYS = ("lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo")
PARAMETERS = {
    "threshold_seconds": "Umbral de espera (segundos)",
    "target": "Meta",
    "counted_lines": "Líneas que entran al total",
    "chain_gap_seconds": "Reingreso que es la misma llamada (segundos)",
    "open_after_hours": "Horas para dar por terminada una llamada sin desenlace",
    "long_hours": "Duración que se muestra aparte (horas)",
    "short_abandon_seconds": "Abandono corto (segundos)",
}

INDICATOR = "Indicador"
NUMERATOR = "Numerador"
DENOMINATOR = "Denominador"
VALUE = "Valor"
TOTAL = "Total"
COUNTED_IN = "Unidad"
RULE = "Regla"
COMPLIES = "Cumple"
DOES_NOT_COMPLY = "No cumple"
VERDICT = "Cumplimiento"
NO_REGULATOR_TARGET = "sin meta ATT registrada"
BLANK = "—"

# What a figure is divided by, in the plural.
DENOMINATORS = {
    "service_level": "registradas",
    "service_level_of_answered": "atendidas",
    "service_level_sl2": "registradas",
    "service_level_short_excluded": "registradas menos los abandonos cortos",
    "service_level_strict": "registradas",
    "service_level_asternic": "completadas con espera conocida",
    "abandonment_rate": "registradas",
    "asa": "atendidas con espera conocida",
    "aht": "atendidas con conversación conocida",
    "wait_distribution": "registradas del mismo grupo",
    "occupancy": "tiempo en sesión, sin las pausas",
    "operators_on_duty": "segundos de las medias horas con alguien en turno",
    "transfer_rate": "atendidas",
    "hung_up_by_operator": "atendidas que alguien terminó colgando",
    "hung_up_by_caller": "atendidas que alguien terminó colgando",
    "called_again_30min": "de quien se conoce el número, con 30 minutos de registro después",
    "called_again_24h": "de quien se conoce el número, con 24 horas de registro después",
    "called_again_7d": "de quien se conoce el número, con 7 días de registro después",
    "abandoned_answered_later": "abandonadas de quien se conoce el número",
}
# What is divided, in the plural.
NUMERATORS = {
    "service_level": "atendidas a tiempo",
    "service_level_of_answered": "atendidas a tiempo",
    "service_level_sl2": "atendidas a tiempo más abandonadas a tiempo",
    "service_level_short_excluded": "atendidas a tiempo",
    "service_level_strict": "atendidas antes del umbral",
    "service_level_asternic": "completadas en los tramos hasta el umbral",
    "abandonment_rate": "abandonadas",
    "asa": "espera",
    "aht": "conversación",
    "wait_distribution": "registradas del tramo",
    "occupancy": "tiempo ocupado en sesión",
    "operators_on_duty": "segundos en sesión, de todos",
    "transfer_rate": "transferidas",
    "hung_up_by_operator": "que el operador(a) colgó",
    "hung_up_by_caller": "que el cliente colgó",
    "called_again_30min": "cuyo cliente volvió a llamar",
    "called_again_24h": "cuyo cliente volvió a llamar",
    "called_again_7d": "cuyo cliente volvió a llamar",
    "abandoned_answered_later": "abandonadas cuyo cliente fue atendido después ese día",
}

# The screen.
PRODUCT = "Call Center COMTECO"
DEMO_DATA = "DATOS DE MUESTRA"
DEMO_DATA_SAYS = "llamadas, números y personas inventados"
HOME = "Inicio"
SERVICE_LEVEL = "Nivel de servicio"
CALLS = "Llamadas"
HEAT_MAP = "Por día de la semana y media hora"
WAITS = "Cuánto esperaron"
OVER = {Dimension.HOUR: "Por hora", Dimension.DAY: "Por día", Dimension.MONTH: "Por mes"}
MONTH = "Mes"
PREVIOUS_MONTH = "Mes anterior"
NEXT_MONTH = "Mes siguiente"
TREND = "Nivel de servicio por mes"
ON_RECORD = "Datos del mes"
OTHER_FIGURES = "Otras cifras del mes"
BY_LINE = "Por línea"
ALL_FIGURES = "Todas las cifras del período"
DOWNLOAD = "Descargar"
BY_CAUSE = "No atendidas por causa"
RULES = "Reglas y parámetros"
NO_TARGET = "sin meta"
TARGET_CHANGES = "la meta cambia en el período"
HOW_IT_COUNTS = "Cómo se cuenta"
LIGHT_OR_DARK = "Cambiar entre claro y oscuro"
LINE_COLUMNS = {
    "service": "Línea",
    "name": "Nombre",
    "registered": "Registradas",
    "answered": "Atendidas",
    "answered_in_time": "A tiempo",
    "service_level": "Nivel de servicio",
    "verdict": "Meta",
    "missing": "Faltaron",
    "abandoned": "Abandonadas",
    "asa": "Espera promedio",
}
CALL_COLUMNS = {
    "entered": "Entrada",
    "service": "Línea",
    "outcome": "Resultado",
    "cause": "Causa",
    "wait_seconds": "Espera",
    "talk_seconds": "Atención",
    "queue": "Cola",
    "agent": "Operador(a)",
    "callid": "Llamada (callid)",
}
OPERATORS = "Operadores"
OPERATOR_COLUMNS = {
    "agent": "Operador(a)",
    "answered": "Atendidas",
    "talk_seconds": "Conversación",
    "aht": "Promedio de atención",
    "mean_ring": "Timbre hasta atender",
    "rings_unanswered": "Timbres sin atender",
    "logged_in_seconds": "En sesión",
    "paused_seconds": "En pausa",
    "busy_seconds": "Ocupado",
    "staffed_seconds": "Ocupado o disponible",
    "occupancy": "Ocupación",
    "mark": "Observación",
}
# An interface that the site has given no person.
UNNAMED = "sin nombre"
PAUSES_BY_REASON = "Pausas por motivo"
ON_DUTY = "Operadores en turno por media hora"
# How a session or pause was ended, where the log does not say it.
ENDED_BY = {
    "logged": "",
    "session": "terminó la sesión",
    "restart": "reinicio de la central",
    "replaced": "sin salida: hasta el ingreso siguiente",
    "repeated": "sin fin anotado",
    "limit": "sin salida: hasta 31 días",
    "data_end": "abierta al último dato",
}
LINE_NAME = "Nombre de la línea"
ABANDONED = "Abandonos y rellamadas"
ABANDONED_COLUMNS = {
    "entered": "Entrada",
    "service": "Línea",
    "cause": "Causa",
    "wait_seconds": "Espera",
    "position": "Lugar al entrar",
    "number": "Número",
    "answered": "Atendida después ese día",
    "answered_after_seconds": "Tardó",
    "answered_service": "En la línea",
    "callid": "Llamada (callid)",
}
# Which of the abandoned, by what became of who called (reports.abandoned.Later).
LATER = {
    "todas": "Todas las abandonadas",
    "sin-respuesta": "Sin respuesta el mismo día",
    "atendidas": "Atendidas después el mismo día",
    "sin-numero": "Sin número conocido",
}
CALLER_NUMBER = "Número de quien llamó"
CALLER_NAME = "Nombre de quien llamó"
UNMASK = "Ver el número"
EVENT_COLUMNS = ("Hora", "Cola", "Operador(a)", "Evento", "Datos", "Archivo", "Línea del archivo")
PARAMETER_COLUMNS = ("Parámetro", "Valor", "Vigencia", "Regla")
# What "registered" leaves out, said beside it.
NOT_IN_REGISTERED = (
    "La central no anota a quien no pudo entrar a la cola (cola llena o sin operadores): no está en las registradas.",
    "La espera empieza al entrar a la cola: el tiempo en el menú de voz no está en el registro de la central.",
    "Las llamadas salientes no entran en ninguna de estas cifras.",
    "Las llamadas en curso no son atendidas ni abandonadas: entran cuando se cargue su final.",
)
# What is counted, by unit.
UNITS_EXPLAINED = {
    Unit.VISIT: "Unidad: el ingreso a cola. Si una llamada pasa de una cola a otra, o entra otra vez a la misma, cada "
    "ingreso se cuenta y su espera corre desde ese ingreso.",
    Unit.LINE: "Unidad: la llamada a la línea. Si pasa de una cola a otra de la misma línea sin ser atendida, es una "
    "sola llamada y su espera corre desde el primer ingreso.",
    Unit.CALL: "Unidad: la llamada del cliente. Aunque pase por varias colas y líneas, es una sola llamada, de la "
    "línea a la que entró primero, y su espera corre desde el primer ingreso hasta que se la atiende por primera vez.",
}
# What the counting means whatever the unit, in the order in which it is asked.
COUNTING = (
    "Registradas = atendidas + abandonadas. Abandonada es toda la que entró y no fue atendida, por la causa que sea; "
    "no se descuentan los abandonos cortos.",
    "La central resta segundos enteros: una espera anotada de 20 segundos fue de entre 19 y 21.",
    "Una llamada pertenece al mes en que entró a la cola, con la hora de La Paz.",
    "El total suma numeradores y denominadores de las líneas; nunca promedia porcentajes.",
)

# Who works here, and what was written down.
ACCOUNTS = "Cuentas"
OWN_ACCOUNT = "Mi cuenta"
AUDIT = "Auditoría"
ROLES = {
    "operator": "Operador(a)",
    "supervisor": "Supervisor(a)",
    "manager": "Gerencia",
    "chief": "Jefatura",
    "quality": "Calidad",
    "administrator": "Administración",
}
ACCOUNT_COLUMNS = {
    "name": "Cuenta",
    "full_name": "Nombre",
    "role": "Rol",
    "state": "Estado",
    "last": "Último ingreso",
    "sessions": "Sesiones abiertas",
}
SESSION_COLUMNS = ("", "Empezó", "Última actividad", "Dirección", "Navegador")
AUDIT_COLUMNS = ("Cuándo", "Quién", "Rol", "Dirección", "Qué hizo", "Con qué", "Resultado", "Detalles")
AUDIT_ACTIONS = {
    "sign_in": "ingreso",
    "sign_out": "salida",
    "denied": "sin permiso",
    "password": "contraseña",
    "account": "cuenta",
    "role": "cambio de rol",
    "export": "descarga",
    "unmask": "ver un número",
    "upload": "envío de archivo",
    "load": "carga",
    "undo": "carga deshecha",
    "mapping": "asignación de colas u operadores",
    "job": "trabajo",
    "backup": "respaldo",
    "restore": "restauración",
}
AUDIT_RESULTS = {"done": "hecho", "refused": "rechazado", "failed": "falló"}
AUDIT_OBJECTS = {
    "account": "cuenta",
    "callback": "pedido",
    "export": "descarga",
    "job": "trabajo",
    "load": "carga",
    "page": "página",
    "right": "permiso",
    "upload": "envío",
}
# What is told of an act, and what it says; what is not here is shown as it was written.
AUDIT_DETAILS = {
    "after": "después",
    "before": "antes",
    "browser": "navegador",
    "bytes": "bytes",
    "change": "cambio",
    "duplicates": "repetidas",
    "folder": "carpeta",
    "generation": "generación",
    "line": "línea del archivo",
    "lines": "líneas",
    "loaded": "cargadas",
    "loads": "cargas",
    "masked": "con datos ocultos",
    "must_change": "debe cambiarla",
    "of": "del trabajo",
    "quarantined": "observadas",
    "reason": "motivo",
    "role": "rol",
    "rows": "filas",
    "rules": "reglas",
    "sessions": "sesiones",
    "sha256": "sha256",
    "version": "versión",
    "why": "por qué",
    "work": "trabajo",
}
AUDIT_VALUES = {
    "added": "agregada",
    "cancel": "cancelado",
    "checked": "revisado",
    "disabled": "cerrada",
    "discarded": "descartado",
    "enabled": "abierta otra vez",
    "linked": "unida al ingreso único",
    "retry": "otra vez",
    "sessions ended": "sesiones terminadas",
    "age": "por antigüedad",
    "forgotten": "textos borrados por su antigüedad",
    "known": "ya se había recibido",
    "limit": "demasiados archivos",
    "restore": "al restaurar un respaldo",
    "right": "ya no tiene permiso",
    "down": "el servidor de cuentas no respondió",
    "no account": "no tiene cuenta aquí",
    "not confirmed": "el servidor de cuentas no confirmó quién es",
    "meanwhile": "la cuenta cambió mientras tanto",
    "too many": "demasiados intentos",
    "wrong": "cuenta o contraseña incorrecta",
}

# The bridge to Asternic's numbers.
BRIDGE = "¿Por qué no cuadra con Asternic?"
BRIDGE_VARIANTS = "El mismo período, según cada forma de medir"
BRIDGE_STEPS = "De lo que muestra Asternic a las registradas"
BRIDGE_EXPORTS = "La exportación cargada"
BRIDGE_EXPORTS_SAY = (
    "Diferencia con la exportación cargada: lo que ella dice menos lo que dice el registro de los mismos días. De una "
    "de Asternic, lo que Asternic mostraría; de una de Elastix o Issabel, los ingresos a cola atendidos y abandonados "
    "de este sistema. Cero es que cuadran."
)
BRIDGE_COLUMNS = ("Paso", "Cantidad", "Suma", "Qué son")
BRIDGE_REGISTERED = "Registradas"
BRIDGE_EXPORT_COLUMNS = ("Exportación", "Período", "", "De exportación", "Según el registro", "Diferencia")
FROM_EXPORT = "de exportación"
# Each way to measure in one sentence.
VARIANTS_EXPLAINED = {
    "service_level": "La cifra del manual: atendidas dentro del umbral entre todas las registradas.",
    "service_level_of_answered": "Divide entre las atendidas: quien no fue atendido no pesa.",
    "service_level_sl2": "Da por buenas también las abandonadas dentro del umbral.",
    "service_level_short_excluded": "No cuenta a quien colgó enseguida.",
    "service_level_strict": "El segundo del umbral ya no está a tiempo.",
    "service_level_asternic": "Solo las que terminaron con COMPLETE, en tramos de 15 segundos, en la fecha del final. "
    "Se cuenta por ingreso a cola.",
}

# The quality of the data.
QUALITY = "Calidad de datos"
# What a figure that suffers from a lossy source is called, by the code of the source's declaration.
SUFFERING = {
    "cause": "no atendidas por causa",
    "talk": "tiempo promedio de atención",
    "transfers": "transferencias",
    "rings": "timbrados sin respuesta",
    "did": "línea según el DID",
    "sessions": "sesiones y pausas de los operadores",
    "findings": "hallazgos de esta página",
    "wait": "espera y nivel de servicio",
    "position": "posición en la cola",
    "visits": "ingresos a cola de una misma llamada",
    "hangup": "quién colgó",
    "ring": "cuánto sonó el teléfono",
}
# Odd lines by kind: label, what is counted of them.
ODD_KINDS = {
    "reconstructed": ("Ingresos sin su entrada", "ingresos a cola"),
    "endless": ("Ingresos sin su final", "ingresos a cola"),
    "unended_talk": ("Atendidos sin su final", "ingresos a cola"),
    "unknown_wait": ("Atendidos sin espera conocida", "ingresos a cola"),
    "open": ("En curso", "ingresos a cola"),
    "second_end": ("Segundos finales", "líneas"),
    "second_connect": ("Segundas conexiones", "líneas"),
    "hold_differs": ("Esperas que no coinciden", "ingresos a cola"),
    "wait_from_times": ("Esperas tomadas de los instantes", "ingresos a cola"),
    "duration": ("Duraciones que no valen", "ingresos a cola"),
    "long_duration": ("Duraciones demasiado largas", "ingresos a cola"),
    "only_in_export": ("Solo en la exportación", "filas de detalle"),
    "clock_behind": ("Hora de la central atrasada", "líneas"),
    "unknown_event": ("Eventos desconocidos", "líneas"),
    "restart": ("Reinicios de la central", "reinicios"),
}
# What is done with those that no source declares.
ODD_KINDS_SAY = {
    "reconstructed": "el registro no trae la entrada: se reconstruye con la espera de su final, y cuenta",
    "endless": "el registro no dice cómo terminó: no atendida, causa desconocida",
    "unended_talk": "el registro no dice cuándo terminó: atendida; su conversación no se conoce",
    "unknown_wait": "registrada y atendida, pero no a tiempo: la espera no se conoce",
    "open": "todavía en ninguna cifra: entra cuando se cargue su final",
    "clock_behind": "la hora retrocedió dentro del archivo: vale el orden del archivo",
    "unknown_event": "se conservan y no cambian ninguna cifra",
    "restart": "lo que esperaba en ese momento no se atendió, causa reinicio de la central",
}


def line_name(service: str) -> str:
    """Return a line as users know it: "101 Reclamos Técnicos"; a number without a name stands alone."""
    return f"{service} {LINES[service]}" if service in LINES else service


# What the record of calls shows before a queue.
BEFORE_QUEUE = "Antes de la cola"
# Pages whose name in the menu is shorter than their title.
IN_MENU = {ABANDONED: "Abandonos", BRIDGE: "Asternic", QUALITY: "Calidad"}
NOT_IN_LOG = "Lo que el registro de colas no ve"
ENDINGS = {
    "entered": "Entraron a cola",
    "refused": "Rechazadas en la puerta",
    "menu": "Colgaron en el menú",
    "direct_answered": "Sin cola, atendidas",
    "direct_unanswered": "Sin cola, no atendidas",
    "unknown": "No se sabe",
}
ENDING_SAYS = {
    "entered": "Entraron a una cola: son las que cuentan las demás páginas.",
    "refused": (
        "Llegaron a la cola y no entraron (llena o sin operadores), o la línea dio ocupado, congestión o falla. "
        "El registro de colas no las anota."
    ),
    "menu": "Colgaron, o los cortó el menú, mientras escuchaban el menú de voz, sin llegar a una cola.",
    "direct_answered": "Fueron a un teléfono sin pasar por una cola, y alguien contestó.",
    "direct_unanswered": "Fueron a un teléfono sin pasar por una cola, y nadie contestó.",
    "unknown": "Llegaron a una cola en una hora sin registro de colas cargado: si entraron no se sabe.",
}
RECORDED_CALL_COLUMNS = (
    "Inicio", "Línea", "Qué pasó", "Última aplicación", "Resultado en la central", "Duración", "Llamada", "Archivo",
    "Fila",
)  # fmt: skip

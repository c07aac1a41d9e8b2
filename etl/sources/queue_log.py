"""Asterisk's queue_log: ``epoch|callid|queue|agent|EVENT|data...``, one event a line, nothing escaped.

Positions of the data fields are those of every Asterisk from 1.4 on; fields an older version does not write are simply
absent, so they are found by number, never by an assumed version. ATTENDEDTRANSFER is two events here: with LINK its
durations stand one field later than with BRIDGE or APP.
"""

from etl.schema import Event, EventKind, LogSource, Reason

ATTENDED_LINK = "LINK"

QUEUE_LOG = LogSource(
    name="queue_log",
    title="Registro de colas de Asterisk (queue_log)",
    events=(
        Event("ENTERQUEUE", EventKind.ENTER, position=3),
        Event("CONNECT", EventKind.CONNECT, hold=1, ring=3),
        Event("COMPLETEAGENT", EventKind.ANSWERED_END, hold=1, talk=2, position=3),
        Event("COMPLETECALLER", EventKind.ANSWERED_END, hold=1, talk=2, position=3),
        Event("TRANSFER", EventKind.ANSWERED_END, hold=3, talk=4, position=5),
        Event("BLINDTRANSFER", EventKind.ANSWERED_END, hold=3, talk=4, position=5),
        Event("ATTENDEDTRANSFER", EventKind.ANSWERED_END, hold=3, talk=4, position=5),
        Event("ABANDON", EventKind.UNANSWERED_END, hold=3, cause="caller_hung_up", position=2, last_position=1),
        Event("EXITEMPTY", EventKind.UNANSWERED_END, hold=3, cause="empty", position=2, last_position=1),
        Event("EXITWITHTIMEOUT", EventKind.UNANSWERED_END, hold=3, cause="timeout", position=2, last_position=1),
        Event("EXITWITHKEY", EventKind.UNANSWERED_END, hold=4, cause="key", position=3, last_position=2),
        Event("WITHDRAW", EventKind.UNANSWERED_END, hold=3, cause="withdrawn", position=2, last_position=1),
        Event("SYSCOMPAT", EventKind.UNANSWERED_END, cause="incompatible"),
        Event("DID", EventKind.DID),
        Event("QUEUESTART", EventKind.RESTART),
        # Known, and without a part in a queue visit. Any other event is kept as it is, and shown.
        *(
            Event(name, EventKind.OTHER)
            for name in (
                "CONFIGRELOAD",
                "RINGNOANSWER",
                "RINGCANCELED",
                "AGENTDUMP",
                "ADDMEMBER",
                "REMOVEMEMBER",
                "PAUSE",
                "UNPAUSE",
                "PAUSEALL",
                "UNPAUSEALL",
                "AGENTLOGIN",
                "AGENTLOGOFF",
                "AGENTCALLBACKLOGIN",
                "AGENTCALLBACKLOGOFF",
                "PENALTY",
                "RINGINUSE",
                "OUTCALL",
            )
        ),
    ),
    system_callids=("NONE", "MANAGER", "REALTIME", "CLI", ""),
    reasons=(
        Reason("fields", "tiene menos de 5 campos separados por |: revise si la línea llegó cortada"),
        Reason(
            "shifted",
            "un | dentro del nombre de la cola o del operador corre los campos: cambie ese nombre en la central",
        ),
        Reason("epoch", "el primer campo no es un instante en segundos"),
        Reason("epoch_unit", "el instante parece estar en milisegundos: exporte la columna en segundos"),
        Reason("epoch_range", "el instante está fuera de rango (antes de 1990 o después de la fecha de carga)"),
        Reason("nul", "contiene bytes nulos (hueco dejado por una caída del equipo)"),
        Reason("encoding", "contiene bytes que no son texto UTF-8 ni cp1252"),
        Reason("line_too_long", "la línea es demasiado larga para ser de un queue_log"),
        Reason("wait_missing", "fin de llamada sin su entrada y sin espera utilizable: no se puede reconstruir"),
    ),
    findings=(
        Reason("hold_differs", "la espera de CONNECT y la del fin no coinciden: vale la de CONNECT"),
        Reason("duration", "duración negativa o que no es un número: queda como desconocida"),
        Reason("wait_from_times", "el fin no trae la espera: se toma la diferencia de los dos instantes"),
        Reason("second_end", "segundo fin de un ingreso a cola ya terminado: no cuenta"),
        Reason("second_connect", "segunda conexión, o fin sin atender, de un ingreso ya conectado: no cambia nada"),
        Reason("long_duration", "duración mayor que el límite: se conserva y se lista"),
    ),
)

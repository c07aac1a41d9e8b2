"""The indicators of operators' time: sessions, pauses, occupancy, rings, who was on duty.

In: nothing. Out: AGENT_INDICATORS. A row of their table stands for a half hour of a person, by reason of pause, or for
the rings of a half hour in a queue. They are of no line and counted in no unit of calls.
"""

from __future__ import annotations

from reports.definition import Dating, Dimension, Indicator, Kind, Subject, Unit, ValueUnit

WHEN = frozenset({Dimension.MONTH, Dimension.DAY, Dimension.WEEKDAY, Dimension.HOUR, Dimension.INTERVAL})
QUEUE = frozenset({Dimension.QUEUE})
AGENT = frozenset({Dimension.AGENT})
REASON = frozenset({Dimension.REASON})
ONE_UNIT = frozenset({Unit.VISIT})

AGENT_INDICATORS: tuple[Indicator, ...] = (
    Indicator(
        name="occupancy",
        label="Ocupación",
        kind=Kind.RATIO,
        value_unit=ValueUnit.PERCENT,
        numerator="SUM(busy_seconds)",
        denominator="SUM(staffed_seconds)",
        edge_case="Ocupado es conversar, más el tiempo posterior a la llamada si la central lo anota; el timbre no. "
        "Disponible es el tiempo en sesión sin pausa y sin llamada. Sin sesión no hay ocupación.",
        clause="decisión del sistema (D): ocupado / (ocupado + disponible), en tiempo; nunca promedio de porcentajes",
        dimensions=WHEN | AGENT,
        units=ONE_UNIT,
        subject=Subject.AGENTS,
        dated_by=Dating.WORKED,
    ),
    Indicator(
        name="logged_in_seconds",
        label="Tiempo en sesión",
        kind=Kind.COUNT,
        value_unit=ValueUnit.SECONDS,
        numerator="SUM(session_seconds)",
        denominator=None,
        edge_case="En varias colas a la vez cuenta una sola vez. Una sesión sin salida anotada llega hasta el ingreso "
        "siguiente, el reinicio de la central, el fin de los datos o 31 días, y se marca.",
        clause="decisión del sistema (D): unión de los ingresos de cada operador(a)",
        dimensions=WHEN | AGENT,
        units=ONE_UNIT,
        subject=Subject.AGENTS,
        dated_by=Dating.WORKED,
    ),
    Indicator(
        name="ruled_session_seconds",
        label="Tiempo en sesión sin salida anotada",
        kind=Kind.COUNT,
        value_unit=ValueUnit.SECONDS,
        numerator="SUM(ruled_seconds)",
        denominator=None,
        edge_case="Parte del tiempo en sesión cuyo final pone una regla y no el registro.",
        clause="decisión del sistema (D): sesiones cerradas por regla",
        dimensions=WHEN | AGENT,
        units=ONE_UNIT,
        subject=Subject.AGENTS,
        dated_by=Dating.WORKED,
    ),
    Indicator(
        name="paused_seconds",
        label="Tiempo en pausa",
        kind=Kind.COUNT,
        value_unit=ValueUnit.SECONDS,
        numerator="SUM(paused_seconds)",
        denominator=None,
        edge_case="Sin lo que duró una llamada en curso. Las pausas superpuestas cuentan una vez, con el motivo de la "
        "primera; la que no termina llega hasta el fin de la sesión o de los datos.",
        clause="decisión del sistema (D): unión de las pausas de cada operador(a)",
        dimensions=WHEN | AGENT | REASON,
        units=ONE_UNIT,
        subject=Subject.AGENTS,
        dated_by=Dating.WORKED,
    ),
    Indicator(
        name="rings_unanswered",
        label="Timbres sin atender",
        kind=Kind.COUNT,
        value_unit=ValueUnit.COUNT,
        numerator="SUM(rings)",
        denominator=None,
        edge_case="Cada vez que una cola hizo sonar a un operador(a) y no contestó (RINGNOANSWER). "
        "Una llamada puede dejar varios.",
        clause="decisión del sistema (D): eventos RINGNOANSWER",
        dimensions=WHEN | QUEUE | AGENT,
        units=ONE_UNIT,
        subject=Subject.AGENTS,
        dated_by=Dating.WORKED,
    ),
    Indicator(
        name="operators_on_duty",
        label="Operadores en turno",
        kind=Kind.MEAN,
        value_unit=ValueUnit.MEAN,
        # By time, lest both shifts of a half hour of relief count whole.
        numerator="SUM(session_seconds + 1800 * with_activity)",
        denominator="1800 * COUNT(DISTINCT CASE WHEN with_session + with_activity > 0 "
        "THEN 48 * date_diff('day', DATE '1970-01-01', on_date) + half_hour END)",
        edge_case="Segundos en sesión entre los segundos de las medias horas con alguien en turno. Quien no tiene "
        "sesión y sí actividad (una llamada o un timbre) vale esa media hora entera: es un mínimo de personas.",
        clause="decisión del sistema (D): operadores con sesión, si no con actividad en la media hora (mínimo)",
        dimensions=WHEN,
        units=ONE_UNIT,
        subject=Subject.AGENTS,
        dated_by=Dating.WORKED,
    ),
    Indicator(
        name="operators_by_activity",
        label="Medias horas de operadores solo con actividad",
        kind=Kind.COUNT,
        value_unit=ValueUnit.COUNT,
        numerator="SUM(with_activity)",
        denominator=None,
        edge_case="Medias horas en que alguien atendió o fue timbrado y no tiene sesión: su turno pudo durar más.",
        clause="decisión del sistema (D): con actividad en la media hora (mínimo)",
        dimensions=WHEN | AGENT,
        units=ONE_UNIT,
        subject=Subject.AGENTS,
        dated_by=Dating.WORKED,
    ),
)

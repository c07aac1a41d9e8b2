"""Every indicator, once: what is summed, by what it is divided, its edge case and the rule it comes from.

In: nothing. Out: INDICATORS in the order of the reports. A row of the tables stands for `calls` registered visits or
calls, open ones left out by the query: one, or all of a day, line, outcome, cause and wait. `cause` is set for the
unanswered only, an unknown wait is NULL; `talks` of the calls have a known talk, `talk_seconds` together.
"""

from __future__ import annotations

from reports.agent_indicators import AGENT_INDICATORS
from reports.definition import Dating, Dimension, Facts, Indicator, Kind, Unit, ValueUnit

WHEN = frozenset({Dimension.MONTH, Dimension.DAY, Dimension.WEEKDAY, Dimension.HOUR, Dimension.INTERVAL})
WHERE = frozenset({Dimension.SERVICE, Dimension.QUEUE})
# What every figure of calls may be split by. Outcome, cause and wait are facts of a call that divide its own ratio.
COMMON = WHEN | WHERE | {Dimension.DID, Dimension.POSITION}
AGENT = frozenset({Dimension.AGENT})
CAUSE = frozenset({Dimension.CAUSE})
OUTCOME = frozenset({Dimension.OUTCOME})
WAIT_CLASS = frozenset({Dimension.WAIT_CLASS})
TRANSFER = frozenset({Dimension.TRANSFER, Dimension.TRANSFER_KIND})
# Of a caller's call over all lines the last visit's end is known, which need not be that of the one answered.
ENDED_BY_ITSELF = frozenset({Unit.VISIT, Unit.LINE})
# A callid's queue visits are one call: entering a second queue is not calling again.
CALLED = frozenset({Unit.LINE, Unit.CALL})
#: The ends of a call that its operator handed on.
TRANSFER_EVENTS = ("TRANSFER", "BLINDTRANSFER", "ATTENDEDTRANSFER")
TRANSFERRED = f"outcome_event IN {TRANSFER_EVENTS}"
_HUNG_UP = "outcome_event IN ('COMPLETEAGENT', 'COMPLETECALLER')"
_WHO_HUNG_UP = (
    "De las atendidas que terminaron porque alguien colgó: sin transferidas ni las que no tienen final anotado. "
    "Los Asterisk 1.8 hasta 1.8.19 y 11 hasta 11.1 anotan siempre al cliente si la central usa la extensión h: ahí no "
    "se sabe quién colgó."
)
_AGAIN = (
    "Otra llamada del mismo número a la misma línea, haya sido atendida o no. Las llamadas de los últimos {0} del "
    "registro no entran en el denominador: todavía no se sabe quién volverá a llamar. No es «resuelta en la primera "
    "llamada»: quien vuelve a llamar puede traer otro asunto, y quien no vuelve pudo quedar sin solución. Un número "
    "sin anotar o reservado no entra; uno compartido (una empresa) parece una misma persona; un hueco del registro "
    "esconde a quienes volvieron."
)


def _called_again(name: str, words: str, seconds: int) -> Indicator:
    observed = f"caller IS NOT NULL AND observed_seconds >= {seconds}"
    return Indicator(
        name=name,
        label=f"Vuelven a llamar en {words}",
        kind=Kind.RATIO,
        value_unit=ValueUnit.PERCENT,
        numerator=f"SUM(CASE WHEN {observed} AND next_call_seconds <= {seconds} THEN calls ELSE 0 END)",
        denominator=f"SUM(CASE WHEN {observed} THEN calls ELSE 0 END)",
        edge_case=_AGAIN.format(words),
        clause="decisión del sistema (D): llamadas cuyo cliente vuelve a llamar a la misma línea / llamadas con número "
        f"conocido y {words} de registro después",
        dimensions=COMMON | OUTCOME | CAUSE,
        units=CALLED,
        facts=Facts.NEXT_CALL,
    )


INDICATORS: tuple[Indicator, ...] = (
    Indicator(
        name="registered",
        label="Registradas",
        kind=Kind.COUNT,
        value_unit=ValueUnit.COUNT,
        numerator="SUM(calls)",
        denominator=None,
        edge_case="Son las atendidas más las abandonadas. Las que siguen en curso no entran. "
        "La central no anota a quien no pudo entrar a la cola (cola llena o sin operadores).",
        clause="Manual COM-DSO-P01, II.2: total de llamadas registradas",
        dimensions=COMMON | OUTCOME | WAIT_CLASS,
    ),
    Indicator(
        name="answered",
        label="Atendidas",
        kind=Kind.COUNT,
        value_unit=ValueUnit.COUNT,
        numerator="SUM(CASE WHEN answered THEN calls ELSE 0 END)",
        denominator=None,
        edge_case="Con un operador(a) conectado, dentro o después del umbral; la que luego se transfiere es atendida.",
        clause="Manual COM-DSO-P01, II.2: llamadas atendidas",
        dimensions=COMMON | AGENT | WAIT_CLASS,
    ),
    Indicator(
        name="answered_in_time",
        label="Atendidas a tiempo",
        kind=Kind.COUNT,
        value_unit=ValueUnit.COUNT,
        numerator="SUM(CASE WHEN answered AND wait_seconds <= {threshold_seconds} THEN calls ELSE 0 END)",
        denominator=None,
        edge_case="El umbral se incluye: 20 segundos está a tiempo. Una espera desconocida no está a tiempo.",
        clause="Manual COM-DSO-P01, II.2: llamadas atendidas dentro de 20 segundos",
        dimensions=COMMON | AGENT,
    ),
    Indicator(
        name="abandoned",
        label="Abandonadas",
        kind=Kind.COUNT,
        value_unit=ValueUnit.COUNT,
        numerator="SUM(CASE WHEN NOT answered THEN calls ELSE 0 END)",
        denominator=None,
        edge_case="Entró al sistema y no fue atendida, por la causa que sea.",
        clause="decisión del sistema (D): registradas = atendidas + abandonadas",
        dimensions=COMMON | CAUSE | WAIT_CLASS,
    ),
    Indicator(
        name="service_level",
        label="Nivel de servicio",
        kind=Kind.RATIO,
        value_unit=ValueUnit.PERCENT,
        numerator="SUM(CASE WHEN answered AND wait_seconds <= {threshold_seconds} THEN calls ELSE 0 END)",
        denominator="SUM(calls)",
        target="target",
        edge_case="Sin llamadas registradas no hay valor: ni 0 % ni 100 %. No excluye los abandonos cortos. "
        "Se cumple o no según el valor sin redondear.",
        clause="Manual COM-DSO-P01, II.2: atendidas dentro de 20 segundos x 100 % / registradas",
        dimensions=COMMON,
    ),
    Indicator(
        name="service_level_of_answered",
        label="Nivel de servicio sobre atendidas",
        kind=Kind.RATIO,
        value_unit=ValueUnit.PERCENT,
        numerator="SUM(CASE WHEN answered AND wait_seconds <= {threshold_seconds} THEN calls ELSE 0 END)",
        denominator="SUM(CASE WHEN answered THEN calls ELSE 0 END)",
        edge_case="Divide entre las atendidas: las abandonadas no pesan. Sin atendidas no hay valor.",
        clause="Variante para comparar (Asterisk, wazo); no es la cifra del manual",
        dimensions=COMMON | AGENT,
    ),
    Indicator(
        name="service_level_sl2",
        label="Nivel de servicio con abandonadas a tiempo",
        kind=Kind.RATIO,
        value_unit=ValueUnit.PERCENT,
        numerator="SUM(CASE WHEN wait_seconds <= {threshold_seconds} THEN calls ELSE 0 END)",
        denominator="SUM(calls)",
        edge_case="Cuenta a favor también las abandonadas dentro del umbral. Sin registradas no hay valor.",
        clause="Variante para comparar (SL2 de Asterisk, positiva de Cisco); no es la cifra del manual",
        dimensions=COMMON,
    ),
    Indicator(
        name="service_level_short_excluded",
        label="Nivel de servicio sin abandonos cortos",
        kind=Kind.RATIO,
        value_unit=ValueUnit.PERCENT,
        numerator="SUM(CASE WHEN answered AND wait_seconds <= {threshold_seconds} THEN calls ELSE 0 END)",
        denominator="SUM(CASE WHEN NOT answered AND cause = 'caller_hung_up' "
        "AND wait_seconds <= {short_abandon_seconds} THEN 0 ELSE calls END)",
        edge_case="Divide entre las registradas menos los abandonos cortos. Si no queda ninguna, no hay valor.",
        clause="Variante para comparar; el manual no excluye los abandonos cortos",
        dimensions=COMMON,
    ),
    Indicator(
        name="service_level_strict",
        label="Nivel de servicio con espera menor al umbral",
        kind=Kind.RATIO,
        value_unit=ValueUnit.PERCENT,
        numerator="SUM(CASE WHEN answered AND wait_seconds < {threshold_seconds} THEN calls ELSE 0 END)",
        denominator="SUM(calls)",
        edge_case="El umbral no se incluye: 20 segundos está fuera. Sin registradas no hay valor.",
        clause="Variante para comparar; el manual dice menor o igual",
        dimensions=COMMON,
    ),
    Indicator(
        name="service_level_asternic",
        label="Nivel de servicio según Asternic Lite",
        kind=Kind.RATIO,
        value_unit=ValueUnit.PERCENT,
        # Its table of answer times has rows of 15 s up to 90: the row nearest to the threshold (15 for 20 s) is read.
        # A wait it has no row for is in no total of that table either, hence the known waits only.
        numerator="SUM(CASE WHEN outcome_event IN ('COMPLETEAGENT', 'COMPLETECALLER') AND wait_seconds <= "
        "CASE WHEN {threshold_seconds} < 23 THEN 15 WHEN {threshold_seconds} < 38 THEN 30 "
        "WHEN {threshold_seconds} < 53 THEN 45 WHEN {threshold_seconds} < 68 THEN 60 "
        "WHEN {threshold_seconds} < 83 THEN 75 ELSE 90 END THEN calls ELSE 0 END)",
        denominator="SUM(CASE WHEN outcome_event IN ('COMPLETEAGENT', 'COMPLETECALLER') "
        "AND wait_seconds IS NOT NULL THEN calls ELSE 0 END)",
        edge_case="Solo ingresos a cola que el operador(a) o el cliente terminaron: sin transferidas ni abandonadas. "
        "La espera va en tramos de 15 segundos: se toma el más cercano al umbral (15 para 20). "
        "Cuenta en la fecha y hora en que terminó. Sin ninguno no hay valor.",
        clause="Variante para comparar con Asternic Lite; no es la cifra del manual",
        dimensions=COMMON | AGENT,
        units=frozenset({Unit.VISIT}),
        dated_by=Dating.OUTCOME,
    ),
    Indicator(
        name="abandonment_rate",
        label="Tasa de abandono",
        kind=Kind.RATIO,
        value_unit=ValueUnit.PERCENT,
        numerator="SUM(CASE WHEN NOT answered THEN calls ELSE 0 END)",
        denominator="SUM(calls)",
        edge_case="Todas las causas. Sin registradas no hay valor.",
        clause="decisión del sistema (D): abandonadas / registradas",
        dimensions=COMMON,
    ),
    Indicator(
        name="asa",
        label="Espera promedio",
        kind=Kind.MEAN,
        value_unit=ValueUnit.SECONDS,
        numerator="SUM(CASE WHEN answered AND wait_seconds IS NOT NULL THEN wait_seconds * calls ELSE 0 END)",
        denominator="SUM(CASE WHEN answered AND wait_seconds IS NOT NULL THEN calls ELSE 0 END)",
        edge_case="De las atendidas con espera conocida. La espera empieza al entrar a la cola, no en el menú de voz.",
        clause="decisión del sistema (D): segundos de espera / atendidas con espera conocida",
        dimensions=COMMON | AGENT,
    ),
    Indicator(
        name="aht",
        label="Tiempo promedio de atención",
        kind=Kind.MEAN,
        value_unit=ValueUnit.SECONDS,
        numerator="SUM(CASE WHEN answered AND talks > 0 THEN talk_seconds ELSE 0 END)",
        denominator="SUM(CASE WHEN answered THEN talks ELSE 0 END)",
        edge_case="De las atendidas con conversación conocida; la que sigue o cuyo final no quedó anotado no entra. "
        "4251000 casi solo transfiere: no se compara con otras líneas.",
        clause="decisión del sistema (D): segundos de conversación / atendidas con conversación conocida",
        dimensions=COMMON | AGENT,
    ),
    Indicator(
        name="max_wait",
        label="Espera máxima",
        kind=Kind.MAXIMUM,
        value_unit=ValueUnit.SECONDS,
        numerator="MAX(wait_seconds)",
        denominator=None,
        edge_case="De todas las registradas con espera conocida, atendidas y abandonadas.",
        clause="decisión del sistema (D): la mayor espera",
        dimensions=COMMON | OUTCOME,
    ),
    Indicator(
        name="short_abandons",
        label="Abandonos cortos",
        kind=Kind.COUNT,
        value_unit=ValueUnit.COUNT,
        numerator="SUM(CASE WHEN NOT answered AND cause = 'caller_hung_up' "
        "AND wait_seconds <= {short_abandon_seconds} THEN calls ELSE 0 END)",
        denominator=None,
        edge_case="Colgó dentro del límite; con otra causa o espera desconocida no es corto. "
        "Son parte de las abandonadas.",
        clause="decisión del sistema (D): opción; el manual no los excluye",
        dimensions=COMMON,
    ),
    Indicator(
        name="wait_distribution",
        label="Distribución de la espera",
        kind=Kind.DISTRIBUTION,
        value_unit=ValueUnit.PERCENT,
        numerator="SUM(calls)",
        denominator=None,
        edge_case="De todas las registradas, por resultado; la espera desconocida es un tramo aparte.",
        clause="decisión del sistema (D): registradas por tramo de espera / registradas del mismo grupo",
        dimensions=COMMON | OUTCOME | WAIT_CLASS,
        implied=(Dimension.OUTCOME, Dimension.WAIT_CLASS),
    ),
)

#: What pages of their own show of calls: who worked, who was transferred, who called again. Not in the month's book.
OF_OTHER_PAGES: tuple[Indicator, ...] = (
    Indicator(
        name="talk_seconds",
        label="Tiempo de conversación",
        kind=Kind.COUNT,
        value_unit=ValueUnit.SECONDS,
        numerator="SUM(CASE WHEN answered AND talks > 0 THEN talk_seconds ELSE 0 END)",
        denominator=None,
        edge_case="De las atendidas con conversación conocida, enteras en la media hora en que entraron. "
        "Si la central anota el final de una transferida cuando corta el cliente, incluye ese tiempo.",
        clause="decisión del sistema (D): segundos de conversación",
        dimensions=COMMON | AGENT,
    ),
    Indicator(
        name="mean_ring",
        label="Timbre hasta atender",
        kind=Kind.MEAN,
        value_unit=ValueUnit.SECONDS,
        numerator="SUM(ring_seconds)",
        denominator="SUM(CASE WHEN ring_seconds IS NOT NULL THEN calls ELSE 0 END)",
        edge_case="Lo que sonó el teléfono de quien atendió, parte de la espera; sin los timbres de quienes no "
        "contestaron, que se cuentan aparte. Entran las atendidas de las que la central lo anota: Asterisk 1.4 y los "
        "detalles exportados no lo traen.",
        clause="decisión del sistema (D): segundos de timbre de CONNECT / atendidas que los traen",
        dimensions=COMMON | AGENT,
        units=frozenset({Unit.VISIT}),
        facts=Facts.CALL,
    ),
    Indicator(
        name="transferred",
        label="Transferidas",
        kind=Kind.COUNT,
        value_unit=ValueUnit.COUNT,
        numerator=f"SUM(CASE WHEN {TRANSFERRED} THEN calls ELSE 0 END)",
        denominator=None,
        edge_case="Atendidas que terminaron en una transferencia. Una hecha desde el teléfono (SIP) puede no quedar "
        "anotada: entonces parece terminada por quien colgó.",
        clause="decisión del sistema (D): atendidas que terminan en TRANSFER, BLINDTRANSFER o ATTENDEDTRANSFER",
        dimensions=COMMON | AGENT | TRANSFER,
        units=ENDED_BY_ITSELF,
        facts=Facts.CALL,
    ),
    Indicator(
        name="transfer_rate",
        label="Tasa de transferencia",
        kind=Kind.RATIO,
        value_unit=ValueUnit.PERCENT,
        numerator=f"SUM(CASE WHEN {TRANSFERRED} THEN calls ELSE 0 END)",
        denominator="SUM(CASE WHEN answered THEN calls ELSE 0 END)",
        edge_case="Sin atendidas no hay valor. 4251000 casi solo transfiere: no se compara con otras líneas.",
        clause="decisión del sistema (D): transferidas / atendidas",
        dimensions=COMMON | AGENT,
        units=ENDED_BY_ITSELF,
        facts=Facts.CALL,
    ),
    Indicator(
        name="hung_up_by_operator",
        label="Colgó el operador(a)",
        kind=Kind.RATIO,
        value_unit=ValueUnit.PERCENT,
        numerator="SUM(CASE WHEN outcome_event = 'COMPLETEAGENT' THEN calls ELSE 0 END)",
        denominator=f"SUM(CASE WHEN {_HUNG_UP} THEN calls ELSE 0 END)",
        edge_case=_WHO_HUNG_UP,
        clause="decisión del sistema (D): COMPLETEAGENT / COMPLETEAGENT + COMPLETECALLER",
        dimensions=COMMON | AGENT,
        units=ENDED_BY_ITSELF,
        facts=Facts.CALL,
    ),
    Indicator(
        name="hung_up_by_caller",
        label="Colgó el cliente",
        kind=Kind.RATIO,
        value_unit=ValueUnit.PERCENT,
        numerator="SUM(CASE WHEN outcome_event = 'COMPLETECALLER' THEN calls ELSE 0 END)",
        denominator=f"SUM(CASE WHEN {_HUNG_UP} THEN calls ELSE 0 END)",
        edge_case=_WHO_HUNG_UP,
        clause="decisión del sistema (D): COMPLETECALLER / COMPLETEAGENT + COMPLETECALLER",
        dimensions=COMMON | AGENT,
        units=ENDED_BY_ITSELF,
        facts=Facts.CALL,
    ),
    Indicator(
        name="caller_unknown",
        label="Sin número conocido",
        kind=Kind.COUNT,
        value_unit=ValueUnit.COUNT,
        numerator="SUM(CASE WHEN caller IS NULL THEN calls ELSE 0 END)",
        denominator=None,
        edge_case="La central no anotó el número, o quien llamaba lo reserva. Si volvió a llamar no se puede saber.",
        clause="decisión del sistema (D): registradas sin número de quien llama",
        dimensions=COMMON | OUTCOME | CAUSE,
        facts=Facts.CALL,
    ),
    _called_again("called_again_30min", "30 minutos", 30 * 60),
    _called_again("called_again_24h", "24 horas", 24 * 3600),
    _called_again("called_again_7d", "7 días", 7 * 24 * 3600),
    Indicator(
        name="abandoned_answered_later",
        label="Atendidas después el mismo día",
        kind=Kind.RATIO,
        value_unit=ValueUnit.PERCENT,
        numerator="SUM(CASE WHEN caller IS NOT NULL AND answered_after_seconds IS NOT NULL THEN calls ELSE 0 END)",
        denominator="SUM(CASE WHEN caller IS NOT NULL THEN calls ELSE 0 END)",
        edge_case="De las abandonadas de un número conocido, aquellas cuyo número fue atendido después, hasta la "
        "medianoche, en cualquier línea. Las del último día con registro todavía pueden atenderse. Que el operador(a) "
        "devuelva la llamada no se ve aquí: la saliente no pasa por la cola.",
        clause="decisión del sistema (D): abandonadas cuyo número se atiende después el mismo día / abandonadas con "
        "número conocido",
        dimensions=COMMON | CAUSE | WAIT_CLASS,
        facts=Facts.LATER_ANSWER,
    ),
    Indicator(
        name="abandoned_not_answered_later",
        label="Sin respuesta el mismo día",
        kind=Kind.COUNT,
        value_unit=ValueUnit.COUNT,
        numerator="SUM(CASE WHEN caller IS NOT NULL AND answered_after_seconds IS NULL THEN calls ELSE 0 END)",
        denominator=None,
        edge_case="Abandonadas de un número conocido que hasta la medianoche no fue atendido en ninguna línea; cada "
        "llamada cuenta, aunque varias sean del mismo número.",
        clause="decisión del sistema (D): abandonadas con número conocido menos las atendidas después el mismo día",
        dimensions=COMMON | CAUSE | WAIT_CLASS,
        facts=Facts.LATER_ANSWER,
    ),
)

#: Every figure of calls.
OF_CALLS = (*INDICATORS, *OF_OTHER_PAGES)
BY_NAME = {indicator.name: indicator for indicator in (*OF_CALLS, *AGENT_INDICATORS)}

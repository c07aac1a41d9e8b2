"""What a page is asked for, as it stands in an address: period, lines, unit, threshold, a part of the period.

In: the query of an address, the day that is "today", the usual period. Out: a checked value, and the address again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from urllib.parse import parse_qs, urlencode

from etl.model import WITHIN_SECONDS
from reports.bridge_items import BY_CODE
from reports.definition import Dimension, Period, Unit, month

#: Years that a period may lie in, and how many days it may have.
YEARS = (1990, 2100)
MOST_DAYS = 10 * 366
#: Seconds between which a threshold may be tried.
THRESHOLDS = (min(WITHIN_SECONDS), max(WITHIN_SECONDS))
CALLS_PATH = "/llamadas"
SERVICE_LEVEL_PATH = "/nivel-de-servicio"
BEFORE_QUEUE_PATH = "/antes-de-la-cola"
ABANDONED_PATH = "/abandonos"
LOADS_PATH = "/cargas"
BRIDGE_PATH = "/por-que-no-cuadra"
SETUP_PATH = "/puesta-en-marcha"
QUALITY_PATH = "/calidad"
#: Figures that open their calls wherever they stand.
WITH_CALLS = ("registered", "answered", "answered_in_time", "abandoned")
PRESETS = {"hoy": "Hoy", "ayer": "Ayer", "semana": "Semana", "mes": "Mes", "gestion": "Gestión"}
UNITS = {"llamada": Unit.LINE, "ingreso": Unit.VISIT, "cliente": Unit.CALL}
#: What else may narrow a list of calls, by its word in an address.
PARTS = {
    "dia": Dimension.DAY,
    "dia_semana": Dimension.WEEKDAY,
    "hora": Dimension.HOUR,
    "media_hora": Dimension.INTERVAL,
    "resultado": Dimension.OUTCOME,
    "causa": Dimension.CAUSE,
    "operador": Dimension.AGENT,
    "tramo": Dimension.WAIT_CLASS,
    "did": Dimension.DID,
    "lugar": Dimension.POSITION,
    "destino": Dimension.TRANSFER,
    "modo": Dimension.TRANSFER_KIND,
}


class FilterError(ValueError):
    """An address that asks for something that cannot be; the message is for users."""


@dataclass(frozen=True)
class Filters:
    """What is asked for. `threshold` is None where the rule's own holds; no `lines` are all of them.

    `bridge` is the part of the comparison with Asternic whose calls are listed, "" where a figure's are.
    """

    period: Period
    lines: tuple[str, ...] = ()
    unit: Unit = Unit.LINE
    threshold: int | None = None
    parts: tuple[tuple[str, str], ...] = ()
    bridge: str = ""

    @property
    def where(self) -> dict[str, tuple[str, ...]]:
        """The narrowing as reports.query takes it."""
        found = {PARTS[word].value: (value,) for word, value in self.parts}
        return {**({"service": self.lines} if self.lines else {}), **found}

    @property
    def address(self) -> str:
        """The query of an address that asks for this."""
        words = [("desde", f"{self.period.first:%Y-%m-%d}"), ("hasta", f"{self.period.last:%Y-%m-%d}")]
        words += [("linea", line) for line in self.lines]
        if self.unit is not Unit.LINE:
            words.append(("unidad", word_of(self.unit)))
        if self.threshold is not None:
            words.append(("umbral", str(self.threshold)))
        words += [("puente", self.bridge)] if self.bridge else []
        return "?" + urlencode([*words, *self.parts])

    def narrowed(self, **parts: str) -> Filters:
        """Return the same for a part of it: narrowed(hora="08")."""
        return replace(self, parts=(*self.parts, *parts.items()))


def calls_address(asked: Filters, indicator: str) -> str:
    """Return the address of the calls behind a figure."""
    return f"{CALLS_PATH}{asked.address}&{urlencode({'cifra': indicator})}"


def bridge_calls_address(asked: Filters, code: str) -> str:
    """Return the address of the calls behind a part of the comparison with Asternic."""
    return CALLS_PATH + replace(asked, parts=(), bridge=code).address


def quality_address(period: Period, **words: str) -> str:
    """Return the address of the quality of a period's data; further words name a part of it."""
    return f"{QUALITY_PATH}{Filters(period).address}{''.join(f'&{urlencode({name: words[name]})}' for name in words)}"


def word_of(unit: Unit) -> str:
    """Return a unit's word in an address."""
    return next(word for word, each in UNITS.items() if each is unit)


def preset(name: str, today: date) -> Period:
    """Return the period that a word stands for: the day, the week from Monday, the month, the year it lies in."""
    match name:
        case "hoy":
            return Period(today, today)
        case "ayer":
            return Period(today - timedelta(days=1), today - timedelta(days=1))
        case "semana":
            monday = today - timedelta(days=today.weekday())
            return Period(monday, monday + timedelta(days=6))
        case "mes":
            return month(f"{today:%Y-%m}")
        case "gestion":
            return Period(date(today.year, 1, 1), date(today.year, 12, 31))
    raise FilterError(f"«{name}» no es un período; hay {', '.join(PRESETS)}")


def preset_of(period: Period, today: date) -> str:
    """Return the word of a period, "" where it has none."""
    return next((name for name in PRESETS if preset(name, today) == period), "")


def read(search: str | None, *, today: date, usual: Period | None = None) -> Filters:
    """Return what the query of an address asks for; without a period it is the usual. FilterError or PeriodError."""
    words = parse_qs((search or "").removeprefix("?"))

    def last(name: str) -> str | None:
        return words[name][-1] if name in words else None

    if (name := last("periodo")) is not None:
        period = preset(name, today)
    elif (text := last("mes")) is not None:
        period = month(text)
    elif "desde" in words or "hasta" in words:
        first, until = (last(name) or last(other) for name, other in (("desde", "hasta"), ("hasta", "desde")))
        period = Period(read_day(first), read_day(until))
    elif usual is not None:
        period = usual
    else:
        raise FilterError("A la dirección le falta el período")
    if period.first.year < YEARS[0] or period.last.year > YEARS[1] or period.days > MOST_DAYS:
        raise FilterError(f"El período va de {YEARS[0]} a {YEARS[1]} y abarca a lo más {MOST_DAYS // 366} años")
    unit = UNITS.get(last("unidad") or "llamada")
    if unit is None:
        raise FilterError(f"«{last('unidad')}» no es una unidad; hay {', '.join(UNITS)}")
    parts = tuple((word, words[word][-1]) for word in PARTS if word in words)
    if "operador" in words and "unidad" not in words:
        unit = Unit.VISIT  # nothing else is some operator's
    lines = dict.fromkeys(line for text in words.get("linea", ()) for line in text.split(",") if line)
    bridge = last("puente") or ""
    if bridge and bridge not in BY_CODE:
        raise FilterError(f"«{bridge}» no es una parte de la comparación con Asternic")
    # A part of the comparison is listed whole.
    return Filters(period, tuple(lines), unit, _threshold(last("umbral")), () if bridge else parts, bridge)


def read_day(text: str | None) -> date:
    """Return a day written as 2026-10-31. FilterError for anything else."""
    try:
        return date.fromisoformat(text or "")
    except ValueError:
        raise FilterError(f"«{text}» no es una fecha; se escribe como 2026-10-31") from None


def _threshold(text: str | None) -> int | None:
    if text is None:
        return None
    low, high = THRESHOLDS
    if not (text.isascii() and text.isdigit() and len(text) < 10 and low <= int(text) <= high):
        raise FilterError(f"«{text}» no es un umbral; va de {low} a {high} segundos")
    return int(text)

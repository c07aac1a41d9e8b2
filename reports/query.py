"""From core tables to figures: the only place that divides.

In: a connection (opened by others), the rules, the indicators asked for, a period and what to split and narrow by.
Out: a frame in long form, one row per indicator and group: indicator, the dimensions, numerator, denominator, value.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_CEILING, Decimal
from typing import Any

import duckdb
import pandas as pd

from reports import terms
from reports.definition import Dating, Dimension, Indicator, Kind, Period, Subject, Unit, month
from reports.indicators import BY_NAME
from reports.rules import Rules, RulesError

TABLES = {
    (Subject.CALLS, Unit.VISIT): "core.queue_visits",
    (Subject.CALLS, Unit.LINE): "core.line_calls",
    (Subject.CALLS, Unit.CALL): "core.calls",
}
# The local date and instant a row is dated by.
DATES = {
    Dating.ENTERED: ("entered_date", "entered_local"),
    Dating.OUTCOME: ("CAST(outcome_local AS DATE)", "outcome_local"),
}
VISIT_ONLY = frozenset({Dimension.QUEUE, Dimension.AGENT})
NUMBERS = {"numerator": "Int64", "denominator": "Int64", "value": "float64"}

Where = Mapping[str, str | Sequence[str]]
Key = str | int | date
# The texts of the dimensions (None in a total), the numerator, the denominator and the value.
_Row = tuple[str | int | float | None, ...]


class QueryError(ValueError):
    """A question that has no answer; the message is for users."""


@dataclass(frozen=True)
class _Axis:
    """How a dimension is computed in SQL ({date}, {local}), read from a user's text, written, and put in order.

    Grouping goes by small keys, so that text is made for the groups and not for every row. `population` narrows the
    rows to those the dimension exists for. `example` shows a user how a value is written.
    """

    key: str
    read: Callable[[str], Key]
    write: Callable[[Any], str]
    example: str
    rank: Callable[[Any], Any] = lambda key: key
    population: str = ""


def _matched(pattern: str) -> Callable[[str], re.Match[str]]:
    """Return a reader that raises ValueError for a text that does not match whole."""

    def read(text: str) -> re.Match[str]:
        if not (match := re.fullmatch(pattern, text)):
            raise ValueError(text)
        return match

    return read


def _read_month(text: str) -> int:
    first = month(text).first
    return first.year * 100 + first.month


def _read_day(text: str) -> date:
    return date.fromisoformat(_matched(r"\d{4}-\d\d-\d\d")(text)[0])


def _read_interval(text: str) -> int:
    match = _matched(r"([01]\d|2[0-3]):([03])0")(text)
    return int(match[1]) * 2 + (match[2] == "3")


def _read_cause(text: str) -> str:
    codes = {**{label: code for code, label in terms.CAUSES.items()}, **{code: code for code in terms.CAUSES}}
    if text not in codes:
        raise ValueError(text)
    return codes[text]


def _place_in(order: Iterable[str], last: str) -> Callable[[str], tuple[int, str]]:
    """Return a sort key: the order given, then the rest by text, then `last`."""
    places = {key: place for place, key in enumerate(order)}
    return lambda key: (len(places) + 1 if key == last else places.get(key, len(places)), key)


_AXES = {
    Dimension.MONTH: _Axis(
        "EXTRACT(YEAR FROM {date}) * 100 + EXTRACT(MONTH FROM {date})",
        _read_month,
        lambda key: f"{key // 100:04}-{key % 100:02}",
        "2026-10",
    ),
    Dimension.DAY: _Axis("{date}", _read_day, lambda key: f"{key:%Y-%m-%d}", "2026-10-31"),
    Dimension.WEEKDAY: _Axis(
        "EXTRACT(ISODOW FROM {date})", lambda text: int(_matched("[1-7]")(text)[0]), str, "1 (lunes) a 7 (domingo)"
    ),
    Dimension.HOUR: _Axis(
        "EXTRACT(HOUR FROM {local})",
        lambda text: int(_matched(r"[01]\d|2[0-3]")(text)[0]),
        lambda key: f"{key:02}",
        "08",
    ),
    Dimension.INTERVAL: _Axis(
        "EXTRACT(HOUR FROM {local}) * 2 + CASE WHEN EXTRACT(MINUTE FROM {local}) < 30 THEN 0 ELSE 1 END",
        _read_interval,
        lambda key: f"{key // 2:02}:{key % 2 * 30:02}",
        "08:30",
    ),
    Dimension.SERVICE: _Axis(
        "COALESCE(service, '')",
        lambda text: "" if text == terms.NO_LINE else text,
        lambda key: key or terms.NO_LINE,
        "101",
        rank=_place_in(terms.LINES, last=""),
    ),
    Dimension.QUEUE: _Axis("queue", str, str, "5003"),
    Dimension.AGENT: _Axis(
        "COALESCE(person, agent, '')",  # a person works under several interfaces
        lambda text: "" if text == terms.NO_AGENT else text,
        lambda key: key or terms.NO_AGENT,
        "SIP/201",
        rank=_place_in((), last=""),
        population="answered",
    ),
    Dimension.CAUSE: _Axis(
        "COALESCE(cause, 'unknown')",
        _read_cause,
        lambda key: terms.CAUSES.get(key, key),
        ", ".join(terms.CAUSES.values()),
        rank=_place_in(terms.CAUSES, last="unknown"),
        population="NOT answered",
    ),
    Dimension.OUTCOME: _Axis(
        "CASE WHEN answered THEN 0 ELSE 1 END",
        lambda text: tuple(terms.OUTCOMES.values()).index(text),
        lambda key: tuple(terms.OUTCOMES.values())[key],
        ", ".join(terms.OUTCOMES.values()),
    ),
    Dimension.WAIT_CLASS: _Axis(
        "CASE WHEN wait_seconds IS NULL THEN 8 WHEN wait_seconds <= 0 THEN 0 WHEN wait_seconds <= 10 THEN 1 "
        "WHEN wait_seconds <= 20 THEN 2 WHEN wait_seconds <= 30 THEN 3 WHEN wait_seconds <= 60 THEN 4 "
        "WHEN wait_seconds <= 120 THEN 5 WHEN wait_seconds <= 300 THEN 6 ELSE 7 END",
        terms.WAIT_CLASSES.index,
        lambda key: terms.WAIT_CLASSES[key],
        ", ".join(terms.WAIT_CLASSES),
    ),
}


@dataclass(frozen=True)
class _Scan:
    """One reading of one table: its SQL, its bound values, and which sums are each indicator's two sides."""

    sql: str
    bound: tuple[Any, ...]
    places: Mapping[str, tuple[int, int | None]]


def measure(
    connection: duckdb.DuckDBPyConnection,
    rules: Rules,
    indicators: Sequence[str | Indicator],
    period: Period,
    by: Sequence[str | Dimension] = (),
    where: Where | None = None,
    unit: Unit | str | None = None,
    total: bool = False,
) -> pd.DataFrame:
    """Measure indicators over a period, split by dimensions and narrowed by `where`.

    Columns: indicator (str), each dimension (str), numerator and denominator (Int64), value (float64). A ratio is the
    sum of numerators / the sum of denominators at every level and blank (NaN) when the latter is 0. A count stands in
    the numerator and the value, a maximum in the value alone; percentages are fractions of one. Rows: the indicators
    in the order asked for, then the dimensions from left to right; with `total`, each indicator ends in a row whose
    dimensions are missing. `attrs["units"]` has the unit of each indicator.

    Lines that do not enter the total are left out unless `where` names them; calls without a line are in.
    Without `unit`: visits when queue or agent is asked for or the indicator knows no other, else line calls.
    Raises QueryError.
    """
    asked = tuple(dict.fromkeys(_indicator(name) for name in indicators))
    if not asked:
        raise QueryError("Falta el indicador")
    dims = tuple(dict.fromkeys(_dimension(name) for name in by))
    filters = {_dimension(name): _values(values) for name, values in (where or {}).items()}
    for indicator in asked:
        if indicator.implied and indicator.implied[-1] not in dims:
            dims += tuple(dimension for dimension in indicator.implied if dimension not in dims)
    units = {indicator: resolve_unit(indicator, (*dims, *filters), unit) for indicator in asked}
    for indicator in asked:
        for dimension in (*dims, *filters):
            if dimension not in indicator.dimensions:
                raise QueryError(f"«{indicator.label}» no se mide por {terms.DIMENSIONS[dimension]}")
        if indicator.kind is Kind.DISTRIBUTION and Dimension.WAIT_CLASS in filters:
            raise QueryError(f"«{indicator.label}» muestra todos los tramos: no se acota a algunos")

    keys = {dimension: _keys(dimension, texts) for dimension, texts in filters.items()}
    parts: dict[Indicator, list[_Row]] = {}
    sources = {item: (TABLES[item.subject, units[item]], item.dated_by) for item in asked}
    for table, dating in dict.fromkeys(sources.values()):
        group = [item for item in asked if sources[item] == (table, dating)]
        try:
            _check_known(connection, rules, period, table, keys)
            scan = _scan(rules, group, period, dims, keys, table, dating)
        except RulesError as error:
            raise QueryError(str(error)) from error
        groups = _groups(connection.execute(scan.sql, scan.bound).fetchall(), dims, keys)
        parts |= {item: _rows(item, groups, dims, *scan.places[item.name], total=total) for item in group}

    rows = [(indicator.name, *row) for indicator in asked for row in parts[indicator]]
    columns = {"indicator": "str", **{dimension.value: "str" for dimension in dims}, **NUMBERS}
    cells = zip(*rows, strict=True) if rows else ([] for _ in columns)
    frame = pd.DataFrame(
        {name: pd.Series(list(column), dtype=kind) for (name, kind), column in zip(columns.items(), cells, strict=True)}
    )
    frame.attrs["units"] = {indicator.name: units[indicator].value for indicator in asked}
    return frame


@dataclass(frozen=True)
class Selection:
    """The rows that a figure is counted from: their table and condition with its bound values.

    `rows` narrows them to those that the numerator counts; None where the numerator is no count of rows.
    """

    table: str
    unit: Unit
    condition: str
    bound: tuple[Any, ...]
    rows: str | None


def select(
    connection: duckdb.DuckDBPyConnection,
    rules: Rules,
    indicator: str | Indicator,
    period: Period,
    where: Where | None = None,
    unit: Unit | str | None = None,
) -> Selection:
    """Return the rows behind a figure of `measure` for the same question. Raises QueryError."""
    asked = _indicator(indicator)
    filters = {_dimension(name): _values(values) for name, values in (where or {}).items()}
    for dimension in filters:
        if dimension not in asked.dimensions:
            raise QueryError(f"«{asked.label}» no se mide por {terms.DIMENSIONS[dimension]}")
    resolved = resolve_unit(asked, filters, unit)
    table = TABLES[asked.subject, resolved]
    keys = {dimension: _keys(dimension, texts) for dimension, texts in filters.items()}
    day, local = DATES[asked.dated_by]
    axes = {dimension: _AXES[dimension].key.format(date=day, local=local) for dimension in keys}
    try:
        _check_known(connection, rules, period, table, keys)
        condition, bound = _condition(rules, period, axes, keys, day)
        names = set(asked.parameters) - {asked.target}
        values = {name: _dated(rules, name, period, day) for name in names if name is not None}
    except RulesError as error:
        raise QueryError(str(error)) from error
    counted = asked.counted_rows
    return Selection(table, resolved, condition, bound, counted.format(**values) if counted is not None else None)


def wait_curve(
    connection: duckdb.DuckDBPyConnection,
    rules: Rules,
    period: Period,
    where: Where | None = None,
    unit: Unit | str | None = None,
    until: int = 120,
) -> pd.DataFrame:
    """Measure the share of the registered that were answered within each number of seconds, from 0 to `until`.

    Columns: seconds, answered (with a wait of at most that), registered (all, whatever their wait; Int64), share
    (float64, NaN without registered). At the threshold the share is the service level. Raises QueryError.
    """
    selection = select(connection, rules, "registered", period, where, unit)
    seconds = (
        f"CASE WHEN NOT answered OR wait_seconds IS NULL OR wait_seconds > {until:d} THEN -1 ELSE wait_seconds END"
    )
    found = connection.execute(
        f"SELECT {seconds}, COUNT(*) FROM {selection.table} WHERE {selection.condition} GROUP BY {seconds}",
        selection.bound,
    ).fetchall()
    calls = dict(found)
    registered = sum(calls.values())
    answered, rows = 0, []
    for second in range(until + 1):
        answered += calls.get(second, 0)
        rows.append((second, answered, registered, answered / registered if registered else None))
    columns = {"seconds": "Int64", "answered": "Int64", "registered": "Int64", "share": "float64"}
    return pd.DataFrame(
        {
            name: pd.Series(list(column), dtype=kind)
            for (name, kind), column in zip(columns.items(), zip(*rows, strict=True), strict=True)
        }
    )


def resolve_unit(indicator: Indicator, dimensions: Iterable[Dimension], unit: Unit | str | None) -> Unit:
    """Return the unit an indicator is counted in, asked for or by default. QueryError if it cannot be."""
    if unit is not None and unit not in tuple(Unit):
        raise QueryError(f"No existe la unidad «{unit}»; hay {', '.join(Unit)}")
    by_visit = VISIT_ONLY.intersection(dimensions)
    if unit is None:
        return Unit.VISIT if by_visit or indicator.units == {Unit.VISIT} else Unit.LINE
    chosen = Unit(unit)
    if by_visit and chosen is not Unit.VISIT:
        named = " ni ".join(terms.DIMENSIONS[dimension] for dimension in Dimension if dimension in by_visit)
        raise QueryError(f"Por {named} solo se cuentan ingresos a cola, no «{terms.UNITS[chosen]}»")
    if chosen not in indicator.units:
        raise QueryError(f"«{indicator.label}» no se cuenta por {terms.UNITS[chosen]}")
    return chosen


def exact_gap(n: int, registered: int, target: Decimal) -> Decimal:
    """Return target x registered - n: what is lacking (negative: what is to spare); adds over any split."""
    return target * registered - n


def calls_missing(n: int, registered: int, target: Decimal) -> int:
    """Return how many more calls had to be answered in time to reach the target, 0 if it was reached."""
    return max(0, int(exact_gap(n, registered, target).to_integral_value(ROUND_CEILING)))


def complies(n: int, registered: int, target: Decimal) -> bool | None:
    """Tell whether n / registered reaches the target, on the unrounded value; None without calls."""
    return exact_gap(n, registered, target) <= 0 if registered else None


def _indicator(name: str | Indicator) -> Indicator:
    if isinstance(name, Indicator):
        return name
    if name not in BY_NAME:
        raise QueryError(f"No existe el indicador «{name}»; hay {', '.join(BY_NAME)}")
    return BY_NAME[name]


def _dimension(name: str) -> Dimension:
    try:
        return Dimension(name)
    except ValueError:
        raise QueryError(f"No existe la dimensión «{name}»; hay {', '.join(Dimension)}") from None


def _values(values: str | Sequence[str]) -> tuple[str, ...]:
    return (values,) if isinstance(values, str) else tuple(map(str, values))


def _keys(dimension: Dimension, texts: Sequence[str]) -> tuple[Key, ...]:
    """Return the keys of the values a user wrote. QueryError for one that cannot be."""
    axis, label = _AXES[dimension], terms.DIMENSIONS[dimension]
    if not texts:
        raise QueryError(f"Falta el valor de {label}")
    keys = []
    for text in texts:
        try:
            keys.append(axis.read(text))
        except ValueError:
            raise QueryError(f"«{text}» no es un valor de {label}; se escribe {axis.example}") from None
    return tuple(dict.fromkeys(keys))


def _check_known(
    connection: duckdb.DuckDBPyConnection,
    rules: Rules,
    period: Period,
    table: str,
    keys: Mapping[Dimension, tuple[Key, ...]],
) -> None:
    """Raise QueryError for a line, queue or operator that nothing knows: a slip of the pen is not a zero."""
    known = {Dimension.SERVICE: {"", *rules.counted_lines(period)}}
    elsewhere = {
        Dimension.SERVICE: " UNION ALL SELECT 1 FROM core.queue_lines WHERE service = ?",
        Dimension.QUEUE: " UNION ALL SELECT 1 FROM core.log_queues WHERE queue = ?",
    }
    for dimension in (Dimension.SERVICE, Dimension.QUEUE, Dimension.AGENT):
        for key in keys.get(dimension, ()):
            if key in known.get(dimension, {""}):
                continue
            sql = f"SELECT 1 FROM {table} WHERE {_AXES[dimension].key} = ?" + elsewhere.get(dimension, "")
            if connection.execute(f"{sql} LIMIT 1", [key] * sql.count("?")).fetchone() is None:
                raise QueryError(f"No hay {terms.DIMENSIONS[dimension]} «{key}»")


def _scan(
    rules: Rules,
    indicators: Sequence[Indicator],
    period: Period,
    dims: Sequence[Dimension],
    keys: Mapping[Dimension, tuple[Key, ...]],
    table: str,
    dating: Dating,
) -> _Scan:
    """Write the one SELECT that has all sums of indicators of the same table and dating."""
    day, local = DATES[dating]
    names = {name for item in indicators for name in item.parameters} - {item.target for item in indicators}
    values = {name: _dated(rules, name, period, day) for name in names if name is not None}
    aggregates: dict[str, int] = {}

    def place(sql: str | None, kind: Kind) -> int | None:
        if sql is None:
            return None
        sql = sql.format(**values)
        sums = sql if kind is Kind.MAXIMUM else f"COALESCE({sql}, 0)"
        return aggregates.setdefault(f"CAST({sums} AS BIGINT)", len(aggregates))

    places = {
        item.name: (place(item.numerator, item.kind) or 0, place(item.denominator, item.kind)) for item in indicators
    }
    axes = {dimension: _AXES[dimension].key.format(date=day, local=local) for dimension in {*dims, *keys}}
    condition, bound = _condition(rules, period, axes, keys, day)
    select = [axes[dimension] for dimension in dims] + list(aggregates)
    grouping = f" GROUP BY {', '.join(axes[dimension] for dimension in dims)}" if dims else ""
    return _Scan(f"SELECT {', '.join(select)} FROM {table} WHERE {condition}{grouping}", bound, places)


def _condition(
    rules: Rules,
    period: Period,
    axes: Mapping[Dimension, str],
    keys: Mapping[Dimension, tuple[Key, ...]],
    day: str,
) -> tuple[str, tuple[Any, ...]]:
    """Return the condition of the rows that figures are counted from, and its bound values."""
    conditions = ["registered", "counted", f"{day} BETWEEN {_date(period.first)} AND {_date(period.last)}"]
    conditions += sorted({_AXES[dimension].population for dimension in axes} - {""})
    bound: list[Any] = []
    if Dimension.SERVICE not in keys:
        sql, lines = _counted_lines(rules, period, day)
        conditions.append(sql)
        bound += lines
    for dimension, chosen in keys.items():
        conditions.append(f"{axes[dimension]} IN ({_marks(chosen)})")
        bound += chosen
    return " AND ".join(conditions), tuple(bound)


def _dated(rules: Rules, name: str, period: Period, day: str) -> str:
    """Return the SQL of a whole-number parameter: a constant, or a CASE by date where it changes in the period."""
    pieces = rules.pieces(name, period)
    values = []
    for piece in pieces:
        if not isinstance(piece.value, int):
            raise QueryError(f"{name} debe ser un número entero")
        values.append(f"{piece.value:d}")
    if len(pieces) == 1:
        return values[0]
    whens = [
        f"WHEN {day} <= {_date(piece.valid_to or period.last)} THEN {value}"
        for piece, value in zip(pieces, values, strict=True)
    ]
    return f"CASE {' '.join(whens[:-1])} ELSE {values[-1]} END"


def _counted_lines(rules: Rules, period: Period, day: str) -> tuple[str, list[str]]:
    """Return the condition that a row has no line or one that enters the total on its day, and its bound values."""
    pieces = rules.pieces("counted_lines", period)
    conditions, bound = ["service IS NULL"], []
    for piece in pieces:
        lines = [str(line) for line in piece.value] if isinstance(piece.value, tuple) else []
        if not lines:
            continue
        until = f"{day} BETWEEN {_date(piece.valid_from or period.first)} AND {_date(piece.valid_to or period.last)}"
        dated = f"({until} AND service IN ({_marks(lines)}))"
        conditions.append(dated if len(pieces) > 1 else f"service IN ({_marks(lines)})")
        bound += lines
    return f"({' OR '.join(conditions)})", bound


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" for _ in values)


def _date(day: date) -> str:
    return f"DATE '{day.isoformat()}'"


def _groups(
    found: Sequence[tuple[Any, ...]], dims: Sequence[Dimension], keys: Mapping[Dimension, tuple[Key, ...]]
) -> list[tuple[tuple[str, ...], tuple[int | None, ...]]]:
    """Return the texts and the sums of every group, in order. Wait classes nobody fell into are there as zeros."""
    size = len(dims)
    sums: dict[tuple[Any, ...], tuple[int | None, ...]] = {row[:size]: row[size:] for row in found}
    if Dimension.WAIT_CLASS in dims:
        at = dims.index(Dimension.WAIT_CLASS)
        classes = keys.get(Dimension.WAIT_CLASS, tuple(range(len(terms.WAIT_CLASSES))))
        for key, own in tuple(sums.items()):
            for wait_class in classes:
                sums.setdefault((*key[:at], wait_class, *key[at + 1 :]), (0,) * len(own))
    axes = [_AXES[dimension] for dimension in dims]
    ordered = sorted(
        sums.items(), key=lambda item: tuple(axis.rank(key) for axis, key in zip(axes, item[0], strict=True))
    )
    return [(tuple(axis.write(key) for axis, key in zip(axes, group, strict=True)), own) for group, own in ordered]


def _rows(
    indicator: Indicator,
    groups: Sequence[tuple[tuple[str, ...], tuple[int | None, ...]]],
    dims: Sequence[Dimension],
    numerator: int,
    denominator: int | None,
    *,
    total: bool,
) -> list[_Row]:
    """Return the rows of one indicator from the sums of all, with its total if wanted."""
    above = [sums[numerator] for _, sums in groups]
    texts: list[tuple[str | None, ...]] = [group for group, _ in groups]
    if indicator.kind is Kind.MAXIMUM:
        if total and dims:
            above.append(max((value for value in above if value is not None), default=None))
            texts.append((None,) * len(dims))
        return [(*group, None, None, value) for group, value in zip(texts, above, strict=True)]

    counts = [value or 0 for value in above]
    below: list[int] | None = None
    if denominator is not None:
        below = [sums[denominator] or 0 for _, sums in groups]
    elif indicator.kind is Kind.DISTRIBUTION:
        at = dims.index(Dimension.WAIT_CLASS)
        others = [group[:at] + group[at + 1 :] for group in texts]
        wholes: Counter[tuple[str | None, ...]] = Counter()
        for other, count in zip(others, counts, strict=True):
            wholes[other] += count
        below = [wholes[other] for other in others]
    if total and dims:
        if below is not None:
            below.append(sum(counts) if indicator.kind is Kind.DISTRIBUTION else sum(below))
        counts.append(sum(counts))
        texts.append((None,) * len(dims))
    if below is None:
        return [(*group, count, None, count) for group, count in zip(texts, counts, strict=True)]
    return [(*group, n, of, n / of if of else None) for group, n, of in zip(texts, counts, below, strict=True)]

"""From core tables to figures: the only place that divides.

In: a connection (opened by others), the rules, the indicators asked for, a period and what to split and narrow by.
Out: a frame in long form, one row per indicator and group: indicator, the dimensions, numerator, denominator, value.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_CEILING, Decimal
from typing import Any

import duckdb
import pandas as pd

from etl.model import WITHIN_SECONDS
from etl.views import BY_HALF_HOUR, BY_LATER_ANSWER, BY_NEXT_CALL, BY_WAIT, months_between
from reports import terms
from reports.axes import AXES, Key
from reports.definition import Dating, Dimension, Facts, Indicator, Kind, Period, Subject, Unit
from reports.indicators import BY_NAME
from reports.rollup import added_up, counted_in
from reports.rules import Rules, RulesError

TABLES = {
    (Subject.CALLS, Unit.VISIT): "core.queue_visits",
    (Subject.CALLS, Unit.LINE): "core.line_calls",
    (Subject.CALLS, Unit.CALL): "core.calls",
    (Subject.AGENTS, Unit.VISIT): "core.agent_times",
}
# The local date, hour and half hour (0 to 47) a row is dated by.
DATES = {
    Dating.ENTERED: {"date": "entered_date", "hour": "entered_hour", "half_hour": "entered_half_hour"},
    Dating.OUTCOME: {
        "date": "CAST(outcome_local AS DATE)",
        "hour": "outcome_hour",
        "half_hour": "outcome_half_hour",
    },
    Dating.WORKED: {"date": "on_date", "hour": "on_hour", "half_hour": "half_hour"},
}
# Calls lie in the month of their entry; wait and talk are at most 31 days each (rules.md, section 2).
LONGEST_CALL = timedelta(days=62)
VISIT_ONLY = frozenset({Dimension.QUEUE, Dimension.AGENT})
#: What counts by wait do not tell.
CALL_BY_CALL = VISIT_ONLY | {
    Dimension.HOUR, Dimension.INTERVAL, Dimension.DID, Dimension.POSITION, Dimension.TRANSFER, Dimension.TRANSFER_KIND,
}  # fmt: skip
NUMBERS = {"numerator": "Int64", "denominator": "Int64", "value": "float64"}

Where = Mapping[str, str | Sequence[str]]
# The texts of the dimensions (None in a total), the numerator, the denominator and the value.
_Row = tuple[str | int | float | None, ...]


class QueryError(ValueError):
    """A question that has no answer; the message is for users."""


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
    dimensions are missing. `attrs["units"]` has the unit of each indicator of calls.

    Lines that do not enter the total are left out unless `where` names them; calls without a line are in. A line that
    enters it on some days only has those days, named or not: parts of a period add up.
    Without `unit`: visits when queue or agent is asked for or the indicator knows no other, else line calls.
    Raises QueryError.
    """
    asked = tuple(dict.fromkeys(_indicator(name) for name in indicators))
    if not asked:
        raise QueryError("Falta el indicador")
    dims = tuple(dict.fromkeys(_dimension(name) for name in by))
    for indicator in asked:
        if indicator.implied and indicator.implied[-1] not in dims:
            dims += tuple(dimension for dimension in indicator.implied if dimension not in dims)
    keys = _keys_of(where)
    units = {indicator: resolve_unit(indicator, (*dims, *keys), unit) for indicator in asked}
    for indicator in asked:
        _check_dimensions(indicator, (*dims, *keys))
        if indicator.kind is Kind.DISTRIBUTION and Dimension.WAIT_CLASS in keys:
            raise QueryError(f"«{indicator.label}» muestra todos los tramos: no se acota a algunos")

    parts: dict[Indicator, list[_Row]] = {}
    thresholds = _thresholds(rules, period)
    sources = {
        item: (TABLES[item.subject, units[item]] + counted_in(item, (*dims, *keys), thresholds), item.dated_by)
        for item in asked
    }
    for table, dating in dict.fromkeys(sources.values()):
        group = [item for item in asked if sources[item] == (table, dating)]
        try:
            _check_known(connection, rules, period, _plain(table), keys)
            scan = _scan(connection, rules, group, period, dims, keys, table, dating)
        except RulesError as error:
            raise QueryError(str(error)) from error
        groups = _groups(connection.execute(scan.sql, scan.bound).fetchall(), dims, keys)
        parts |= {item: _rows(item, groups, dims, *scan.places[item.name], total=total) for item in group}

    rows = [(indicator.name, *row) for indicator in asked for row in parts[indicator]]
    columns = {"indicator": "str", **{dimension.value: "str" for dimension in dims}, **NUMBERS}
    frame = _frame(columns, rows)
    frame.attrs["units"] = {
        indicator.name: units[indicator].value for indicator in asked if indicator.subject is Subject.CALLS
    }
    return frame


@dataclass(frozen=True)
class Selection:
    """The rows that a figure is counted from: what stands behind FROM, and a condition with its bound values.

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
    *,
    by_wait: bool = False,
) -> Selection:
    """Return the rows behind a figure of `measure` for the same question: call by call, or counted by wait.

    Raises QueryError.
    """
    asked = _indicator(indicator)
    keys = _keys_of(where)
    resolved = resolve_unit(asked, keys, unit)
    _check_dimensions(asked, keys)
    table = TABLES[asked.subject, resolved]
    if asked.facts in (Facts.NEXT_CALL, Facts.LATER_ANSWER):
        table += counted_in(asked, keys, ())
    elif by_wait and not CALL_BY_CALL.intersection(keys):
        table += BY_WAIT
    places = DATES[asked.dated_by]
    axes = {dimension: AXES[dimension].key.format(**places) for dimension in keys}
    try:
        _check_known(connection, rules, period, _plain(table), keys)
        condition, bound = _condition(rules, period, axes, keys, asked.dated_by)
        names = set(asked.parameters) - {asked.target}
        values = {name: _dated(rules, name, period, places["date"]) for name in names if name is not None}
    except RulesError as error:
        raise QueryError(str(error)) from error
    source = _between(connection, table, period, asked.dated_by)
    counted = asked.counted_rows
    return Selection(source, resolved, condition, bound, counted.format(**values) if counted is not None else None)


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
    selection = select(connection, rules, "registered", period, where, unit, by_wait=True)
    seconds = (
        f"CASE WHEN NOT answered OR wait_seconds IS NULL OR wait_seconds > {until:d} THEN -1 ELSE wait_seconds END"
    )
    found = connection.execute(
        f"SELECT {seconds}, CAST(SUM(calls) AS BIGINT) FROM {selection.table} WHERE {selection.condition} "
        f"GROUP BY {seconds}",
        selection.bound,
    ).fetchall()
    calls = dict(found)
    registered = sum(calls.values())
    answered, rows = 0, []
    for second in range(until + 1):
        answered += calls.get(second, 0)
        rows.append((second, answered, registered, answered / registered if registered else None))
    columns = {"seconds": "Int64", "answered": "Int64", "registered": "Int64", "share": "float64"}
    return _frame(columns, rows)


def by_hour(frame: pd.DataFrame, *, weekdays: bool = False) -> pd.DataFrame:
    """Return a frame of `measure` of one ratio by interval, and whatever else, as `measure` gives it by hour.

    With `weekdays`, which the frame then has, by weekday and hour. Numerators and denominators are added up and divided
    anew: one reading of the calls serves both.
    """
    sums: dict[tuple[str, ...], tuple[int, int]] = {}
    days = frame["weekday"] if weekdays else [None] * len(frame)
    for day, interval, n, of in zip(days, frame["interval"], frame["numerator"], frame["denominator"], strict=True):
        key = (day, interval[:2]) if weekdays else (interval[:2],)
        before = sums.get(key, (0, 0))
        sums[key] = before[0] + int(n), before[1] + int(of)
    name = frame["indicator"].iloc[0] if len(frame) else ""
    rows = [(name, *key, n, of, n / of if of else None) for key, (n, of) in sorted(sums.items())]
    dims = {"weekday": "str", "hour": "str"} if weekdays else {"hour": "str"}
    return _frame({"indicator": "str", **dims, **NUMBERS}, rows)


def resolve_unit(indicator: Indicator, dimensions: Iterable[Dimension], unit: Unit | str | None) -> Unit:
    """Return the unit an indicator is counted in, asked for or by default. QueryError if it cannot be."""
    if unit is not None and unit not in tuple(Unit):
        raise QueryError(f"No existe la unidad «{unit}»; hay {', '.join(Unit)}")
    by_visit = VISIT_ONLY.intersection(dimensions)
    if unit is None:
        return Unit.VISIT if by_visit or indicator.units == {Unit.VISIT} else Unit.LINE
    if indicator.subject is not Subject.CALLS:
        return Unit.VISIT  # counted in none: asked for beside calls, it is what it is
    chosen = Unit(unit)
    if by_visit and chosen is not Unit.VISIT:
        named = " ni ".join(terms.DIMENSIONS[dimension] for dimension in Dimension if dimension in by_visit)
        raise QueryError(f"Por {named} solo se cuentan ingresos a cola, no «{terms.UNITS[chosen]}»")
    if chosen not in indicator.units:
        raise QueryError(f"«{indicator.label}» no se cuenta por {terms.UNITS[chosen]}")
    return chosen


def share_of(n: int, of: int) -> float | None:
    """Return n / of for counts that others made (an export); None where `of` is 0."""
    return n / of if of else None


def exact_gap(n: int, registered: int, target: Decimal) -> Decimal:
    """Return target x registered - n: what is lacking (negative: what is to spare); adds over any split."""
    return target * registered - n


def calls_missing(n: int, registered: int, target: Decimal) -> int:
    """Return how many more calls had to be answered in time to reach the target, 0 if it was reached."""
    return max(0, int(exact_gap(n, registered, target).to_integral_value(ROUND_CEILING)))


def complies(n: int, registered: int, target: Decimal) -> bool | None:
    """Tell whether n / registered reaches the target, on the unrounded value; None without calls."""
    return exact_gap(n, registered, target) <= 0 if registered else None


def _frame(columns: Mapping[str, str], rows: Sequence[Sequence[Any]]) -> pd.DataFrame:
    """Return rows under columns of stated types."""
    cells = zip(*rows, strict=True) if rows else ([] for _ in columns)
    return pd.DataFrame(
        {name: pd.Series(list(column), dtype=kind) for (name, kind), column in zip(columns.items(), cells, strict=True)}
    )


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


def _keys_of(where: Where | None) -> dict[Dimension, tuple[Key, ...]]:
    """Return what a user narrows by. Raises QueryError."""
    texts = {_dimension(name): _values(values) for name, values in (where or {}).items()}
    return {dimension: _keys(dimension, values) for dimension, values in texts.items()}


def _check_dimensions(indicator: Indicator, dimensions: Iterable[Dimension]) -> None:
    """Raise QueryError for a dimension that an indicator has no meaning by."""
    for dimension in dimensions:
        if dimension not in indicator.dimensions:
            raise QueryError(f"«{indicator.label}» no se mide por {terms.DIMENSIONS[dimension]}")


def _thresholds(rules: Rules, period: Period) -> tuple[int, ...]:
    """Return the thresholds in force; none where the rules lack it, which is told where it is needed."""
    try:
        return rules.thresholds(period)
    except RulesError:
        return ()


def _between(
    connection: duckdb.DuckDBPyConnection, table: str, period: Period, dating: Dating, within: Sequence[int] = ()
) -> str:
    """Return what stands behind FROM for the rows of a period."""
    before = LONGEST_CALL if dating is Dating.OUTCOME else timedelta(0)
    first = date.min if period.first - date.min < before else period.first - before
    return months_between(connection, table, first, period.last, within)


def _values(values: str | Sequence[str]) -> tuple[str, ...]:
    return (values,) if isinstance(values, str) else tuple(map(str, values))


def _keys(dimension: Dimension, texts: Sequence[str]) -> tuple[Key, ...]:
    """Return the keys of the values a user wrote. QueryError for one that cannot be."""
    axis, label = AXES[dimension], terms.DIMENSIONS[dimension]
    if not texts:
        raise QueryError(f"Falta el valor de {label}")
    keys = []
    for text in texts:
        try:
            keys.append(axis.read(text))
        except ValueError:
            raise QueryError(f"«{text}» no es un valor de {label}; se escribe {axis.example}") from None
    return tuple(dict.fromkeys(keys))


def _plain(table: str) -> str:
    """Return the table in which lines, queues and operators are looked for."""
    return table.removesuffix(BY_NEXT_CALL).removesuffix(BY_LATER_ANSWER)


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
            sql = f"SELECT 1 FROM {table} WHERE {AXES[dimension].key} = ?" + elsewhere.get(dimension, "")
            if connection.execute(f"{sql} LIMIT 1", [key] * sql.count("?")).fetchone() is None:
                raise QueryError(f"No hay {terms.DIMENSIONS[dimension]} «{key}»")


def _scan(
    connection: duckdb.DuckDBPyConnection,
    rules: Rules,
    indicators: Sequence[Indicator],
    period: Period,
    dims: Sequence[Dimension],
    keys: Mapping[Dimension, tuple[Key, ...]],
    table: str,
    dating: Dating,
) -> _Scan:
    """Write the one SELECT that has all sums of indicators of the same table and dating."""
    columns = DATES[dating]
    day = columns["date"]
    names = {name for item in indicators for name in item.parameters} - {item.target for item in indicators}
    values = {name: _dated(rules, name, period, day) for name in names if name is not None}
    thresholds = _thresholds(rules, period)
    aggregates: dict[str, int] = {}

    def place(sql: str | None, kind: Kind) -> int | None:
        if sql is None:
            return None
        rolled = added_up(sql, thresholds) if table.endswith(BY_HALF_HOUR) else None
        sql = rolled or sql.format(**values)
        sums = sql if kind is Kind.MAXIMUM else f"COALESCE({sql}, 0)"
        return aggregates.setdefault(f"CAST({sums} AS BIGINT)", len(aggregates))

    places = {
        item.name: (place(item.numerator, item.kind) or 0, place(item.denominator, item.kind)) for item in indicators
    }
    axes = {dimension: AXES[dimension].key.format(**columns) for dimension in {*dims, *keys}}
    condition, bound = _condition(rules, period, axes, keys, dating)
    select = [axes[dimension] for dimension in dims] + list(aggregates)
    grouping = f" GROUP BY {', '.join(axes[dimension] for dimension in dims)}" if dims else ""
    within = [seconds for n in thresholds for seconds in (n - 1, n) if seconds in WITHIN_SECONDS]
    source = _between(connection, table, period, dating, within)
    return _Scan(f"SELECT {', '.join(select)} FROM {source} WHERE {condition}{grouping}", bound, places)


def _condition(
    rules: Rules,
    period: Period,
    axes: Mapping[Dimension, str],
    keys: Mapping[Dimension, tuple[Key, ...]],
    dating: Dating,
) -> tuple[str, tuple[Any, ...]]:
    """Return the condition of the rows that figures are counted from, and its bound values."""
    day = DATES[dating]["date"]
    conditions = [f"{day} BETWEEN {_date(period.first)} AND {_date(period.last)}"]
    conditions += sorted({AXES[dimension].population for dimension in axes} - {""})
    bound: list[Any] = []
    if dating is Dating.WORKED:  # operators' time is of no line; only rings are of a queue
        conditions += ["queue IS NOT NULL"] if Dimension.QUEUE in axes else []
        for dimension, chosen in keys.items():
            conditions.append(f"{axes[dimension]} IN ({_marks(chosen)})")
            bound += chosen
        return " AND ".join(conditions), tuple(bound)
    conditions.insert(0, "registered")
    sql, lines = _counted_lines(rules, period, day)
    if Dimension.SERVICE not in keys:  # a queue that does not count is none of the lines that do
        conditions.append(sql)
        bound += lines
    else:
        conditions.append("counted")
        # Named, a line has the days on which it enters the total, as in a table of lines; one that never does, all.
        ever = sorted(rules.ever_counted)
        if any(set(ever) - set(piece) for piece in lines):
            conditions.append(f"({sql} OR NOT list_contains(?, COALESCE(service, '')))")
            bound += [*lines, ["", *ever]]
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


def _counted_lines(rules: Rules, period: Period, day: str) -> tuple[str, list[Any]]:
    """Return the condition that a row has no line or one that enters the total on its day, and its bound values.

    list_contains looks at each line once; IN would look at each row, and take longer than all the rest.
    """
    pieces = rules.pieces("counted_lines", period)
    conditions, bound = [], []
    for piece in pieces:
        lines = [str(line) for line in piece.value] if isinstance(piece.value, tuple) else []
        until = f"{day} BETWEEN {_date(piece.valid_from or period.first)} AND {_date(piece.valid_to or period.last)}"
        one_of_them = "list_contains(?, COALESCE(service, ''))"
        conditions.append(f"({until} AND {one_of_them})" if len(pieces) > 1 else one_of_them)
        bound.append(["", *lines])
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
    axes = [AXES[dimension] for dimension in dims]
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

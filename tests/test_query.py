"""A question gives sums first and divides last; what has no answer is refused in Spanish."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import product

import duckdb
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports import terms
from reports.definition import Dimension, Kind, Period, Unit, month
from reports.indicators import BY_NAME, OF_CALLS
from reports.query import QueryError, by_hour, calls_missing, complies, exact_gap, measure
from reports.rules import Parameter, Rules, RulesError
from tests.drawn_calls import drawn, warehouse, with_parameter

RULES = Rules.default()
OCTOBER = month("2026-10")


def counted(frame: pd.DataFrame, name: str) -> dict[str, int]:
    return dict(zip(frame[name].fillna("total"), frame["numerator"], strict=True))


@pytest.mark.duckdb
@pytest.mark.parametrize(
    ("dimension", "registered"),
    [
        ("month", {"2026-10": 6}),
        ("day", {"2026-10-05": 2, "2026-10-06": 2, "2026-10-11": 1, "2026-10-31": 1}),
        ("weekday", {"1": 2, "2": 2, "6": 1, "7": 1}),
        ("hour", {"08": 2, "09": 2, "10": 1, "23": 1}),
        ("interval", {"08:00": 1, "08:30": 1, "09:00": 2, "10:00": 1, "23:30": 1}),
        ("service", {"101": 3, "102": 2, "sin línea": 1}),
        ("queue", {"101": 2, "5003": 2, "5101": 1, "5999": 1}),
        ("outcome", {"atendida": 3, "abandonada": 3}),
    ],
)
def test_registered_calls_by_each_dimension(
    connection: duckdb.DuckDBPyConnection, dimension: str, registered: dict[str, int]
) -> None:
    frame = measure(connection, RULES, ["registered"], OCTOBER, by=[dimension])
    assert counted(frame, dimension) == registered
    assert list(counted(frame, dimension)) == list(registered), "the order is the dimension's own"
    whole = measure(connection, RULES, ["registered"], OCTOBER, by=[dimension], total=True)
    assert counted(whole, dimension) == {**registered, "total": 6}


@pytest.mark.duckdb
def test_the_abandoned_by_cause_bear_spanish_labels_in_the_order_of_the_reports(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    frame = measure(connection, RULES, ["abandoned"], OCTOBER, by=["cause"])
    assert counted(frame, "cause") == {"colgó": 1, "tiempo agotado": 1, "sin operadores": 1}
    assert list(frame["cause"]) == ["colgó", "tiempo agotado", "sin operadores"]


@pytest.mark.duckdb
@pytest.mark.parametrize("cause", ["timeout", "tiempo agotado"])
def test_a_cause_is_asked_for_by_label_or_code(connection: duckdb.DuckDBPyConnection, cause: str) -> None:
    assert measure(connection, RULES, ["abandoned"], OCTOBER, where={"cause": cause})["numerator"].tolist() == [1]


@pytest.mark.duckdb
def test_a_person_is_one_operator_under_all_interfaces(connection: duckdb.DuckDBPyConnection) -> None:
    frame = measure(connection, RULES, ["answered", "aht"], OCTOBER, by=["agent"])
    assert frame[["indicator", "agent", "numerator", "denominator"]].astype(object).values.tolist() == [
        ["answered", "Ana", 2, pd.NA],
        ["answered", "SIP/202", 1, pd.NA],
        ["aht", "Ana", 180, 2],
        ["aht", "SIP/202", 0, 0],
    ]
    only = measure(connection, RULES, ["answered"], OCTOBER, where={"agent": "Ana"})
    assert only["numerator"].tolist() == [2]


@pytest.mark.duckdb
def test_the_frame_has_its_stated_columns_and_types(connection: duckdb.DuckDBPyConnection) -> None:
    for names, by in product((["registered"], ["service_level", "max_wait"]), ((), ("day", "service"))):
        for period in (OCTOBER, month("2030-01")):
            frame = measure(connection, RULES, names, period, by=by, total=True)
            assert list(frame.columns) == ["indicator", *by, "numerator", "denominator", "value"]
            assert [str(kind) for kind in frame.dtypes] == ["str", *["str"] * len(by), "Int64", "Int64", "float64"]


@pytest.mark.duckdb
def test_indicators_come_in_the_order_asked_for_and_dimensions_from_left_to_right(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    frame = measure(connection, RULES, ["service_level", "registered"], OCTOBER, by=["service", "day"])
    rows = frame[["indicator", "service", "day"]].values.tolist()
    half = [
        ["101", "2026-10-05"],
        ["101", "2026-10-11"],
        ["102", "2026-10-06"],
        ["sin línea", "2026-10-31"],
    ]
    assert rows == [[name, *row] for name in ("service_level", "registered") for row in half]


@pytest.mark.duckdb
def test_lines_are_ordered_as_in_the_manual_and_the_unknown_come_last() -> None:
    lines = ["4200400", "999", "101", "-", "4200224", "104"]
    drawing = "line | wait\n" + "\n".join(f"{line} | 1" for line in lines)
    wanted = ["101", "104", "4200224", "4200400", "999", "sin línea"]
    frame = measure(warehouse(drawing), RULES, ["registered"], OCTOBER, by=["service"], where={"service": wanted})
    assert list(frame["service"]) == wanted


# What is in the total -------------------------------------------------------------------------------------------------


@pytest.mark.duckdb
@pytest.mark.parametrize(
    ("services", "registered"),
    [(None, 6), (["101", "102"], 5), ("sin línea", 1), (["777"], 1), (["777", "101", "sin línea"], 5)],
)
def test_a_line_outside_the_total_is_counted_only_by_name(
    connection: duckdb.DuckDBPyConnection, services: str | list[str] | None, registered: int
) -> None:
    where = {"service": services} if services else None
    assert measure(connection, RULES, ["registered"], OCTOBER, where=where)["numerator"].tolist() == [registered]


@pytest.mark.duckdb
def test_the_lines_of_the_total_may_change_with_the_date() -> None:
    rules = with_parameter(
        Parameter("counted_lines", ("101",), None, date(2026, 10, 15), ""),
        Parameter("counted_lines", ("102", "999"), date(2026, 10, 16), None, ""),
    )
    drawing = """
        entered          | line
        2026-10-15 10:00 | 101
        2026-10-15 10:00 | 102
        2026-10-16 10:00 | 101
        2026-10-16 10:00 | 999
        2026-10-16 10:00 | -
    """
    frame = measure(warehouse(drawing), rules, ["registered"], OCTOBER, by=["day", "service"])
    assert frame[["day", "service"]].values.tolist() == [
        ["2026-10-15", "101"],
        ["2026-10-16", "999"],
        ["2026-10-16", "sin línea"],
    ]


@pytest.mark.duckdb
@pytest.mark.parametrize(
    ("where", "registered"),
    [
        ({"month": "2026-10"}, 6),
        ({"day": ["2026-10-05", "2026-10-06"]}, 4),
        ({"weekday": "7"}, 1),
        ({"hour": "08"}, 2),
        ({"interval": ["08:30", "23:30"]}, 2),
        ({"queue": "5101"}, 1),
        ({"service": "101", "hour": ["08", "23"]}, 3),
        ({"outcome": "abandonada"}, 3),
        ({"wait_class": "0"}, 1),
    ],
)
def test_a_question_is_narrowed_by_each_dimension(
    connection: duckdb.DuckDBPyConnection, where: dict[str, str | list[str]], registered: int
) -> None:
    assert measure(connection, RULES, ["registered"], OCTOBER, where=where)["numerator"].tolist() == [registered]


# Dated rules ----------------------------------------------------------------------------------------------------------


@pytest.mark.duckdb
@pytest.mark.parametrize("by", [(), ("day",), ("service",)])
def test_each_call_is_judged_by_the_threshold_of_its_day(by: tuple[str, ...]) -> None:
    rules = with_parameter(
        Parameter("threshold_seconds", 20, None, date(2026, 10, 14), ""),
        Parameter("threshold_seconds", 30, date(2026, 10, 15), date(2026, 10, 20), ""),
        Parameter("threshold_seconds", 10, date(2026, 10, 21), None, ""),
    )
    drawing = """
        entered          | wait
        2026-10-14 23:59 | 25
        2026-10-15 00:00 | 25
        2026-10-20 23:59 | 30
        2026-10-21 00:00 | 11
        2026-10-31 00:00 | 10
    """
    frame = measure(warehouse(drawing), rules, ["service_level"], OCTOBER, by=by)
    assert frame["numerator"].sum() == 3
    assert frame["denominator"].sum() == 5


@pytest.mark.duckdb
def test_a_day_without_a_threshold_is_no_figure() -> None:
    rules = with_parameter(Parameter("threshold_seconds", 20, date(2026, 10, 2), None, ""))
    with pytest.raises(QueryError, match=r"No hay valor de «Umbral de espera .segundos.» para el 01/10/2026"):
        measure(warehouse(), rules, ["service_level"], OCTOBER)
    assert measure(warehouse(), rules, ["registered"], OCTOBER)["numerator"].tolist() == [0]


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ([("threshold_seconds", 20, None, None), ("threshold_seconds", 30, date(2026, 1, 1), None)], "misma fecha"),
        ([("threshold_seconds", -1, None, None)], "número entero"),
        ([("threshold_seconds", "20; DROP", None, None)], "número entero"),
        ([("threshold_seconds", 20, date(2026, 2, 1), date(2026, 1, 1))], "termina antes"),
        ([("target", Decimal("0.8"), date(2026, 10, 2), None)], "primer día"),
        ([("target", Decimal("0.8"), None, date(2026, 10, 15))], "primer día"),
        ([("target", Decimal(80), None, None)], "0.80 es 80 %"),
        ([("counted_lines", "101", None, None)], "números de línea"),
    ],
)
def test_rules_that_cannot_be_are_refused(parameters: list[tuple], reason: str) -> None:
    with pytest.raises(RulesError, match=reason):
        Rules(tuple(Parameter(*values, rule="") for values in parameters))


def test_the_rules_of_a_period_are_those_in_force_on_some_day_of_it() -> None:
    rules = with_parameter(
        Parameter("target", Decimal("0.75"), None, date(2026, 9, 30), ""),
        Parameter("target", Decimal("0.80"), date(2026, 10, 1), None, ""),
    )
    assert [item.value for item in rules.in_force(OCTOBER) if item.name == "target"] == [Decimal("0.80")]
    assert [item.value for item in rules.pieces("target", Period(date(2026, 9, 1), date(2026, 10, 31)))] == [
        Decimal("0.75"),
        Decimal("0.80"),
    ]
    assert rules.target(date(2026, 9, 30)) == Decimal("0.75")
    assert Rules(()).target(date(2026, 9, 30)) is None
    assert rules != RULES
    assert len({rules, RULES, Rules.default()}) == 2


# Units ----------------------------------------------------------------------------------------------------------------


@pytest.mark.duckdb
def test_the_unit_is_the_line_call_unless_queue_or_operator_is_asked_for(connection: duckdb.DuckDBPyConnection) -> None:
    def unit(**options: object) -> str:
        return measure(connection, RULES, ["answered"], OCTOBER, **options).attrs["units"]["answered"]

    assert unit() == "line"
    assert unit(by=["service"]) == "line"
    assert unit(unit="call") == unit(unit=Unit.CALL) == "call"
    assert unit(by=["queue"]) == unit(where={"queue": "101"}) == unit(by=["agent"]) == "visit"
    assert unit(by=["queue"], unit="visit") == "visit"


@pytest.mark.duckdb
def test_each_unit_reads_its_own_table() -> None:
    connection = warehouse("wait\n1\n2\n3")
    connection.execute(
        "DELETE FROM core.line_calls WHERE wait_seconds = 1; DELETE FROM core.calls WHERE wait_seconds < 3"
    )
    found = {unit: measure(connection, RULES, ["registered"], OCTOBER, unit=unit)["numerator"][0] for unit in Unit}
    assert found == {Unit.VISIT: 3, Unit.LINE: 2, Unit.CALL: 1}


# What has no answer ---------------------------------------------------------------------------------------------------


@pytest.mark.duckdb
@pytest.mark.parametrize(
    ("names", "options", "message"),
    [
        (["nivel"], {}, "No existe el indicador «nivel»"),
        ([], {}, "Falta el indicador"),
        (["registered"], {"by": ["color"]}, "No existe la dimensión «color»"),
        (["registered"], {"by": ["service; DROP TABLE core.calls"]}, "No existe la dimensión"),
        (["registered"], {"where": {"color": "x"}}, "No existe la dimensión «color»"),
        (["service_level"], {"by": ["cause"]}, "«Nivel de servicio» no se mide por causa"),
        (["registered"], {"by": ["cause"]}, "«Registradas» no se mide por causa"),
        (["abandoned", "service_level"], {"by": ["cause"]}, "«Nivel de servicio» no se mide por causa"),
        (["service_level"], {"where": {"cause": "colgó"}}, "no se mide por causa"),
        (["service_level"], {"by": ["agent"]}, "no se mide por operador"),
        (["service_level", "wait_distribution"], {}, "no se mide por resultado"),
        (["wait_distribution"], {"where": {"wait_class": "0"}}, "todos los tramos"),
        (["registered"], {"unit": "llamada"}, "No existe la unidad «llamada»"),
        (["answered"], {"by": ["queue"], "unit": "line"}, "Por cola solo se cuentan ingresos a cola"),
        (["answered"], {"where": {"agent": "Ana"}, "unit": "call"}, "Por operador.* solo se cuentan ingresos"),
        (["service_level_asternic"], {"unit": "line"}, "no se cuenta por llamada"),
        (["registered"], {"where": {"service": "1O1"}}, "No hay línea «1O1»"),
        (["registered"], {"where": {"service": "101' OR '1'='1"}}, "No hay línea"),
        (["registered"], {"where": {"queue": "9999"}}, "No hay cola «9999»"),
        (["answered"], {"where": {"agent": "Nadie"}}, "No hay operador.* «Nadie»"),
        (["registered"], {"where": {"service": []}}, "Falta el valor de línea"),
        (["registered"], {"where": {"month": "2026-13"}}, "no es un valor de mes; se escribe 2026-10"),
        (["registered"], {"where": {"day": "31/10/2026"}}, "no es un valor de día"),
        (["registered"], {"where": {"day": "2026-10-32"}}, "no es un valor de día"),
        (["registered"], {"where": {"weekday": "8"}}, "no es un valor de día de la semana"),
        (["registered"], {"where": {"hour": "24"}}, "no es un valor de hora; se escribe 08"),
        (["registered"], {"where": {"interval": "08:15"}}, "no es un valor de media hora"),
        (["abandoned"], {"where": {"cause": "aburrido"}}, "«aburrido» no es un valor de causa"),
        (["registered"], {"where": {"outcome": "x"}}, "no es un valor de resultado"),
    ],
)
def test_a_question_without_an_answer_is_refused(
    connection: duckdb.DuckDBPyConnection, names: list[str], options: dict, message: str
) -> None:
    with pytest.raises(QueryError, match=message):
        measure(connection, RULES, names, OCTOBER, **options)


@pytest.mark.duckdb
def test_a_line_or_queue_that_is_known_but_silent_is_zero_and_no_error() -> None:
    connection = warehouse(
        queues="day | queue\n2026-10-01 | 5003", mapping="queue | line\n5003 | 3333\n", log="day\n2026-10-01"
    )
    for where in ({"service": "3333"}, {"service": "4639999"}, {"service": "sin línea"}, {"queue": "5003"}):
        assert measure(connection, RULES, ["registered"], OCTOBER, where=where)["numerator"].tolist() == [0]


# Compliance -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("in_time", "registered", "target", "gap", "missing", "complied"),
    [
        (7996, 10_000, "0.80", "4.00", 4, False),
        (8000, 10_000, "0.80", "0.00", 0, True),
        (8, 10, "0.80", "0.00", 0, True),
        (79, 99, "0.80", "0.20", 1, False),
        (9, 10, "0.80", "-1.00", 0, True),
        (0, 0, "0.80", "0.00", 0, None),
        (7, 10, "0.7", "0.0", 0, True),
        (866, 999, "0.867", "0.133", 1, False),
    ],
)
def test_compliance_is_decided_on_the_unrounded_value(
    in_time: int, registered: int, target: str, gap: str, missing: int, complied: bool | None
) -> None:
    assert exact_gap(in_time, registered, Decimal(target)) == Decimal(gap)
    assert calls_missing(in_time, registered, Decimal(target)) == missing
    assert complies(in_time, registered, Decimal(target)) is complied


def test_exact_gaps_add_up_where_calls_missing_would_not() -> None:
    target, lines = Decimal("0.80"), [(7, 9), (5, 7), (8, 11)]
    whole = exact_gap(sum(n for n, _ in lines), sum(of for _, of in lines), target)
    assert sum(exact_gap(n, of, target) for n, of in lines) == whole == Decimal("1.6")
    assert calls_missing(20, 27, target) == 2 < sum(calls_missing(n, of, target) for n, of in lines)


# Parts and totals -----------------------------------------------------------------------------------------------------

CAUSES = ["caller_hung_up", "timeout", "key", "unknown"]
ROWS = st.fixed_dictionaries(
    {
        "minutes": st.integers(0, 90 * 24 * 60),
        "line": st.sampled_from(["101", "102", "4200400", "777", "-"]),
        "queue": st.sampled_from(["101", "5003", "5999"]),
        "outcome": st.sampled_from(["answered", "answered", "open", *CAUSES]),
        "wait": st.one_of(st.none(), st.integers(0, 45), st.integers(0, 400)),
        "talk": st.one_of(st.none(), st.integers(0, 900)),
        "agent": st.sampled_from(["SIP/201", "SIP/202"]),
        "person": st.sampled_from(["", "Ana"]),
        "counted": st.sampled_from(["yes", "yes", "yes", "no"]),
        "event": st.sampled_from(["COMPLETEAGENT", "COMPLETECALLER", "BLINDTRANSFER"]),
    }
)
QUARTER = Period(date(2026, 9, 1), date(2026, 11, 30))


def drawing_of(rows: list[dict[str, object]]) -> str:
    heading = ["entered", "line", "queue", "outcome", "wait", "talk", "agent", "person", "counted", "event"]
    lines = [heading]
    for row in rows:
        entered = datetime(2026, 9, 1) + timedelta(minutes=int(str(row["minutes"])))
        answered = row["outcome"] == "answered"
        cells = {**row, "entered": f"{entered:%Y-%m-%d %H:%M}"}
        if not answered:
            cells |= {"talk": None, "agent": "-", "person": "", "event": "ABANDON"}
        lines.append(["-" if cells[name] is None else str(cells[name]) for name in heading])
    return "\n".join(" | ".join(line) for line in lines)


def counted_by_hand(rows: list[dict[str, str]], last: date) -> dict[str, tuple[int, int | None]]:
    """The same figures of line calls in plain Python, from the sentences of the rules."""
    kept = [
        row
        for row in rows
        if row["outcome"] != "open" and row["counted"] == "yes" and row["line"] != "777"
        if date.fromisoformat(row["entered"][:10]) <= last
    ]
    answered = [row for row in kept if row["outcome"] == "answered"]
    waits = [int(row["wait"]) for row in answered if row["wait"] != "-"]
    talks = [int(row["talk"]) for row in answered if row["talk"] != "-"]
    short = sum(row["outcome"] == "caller_hung_up" and row["wait"] != "-" and int(row["wait"]) <= 5 for row in kept)
    in_time = sum(wait <= 20 for wait in waits)
    return {
        "registered": (len(kept), None),
        "answered": (len(answered), None),
        "abandoned": (len(kept) - len(answered), None),
        "service_level": (in_time, len(kept)),
        "service_level_of_answered": (in_time, len(answered)),
        "service_level_sl2": (sum(row["wait"] != "-" and int(row["wait"]) <= 20 for row in kept), len(kept)),
        "service_level_short_excluded": (in_time, len(kept) - short),
        "service_level_strict": (sum(wait < 20 for wait in waits), len(kept)),
        "abandonment_rate": (len(kept) - len(answered), len(kept)),
        "asa": (sum(waits), len(waits)),
        "aht": (sum(talks), len(talks)),
        "short_abandons": (short, None),
    }


@pytest.mark.duckdb
@settings(derandomize=True, max_examples=15, deadline=None, database=None)
@given(st.lists(ROWS, max_size=25))
def test_parts_add_up_to_the_total_by_every_dimension(rows: list[dict[str, object]]) -> None:
    drawing = drawing_of(rows)
    connection = warehouse(drawing)
    by_hand = counted_by_hand(drawn(drawing), QUARTER.last)
    for dimension in Dimension:
        allowed = [item for item in OF_CALLS if dimension in item.dimensions]
        # A distribution brings its own dimensions, which few others allow.
        for asked in ([item for item in allowed if not item.implied], [item for item in allowed if item.implied]):
            if not asked:
                continue
            parts = measure(connection, RULES, asked, QUARTER, by=[dimension], total=True)
            unit = Unit(next(iter(parts.attrs["units"].values())))
            for item in asked:
                frame = parts[parts["indicator"] == item.name]
                inner, total = frame.iloc[:-1], frame.iloc[-1]
                if item.kind is Kind.MAXIMUM:
                    whole = measure(connection, RULES, [item], QUARTER, unit=unit)["value"].iloc[0]
                    assert total["value"] == whole == inner["value"].max() or pd.isna([total["value"], whole]).all()
                    continue
                assert inner["numerator"].sum() == total["numerator"]
                if item.kind in (Kind.RATIO, Kind.MEAN):
                    assert inner["denominator"].sum() == total["denominator"]
                if item.name in by_hand:
                    numerator, denominator = by_hand[item.name]
                    assert total["numerator"] == numerator
                    if denominator is not None:
                        assert total["denominator"] == denominator
                        assert (total["value"] == numerator / denominator) if denominator else pd.isna(total["value"])
                assert not frame["value"].isin([float("inf")]).any()


@pytest.mark.duckdb
def test_the_mean_of_the_parts_means_is_not_the_total() -> None:
    drawing = """
        entered          | wait | talk | many
        2026-10-05 08:00 | 10   | 100  | 9
        2026-10-05 08:30 | 50   | 300  | 1
    """
    frame = measure(warehouse(drawing), RULES, ["asa", "aht", "service_level"], OCTOBER, by=["interval"], total=True)
    totals = frame[frame["interval"].isna()]
    assert totals["value"].tolist() == [14, 120, 0.9]


def test_every_dimension_of_an_indicator_has_a_label_and_can_be_computed() -> None:
    for item in BY_NAME.values():
        assert item.dimensions <= set(terms.DIMENSIONS)


def test_hours_rolled_up_from_half_hours_are_those_measured(connection: duckdb.DuckDBPyConnection) -> None:
    by = [Dimension.WEEKDAY, Dimension.INTERVAL]
    for period in (month("2026-10"), month("2020-01")):
        rolled = by_hour(measure(connection, RULES, ["service_level"], period, by=by))
        assert rolled.equals(measure(connection, RULES, ["service_level"], period, by=[Dimension.HOUR]))


def test_a_line_that_leaves_the_total_has_its_counted_days_named_or_not() -> None:
    fewer = tuple(line for line in terms.LINES if line != "102")
    rules = with_parameter(
        Parameter("counted_lines", tuple(terms.LINES), None, date(2026, 10, 9), ""),
        Parameter("counted_lines", fewer, date(2026, 10, 10), None, ""),
    )
    connection = warehouse(
        """
        entered          | line | outcome  | many
        2026-10-05 08:00 | 102  | answered | 3
        2026-10-20 08:00 | 102  | answered | 4
        2026-10-20 08:00 | 777  | answered | 5
        """
    )

    def registered(where: dict[str, str], *by: Dimension) -> list[int]:
        found = measure(connection, rules, ["registered"], month("2026-10"), by=by, where=where)
        return [int(number) for number in found["numerator"]]

    assert registered({}, Dimension.SERVICE) == [3] == registered({"service": "102"})
    assert registered({"service": "102", "hour": "08"}) == [3]
    assert registered({"service": "777"}) == [5], "never in the total: looked at as it is"
    parts = [Period(date(2026, 10, 1), date(2026, 10, 9)), Period(date(2026, 10, 10), date(2026, 10, 31))]
    found = [measure(connection, rules, ["registered"], part, where={"service": "102"}) for part in parts]
    assert [int(each["numerator"].iloc[0]) for each in found] == [3, 0], "parts of a period add up"

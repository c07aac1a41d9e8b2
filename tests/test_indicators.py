"""Every indicator has a worked example that a manager could check, and a complete declaration."""

from datetime import date
from decimal import Decimal

import pandas as pd
import pytest

from reports import terms
from reports.definition import Dimension, Facts, Indicator, Kind, Period, PeriodError, Unit, ValueUnit, month
from reports.indicators import BY_NAME, OF_CALLS
from reports.query import measure
from reports.rules import BY_THE_SYSTEM, DEFAULTS, Parameter, Rules
from tests.drawn_calls import drawn, warehouse, with_parameter
from tests.test_agent_figures import EXPECTED as AGENT_EXPECTED

RULES = Rules.default()
OCTOBER = month("2026-10")

# One day of line 101. Threshold 20 s, short abandon 5 s.
DAY = """
    outcome        | wait | talk | ring | event           | many
    answered       | 0    | 60   | 4    | COMPLETECALLER  | 1
    answered       | 15   | 120  | 5    | COMPLETEAGENT   | 2
    answered       | 20   | 60   | 3    | COMPLETECALLER  | 1
    answered       | 21   | 200  | 2    | COMPLETECALLER  | 1
    answered       | -    | 40   | -    | COMPLETECALLER  | 1
    answered       | 8    | -    | 1    | BLINDTRANSFER   | 1
    caller_hung_up | 3    | -    | -    | ABANDON         | 1
    caller_hung_up | 6    | -    | -    | ABANDON         | 1
    timeout        | 5    | -    | -    | EXITWITHTIMEOUT | 1
    restart        | -    | -    | -    | QUEUESTART      | 1
    open           | 90   | -    | -    |                 | 1
"""
# What the manager finds by counting the table above with a pencil; per unit is the same, each row being one of each.
EXAMPLES = """
    indicator                    | numerator | denominator | value
    registered                   | 11        |             | 11
    answered                     | 7         |             | 7
    answered_in_time             | 5         |             | 5
    abandoned                    | 4         |             | 4
    service_level                | 5         | 11          | 0.454545
    service_level_of_answered    | 5         | 7           | 0.714286
    service_level_sl2            | 8         | 11          | 0.727273
    service_level_short_excluded | 5         | 10          | 0.5
    service_level_strict         | 4         | 11          | 0.363636
    service_level_asternic       | 3         | 5           | 0.6
    abandonment_rate             | 4         | 11          | 0.363636
    asa                          | 79        | 6           | 13.166667
    aht                          | 600       | 6           | 100
    max_wait                     |           |             | 21
    short_abandons               | 1         |             | 1
    talk_seconds                 | 600       |             | 600
    mean_ring                    | 20        | 6           | 3.333333
    transferred                  | 1         |             | 1
    transfer_rate                | 1         | 7           | 0.142857
    hung_up_by_operator          | 2         | 6           | 0.333333
    hung_up_by_caller            | 4         | 6           | 0.666667
    caller_unknown               | 11        |             | 11
"""
DISTRIBUTION = """
    outcome    | wait_class | numerator | denominator
    atendida   | 0          | 1         | 7
    atendida   | 1-10       | 1         | 7
    atendida   | 11-20      | 3         | 7
    atendida   | 21-30      | 1         | 7
    atendida   | 31-60      | 0         | 7
    atendida   | 61-120     | 0         | 7
    atendida   | 121-300    | 0         | 7
    atendida   | > 300      | 0         | 7
    atendida   | sin dato   | 1         | 7
    abandonada | 0          | 0         | 4
    abandonada | 1-10       | 3         | 4
    abandonada | 11-20      | 0         | 4
    abandonada | 21-30      | 0         | 4
    abandonada | 31-60      | 0         | 4
    abandonada | 61-120     | 0         | 4
    abandonada | 121-300    | 0         | 4
    abandonada | > 300      | 0         | 4
    abandonada | sin dato   | 1         | 4
"""
#: These have theirs in test_callers_again.
OF_CALLERS = {item.name for item in OF_CALLS if item.facts in (Facts.NEXT_CALL, Facts.LATER_ANSWER)}
EXPECTED = {row["indicator"]: row for row in drawn(EXAMPLES)}


def value_of(calls: str, name: str, rules: Rules = RULES, unit: str | None = None) -> float:
    return float(measure(warehouse(calls), rules, [name], OCTOBER, unit=unit)["value"].iloc[0])


def test_every_indicator_has_a_worked_example() -> None:
    assert {*EXPECTED, "wait_distribution", *OF_CALLERS} == {item.name for item in OF_CALLS}
    assert {*EXPECTED, "wait_distribution", *OF_CALLERS, *AGENT_EXPECTED} == set(BY_NAME)


@pytest.mark.duckdb
@pytest.mark.parametrize("name", EXPECTED)
def test_an_indicator_gives_its_worked_example_in_every_unit_it_knows(name: str) -> None:
    connection, expected = warehouse(DAY), EXPECTED[name]
    for unit in BY_NAME[name].units:
        row = measure(connection, RULES, [name], OCTOBER, unit=unit).astype(object).iloc[0]
        for column in ("numerator", "denominator"):
            assert ("" if pd.isna(row[column]) else str(row[column])) == expected[column], column
        assert row["value"] == pytest.approx(float(expected["value"]), abs=1e-6)


@pytest.mark.duckdb
def test_the_distribution_gives_its_worked_example_without_holes() -> None:
    frame = measure(warehouse(DAY), RULES, ["wait_distribution"], OCTOBER)
    rows = frame.drop(columns=["indicator", "value"]).astype("str").to_dict("records")
    assert rows == drawn(DISTRIBUTION)
    assert frame["value"].iloc[2] == pytest.approx(3 / 7)


WAIT_CLASSES = """
    wait | class
    0    | 0
    1    | 1-10
    10   | 1-10
    11   | 11-20
    20   | 11-20
    21   | 21-30
    30   | 21-30
    31   | 31-60
    60   | 31-60
    61   | 61-120
    120  | 61-120
    121  | 121-300
    300  | 121-300
    301  | > 300
    -    | sin dato
"""


@pytest.mark.duckdb
def test_a_wait_falls_into_its_class() -> None:
    for row in drawn(WAIT_CLASSES):
        frame = measure(warehouse(f"wait\n{row['wait']}"), RULES, ["wait_distribution"], OCTOBER, by=["wait_class"])
        assert frame.loc[frame["numerator"] == 1, "wait_class"].tolist() == [row["class"]]


# Numbers that others have published -----------------------------------------------------------------------------------


@pytest.mark.duckdb
@pytest.mark.parametrize(
    ("indicator", "published"),
    [("service_level_short_excluded", 77.8), ("service_level", 70.0), ("service_level_sl2", 80.0)],
)
def test_ciscos_example_holds(indicator: str, published: float) -> None:
    calls = """
        outcome        | wait | many
        answered       | 12   | 70
        caller_hung_up | 4    | 10
        answered       | 45   | 15
        caller_hung_up | 60   | 5
    """
    assert round(value_of(calls, indicator) * 100, 1) == published


@pytest.mark.duckdb
@pytest.mark.parametrize(
    ("indicator", "percent"),
    [
        ("service_level", 25),
        ("service_level_of_answered", 50),
        ("service_level_sl2", 50),
        ("service_level_short_excluded", 33),
    ],
)
def test_four_formulas_give_four_results_on_a_day_of_four_calls(indicator: str, percent: int) -> None:
    calls = """
        outcome        | wait
        answered       | 5
        answered       | 25
        caller_hung_up | 3
        caller_hung_up | 90
    """
    assert round(value_of(calls, indicator) * 100) == percent


@pytest.mark.duckdb
@pytest.mark.parametrize(
    ("in_time", "calls", "published"), [(11_700, 13_194, 88.7), (8_357, 9_853, 84.8), (9_162, 10_623, 86.2)]
)
def test_media_commerces_published_figures_hold(in_time: int, calls: int, published: float) -> None:
    late = (calls - in_time) // 2
    table = f"""
        outcome        | wait | many
        answered       | 19   | {in_time}
        answered       | 20   | {late}
        caller_hung_up | 40   | {calls - in_time - late}
    """
    connection = warehouse(table)
    frame = measure(connection, RULES, ["service_level_strict", "answered", "abandoned"], OCTOBER)
    assert frame["numerator"].iloc[0] == in_time
    assert frame["denominator"].iloc[0] == calls == frame["numerator"].iloc[1] + frame["numerator"].iloc[2]
    assert round(frame["value"].iloc[0] * 100, 1) == published
    assert measure(connection, RULES, ["service_level"], OCTOBER)["numerator"].iloc[0] == in_time + late


@pytest.mark.duckdb
def test_the_worked_cases_of_four_and_four_and_of_ten_hold() -> None:
    eight = """
        outcome        | wait | many
        answered       | 32   | 1
        answered       | 1    | 1
        answered       | 2    | 2
        caller_hung_up | 1    | 3
        caller_hung_up | 38   | 1
    """
    assert value_of(eight, "service_level") == 0.375
    assert value_of(eight, "service_level_of_answered") == 0.75
    ten = """
        outcome        | wait | talk | many
        answered       | 10   | 120  | 4
        answered       | 40   | 60   | 2
        caller_hung_up | 75   | -    | 3
        timeout        | 90   | -    | 1
    """
    assert value_of(ten, "service_level") == 0.4
    assert round(value_of(ten, "service_level_of_answered") * 100, 1) == 66.7
    assert value_of(ten, "max_wait") == 90
    assert value_of(ten, "aht") == 100


# Edges ----------------------------------------------------------------------------------------------------------------


@pytest.mark.duckdb
def test_twenty_seconds_are_in_time_and_twenty_one_are_not() -> None:
    assert value_of("outcome | wait\nanswered | 20\nanswered | 21", "service_level") == 0.5


@pytest.mark.duckdb
@pytest.mark.parametrize("name", [item.name for item in OF_CALLS if item.kind in (Kind.RATIO, Kind.MEAN)])
def test_without_calls_a_ratio_is_blank_and_never_zero_or_whole(name: str) -> None:
    frame = measure(warehouse("outcome | wait\nopen | 3"), RULES, [name], OCTOBER)
    assert frame["numerator"].tolist() == [0]
    assert frame["denominator"].tolist() == [0]
    assert frame["value"].isna().all()


@pytest.mark.duckdb
def test_without_calls_a_maximum_is_blank_and_a_count_is_zero() -> None:
    frame = measure(warehouse(), RULES, ["max_wait", "registered"], OCTOBER)
    assert frame["value"].isna().tolist() == [True, False]
    assert frame["value"].iloc[1] == 0


@pytest.mark.duckdb
def test_asternics_reading_counts_completed_visits_by_the_day_they_ended() -> None:
    calls = """
        entered          | ended            | outcome        | wait | event
        2026-10-31 23:58 | 2026-11-01 00:03 | answered       | 10   | COMPLETECALLER
        2026-10-31 10:00 | 2026-10-31 10:05 | answered       | 15   | COMPLETEAGENT
        2026-10-31 11:00 | 2026-10-31 11:05 | answered       | 16   | COMPLETEAGENT
        2026-10-31 12:00 | 2026-10-31 12:05 | answered       | 5    | ATTENDEDTRANSFER
        2026-10-31 13:00 | 2026-10-31 13:05 | caller_hung_up | 5    | ABANDON
    """
    days = Period(date(2026, 10, 31), date(2026, 11, 1))
    frame = measure(warehouse(calls), RULES, ["service_level_asternic", "service_level"], days, by=["day"])
    assert frame[["day", "numerator", "denominator"]].values.tolist() == [
        ["2026-10-31", 1, 2],
        ["2026-11-01", 1, 1],
        ["2026-10-31", 4, 5],
    ]
    assert frame.attrs["units"] == {"service_level_asternic": "visit", "service_level": "line"}


@pytest.mark.duckdb
@pytest.mark.parametrize(("threshold", "row"), [(10, 15), (20, 15), (22, 15), (23, 30), (30, 30), (60, 60), (300, 90)])
def test_asternics_row_is_the_one_nearest_to_the_threshold(threshold: int, row: int) -> None:
    rules = with_parameter(Parameter("threshold_seconds", threshold, None, None, BY_THE_SYSTEM))
    calls = f"outcome | wait\nanswered | {row}\nanswered | {row + 1}"
    assert value_of(calls, "service_level_asternic", rules) == 0.5


# Declarations ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("indicator", BY_NAME.values(), ids=lambda indicator: indicator.name)
def test_an_indicator_says_its_label_its_edge_case_and_its_rule(indicator: Indicator) -> None:
    assert terms.INDICATORS[indicator.name] == indicator.label
    assert indicator.edge_case.endswith(".")
    assert indicator.clause
    assert set(indicator.parameters) <= {parameter.name for parameter in DEFAULTS}
    assert set(indicator.parameters) <= set(terms.PARAMETERS)


def test_names_and_labels_are_unique() -> None:
    assert len(BY_NAME) == len({item.label for item in BY_NAME.values()}) == len(OF_CALLS) + len(AGENT_EXPECTED)


def test_only_the_abandoned_are_split_by_cause_and_only_the_answered_by_operator() -> None:
    by_cause = {item.name for item in OF_CALLS if Dimension.CAUSE in item.dimensions}
    assert by_cause == {"abandoned", "caller_unknown", *OF_CALLERS}
    by_agent = {item.name for item in OF_CALLS if Dimension.AGENT in item.dimensions}
    assert not by_agent & {"registered", "abandoned", "service_level", "abandonment_rate"}


def test_only_the_manuals_figure_has_the_target_and_shows_its_parameters() -> None:
    assert [item.name for item in OF_CALLS if item.target] == ["service_level"]
    assert BY_NAME["service_level"].parameters == ("target", "threshold_seconds")


def test_a_declaration_that_contradicts_itself_is_refused() -> None:
    good = {
        "name": "x",
        "label": "X",
        "kind": Kind.COUNT,
        "value_unit": ValueUnit.COUNT,
        "numerator": "SUM(1)",
        "denominator": None,
        "edge_case": "",
        "clause": "",
        "dimensions": frozenset({Dimension.DAY}),
    }
    Indicator(**good)
    for bad in (
        {"name": "X y"},
        {"kind": Kind.RATIO},
        {"denominator": "SUM(1)"},
        {"units": frozenset()},
        {"implied": (Dimension.HOUR,)},
    ):
        with pytest.raises(ValueError):
            Indicator(**{**good, **bad})


def test_every_code_has_a_label() -> None:
    assert set(terms.DIMENSIONS) == set(Dimension)
    assert set(terms.UNITS) == set(terms.UNITS_PLURAL) == set(Unit)
    assert tuple(terms.LINES) == RULES.counted_lines(OCTOBER)
    assert {parameter.name for parameter in DEFAULTS} == set(terms.PARAMETERS)
    assert terms.line_name("101") == "101 Reclamos Técnicos"
    assert terms.line_name("999") == "999"


# Periods and rules ----------------------------------------------------------------------------------------------------


def test_a_month_is_all_its_days() -> None:
    assert Period(date(2026, 10, 1), date(2026, 10, 31)) == OCTOBER
    assert (OCTOBER.days, len(list(OCTOBER)), OCTOBER.is_month) == (31, 31, True)
    assert month("2028-02").days == 29
    assert date(2026, 10, 31) in OCTOBER
    assert date(2026, 11, 1) not in OCTOBER


def test_a_period_is_cut_into_its_months() -> None:
    parts = Period(date(2026, 12, 30), date(2027, 2, 1)).months()
    assert [(part.first.isoformat(), part.days) for part in parts] == [
        ("2026-12-30", 2),
        ("2027-01-01", 31),
        ("2027-02-01", 1),
    ]


@pytest.mark.parametrize("text", ["2026-13", "2026-00", "26-10", "2026-1", "octubre", "", "0000-01"])
def test_what_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(PeriodError, match="no es un mes"):
        month(text)


def test_a_period_does_not_end_before_it_begins() -> None:
    with pytest.raises(PeriodError, match="antes de empezar"):
        Period(date(2026, 10, 2), date(2026, 10, 1))


def test_the_default_rules_are_the_manuals_and_say_where_they_come_from() -> None:
    assert RULES.value("threshold_seconds", date(2026, 10, 1)) == 20
    assert RULES.target(date(2026, 10, 1)) == Decimal("0.80")
    assert len(RULES.counted_lines(OCTOBER)) == 12
    assert [item.name for item in DEFAULTS if item.option] == ["short_abandon_seconds"]
    assert all("II.2" in item.rule or "III" in item.rule or BY_THE_SYSTEM in item.rule for item in DEFAULTS)
    assert hash(Rules.default()) == hash(RULES)

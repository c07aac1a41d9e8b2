"""The list behind a figure has as many calls as the figure says, and each call its lines with file and place."""

from contextlib import closing
from datetime import datetime
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from reports.calls import list_calls, list_events
from reports.definition import Indicator, Unit, month
from reports.indicators import OF_CALLS
from reports.personal import Mask
from reports.query import QueryError, measure, wait_curve
from reports.rules import TRIAL, Rules
from tests.drawn_log import EIGHT
from tests.product import Product, load_in
from tests.reference_counter import LogFile, QueueRule

pytestmark = pytest.mark.duckdb
RULES = Rules.default()
OCTOBER = month("2026-10")
COUNTS = [item for item in OF_CALLS if item.counted_rows is not None]


@pytest.mark.parametrize("unit", Unit)
@pytest.mark.parametrize("indicator", COUNTS, ids=lambda item: item.name)
@pytest.mark.parametrize("where", [{}, {"service": "101"}, {"hour": "08"}, {"weekday": "2"}], ids=str)
def test_a_list_has_the_calls_that_the_figure_counts(
    connection: duckdb.DuckDBPyConnection, indicator: Indicator, unit: Unit, where: dict[str, str]
) -> None:
    if unit not in indicator.units:
        with pytest.raises(QueryError):
            list_calls(connection, RULES, indicator.name, OCTOBER, where, unit)
        return
    figure = measure(connection, RULES, [indicator], OCTOBER, where=where, unit=unit)
    listed = list_calls(connection, RULES, indicator.name, OCTOBER, where, unit)
    assert len(listed) == figure["numerator"].iloc[0]


def test_most_figures_have_a_list() -> None:
    names = {item.name for item in COUNTS}
    assert {"registered", "answered", "answered_in_time", "abandoned", "service_level", "short_abandons"} <= names
    assert not {"asa", "aht", "max_wait"} & names


def test_a_list_is_in_order_of_entry_and_can_be_cut(connection: duckdb.DuckDBPyConnection) -> None:
    whole = list_calls(connection, RULES, "registered", OCTOBER)
    assert whole["entered_local"].is_monotonic_increasing
    part = list_calls(connection, RULES, "registered", OCTOBER, limit=2, offset=1)
    assert part["callid"].tolist() == whole["callid"].tolist()[1:3]
    assert whole["queue"].isna().all(), "only a visit has a queue"
    visits = list_calls(connection, RULES, "answered", OCTOBER, unit="visit")
    assert visits["queue"].tolist() == ["101", "5101", "5003"]


@pytest.mark.parametrize("unit", [Unit.LINE, Unit.CALL])
def test_a_call_bears_who_answered_it_first_and_one_that_nobody_answered_nobody(tmp_path: Path, unit: Unit) -> None:
    at = 1793448000  # 2026-10-31 08:00:00 in La Paz
    lines = (
        f"{at}|1.1|101|NONE|ENTERQUEUE||71|1",
        f"{at + 30}|1.1|101|NONE|EXITWITHTIMEOUT|1|1|30",
        f"{at + 30}|1.1|101|NONE|ENTERQUEUE||71|1",
        f"{at + 35}|1.1|101|SIP/7|CONNECT|5|9.1|3",
        f"{at + 60}|1.1|101|SIP/7|COMPLETECALLER|5|25|1",
        f"{at + 60}|1.1|102|NONE|ENTERQUEUE||71|1",
        f"{at + 65}|1.1|102|SIP/8|CONNECT|5|9.2|3",
        f"{at + 90}|1.1|102|SIP/8|COMPLETECALLER|5|25|1",
        f"{at + 100}|2.1|101|NONE|ENTERQUEUE||72|1",
        f"{at + 130}|2.1|101|NONE|ABANDON|1|1|30",
        f"{at + 200}|3.1|101|NONE|ENTERQUEUE||73|1",
        f"{at + 205}|3.1|101|SIP/9|CONNECT|5|9.3|3",  # still talking when the log ends
    )
    product: Product = load_in(tmp_path, [LogFile("queue_log", lines)])
    with closing(product.open()) as connection:
        listed = list_calls(connection, RULES, "registered", OCTOBER, unit=unit)
        said = dict(zip(zip(listed["callid"], listed["service"], strict=True), listed["agent"], strict=True))
        transferred = {("1.1", "102"): "SIP/8"} if unit is Unit.LINE else {}
        assert said == {("1.1", "101"): "SIP/7", **transferred, ("2.1", "101"): None, ("3.1", "101"): "SIP/9"}
        hidden = list_calls(connection, RULES, "registered", OCTOBER, unit=unit, mask=Mask({}))
        assert hidden["agent"].isna().all()


@pytest.mark.parametrize("unit", [Unit.LINE, Unit.CALL])
def test_a_chained_call_whose_end_is_not_logged_bears_who_answered_it(tmp_path: Path, unit: Unit) -> None:
    product = load_in(
        tmp_path,
        [
            LogFile(
                "queue_log",
                (
                    f"{EIGHT}|{EIGHT}.1|101|NONE|ENTERQUEUE||70000001|1",
                    f"{EIGHT + 60}|{EIGHT}.1|101|NONE|EXITWITHTIMEOUT|1|1|60",
                    f"{EIGHT + 61}|{EIGHT}.1|101b|NONE|ENTERQUEUE||70000001|1",
                    f"{EIGHT + 71}|{EIGHT}.1|101b|SIP/201|CONNECT|10|{EIGHT}.2|4",
                ),
            )
        ],
        [QueueRule("101", None, "101"), QueueRule("101b", None, "101")],
    )
    with closing(product.open()) as connection:
        (call,) = list_calls(connection, RULES, "answered", month("2024-03"), unit=unit).to_dict("records")
    assert (call["agent"], call["wait_seconds"], pd.isna(call["outcome_local"])) == ("SIP/201", 71, True)


def test_a_mean_and_an_unknown_figure_have_no_list(connection: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(QueryError, match="no es una cuenta"):
        list_calls(connection, RULES, "asa", OCTOBER)
    with pytest.raises(QueryError, match="No existe el indicador"):
        list_calls(connection, RULES, "nada", OCTOBER)
    with pytest.raises(QueryError, match="no se mide por causa"):
        list_calls(connection, RULES, "answered", OCTOBER, {"cause": "colgó"})


@pytest.mark.parametrize("unit", Unit)
@pytest.mark.parametrize("threshold", [0, 4, 5, 19, 20, 40, 120])
def test_the_curve_at_a_threshold_is_the_service_level(
    connection: duckdb.DuckDBPyConnection, unit: Unit, threshold: int
) -> None:
    curve = wait_curve(connection, RULES, OCTOBER, unit=unit)
    level = measure(connection, RULES.trying_threshold(threshold), ["service_level"], OCTOBER, unit=unit).iloc[0]
    at = curve[curve["seconds"] == threshold].iloc[0]
    assert (at["answered"], at["registered"], at["share"]) == (level["numerator"], level["denominator"], level["value"])


def test_the_curve_of_nobody_is_blank(connection: duckdb.DuckDBPyConnection) -> None:
    curve = wait_curve(connection, RULES, month("2020-01"), until=3)
    assert curve["seconds"].tolist() == [0, 1, 2, 3]
    assert curve["share"].isna().all() and curve["registered"].tolist() == [0] * 4


def test_another_threshold_is_marked_as_a_trial() -> None:
    tried = RULES.trying_threshold(35)
    (parameter,) = tried.pieces("threshold_seconds", OCTOBER)
    assert (parameter.value, parameter.rule) == (35, TRIAL)
    assert tried.target(OCTOBER.first) == RULES.target(OCTOBER.first)


def test_a_call_is_followed_to_its_lines_in_the_files(tmp_path: Path) -> None:
    at = 1709640000  # 05/03/2024 08:00 in La Paz
    first = (f"{at}|1.1|101|NONE|ENTERQUEUE||71234567|1", f"{at + 5}|1.1|101|SIP/1|CONNECT|5|2.1|3")
    second = (f"{at + 65}|1.1|101|SIP/1|COMPLETECALLER|5|60|1", f"{at + 90}|9.9|101|NONE|ENTERQUEUE||71234567|1")
    product: Product = load_in(tmp_path, [LogFile("a", first), LogFile("b", second)])
    connection = product.open()
    try:
        events = list_events(connection, "pbx", "1.1", datetime(2024, 3, 5, 8, 0))
        cut = list_events(connection, "pbx", "1.1", datetime(2024, 3, 5, 8, 0), limit=2)
        nothing = list_events(connection, "pbx", "1.1", datetime(2024, 8, 5, 8, 0))
    finally:
        connection.close()
    assert events["event"].tolist() == ["ENTERQUEUE", "CONNECT", "COMPLETECALLER"]
    assert cut["event"].tolist() == ["ENTERQUEUE", "CONNECT"], "the first ones"
    assert [(file[-1], line) for file, line in zip(events["file"], events["line"], strict=True)] == [
        ("a", 1), ("a", 2), ("b", 1),
    ]  # fmt: skip
    assert events["at_local"].iloc[0] == pd.Timestamp("2024-03-05 08:00:00")
    assert not events["data"].str.contains("71234567").any(), "a caller's number is a pseudonym"
    assert nothing.empty

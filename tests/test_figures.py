"""Figures say what the frames say: plotly accepts them, blanks stay blank, every text is Spanish and written here."""

import pandas as pd
import plotly.graph_objects as go
import pytest

from reports import terms
from reports.definition import month
from reports.figures import DARK, LIGHT, Figure, by_time, heat_map, wait_curve
from reports.query import measure
from reports.query import wait_curve as measured_curve
from reports.rules import Rules
from tests.drawn_calls import warehouse

pytestmark = pytest.mark.duckdb
RULES = Rules.default()
OCTOBER = month("2026-10")
CALLS = """
    entered          | line | queue | outcome        | wait | talk | agent   | person | counted
    2026-10-05 08:29 | 101  | 101   | answered       | 20   | 60   | SIP/201 | Ana    | yes
    2026-10-05 08:20 | 101  | 5101  | answered       | 40   | 120  | Ana L.  | Ana    | yes
    2026-10-06 09:40 | 102  | 5003  | caller_hung_up | 4    | -    | -       |        | yes
"""


def asked(by: list[str], period: str = "2026-10") -> pd.DataFrame:
    return measure(warehouse(CALLS), RULES, ["service_level"], month(period), by=by)


def accepted(figure: Figure) -> go.Figure:
    """The figure as plotly's own object, which refuses what it does not know."""
    return go.Figure(figure)


@pytest.mark.parametrize("target", [0.8, None])
@pytest.mark.parametrize("scheme", [LIGHT, DARK])
def test_plotly_accepts_every_figure(scheme: object, target: float | None) -> None:
    curve = measured_curve(warehouse(CALLS), RULES, OCTOBER)
    hours = asked(["hour"])
    for figure in (
        heat_map(asked(["weekday", "interval"]), target, scheme),  # type: ignore[arg-type]
        wait_curve(curve, 20, target, scheme),  # type: ignore[arg-type]
        by_time(hours, list(hours["hour"]), None, target, scheme),  # type: ignore[arg-type]
    ):
        assert accepted(figure).to_plotly_json()["layout"]["separators"] == ",."


def test_figures_of_no_calls_are_empty_and_accepted() -> None:
    curve = measured_curve(warehouse(CALLS), RULES, month("2020-01"))
    nobody = asked(["weekday", "interval"], "2020-01")
    hours = asked(["hour"], "2020-01")
    for figure in (heat_map(nobody, 0.8), wait_curve(curve, 20, 0.8), by_time(hours, [], [], 0.8)):
        accepted(figure)
    assert heat_map(nobody, 0.8)["data"][0]["z"] == [[]] * 7


def test_the_heat_map_is_blank_where_nobody_called_and_says_both_sides() -> None:
    (trace,) = heat_map(asked(["weekday", "interval"]), 0.8)["data"]
    assert trace["x"] == ["08:00", "08:30", "09:00", "09:30"], "no half hour left out between the first and the last"
    assert trace["y"] == list(terms.WEEKDAYS)
    assert trace["z"][0] == [0.5, None, None, None] and trace["z"][1] == [None, None, None, 0.0]
    assert trace["z"][2:] == [[None] * 4] * 5
    assert trace["customdata"][0][0] == "50,0 % · 1 de 2" and trace["customdata"][0][1] == ""


def test_the_curve_bears_threshold_and_target() -> None:
    figure = wait_curve(measured_curve(warehouse(CALLS), RULES, OCTOBER), 20, 0.8)
    line, mark = figure["data"]
    assert line["y"][19] == 0 and line["y"][20] == line["y"][39] == 1 / 3 and line["y"][40] == 2 / 3
    assert (mark["x"], mark["y"]) == ([20], [1 / 3])
    assert [note["text"] for note in figure["layout"]["annotations"]] == ["20 s: 33,3 %", "meta 80 %"]


def test_hours_show_level_and_calls_under_each_other() -> None:
    hours = asked(["hour"])
    level, calls = by_time(hours, [f"{hour} h" for hour in hours["hour"]], None, 0.8)["data"]
    assert (level["y"], calls["y"]) == ([0.5, 0.0], [2, 1])
    assert level["customdata"] == ["08 h: 50,0 % · 1 de 2", "09 h: 0,0 % · 0 de 1"]

"""Figures say what the frames say: plotly accepts them, blanks stay blank, every text is Spanish and written here."""

import duckdb
import pandas as pd
import plotly.graph_objects as go
import pytest

from reports import terms
from reports.definition import month
from reports.figures import DARK, LIGHT, Figure, Scheme, by_month, by_time, few_calls, heat_map, wait_curve
from reports.query import by_hour, measure
from reports.query import wait_curve as measured_curve
from reports.rules import Rules

pytestmark = pytest.mark.duckdb
RULES = Rules.default()
OCTOBER = month("2026-10")


def asked(connection: duckdb.DuckDBPyConnection, by: list[str], period: str = "2026-10") -> pd.DataFrame:
    return measure(connection, RULES, ["service_level"], month(period), by=by)


def accepted(figure: Figure) -> go.Figure:
    """The figure as plotly's own object, which refuses what it does not know."""
    return go.Figure(figure)


@pytest.mark.parametrize("target", [0.8, None])
@pytest.mark.parametrize("scheme", [LIGHT, DARK])
def test_plotly_accepts_every_figure(
    connection: duckdb.DuckDBPyConnection, scheme: Scheme, target: float | None
) -> None:
    curve = measured_curve(connection, RULES, OCTOBER)
    hours = asked(connection, ["hour"])
    for figure in (
        heat_map(asked(connection, ["weekday", "interval"]), target, scheme),
        wait_curve(curve, 20, target, scheme),
        by_time(hours, list(hours["hour"]), None, target, scheme),
        by_month(["sep", "oct"], [None, 0.76], [target, target], 1, scheme),
    ):
        assert accepted(figure).to_plotly_json()["layout"]["separators"] == ",."


def test_figures_of_no_calls_are_empty_and_accepted(connection: duckdb.DuckDBPyConnection) -> None:
    curve = measured_curve(connection, RULES, month("2020-01"))
    nobody = asked(connection, ["weekday", "interval"], "2020-01")
    hours = asked(connection, ["hour"], "2020-01")
    for figure in (heat_map(nobody, 0.8), wait_curve(curve, 20, 0.8), by_time(hours, [], [], 0.8)):
        accepted(figure)
    assert heat_map(nobody, 0.8)["data"][0]["z"] == [[]] * 7


def test_the_heat_map_is_blank_where_nobody_called_and_says_both_sides(connection: duckdb.DuckDBPyConnection) -> None:
    trace, veil = heat_map(asked(connection, ["weekday", "interval"]), 0.8)["data"]
    half_hours = [f"{hour:02}:{minute}" for hour in range(8, 24) for minute in ("00", "30")]
    assert trace["x"] == half_hours, "no half hour left out between the first and the last"
    assert trace["y"] == list(terms.WEEKDAYS)
    rows = zip(trace["y"], trace["z"], strict=True)
    cells = {(day, start): share for day, row in rows for start, share in zip(half_hours, row, strict=True)}
    assert {cell: share for cell, share in cells.items() if share is not None} == {
        ("lunes", "08:00"): 1,
        ("lunes", "08:30"): 0,
        ("martes", "09:00"): 0.5,
        ("sábado", "10:00"): 0,
        ("domingo", "23:30"): 0,
    }
    assert trace["customdata"][1][2] == "50,0 % · 1 de 2" and trace["customdata"][0][2] == ""
    assert not any(cell for row in veil["z"] for cell in row), "of so few calls none is a tenth of another"


def test_cells_of_few_calls_are_faded_by_half_hour_and_by_hour() -> None:
    counts = {("1", "03:00"): 9, ("1", "03:30"): 10, ("1", "10:00"): 100, ("1", "10:30"): 99, ("2", "04:00"): 19}
    rows = [("service_level", *cell, n, n, 1.0) for cell, n in counts.items()]
    columns = ["indicator", "weekday", "interval", "numerator", "denominator", "value"]
    frame = pd.DataFrame(rows, columns=columns)
    assert few_calls(frame) == 10

    def faded(figure: Figure) -> set[tuple[str, str]]:
        veil = figure["data"][1]
        assert veil["hoverinfo"] == "skip", "a click goes through to the figure"
        cells = zip(veil["y"], veil["z"], strict=True)
        return {(day, slot) for day, row in cells for slot, cell in zip(veil["x"], row, strict=True) if cell}

    assert faded(heat_map(frame, 0.8)) == {("lunes", "03:00")}
    hourly = by_hour(frame, weekdays=True)
    assert list(hourly.columns) == ["indicator", "weekday", "hour", "numerator", "denominator", "value"]
    assert hourly["denominator"].tolist() == [19, 199, 19]
    assert faded(heat_map(hourly, 0.8)) == {("lunes", "03:00"), ("martes", "04:00")}
    assert heat_map(hourly, 0.8)["data"][0]["x"] == [f"{hour:02}:00" for hour in range(3, 11)]


def test_the_curve_bears_threshold_and_target(connection: duckdb.DuckDBPyConnection) -> None:
    figure = wait_curve(measured_curve(connection, RULES, OCTOBER), 20, 0.8)
    line, mark = figure["data"]
    assert line["y"][19] == 1 / 6 and line["y"][20] == line["y"][39] == 2 / 6 and line["y"][40] == 3 / 6
    assert (mark["x"], mark["y"]) == ([20], [2 / 6])
    assert [note["text"] for note in figure["layout"]["annotations"]] == ["20 s: 33,3 %", "meta 80 %"]


def test_hours_show_level_and_calls_under_each_other(connection: duckdb.DuckDBPyConnection) -> None:
    hours = asked(connection, ["hour"])
    level, calls = by_time(hours, [f"{hour} h" for hour in hours["hour"]], None, 0.8)["data"]
    assert (level["y"], calls["y"]) == ([0.5, 0.5, 0.0, 0.0], [2, 2, 1, 1])
    assert level["customdata"][1:3] == ["09 h: 50,0 % · 1 de 2", "10 h: 0,0 % · 0 de 1"]


def test_months_stand_side_by_side_each_with_its_target() -> None:
    figure = by_month(["sep<br>2026", "oct<br>2026"], [None, 0.7604], [0.8, None], 1)
    (bars,) = figure["data"]
    assert bars["customdata"] == ["sep 2026: —", "oct 2026: 76,0 %"]
    assert bars["hovertemplate"] == "%{customdata}<extra></extra>"
    assert bars["text"] == [terms.BLANK, "76,0"] and bars["marker"]["color"] == [LIGHT.bar, LIGHT.accent]
    assert [(line["x0"], line["y0"]) for line in figure["layout"]["shapes"]] == [(-0.5, 0.8)]


def test_without_one_threshold_none_is_marked(connection: duckdb.DuckDBPyConnection) -> None:
    figure = wait_curve(measured_curve(connection, RULES, OCTOBER), None, 0.8)
    assert len(figure["data"]) == 1 and all("y0" not in line or line["y0"] != 0 for line in figure["layout"]["shapes"])

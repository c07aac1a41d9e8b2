"""Frames of reports.query as plotly figures, for screen, print and notebooks. No data access.

In: a frame and a scheme (LIGHT or DARK). Out: a figure as plain values, whose every text is written here, in Spanish;
for a notebook `plotly.graph_objects.Figure(figure)`. Plotly's own objects take ten times as long to make.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from reports import terms
from reports.coverage import State
from reports.format import number_text, percent_text, target_text

_FONT = "'Inter Variable', system-ui, sans-serif"
_SLOTS = tuple(f"{hour:02}:{minute}" for hour in range(24) for minute in ("00", "30"))
#: Cells with less than this of the fullest cell's calls are veiled by this much.
_FADED_BELOW, _VEIL = 0.1, 0.82
#: Room beside the bars of a waterfall, as a share of them, and the letters of a line of its labels.
_ROOM, _LABEL_WIDTH = 0.18, 20
_SHARES = (0, 0.2, 0.4, 0.6, 0.8, 1)

Figure = dict[str, Any]


@dataclass(frozen=True)
class Scheme:
    """The colours of a figure, those of the style sheet."""

    text: str
    quiet: str
    line: str
    surface: str
    bar: str
    accent: str
    good: str
    neutral: str
    bad: str


LIGHT = Scheme("#1d2126", "#555d66", "#dcdfe4", "#ffffff", "#b4bcc6", "#1f5a96", "#00705a", "#f1efe9", "#ad4400")
DARK = Scheme("#e6e9ec", "#a5adb6", "#343a41", "#1b1f24", "#4d5763", "#7fb2e5", "#45cda6", "#3a3d40", "#ff9a57")
SCHEMES = {"light": LIGHT, "dark": DARK}


def few_calls(frame: pd.DataFrame) -> int:
    """Return how many calls a cell of the heat map of a frame must have not to be faded: a tenth of the fullest."""
    return math.ceil(int(frame["denominator"].max()) * _FADED_BELOW) if len(frame) else 0


def heat_map(frame: pd.DataFrame, target: float | None, scheme: Scheme = LIGHT) -> Figure:
    """Weekday by half hour, or by hour: the service level about its target; where nobody called there is nothing.

    `frame` is that of `measure` for one ratio by weekday and interval or hour. Cells of few calls (`few_calls`) are
    faded, lest a night of three calls outweigh a morning of two hundred.
    """
    hourly = "hour" in frame.columns
    slots_of_day = tuple(slot for slot in _SLOTS if slot.endswith(":00")) if hourly else _SLOTS
    times = [f"{hour}:00" for hour in frame["hour"]] if hourly else frame["interval"]
    rows = zip(frame["weekday"], times, frame["value"], frame["numerator"], frame["denominator"], strict=True)
    few = few_calls(frame)
    cells = {(day, slot): (value, said_of(value, n, of), of < few) for day, slot, value, n, of in rows if of}
    called = [slot for slot in slots_of_day if any(key[1] == slot for key in cells)]
    first, last = (slots_of_day.index(called[place]) for place in (0, -1)) if called else (0, -1)
    slots = list(slots_of_day[first : last + 1])
    shown = [[cells.get((str(day), slot)) for slot in slots] for day in range(1, 8)]
    hours = [slot for slot in slots if slot.endswith(":00") and int(slot[:2]) % 3 == 0]
    days = [day[:3] for day in terms.WEEKDAYS] if hourly else list(terms.WEEKDAYS)
    placed = {"x": slots, "y": list(terms.WEEKDAYS), "xgap": 1, "ygap": 1}
    trace = {
        "type": "heatmap",
        **placed,
        "z": [[cell[0] if cell else None for cell in row] for row in shown],
        "customdata": [[cell[1] if cell else "" for cell in row] for row in shown],
        "hovertemplate": "%{y}, %{x}<br>%{customdata}<extra></extra>",
        "hoverongaps": False,
        "zmin": 0,
        "zmax": 1,
        "colorscale": _about(target, scheme),
        "colorbar": {
            "thickness": 10,
            "outlinewidth": 0,
            "tickvals": list(_SHARES),
            "ticktext": [percent_text(share, 0) for share in _SHARES],
            "tickfont": {"size": 11, "color": scheme.quiet},
        },
    }
    veil = {
        "type": "heatmap",
        **placed,
        "z": [[1 if cell and cell[2] else None for cell in row] for row in shown],
        "colorscale": [[0, scheme.surface], [1, scheme.surface]],
        "zmin": 0,
        "zmax": 1,
        "opacity": _VEIL,
        "showscale": False,
        "hoverinfo": "skip",
    }
    across = {"tickvals": hours, "ticktext": [slot[:2] for slot in hours], "tickangle": 0, **_titled("hora", scheme)}
    down = {"autorange": "reversed", "showgrid": False, "tickvals": list(terms.WEEKDAYS), "ticktext": days}
    return _figure([trace, veil], scheme, height=250, xaxis=across, yaxis=down)


def coverage_map(
    days: Sequence[str],
    lines: Sequence[Sequence[int | None]],
    states: Sequence[Sequence[State]],
    scheme: Scheme = LIGHT,
) -> Figure:
    """Day by hour: how many lines the log has, and where it is missing.

    `days` name the rows ("jue 01"); of each a row of 24 counts (None without a log) and of 24 states, which are
    told; missing ones are marked.
    """
    hours = [f"{hour:02}" for hour in range(24)]
    most = max((number for row in lines for number in row if number), default=1)
    said = [
        [f"{state}: {number_text(number)} líneas" if number else state for number, state in zip(*pair, strict=True)]
        for pair in zip(lines, states, strict=True)
    ]
    missing = [[1 if state == State.MISSING else None for state in row] for row in states]
    placed = {"x": hours, "y": list(days), "xgap": 1, "ygap": 1, "showscale": False}
    hover = {"customdata": said, "hovertemplate": "%{y}, %{x} h<br>%{customdata}<extra></extra>"}
    quiet = {
        "type": "heatmap", **placed, **hover, "zmin": 0, "zmax": 1,
        "z": [[0 if state == State.QUIET else None for state in row] for row in states],
        "colorscale": [[0, scheme.neutral], [1, scheme.neutral]],
    }  # fmt: skip
    logged = {
        "type": "heatmap", **placed, **hover, "zmin": 0, "zmax": 1,
        # Few lines are still seen: what is told is whether there is a log.
        "z": [[(most + 4 * number) / (5 * most) if number else None for number in row] for row in lines],
        "colorscale": [[0, scheme.neutral], [1, scheme.accent]],
    }  # fmt: skip
    lacking = {
        "type": "heatmap", **placed, **hover, "zmin": 0, "zmax": 1, "z": missing,
        "colorscale": [[0, scheme.bad], [1, scheme.bad]],
        "text": [["✕" if cell else "" for cell in row] for row in missing],
        "texttemplate": "%{text}",
        "textfont": {"color": scheme.surface, "size": 11},
    }  # fmt: skip
    across = {"tickvals": hours[::3], "tickangle": 0, "type": "category", **_titled("hora", scheme)}
    down = {"autorange": "reversed", "showgrid": False, "type": "category", "tickvals": list(days)[::2]}
    height = 70 + 15 * max(len(days), 4)
    return _figure([quiet, logged, lacking], scheme, height=height, xaxis=across, yaxis=down)


def wait_curve(frame: pd.DataFrame, threshold: int | None, target: float | None, scheme: Scheme = LIGHT) -> Figure:
    """The share of the registered that were answered within each number of seconds, with threshold and target.

    Without one threshold for the whole period (None) none is marked.
    """
    shares = [None if pd.isna(share) else float(share) for share in frame["share"]]
    said = [said_of(share, n, of) for share, n, of in zip(shares, frame["answered"], frame["registered"], strict=True)]
    traces: list[dict[str, Any]] = [
        {
            "type": "scatter",
            "x": [int(second) for second in frame["seconds"]],
            "y": shares,
            "mode": "lines",
            "line": {"color": scheme.accent, "width": 2.5},
            "customdata": said,
            "hovertemplate": "hasta %{x} s de espera<br>%{customdata}<extra></extra>",
        }
    ]
    shapes = []
    if threshold is not None:
        shapes.append(_line(scheme, x0=threshold, x1=threshold, yref="paper", y0=0, y1=1, dash="dot"))
    notes = []
    share = shares[threshold] if threshold is not None and threshold < len(shares) else None
    if share is not None:
        marker = {"color": scheme.accent, "size": 9}
        traces.append(
            {
                "type": "scatter",
                "x": [threshold],
                "y": [share],
                "mode": "markers",
                "marker": marker,
                "hoverinfo": "skip",
            }
        )
        text = f"{threshold} s: {percent_text(share)}"
        notes.append(
            {**_note(text, scheme), "x": threshold, "y": share, "xanchor": "left", "yanchor": "top", "xshift": 7}
        )
    if target is not None:
        shapes.append(_line(scheme, xref="paper", x0=0, x1=1, y0=target, y1=target))
        above = shares[-1] is not None and shares[-1] < target
        placed = {"xref": "paper", "x": 1, "xanchor": "right", "y": target, "yanchor": "bottom" if above else "top"}
        notes.append({**_note(f"meta {target_text(target)}", scheme), **placed})
    return _figure(
        traces, scheme, height=250, shapes=shapes, annotations=notes,
        xaxis={"dtick": 20, **_titled("segundos de espera", scheme)}, yaxis=_share_axis(),
    )  # fmt: skip


def by_time(
    frame: pd.DataFrame,
    labels: Sequence[str],
    short: Sequence[str] | None,
    target: float | None,
    scheme: Scheme = LIGHT,
) -> Figure:
    """The service level above, the registered below, along hours or days.

    `labels` name the groups of the frame, `short` names them on the axis where that says enough.
    """
    places = list(range(len(frame)))
    values = [None if pd.isna(value) else float(value) for value in frame["value"]]
    registered = [int(number) for number in frame["denominator"]]
    said = [
        f"{label}: {said_of(value, n, of)}"
        for label, value, n, of in zip(labels, values, frame["numerator"], registered, strict=True)
    ]
    hover = {"x": places, "customdata": said, "hovertemplate": "%{customdata}<extra></extra>"}
    level = {"mode": "lines+markers", "line": {"color": scheme.accent, "width": 2}, "marker": {"size": 5}}
    traces = [
        {"type": "scatter", "y": values, **level, **hover},
        {"type": "bar", "y": registered, "marker": {"color": scheme.bar}, "yaxis": "y2", **hover},
    ]
    # Few enough labels for a telephone.
    step = max(1, -(-len(places) // (12 if short else 6)))
    ticks = {"tickvals": places[::step], "ticktext": list(short or labels)[::step], "tickangle": 0, "anchor": "y2"}
    shapes = [] if target is None else [_line(scheme, xref="paper", x0=0, x1=1, y0=target, y1=target)]
    return _figure(
        traces, scheme, height=260, shapes=shapes, xaxis=ticks, yaxis={**_share_axis(), "domain": [0.43, 1]},
        yaxis2={"domain": [0, 0.35], "nticks": 3, "tickformat": ",d", **_titled("registradas", scheme)},
    )  # fmt: skip


def by_month(
    labels: Sequence[str],
    values: Sequence[float | None],
    targets: Sequence[float | None],
    chosen: int,
    scheme: Scheme = LIGHT,
) -> Figure:
    """The service level of months side by side, the chosen one in the accent, the target of each a line across it.

    `labels` name the months on the axis: "oct<br>2026".
    """
    places = list(range(len(labels)))
    colours = [scheme.accent if place == chosen else scheme.bar for place in places]
    bars = {
        "type": "bar",
        "x": places,
        "y": list(values),
        "marker": {"color": colours},
        "text": [number_text(100 * value, 1) if value is not None else terms.BLANK for value in values],
        "textposition": "inside",
        "insidetextanchor": "start",
        "constraintext": "none",
        "textangle": 0,
        "textfont": {"color": [scheme.surface if place == chosen else scheme.text for place in places]},
        "customdata": [
            f"{label.replace('<br>', ' ')}: {percent_text(value)}" for label, value in zip(labels, values, strict=True)
        ],
        "hovertemplate": "%{customdata}<extra></extra>",
    }
    shapes = [
        _line(scheme, x0=place - 0.5, x1=place + 0.5, y0=target, y1=target)
        for place, target in enumerate(targets)
        if target is not None
    ]
    ticks = {"tickvals": places, "ticktext": list(labels), "tickangle": 0}
    return _figure([bars], scheme, height=260, shapes=shapes, xaxis=ticks, yaxis=_share_axis())


@dataclass(frozen=True)
class Fall:
    """One bar of a waterfall: from where to where it goes, and the text beside it; `kind`: total, change or wrong."""

    label: str
    start: int
    end: int
    text: str
    kind: str


def waterfall(falls: Sequence[Fall], scheme: Scheme = LIGHT) -> Figure:
    """From one number to another, a bar below the other; the axis leaves out what is the same all the way."""
    places = list(range(len(falls)))
    steps = [fall for fall in falls if fall.kind != "total"]
    values = [value for fall in falls if fall.kind == "total" for value in (fall.end,)]
    values += [value for fall in steps for value in (fall.start, fall.end)]
    lowest, highest = (min(values), max(values)) if values else (0, 0)
    span = highest - lowest
    # Where the changes are a small part of the numbers, bars from zero on would hide them.
    left = max(0, lowest - span * _ROOM) if span and span < lowest else 0
    colours = {"total": scheme.accent, "change": scheme.bar, "wrong": scheme.bad}
    starts = [left if fall.kind == "total" else min(fall.start, fall.end) for fall in falls]
    bars = {
        "type": "bar",
        "orientation": "h",
        "y": places,
        "base": starts,
        "x": [max(fall.start, fall.end) - start for fall, start in zip(falls, starts, strict=True)],
        "marker": {"color": [colours[fall.kind] for fall in falls]},
        "text": [fall.text for fall in falls],
        "textposition": "outside",
        "textangle": 0,
        "constraintext": "none",
        "cliponaxis": False,
        "textfont": {"color": scheme.text, "size": 12},
        "customdata": [f"{fall.label}: {fall.text}" for fall in falls],
        "hovertemplate": "%{customdata}<extra></extra>",
    }
    labels = {
        "tickvals": places,
        "ticktext": [_broken(fall.label) for fall in falls],
        "autorange": "reversed",
        "showgrid": False,
        "tickfont": {"color": scheme.text},
    }
    right = highest + max(1.0, highest - left) * _ROOM
    across = {"range": [left, right], "nticks": 5, "tickformat": ",d"}
    return _figure([bars], scheme, height=70 + 36 * len(falls), xaxis=across, yaxis=labels)


def _broken(label: str) -> str:
    """Return a label in lines short enough for a telephone."""
    lines = [""]
    for word in label.split():
        if lines[-1] and len(lines[-1]) + len(word) >= _LABEL_WIDTH:
            lines.append("")
        lines[-1] += f" {word}" if lines[-1] else word
    return "<br>".join(lines)


def on_duty(frame: pd.DataFrame, registered: Mapping[str, int], scheme: Scheme = LIGHT) -> Figure:
    """Operators on duty by half hour above, the registered calls of the same half hours below.

    `frame` is that of `measure` for operators_on_duty by interval; `registered` are the calls of the whole period.
    """
    slots = [slot for slot in _SLOTS if slot in set(frame["interval"]) | registered.keys()]
    found = dict(zip(frame["interval"], frame["value"], strict=True))
    means = [None if pd.isna(found.get(slot)) else float(found[slot]) for slot in slots]
    said = [
        f"{slot}: "
        + (f"{number_text(mean, 1)} operadores en turno" if mean is not None else "nadie en turno")
        + f" · {number_text(registered.get(slot, 0))} registradas"
        for slot, mean in zip(slots, means, strict=True)
    ]  # fmt: skip
    hover = {"x": slots, "customdata": said, "hovertemplate": "%{customdata}<extra></extra>"}
    above = {"mode": "lines", "line": {"color": scheme.accent, "width": 2, "shape": "hvh"}, "connectgaps": False}
    traces: list[dict[str, Any]] = [
        {"type": "scatter", "y": means, **above, **hover},
        {
            "type": "bar",
            "y": [registered.get(slot, 0) for slot in slots],
            "marker": {"color": scheme.bar},
            "yaxis": "y2",
            **hover,
        },
    ]
    hours = [slot for slot in slots if slot.endswith(":00")]
    step = max(1, -(-len(hours) // 12))
    ticks = {"type": "category", "tickvals": hours[::step], "ticktext": [h[:2] for h in hours[::step]], "anchor": "y2"}
    return _figure(
        traces, scheme, height=260, xaxis={**ticks, "tickangle": 0, **_titled("hora", scheme)},
        yaxis={"domain": [0.43, 1], "rangemode": "tozero", "nticks": 5, **_titled("en turno", scheme)},
        yaxis2={"domain": [0, 0.35], "nticks": 3, "tickformat": ",d", **_titled("registradas", scheme)},
    )  # fmt: skip


def agent_day(rows: Sequence[tuple[str, Sequence[tuple[float, float, str]]]], scheme: Scheme = LIGHT) -> Figure:
    """One operator's day: a bar of each stretch (from and until in hours of the day, what is said of it) in its row."""
    colours = (scheme.bar, scheme.quiet, scheme.accent)
    traces: list[dict[str, Any]] = [
        {
            "type": "bar",
            "orientation": "h",
            "y": [label] * len(stretches),
            "base": [start for start, _, _ in stretches],
            # What lasts no time is seen all the same.
            "x": [max(end - start, 1 / 120) for start, end, _ in stretches],
            "marker": {"color": colour, "line": {"color": scheme.surface, "width": 0.5}},
            "customdata": [text for _, _, text in stretches],
            "hovertemplate": "%{customdata}<extra></extra>",
            "width": 0.62,
        }
        for (label, stretches), colour in zip(rows, colours, strict=False)
    ]
    every = [hour for _, stretches in rows for start, end, _ in stretches for hour in (start, end)]
    low, high = math.floor(min(every, default=8)), math.ceil(max(every, default=18))
    step = 1 if high - low <= 12 else 2 if high - low <= 18 else 3
    hours = list(range(low, high + 1, step))
    return _figure(
        traces, scheme, height=190, barmode="overlay",
        xaxis={"range": [low - 0.1, high + 0.1], "tickvals": hours, "ticktext": [f"{hour:02}" for hour in hours],
               "tickangle": 0, "showgrid": True, "gridcolor": scheme.line, **_titled("hora", scheme)},
        yaxis={"categoryorder": "array", "categoryarray": [label for label, _ in reversed(rows)], "showgrid": False},
    )  # fmt: skip


def said_of(value: float | None, numerator: int, denominator: int) -> str:
    """Return a ratio with its two sides: "76,0 % · 18.454 de 24.280"."""
    return f"{percent_text(value)} · {number_text(int(numerator))} de {number_text(int(denominator))}"


def _about(target: float | None, scheme: Scheme) -> list[list[float | str]]:
    """A scale of colours: below the target, at it, above it; of one hue where there is none."""
    if target is None:
        return [[0, scheme.neutral], [1, scheme.accent]]
    return [[0, scheme.bad], [target, scheme.neutral], [1, scheme.good]]


def _share_axis() -> dict[str, Any]:
    texts = [percent_text(share, 0) for share in _SHARES]
    return {"range": [0, 1.04], "tickvals": list(_SHARES), "ticktext": texts}


def _titled(text: str, scheme: Scheme) -> dict[str, Any]:
    return {"title": {"text": text, "font": {"size": 12, "color": scheme.quiet}}}


def _note(text: str, scheme: Scheme) -> dict[str, Any]:
    return {"text": text, "showarrow": False, "font": {"color": scheme.text, "size": 12.5}}


def _line(scheme: Scheme, *, dash: str = "solid", **place: float | str) -> dict[str, Any]:
    return {"type": "line", "line": {"color": scheme.text, "width": 1.3, "dash": dash}, **place}


def _figure(traces: Sequence[Mapping[str, Any]], scheme: Scheme, *, height: int, **layout: Any) -> Figure:
    """Return a figure in the look of the product; `layout` adds to the axes and the rest."""
    plain = {"zeroline": False, "fixedrange": True, "ticks": ""}
    across = {**plain, "linecolor": scheme.line, "showgrid": False, **layout.pop("xaxis", {})}
    upright = {
        name: {**plain, "gridcolor": scheme.line, "automargin": True, **layout.pop(name)}
        for name in ("yaxis", "yaxis2")
        if name in layout
    }
    return {
        "data": list(traces),
        "layout": {
            "height": height,
            "margin": {"l": 44, "r": 10, "t": 8, "b": 38},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": {"family": _FONT, "size": 12, "color": scheme.quiet},
            "showlegend": False,
            "separators": ",.",
            "hoverlabel": {"bgcolor": scheme.surface, "bordercolor": scheme.line, "font": {"color": scheme.text}},
            "dragmode": False,
            "bargap": 0.25,
            "xaxis": across,
            **upright,
            **layout,
        },
    }

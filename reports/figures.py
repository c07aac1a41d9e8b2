"""Frames of reports.query as plotly figures, for screen, print and notebooks. No data access.

In: a frame and a scheme (LIGHT or DARK). Out: a figure whose every text is written here, in Spanish.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from reports import terms
from reports.format import number_text, percent_text

_FONT = "'Inter Variable', system-ui, sans-serif"
_SHARES = (0, 0.2, 0.4, 0.6, 0.8, 1)


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


def heat_map(frame: pd.DataFrame, target: float | None, scheme: Scheme = LIGHT) -> go.Figure:
    """Weekday by half hour: the service level about its target; where nobody called there is nothing.

    `frame` is that of `measure` for one ratio by weekday and interval.
    """
    slots = [slot for slot in _SLOTS if slot in set(frame["interval"])]
    if slots:
        slots = list(_SLOTS[_SLOTS.index(slots[0]) : _SLOTS.index(slots[-1]) + 1])
    cells = {
        (day, slot): (value, n, of)
        for day, slot, value, n, of in zip(
            frame["weekday"], frame["interval"], frame["value"], frame["numerator"], frame["denominator"], strict=True
        )
        if of
    }
    days = [str(number) for number in range(1, 8)]
    shown = [[cells.get((day, slot)) for slot in slots] for day in days]
    figure = go.Figure(
        go.Heatmap(
            x=slots,
            y=list(terms.WEEKDAYS),
            z=[[cell[0] if cell else None for cell in row] for row in shown],
            customdata=[
                [
                    f"{percent_text(cell[0])} · {number_text(int(cell[1]))} de {number_text(int(cell[2]))}"
                    if cell
                    else ""
                    for cell in row
                ]
                for row in shown
            ],
            hovertemplate="%{y}, %{x}<br>%{customdata}<extra></extra>",
            hoverongaps=False,
            zmin=0,
            zmax=1,
            xgap=1,
            ygap=1,
            colorscale=_about(target, scheme),
            colorbar={
                "thickness": 10,
                "outlinewidth": 0,
                "tickvals": list(_SHARES),
                "ticktext": [percent_text(share, 0) for share in _SHARES],
                "tickfont": {"size": 11, "color": scheme.quiet},
            },
        )
    )
    _dress(figure, scheme, height=250)
    figure.update_yaxes(autorange="reversed", showgrid=False, ticks="")
    hours = [slot for slot in slots if slot.endswith(":00") and int(slot[:2]) % 2 == 0]
    figure.update_xaxes(
        showgrid=False, tickvals=hours, ticktext=[slot[:2] for slot in hours], tickangle=0, ticks="",
        title={"text": "hora", "font": {"size": 12, "color": scheme.quiet}},
    )  # fmt: skip
    return figure


def wait_curve(frame: pd.DataFrame, threshold: int, target: float | None, scheme: Scheme = LIGHT) -> go.Figure:
    """The share of the registered that were answered within each number of seconds, with threshold and target."""
    figure = go.Figure(
        go.Scatter(
            x=frame["seconds"],
            y=frame["share"],
            mode="lines",
            line={"color": scheme.accent, "width": 2.5},
            customdata=[
                f"{percent_text(share)} · {number_text(int(n))} de {number_text(int(of))}"
                for share, n, of in zip(frame["share"], frame["answered"], frame["registered"], strict=True)
            ],
            hovertemplate="hasta %{x} s de espera<br>%{customdata}<extra></extra>",
        )
    )
    _dress(figure, scheme, height=250)
    at = frame.loc[frame["seconds"] == threshold, "share"]
    figure.add_vline(x=threshold, line={"color": scheme.text, "width": 1, "dash": "dot"})
    if len(at) and not pd.isna(at.iloc[0]):
        share = float(at.iloc[0])
        figure.add_annotation(
            x=threshold, y=share, text=f"{threshold} s: {percent_text(share)}", showarrow=False, xanchor="left",
            xshift=7, yanchor="top", yshift=-6, font={"color": scheme.text, "size": 13},
        )  # fmt: skip
        figure.add_scatter(
            x=[threshold], y=[share], mode="markers", marker={"color": scheme.accent, "size": 9}, hoverinfo="skip"
        )
    if target is not None:
        figure.add_hline(y=target, line={"color": scheme.text, "width": 1.5})
        above = len(frame) and not pd.isna(frame["share"].iloc[-1]) and frame["share"].iloc[-1] < target
        figure.add_annotation(
            xref="paper", x=1, y=target, text=f"meta {percent_text(target, 0)}", showarrow=False, xanchor="right",
            yanchor="bottom" if above else "top", font={"color": scheme.text, "size": 12},
        )  # fmt: skip
    _share_axis(figure, scheme)
    figure.update_xaxes(title={"text": "segundos de espera", "font": {"size": 12, "color": scheme.quiet}}, dtick=20)
    return figure


def by_time(
    frame: pd.DataFrame,
    labels: Sequence[str],
    short: Sequence[str] | None,
    target: float | None,
    scheme: Scheme = LIGHT,
) -> go.Figure:
    """The service level above, the registered below, along hours or days.

    `labels` name the groups of the frame, `short` names them on the axis where that says enough.
    """
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.62, 0.38], vertical_spacing=0.08)
    places = list(range(len(frame)))
    said = [
        f"{label}: {percent_text(value)} · {number_text(int(n))} de {number_text(int(of))}"
        for label, value, n, of in zip(labels, frame["value"], frame["numerator"], frame["denominator"], strict=True)
    ]
    figure.add_scatter(
        x=places, y=frame["value"], mode="lines+markers", line={"color": scheme.accent, "width": 2},
        marker={"size": 5}, customdata=said, hovertemplate="%{customdata}<extra></extra>", row=1, col=1,
    )  # fmt: skip
    figure.add_bar(
        x=places, y=frame["denominator"], marker={"color": scheme.bar}, customdata=said,
        hovertemplate="%{customdata}<extra></extra>", row=2, col=1,
    )  # fmt: skip
    _dress(figure, scheme, height=260)
    if target is not None:
        figure.add_hline(y=target, line={"color": scheme.text, "width": 1.5}, row=1, col=1)
    _share_axis(figure, scheme, row=1)
    figure.update_yaxes(
        title={"text": "registradas", "font": {"size": 11, "color": scheme.quiet}},
        nticks=3,
        tickformat=",d",
        row=2,
        col=1,
    )
    # Few enough labels for a telephone.
    step = max(1, -(-len(places) // (12 if short else 6)))
    figure.update_xaxes(tickvals=places[::step], ticktext=list(short or labels)[::step], tickangle=0, showgrid=False)
    return figure


_SLOTS = tuple(f"{hour:02}:{minute}" for hour in range(24) for minute in ("00", "30"))


def _about(target: float | None, scheme: Scheme) -> list[list[float | str]]:
    """A scale of colours: below the target, at it, above it; of one hue where there is none."""
    if target is None:
        return [[0, scheme.neutral], [1, scheme.accent]]
    return [[0, scheme.bad], [target, scheme.neutral], [1, scheme.good]]


def _share_axis(figure: go.Figure, scheme: Scheme, **place: int) -> None:
    figure.update_yaxes(
        range=[0, 1.04], tickvals=list(_SHARES), ticktext=[percent_text(share, 0) for share in _SHARES],
        gridcolor=scheme.line, **({**place, "col": 1} if place else {}),
    )  # fmt: skip


def _dress(figure: go.Figure, scheme: Scheme, *, height: int) -> None:
    figure.update_layout(
        template="none",
        height=height,
        margin={"l": 44, "r": 10, "t": 8, "b": 30},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": _FONT, "size": 12, "color": scheme.quiet},
        showlegend=False,
        separators=",.",
        hoverlabel={"bgcolor": scheme.surface, "bordercolor": scheme.line, "font": {"color": scheme.text, "size": 12}},
        dragmode=False,
        bargap=0.25,
    )
    figure.update_xaxes(zeroline=False, linecolor=scheme.line, fixedrange=True, showgrid=False)
    figure.update_yaxes(zeroline=False, gridcolor=scheme.line, fixedrange=True, automargin=True)

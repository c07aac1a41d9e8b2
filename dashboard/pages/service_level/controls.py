"""The controls of the page: what they show for an address, and the address that they ask for.

In: what the address asked, what stands in the controls. Out: values of the controls, an address.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from typing import Any

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from dashboard import filters
from dashboard.components import aria
from dashboard.context import Context
from dashboard.filters import Filters
from dashboard.question import Question
from reports import terms
from reports.definition import Period
from reports.format import date_text

#: The controls, in the order in which their values are given and taken.
CONTROLS = ("sl-preset", "sl-first", "sl-last", "sl-lines", "sl-unit", "sl-threshold")
#: The look of the controls: to come, there, and where there is nothing to be asked.
WAITING, SHOWN, HIDDEN = "panel controls waiting", "panel controls", "panel controls absent"
_PRESETS = [
    *({"value": word, "label": label} for word, label in filters.PRESETS.items()),
    {"value": "", "label": "Otro"},
]


def bar() -> Component:
    """Return the controls, empty; the address fills them."""
    low, high = filters.THRESHOLDS
    units = [{"value": word, "label": terms.UNITS_PLURAL[unit].capitalize()} for word, unit in filters.UNITS.items()]
    instantly = {"transitionProps": {"duration": 0}}
    preset = dmc.SegmentedControl(id="sl-preset", data=_PRESETS, size="xs")
    lines = dmc.MultiSelect(
        id="sl-lines", data=[], placeholder="todas", size="xs", clearable=True, hidePickedOptions=True,
        comboboxProps=instantly, **aria(label="Líneas"),
    )  # fmt: skip
    unit = dmc.Select(
        id="sl-unit",
        data=units,
        allowDeselect=False,
        size="xs",
        comboboxProps=instantly,
        **aria(label=terms.COUNTED_IN),
    )
    threshold = dmc.Slider(
        id="sl-threshold", min=low, max=high, step=1, value=low, size="sm", updatemode="mouseup",
        marks=[{"value": each, "label": str(each)} for each in (10, 20, 30, 45, 60)],
        thumbLabel="Umbral en segundos",
    )  # fmt: skip
    return html.Section(
        [
            _labelled("Período", preset),
            _labelled("Desde", _day_input("sl-first", "Desde")),
            _labelled("Hasta", _day_input("sl-last", "Hasta")),
            _labelled("Líneas", lines, "wide"),
            _labelled(terms.COUNTED_IN, unit, "unit"),
            _labelled("Umbral (segundos)", threshold, "wide"),
        ],
        id="sl-controls",
        className=WAITING,
        **aria(label="Filtros"),
    )


def values(question: Question, context: Context) -> tuple[Any, ...]:
    """Return what the controls show, in the order of CONTROLS."""
    asked = question.filters
    return (
        filters.preset_of(asked.period, context.today()),
        date_text(asked.period.first),
        date_text(asked.period.last),
        list(asked.lines),
        filters.word_of(asked.unit),
        question.thresholds[-1],
    )


def line_choices(context: Context) -> list[dict[str, str]]:
    """Return the lines that may be chosen."""
    lines = [{"value": line.number, "label": terms.line_name(line.number)} for line in context.lines]
    return [*lines, {"value": terms.NO_LINE, "label": terms.NO_LINE}]


def chosen(
    before: Filters, context: Context, preset: str | None, first: str | None, last: str | None,
    lines: list[str] | None, unit: str | None, threshold: int | None,
) -> str | None:  # fmt: skip
    """Return the address that the controls ask for; None where it is the one shown, or a day cannot be read."""
    today = context.today()
    try:
        if preset and preset != filters.preset_of(before.period, today):
            period = filters.preset(preset, today)
        else:
            start = typed_day(first) or before.period.first
            end = typed_day(last) or before.period.last
            period = Period(start, end) if start <= end else Period(end, start)
    except ValueError:  # told beside the field
        return None
    asked = Filters(
        period,
        tuple(lines or ()),
        filters.UNITS.get(unit or "", before.unit),
        _threshold_on_trial(before, context, period, threshold),
    )
    return asked.address if asked != replace(before, parts=()) else None


def _threshold_on_trial(before: Filters, context: Context, period: Period, threshold: int | None) -> int | None:
    """Return the threshold to try: None where nobody moved it, or where it is the rule's own all through the period."""
    rules = context.rules()
    unmoved = Question(replace(before, threshold=None), rules).thresholds[-1]
    if threshold is None or (before.threshold is None and threshold == unmoved):
        return None
    return None if Question(Filters(period), rules).thresholds == (threshold,) else int(threshold)


def typed_day(text: str | None) -> date | None:
    """Return a day typed as 31/10/2026, None for nothing. Raises ValueError."""
    return datetime.strptime(text.strip(), "%d/%m/%Y").date() if text and text.strip() else None


def day_error(text: str | None) -> str | None:
    """Return what is told beside a day that cannot be read."""
    try:
        typed_day(text)
    except ValueError:
        return "se escribe 31/10/2026"
    return None


def _labelled(label: str, control: Component, kind: str = "") -> Component:
    return html.Div([html.Span(label, className="control-label"), control], className=f"control {kind}")


def _day_input(identity: str, label: str) -> Component:
    day: Component = dmc.TextInput(
        id=identity,
        placeholder="dd/mm/aaaa",
        debounce=True,
        size="xs",
        inputProps={"inputMode": "numeric"},
        **aria(label=label),
    )
    return day

"""The controls of the page: period, lines, unit; what they show for an address, and the address that they ask for.

In: what the address asked, what stands in the controls. Out: values of the controls, an address.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from dashboard import filters
from dashboard.components import aria
from dashboard.context import Context
from dashboard.filters import Filters
from dashboard.pages.service_level.controls import WAITING, typed_day
from dashboard.question import Question
from reports import terms
from reports.definition import Period
from reports.format import date_text

#: The controls, in the order in which their values are given and taken.
CONTROLS = ("bridge-preset", "bridge-first", "bridge-last", "bridge-lines", "bridge-unit")
_PRESETS = [
    *({"value": word, "label": label} for word, label in filters.PRESETS.items()),
    {"value": "", "label": "Otro"},
]


def bar() -> Component:
    """Return the controls, empty; the address fills them."""
    units = [{"value": word, "label": terms.UNITS_PLURAL[unit].capitalize()} for word, unit in filters.UNITS.items()]
    instantly = {"transitionProps": {"duration": 0}}
    preset = dmc.SegmentedControl(id="bridge-preset", data=_PRESETS, size="xs")
    lines = dmc.MultiSelect(
        id="bridge-lines", data=[], placeholder="todas", size="xs", clearable=True, hidePickedOptions=True,
        comboboxProps=instantly, **aria(label="Líneas"),
    )  # fmt: skip
    unit = dmc.Select(
        id="bridge-unit", data=units, allowDeselect=False, size="xs", comboboxProps=instantly,
        **aria(label=terms.COUNTED_IN),
    )  # fmt: skip
    return html.Section(
        [
            _labelled("Período", preset),
            _labelled("Desde", _day_input("bridge-first", "Desde")),
            _labelled("Hasta", _day_input("bridge-last", "Hasta")),
            _labelled("Líneas", lines, "wide"),
            _labelled(terms.COUNTED_IN, unit, "unit"),
        ],
        id="bridge-controls",
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
    )


def chosen(
    before: Filters, context: Context, preset: str | None, first: str | None, last: str | None,
    lines: list[str] | None, unit: str | None,
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
    asked = Filters(period, tuple(lines or ()), filters.UNITS.get(unit or "", before.unit), before.threshold)
    return asked.address if asked != replace(before, parts=(), bridge="") else None


def _labelled(label: str, control: Component, kind: str = "") -> Component:
    return html.Div([html.Span(label, className="control-label"), control], className=f"control {kind}")


def _day_input(identity: str, label: str) -> Component:
    day: Component = dmc.TextInput(
        id=identity, placeholder="dd/mm/aaaa", debounce=True, size="xs", inputProps={"inputMode": "numeric"},
        **aria(label=label),
    )  # fmt: skip
    return day

"""The controls above the figures of a page: period, and as far as the page asks for them lines, unit and threshold.

In: what an address asks, what stands in the controls. Out: the controls, their values, the address that they ask for.
They act at once, on every page alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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
from reports.definition import Period, Unit, month
from reports.format import date_text, month_text

#: The look of the controls: to come, there, and where there is nothing to be asked.
WAITING, SHOWN, HIDDEN = "panel controls waiting", "panel controls", "panel controls absent"
_PRESETS = [
    *({"value": word, "label": label} for word, label in filters.PRESETS.items()),
    {"value": "", "label": "Otro"},
]
_AT_ONCE = {"transitionProps": {"duration": 0}}


@dataclass(frozen=True)
class PeriodControls:
    """The controls of a page; `prefix` begins their ids. `lines` is the label of the choice of lines, "" for none."""

    prefix: str
    lines: str = "Líneas"
    has_unit: bool = False
    has_threshold: bool = False

    @property
    def words(self) -> tuple[str, ...]:
        """What is asked for, in the order in which values are given and taken."""
        asked = {
            "preset": True, "month": True, "first": True, "last": True, "lines": bool(self.lines),
            "unit": self.has_unit, "threshold": self.has_threshold,
        }  # fmt: skip
        return tuple(word for word, is_asked in asked.items() if is_asked)

    @property
    def names(self) -> tuple[str, ...]:
        """The ids of the controls, in the same order."""
        return tuple(map(self.name, self.words))

    def name(self, word: str) -> str:
        """Return the id of a control."""
        return f"{self.prefix}-{word}"

    def bar(self) -> Component:
        """Return the controls, empty; the address fills them."""
        drawn = {
            "preset": ("Período", "", dmc.SegmentedControl(id=self.name("preset"), data=_PRESETS, size="xs")),
            "month": (terms.MONTH, "of-month", self._choice("month", terms.MONTH, placeholder="otro período")),
            "first": ("Desde", "", self._day("first", "Desde")),
            "last": ("Hasta", "", self._day("last", "Hasta")),
            "lines": (self.lines, "wide", self._lines()),
            "unit": (terms.COUNTED_IN, "unit", self._choice("unit", terms.COUNTED_IN, data=_units())),
            "threshold": ("Umbral (segundos)", "wide", self._threshold()),
        }
        return html.Section(
            [_labelled(*drawn[word]) for word in self.words],
            id=self.name("controls"),
            className=WAITING,
            **aria(label="Filtros"),
        )

    def values(self, question: Question, context: Context) -> tuple[Any, ...]:
        """Return what the controls show for a question, in the order of `words`."""
        asked = question.filters
        shown: dict[str, Any] = {
            "preset": filters.preset_of(asked.period, context.today()),
            "month": month_of(asked.period),
            "first": date_text(asked.period.first),
            "last": date_text(asked.period.last),
            "lines": list(asked.lines),
            "unit": filters.word_of(asked.unit),
        }
        if self.has_threshold:
            shown["threshold"] = question.thresholds[-1]
        return tuple(shown[word] for word in self.words)

    def chosen(self, before: Filters, context: Context, given: Mapping[str, Any]) -> Filters | None:
        """Return what the controls ask for, by their words; None where it is what is shown, or cannot be read."""
        shown = Filters(
            before.period,
            before.lines if self.lines else (),
            before.unit if self.has_unit else Unit.LINE,
            before.threshold,
        )
        try:
            period = _period(before.period, context.today(), given)
        except ValueError:  # told beside the field
            return None
        asked = Filters(
            period,
            tuple(given["lines"] or ()) if self.lines else (),
            filters.UNITS.get(given["unit"] or "", before.unit) if self.has_unit else Unit.LINE,
            _on_trial(before, context, period, given["threshold"]) if self.has_threshold else before.threshold,
        )
        return asked if asked != shown else None

    def _choice(self, word: str, label: str, **more: Any) -> Component:
        choice: Component = dmc.Select(
            id=self.name(word), allowDeselect=False, size="xs", comboboxProps=_AT_ONCE, **aria(label=label), **more
        )
        return choice

    def _lines(self) -> Component:
        lines: Component = dmc.MultiSelect(
            id=self.name("lines"), data=[], placeholder="todas", size="xs", clearable=True, hidePickedOptions=True,
            comboboxProps=_AT_ONCE, **aria(label=self.lines),
        )  # fmt: skip
        return lines

    def _day(self, word: str, label: str) -> Component:
        day: Component = dmc.TextInput(
            id=self.name(word), placeholder="dd/mm/aaaa", debounce=True, size="xs",
            inputProps={"inputMode": "numeric"}, **aria(label=label),
        )  # fmt: skip
        return day

    def _threshold(self) -> Component:
        low, high = filters.THRESHOLDS
        slider: Component = dmc.Slider(
            id=self.name("threshold"), min=low, max=high, step=1, value=low, size="sm", updatemode="mouseup",
            marks=[{"value": each, "label": str(each)} for each in (10, 20, 30, 45, 60)],
            thumbLabel="Umbral en segundos",
        )  # fmt: skip
        return slider


def line_choices(context: Context) -> list[dict[str, str]]:
    """Return the lines that may be chosen."""
    lines = [{"value": line.number, "label": terms.line_name(line.number)} for line in context.lines]
    return [*lines, {"value": terms.NO_LINE, "label": terms.NO_LINE}]


def month_choices(months: Sequence[str]) -> list[dict[str, str]]:
    """Return the months that may be chosen, the newest first."""
    return [{"value": each, "label": month_text(each, capital=True)} for each in reversed(months)]


def month_of(period: Period) -> str | None:
    """Return the month that a period is, None for any other."""
    return f"{period.first:%Y-%m}" if period.is_month else None


def day_error(text: str | None) -> str | None:
    """Return what is told beside a day that cannot be read."""
    try:
        _typed_day(text)
    except ValueError:
        return "se escribe 31/10/2026"
    return None


def _period(before: Period, today: date, given: Mapping[str, Any]) -> Period:
    """Return the period asked for: what differs from the period shown is what was moved. Raises ValueError."""
    if given["preset"] and given["preset"] != filters.preset_of(before, today):
        return filters.preset(given["preset"], today)
    if given["month"] and given["month"] != month_of(before):
        return month(given["month"])
    first, last = _typed_day(given["first"]) or before.first, _typed_day(given["last"]) or before.last
    return Period(min(first, last), max(first, last))


def _on_trial(before: Filters, context: Context, period: Period, threshold: int | None) -> int | None:
    """Return the threshold to try: None where nobody moved it, or where it is the rule's own all through the period."""
    rules = context.rules()
    unmoved = Question(replace(before, threshold=None), rules).thresholds[-1]
    if threshold is None or (before.threshold is None and threshold == unmoved):
        return None
    return None if Question(Filters(period), rules).thresholds == (threshold,) else int(threshold)


def _typed_day(text: str | None) -> date | None:
    """Return a day typed as 31/10/2026, None for nothing. Raises ValueError."""
    return datetime.strptime(text.strip(), "%d/%m/%Y").date() if text and text.strip() else None


def _units() -> list[dict[str, str]]:
    return [{"value": word, "label": terms.UNITS_PLURAL[unit].capitalize()} for word, unit in filters.UNITS.items()]


def _labelled(label: str, kind: str, control: Component) -> Component:
    return html.Div([html.Span(label, className="control-label"), control], className=f"control {kind}")

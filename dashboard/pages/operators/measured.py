"""Every figure of the page, measured once; the page draws them and its files hold them.

In: a cursor and a question. Out: figures of each operator, of all, and frames of reports.query.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pandas as pd

from dashboard.context import Cursor
from dashboard.filters import Filters
from dashboard.question import Question
from reports import terms
from reports.definition import Dimension, Unit
from reports.format import count_text, duration_text
from reports.limits import untold
from reports.measured import Figures, figures_of, whole
from reports.persons import named_persons
from reports.query import measure

_MEANS = ("aht", "mean_ring")
_CALLS = ("answered", "talk_seconds", "aht", "mean_ring")
_TIMES = (
    "rings_unanswered", "logged_in_seconds", "ruled_session_seconds", "paused_seconds", "occupancy",
    "operators_by_activity",
)  # fmt: skip


#: What is blank and not 0 where no source of the period tells it, by what such a source loses (LogSource.losses).
_LOST = {
    "rings": ("rings_unanswered",),
    "sessions": ("logged_in_seconds", "paused_seconds", "busy_seconds", "staffed_seconds"),
}


@dataclass(frozen=True)
class OperatorFigures:
    """One operator's figures by indicator; "" is the total of all. `unnamed`: an interface that nobody gave a name.

    `untold` are the columns that no source of the period tells.
    """

    name: str
    figures: Figures
    unnamed: bool = False
    untold: frozenset[str] = frozenset()

    def count(self, indicator: str) -> int:
        """Return a count, 0 where there is none."""
        figure = self.figures.get(indicator)
        return figure.numerator or 0 if figure is not None else 0

    @property
    def cells(self) -> dict[str, str | int | float | None]:
        """What the table has of it, by column, unwritten: both sides of the occupancy beside it."""
        means = {name: self.figures.get(name) for name in _MEANS}
        occupancy = self.figures.get("occupancy")
        told: dict[str, str | int | float | None] = {
            "agent": self.name or terms.TOTAL,
            **{name: self.count(name) for name in ("answered", "talk_seconds")},
            **{name: mean.value if mean is not None else None for name, mean in means.items()},
            "rings_unanswered": self.count("rings_unanswered"),
            "logged_in_seconds": self.count("logged_in_seconds"),
            "paused_seconds": self.count("paused_seconds"),
            "busy_seconds": self.count("occupancy"),
            "staffed_seconds": occupancy.denominator if occupancy is not None else None,
            "occupancy": occupancy.value if occupancy is not None else None,
            "mark": self.mark,
        }
        return {field: None if field in self.untold else value for field, value in told.items()}

    @property
    def mark(self) -> str:
        """What is to be known: no name, sessions closed by rule, activity without any session."""
        said = [terms.UNNAMED] if self.unnamed else []
        if ruled := self.count("ruled_session_seconds"):
            said.append(f"sin salida: {duration_text(ruled)}")
        if number := self.count("operators_by_activity"):
            said.append(f"sin sesión: {count_text(number, 'media hora', 'medias horas')}")
        return "; ".join(said)


@dataclass(frozen=True)
class Measured:
    """What the page shows of a period."""

    operators: tuple[OperatorFigures, ...]
    total: OperatorFigures
    reasons: pd.DataFrame
    duty: pd.DataFrame
    registered: Mapping[str, int]

    @property
    def has_sessions(self) -> bool:
        """Whether the log tells any session."""
        return bool(self.total.count("logged_in_seconds"))


def asked_of(question: Question) -> Filters:
    """Return what calls of operators are asked by: those of the lines asked for, in queue visits."""
    return replace(question.filters, parts=(), unit=Unit.VISIT)


def measure_page(cursor: Cursor, question: Question) -> Measured:
    """Measure everything of the page. Raises QueryError."""
    asked, rules = asked_of(question), question.rules
    agent = (Dimension.AGENT,)
    calls = measure(cursor, rules, _CALLS, asked.period, agent, asked.where, Unit.VISIT, total=True)
    times = measure(cursor, rules, _TIMES, asked.period, agent, total=True)
    rows = pd.concat([calls, times], ignore_index=True)
    of_all = rows["agent"].isna()
    persons = named_persons(cursor)
    total = OperatorFigures("", figures_of(rows[of_all]))
    # A source may lose some of them only: what there is, is shown.
    lost = [_LOST[code] for code in untold(cursor, asked.period) if code in _LOST]
    blank = frozenset(field for fields in lost if not any(total.cells[each] for each in fields) for field in fields)
    found = {
        str(name): OperatorFigures(str(name), figures_of(part), _is_unnamed(str(name), persons), blank)
        for name, part in rows[~of_all].groupby("agent", sort=False)
    }
    names = sorted(found, key=lambda name: (name == terms.NO_AGENT, found[name].unnamed, name.casefold()))
    registered = measure(cursor, rules, ["registered"], asked.period, [Dimension.INTERVAL], asked.where)
    return Measured(
        operators=tuple(found[name] for name in names),
        total=replace(total, untold=blank),
        reasons=measure(cursor, rules, ["paused_seconds"], asked.period, [Dimension.REASON], total=True),
        duty=measure(cursor, rules, ["operators_on_duty"], asked.period, [Dimension.INTERVAL]),
        registered={
            str(slot): whole(number) or 0
            for slot, number in zip(registered["interval"], registered["numerator"], strict=True)
        },
    )


def _is_unnamed(name: str, persons: frozenset[str]) -> bool:
    """Tell whether an operator is an interface among persons; where nobody has a name yet, that is said once."""
    return bool(persons) and name != terms.NO_AGENT and name not in persons


@dataclass(frozen=True)
class OneMeasured:
    """What the page shows of one operator: day by day, and pauses by reason."""

    days: tuple[OperatorFigures, ...]
    reasons: pd.DataFrame


def measure_one(cursor: Cursor, question: Question, operator: OperatorFigures) -> OneMeasured:
    """Measure an operator's days. Raises QueryError."""
    asked, rules, where = asked_of(question), question.rules, {"agent": operator.name}
    day = (Dimension.DAY,)
    parts = [measure(cursor, rules, _TIMES, asked.period, day, where)]
    if operator.count("answered"):  # who never answered is nobody to the calls
        parts.append(measure(cursor, rules, _CALLS, asked.period, day, {**asked.where, **where}, Unit.VISIT))
    days = {
        str(name): OperatorFigures(str(name), figures_of(rows), untold=operator.untold)
        for name, rows in pd.concat(parts, ignore_index=True).groupby("day", sort=True)
    }
    reasons = measure(cursor, rules, ["paused_seconds"], asked.period, [Dimension.REASON], where, total=True)
    return OneMeasured(tuple(days.values()), reasons)

"""What an address asks for, ready to be measured: filters and the rules to count by.

In: a context, the query of an address, the days on record. Out: Question; pages, their lists and their files ask by it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

import pandas as pd

from dashboard import filters
from dashboard.context import Context, Cursor
from dashboard.filters import Filters
from reports import terms
from reports.definition import Dimension, Unit, month
from reports.export import file_word
from reports.format import dimension_text, period_text
from reports.measured import Recorded
from reports.query import measure
from reports.rules import Rules
from reports.wording import aim_text, threshold_text


@dataclass(frozen=True)
class Question:
    """What is asked for, and the rules: the site's, or those with the threshold on trial."""

    filters: Filters
    rules: Rules

    @property
    def thresholds(self) -> tuple[int, ...]:
        """The thresholds in force in the period, by date: more than one where it changed. Raises RulesError."""
        return self.rules.thresholds(self.filters.period)

    @property
    def target(self) -> Decimal | None:
        """The target of every month of the period; None where they differ or one has none."""
        targets = self._targets()
        return targets.pop() if len(targets) == 1 else None

    @property
    def target_says(self) -> str:
        """The target as users read it: "80 % o más", "sin meta", or that it changes."""
        return terms.TARGET_CHANGES if len(self._targets()) > 1 else aim_text(self.target)

    def _targets(self) -> set[Decimal | None]:
        return {self.rules.target(part.first) for part in self.filters.period.months()}

    @property
    def whole(self) -> Question:
        """The same for the whole of its period, not for a part of it (an hour, a cause)."""
        return replace(self, filters=replace(self.filters, parts=(), bridge=""))

    @property
    def file_suffix(self) -> str:
        """What tells a saved file from that of another question: "_2026-10-01_2026-10-31_linea-101_prueba-30s"."""
        asked = self.filters
        parts = [f"{asked.period.first:%Y-%m-%d}", f"{asked.period.last:%Y-%m-%d}"]
        parts += [f"linea-{file_word(line)}" for line in asked.lines]
        parts += [f"{word}-{file_word(value)}" for word, value in asked.parts]
        parts += [filters.word_of(asked.unit)] if asked.unit is not Unit.LINE else []
        parts += [f"puente-{file_word(asked.bridge)}"] if asked.bridge else []
        parts += [f"prueba-{asked.threshold}s"] if asked.threshold is not None else []
        return "".join(f"_{part}" for part in parts)

    @property
    def says(self) -> tuple[str, ...]:
        """What was asked for, a line each, as it stands above a list and a saved table. Raises RulesError."""
        asked = self.filters
        trial = " (prueba; no es la cifra del manual)" if asked.threshold is not None else ""
        narrowed = [
            f"{terms.DIMENSIONS[filters.PARTS[word]].capitalize()}: {dimension_text(filters.PARTS[word], value)}"
            for word, value in asked.parts
        ]
        return (
            f"Período: {period_text(asked.period)}",
            f"Líneas: {', '.join(map(terms.line_name, asked.lines)) or 'todas'}",
            *narrowed,
            f"{terms.COUNTED_IN}: {terms.UNITS[asked.unit]}",
            f"Umbral: {threshold_text(self.thresholds)}{trial}",
            f"Meta: {self.target_says}",
        )

    def ask(
        self, cursor: Cursor, *indicators: str, by: tuple[Dimension, ...] = (), total: bool = False
    ) -> pd.DataFrame:
        """Measure indicators for this question; see reports.query.measure. Raises QueryError."""
        asked = self.filters
        return measure(cursor, self.rules, indicators, asked.period, by, asked.where, asked.unit, total)


def read_question(context: Context, search: str | None, log: Recorded) -> Question:
    """Return the question of the query of an address; without a period it is the last whole month on record.

    Raises FilterError, PeriodError or RulesError.
    """
    usual = month(log.latest_whole or f"{context.today():%Y-%m}")
    asked = filters.read(search, today=context.today(), usual=usual)
    rules = context.rules()
    return Question(asked, rules if asked.threshold is None else rules.trying_threshold(asked.threshold))

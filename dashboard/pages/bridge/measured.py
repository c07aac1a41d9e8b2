"""Everything of the page, measured once; the page draws it and its files hold it.

In: a cursor and a question. Out: the figures of each way to measure, the bridge, the loaded exports compared.
"""

from __future__ import annotations

from dataclasses import dataclass

from dashboard.context import Cursor
from dashboard.question import Question
from reports import terms
from reports.bridge import Bridge, measure_bridge
from reports.bridge_exports import Compared, compare_exports
from reports.completeness import Completeness, completeness
from reports.definition import Dimension, Unit
from reports.exported import read_exported
from reports.indicators import BY_NAME
from reports.measured import Figure, figures_of
from reports.query import measure

#: The ways to measure that are set side by side: the manual's first.
VARIANTS = tuple(terms.VARIANTS_EXPLAINED)


@dataclass(frozen=True)
class Measured:
    """What the page shows. `variants` are in the order of VARIANTS, each in its unit.

    `exports` are those compared, the newest; `exports_left_out` how many more there are.
    """

    variants: dict[str, Figure]
    bridge: Bridge
    exports: tuple[Compared, ...]
    exports_left_out: int
    on_record: Completeness


def measure_page(cursor: Cursor, question: Question) -> Measured:
    """Measure everything of the page. Raises QueryError."""
    asked = question.filters
    where = {Dimension.SERVICE.value: asked.lines} if asked.lines else None
    of_unit = [name for name in VARIANTS if asked.unit in BY_NAME[name].units]
    figures = figures_of(measure(cursor, question.rules, of_unit, asked.period, (), where, asked.unit))
    of_visits = [name for name in VARIANTS if name not in of_unit]
    if of_visits:
        figures |= figures_of(measure(cursor, question.rules, of_visits, asked.period, (), where, Unit.VISIT))
    exported = read_exported(cursor, asked.period, asked.lines)
    compared, left_out = compare_exports(cursor, question.rules, exported, asked.lines, question.thresholds[0])
    return Measured(
        variants={name: figures[name] for name in VARIANTS},
        bridge=measure_bridge(cursor, question.rules, asked.period, asked.lines, asked.unit),
        exports=compared,
        exports_left_out=left_out,
        on_record=completeness(cursor, question.rules, asked.period).narrowed(asked.lines),
    )

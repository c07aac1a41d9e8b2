"""Every figure of the page, measured once; the page draws them and its files hold them.

In: a cursor and a question. Out: figures and frames of reports.query.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pandas as pd

from dashboard.context import Cursor
from dashboard.question import Question
from reports import terms
from reports.definition import Dimension
from reports.indicators import BY_NAME
from reports.limits import untold
from reports.measured import Figure, figures_of

#: Callers who call again, by the time within which they do.
AGAIN = ("called_again_30min", "called_again_24h", "called_again_7d")
_WHOLE = (
    "registered", "answered", "abandonment_rate", "caller_unknown", *AGAIN, "transferred", "transfer_rate",
    "hung_up_by_operator", "hung_up_by_caller",
)  # fmt: skip
ENDS = ("answered", "transferred", "transfer_rate", "hung_up_by_operator", "hung_up_by_caller")
_WHO_HUNG_UP = ("hung_up_by_operator", "hung_up_by_caller")
SPLIT = ("registered", "answered", "abandoned", "abandonment_rate")
CAUSES = ("abandoned", "abandoned_answered_later", "abandoned_not_answered_later")


@dataclass(frozen=True)
class Abandoned:
    """The abandoned by cause, in all, and by what became of their callers; of how many no number is known."""

    by_cause: pd.DataFrame
    figures: Mapping[str, Figure]
    unknown: int


@dataclass(frozen=True)
class Found:
    """What the page shows. A figure that the unit does not know is not among `figures`; nor are its frames filled.

    `by_*`: frames of several indicators by one dimension, in the order of its values; `transfers` by target and kind.
    """

    abandoned: Abandoned
    figures: Mapping[str, Figure]
    waits: pd.DataFrame
    transfers: pd.DataFrame | None
    by_line: pd.DataFrame | None
    by_did: pd.DataFrame
    by_position: pd.DataFrame


def measure_abandoned(cursor: Cursor, question: Question) -> Abandoned:
    """Measure what the list and the page both say of the abandoned. Raises QueryError."""
    by_cause = question.ask(cursor, *CAUSES, by=(Dimension.CAUSE,), total=True)
    is_total = by_cause[Dimension.CAUSE.value].isna()
    abandoned = question.filters.narrowed(resultado=terms.OUTCOMES["abandoned"])
    unknown = replace(question, filters=abandoned).ask(cursor, "caller_unknown")
    return Abandoned(by_cause[~is_total], figures_of(by_cause[is_total]), int(unknown["numerator"].iloc[0]))


def measure_page(cursor: Cursor, question: Question) -> Found:
    """Measure everything of the page but its list. Raises QueryError."""
    unit = question.filters.unit
    known = [name for name in _WHOLE if unit in BY_NAME[name].units]
    # Where no source of the period tells who hung up, every end reads as the caller's.
    lost = _WHO_HUNG_UP if "hangup" in untold(cursor, question.filters.period, question.filters.lines) else ()
    known = [name for name in known if name not in lost]
    transfers = by_line = None
    if unit in BY_NAME["transferred"].units:
        transfers = question.ask(cursor, "transferred", by=(Dimension.TRANSFER, Dimension.TRANSFER_KIND))
        by_line = question.ask(cursor, *(name for name in ENDS if name not in lost), by=(Dimension.SERVICE,))
    return Found(
        abandoned=measure_abandoned(cursor, question),
        figures=figures_of(question.ask(cursor, *known)),
        waits=question.ask(cursor, "abandoned", by=(Dimension.WAIT_CLASS, Dimension.CAUSE)),
        transfers=transfers,
        by_line=by_line,
        by_did=question.ask(cursor, *SPLIT, by=(Dimension.DID,)),
        by_position=question.ask(cursor, *SPLIT, by=(Dimension.POSITION,)),
    )


def rows_of(frame: pd.DataFrame, dimension: Dimension) -> list[tuple[str, Mapping[str, Figure]]]:
    """Return the figures of a frame by the values of a dimension, in their order."""
    return [(str(key), figures_of(rows)) for key, rows in frame.groupby(dimension.value, sort=False)]

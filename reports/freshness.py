"""Until when the figures reach, by PBX, and whether that is long ago.

In: a generation, the time it is. Out: values and their words; the same on every page, in every strip and in ``doctor``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from etl.settings import FRESH
from etl.warehouse import Generation
from reports import terms
from reports.format import moment_text
from reports.measured import data_until, local_time
from reports.wording import fresh_text

#: An exchange that fell silent so long before another one's last event was replaced by it, and is old for nobody.
REPLACED = timedelta(days=60)


@dataclass(frozen=True)
class Freshness:
    """The last event of each PBX in wall time of La Paz, and those PBXs whose last event is older than FRESH.

    Of several, those that were REPLACED are none of the latter.
    """

    until: Mapping[str, datetime]
    old: tuple[str, ...]

    @property
    def text(self) -> str:
        """As users read it: "Registro hasta 31/10/2026 23:59", by PBX where there are several; "Sin registro"."""
        said = fresh_text(self.until) if self.until else terms.NO_RECORD
        return said[:1].upper() + said[1:]

    @property
    def old_text(self) -> str:
        """What is told of data that are old: "Los datos llegan hasta el 31/10/2026 23:59.", by PBX where several."""
        several = len(self.until) > 1
        return " ".join(
            f"Los datos{f' de la central «{pbx}»' if several else ''} llegan hasta el {moment_text(self.until[pbx])}."
            for pbx in self.old
        )


def freshness(generation: Generation, now: datetime | None, limit: timedelta = FRESH) -> Freshness:
    """Return how fresh a generation is at an instant; without one (invented data) nothing is old."""
    return freshness_of(data_until(generation), now, limit)


def freshness_of(until: Mapping[str, datetime], now: datetime | None, limit: timedelta = FRESH) -> Freshness:
    """Return the same of the last events of the PBXs (``reports.measured.data_until``)."""
    if now is None:
        return Freshness(until, ())
    local = local_time(now.astimezone(UTC))
    newest = max(until.values(), default=local)
    return Freshness(until, tuple(pbx for pbx, at in until.items() if local - at > limit and newest - at <= REPLACED))

"""Callers' numbers and names in the clear, looked up by their pseudonyms: one call's at a time.

In: the folder of the warehouse, its generation in service, the store's key. Out: the clear text of a few pseudonyms.
Readers of calls (``etl.warehouse.open_generation``) never have these segments at hand: whoever asks here states why he
may, and hides what comes out (``reports.calls.list_callers``).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from etl.call_facts import caller_key_sql
from etl.pseudonyms import pseudonym_sql
from etl.warehouse import Generation, WarehouseError

_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "threads": 1,
    "memory_limit": "200MB",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "lock_configuration": "true",
}


@dataclass(frozen=True)
class ClearCallers:
    """The segments of clear callers of a generation. Nothing is open between two questions."""

    folder: Path
    generation: Generation
    key: bytes = field(repr=False)

    def of_month(self, period: str, pseudonyms: Collection[str]) -> dict[str, str]:
        """Return the clear text of those pseudonyms that a month (``yyyy-mm``) knows; none where it was forgotten.

        A number has no pseudonym stored beside it: those of the whole month are made anew (100 000 in 0.3 s of one
        processor). Raises WarehouseError; its message holds nothing of what was asked.
        """
        found = self._found(period, "pseudonym", list(pseudonyms))
        return {str(pseudonym): clear for pseudonym, clear in found}

    def by_keys(self, period: str, keys: Collection[int]) -> dict[int, str]:
        """Return the clear text behind callers' keys (``etl.call_facts``) that a month knows, as ``of_month``."""
        found = self._found(period, caller_key_sql("pseudonym"), list(keys))
        return {int(str(key)): clear for key, clear in found}

    def _found(self, period: str, known_by: str, asked: list[str] | list[int]) -> list[tuple[object, str]]:
        segment = self.generation.segment("callers", period)
        if segment is None or not asked:
            return []
        try:
            with duckdb.connect(str(self.folder / segment.file), read_only=True, config=_CONFIG) as connection:
                found = connection.execute(
                    f"""SELECT known_by, clear FROM (
                        SELECT {known_by} AS known_by, clear FROM (
                            SELECT clear, {pseudonym_sql("clear", self.key)} AS pseudonym FROM raw.callers
                        )
                    ) WHERE known_by IN (SELECT unnest(?))""",
                    [asked],
                ).fetchall()
        except duckdb.Error:
            # What DuckDB says may quote the statement, and with it the key.
            raise WarehouseError("No se puede leer quién llamó: vuelva a intentarlo en un minuto.") from None
        return [(known, str(clear)) for known, clear in found]

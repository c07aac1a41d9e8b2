"""The product as tests drive it: a store in a temporary folder, files in, what users count out."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from etl import pipeline
from etl import store as stores
from etl.call_facts import caller_key
from etl.callers import ClearCallers
from etl.pipeline import forgetting, manifest, publishing, receiving, undoing
from etl.pseudonyms import pseudonym
from etl.records import site as sites
from etl.records.engine import transaction
from etl.settings import Settings
from etl.store import store_key
from etl.warehouse import open_generation, read_current
from tests.reference_counter import Call, LogFile, QueueRule, Visit

Rows = list[tuple[Any, ...]]
_UNITS = {"line": "core.line_calls", "call": "core.calls"}


@dataclass
class Product:
    """A site store of its own; ``load`` takes log files as drawn, the other methods read the generation in service."""

    folder: Path
    slab_bytes: int = 64 * 1024 * 1024
    round_lines: int = 6_000_000
    #: A fifth less work than two for stores as small as most of these; the command's own number is two.
    threads: int = 1

    def __post_init__(self) -> None:
        (self.folder / "in").mkdir(parents=True, exist_ok=True)
        self.files = 0
        self._kept: duckdb.DuckDBPyConnection | None = None
        self._numbers: set[str] = set()
        self._callers: dict[object, str] = {}
        self._stores: dict[tuple[str, int, int, int], stores.OpenStore] = {}
        self._settings: dict[tuple[str, int, int, int], Settings] = {}

    def settings(self, pbx: str = "pbx") -> Settings:
        """The settings, read once: to look into the environment and for a file each time takes 15 ms."""
        asked = (pbx, self.slab_bytes, self.round_lines, self.threads)
        if asked not in self._settings:
            self._settings[asked] = Settings(
                data=self.folder / "data",
                pbx=pbx,
                slab_bytes=self.slab_bytes,
                threads=self.threads,
                round_lines=self.round_lines,
            )
        return self._settings[asked]

    def store(self, pbx: str = "pbx") -> stores.OpenStore:
        """The store, opened once: what it costs to open one anew each time is an eighth of most of these tests."""
        asked = (pbx, self.slab_bytes, self.round_lines, self.threads)
        if asked not in self._stores:
            self._stores[asked] = stores.open_store(self.settings(pbx))
        return self._stores[asked]

    def reopen(self) -> None:
        """Open the store anew the next time, as another process would."""
        self._stores.clear()
        self._settings.clear()

    def map(self, rules: Iterable[QueueRule]) -> None:
        store = self.store()
        with transaction(store.records) as session:
            sites.replace_queues(
                session, [sites.QueueRule(r.queue, r.did, r.service or "", r.valid_from, r.valid_to) for r in rules]
            )
        pipeline.remap(store)

    def write(self, file: LogFile) -> Path:
        self.files += 1
        path = self.folder / "in" / f"{self.files}-{file.name}"
        entries = (line.split("|") for line in file.lines if "|ENTERQUEUE|" in line)
        self._numbers |= {entry[6] for entry in entries if len(entry) > 6 and entry[6]}
        path.write_bytes("".join(line + "\n" for line in file.lines).encode())
        return path

    def load(self, *files: LogFile) -> list[pipeline.FileReport]:
        reports = []
        for pbx in dict.fromkeys(file.pbx for file in files):
            paths = [self.write(file) for file in files if file.pbx == pbx]
            reports += pipeline.ingest(self.store(pbx), paths)
        return reports

    def open(self) -> duckdb.DuckDBPyConnection:
        return open_generation(self.settings().warehouse)[1]

    @contextmanager
    def one_connection(self) -> Iterator[None]:
        """Read through one connection for a while: opening costs more than asking."""
        if self._kept:
            yield
            return
        with closing(self.open()) as self._kept:
            try:
                yield
            finally:
                self._kept = None

    def rows(self, sql: str) -> Rows:
        with nullcontext(self._kept) if self._kept else closing(self.open()) as connection:
            return [tuple(row) for row in connection.execute(sql).fetchall()]

    def visits(self) -> list[Visit]:
        found = self.rows(
            """SELECT pbx, callid, queue, entered_epoch, registered, answered, is_open, cause, wait_seconds,
            talk_seconds, agent, did, service, reconstructed, outcome_event, caller, position, last_position,
            transfer_kind, transfer_context, transferred_to, ring_seconds FROM core.queue_visits
            ORDER BY entered_epoch, pbx, callid, queue, ordinal"""
        )
        return [replace(visit, caller=self.clear(visit.caller)) for visit in (Visit(*row) for row in found)]

    def calls(self, unit: str) -> list[Call]:
        found = self.rows(
            f"""SELECT pbx, callid, CAST(epoch(entered_at) AS BIGINT), service, registered, answered, is_open, cause,
            wait_seconds, talk_seconds, did, caller, position, transfer_kind, transferred_to
            FROM {_UNITS[unit]} ORDER BY entered_at, pbx, callid, ordinal"""
        )
        return [replace(call, caller=self.clear(call.caller)) for call in (Call(*row) for row in found)]

    def clear(self, caller: object) -> str | None:
        """The number behind a caller's key, as the product keeps it."""
        if caller is None:
            return None
        if self._numbers:
            key = store_key(self.settings())
            self._callers |= {caller_key(pseudonym(number, key)): number for number in self._numbers}
            self._numbers.clear()
        if caller not in self._callers:  # its file was not written here
            current = read_current(self.settings().warehouse)
            assert current is not None
            clear = ClearCallers(self.settings().warehouse, current, store_key(self.settings()))
            for month in current.periods("callers"):
                self._callers |= clear.by_keys(month, [int(str(caller))])
        return self._callers[caller]

    def findings(self) -> list[str]:
        return [str(row[0]) for row in self.rows("SELECT kind FROM meta.findings ORDER BY kind")]

    def set_aside(self) -> list[tuple[str, ...]]:
        return [
            tuple(str(row[0]).split(","))
            for row in self.rows("SELECT reasons FROM meta.quarantine ORDER BY load, line")
        ]

    def counted(self) -> tuple[object, ...]:
        """What users count: visits and calls in all units, without provenance."""
        with self.one_connection():
            return tuple(self.visits()), tuple(self.calls("line")), tuple(self.calls("call"))


def load_in(
    folder: Path, files: Sequence[LogFile], rules: Sequence[QueueRule] = (), *, at_once: bool = True
) -> Product:
    """Make a product, give it its mapping, load files at once or one after another."""
    product = Product(folder)
    if rules:
        product.map(rules)
    for batch in [files] if at_once else [[file] for file in files]:
        product.load(*batch)
    return product


def let_days_pass(monkeypatch: pytest.MonkeyPatch, days: int) -> None:
    """Let so many days have passed for whatever is loaded, undone and forgotten from here on."""
    for room in (forgetting, manifest, publishing, receiving, undoing):
        monkeypatch.setattr(room, "now", lambda: stores.now() + timedelta(days=days))

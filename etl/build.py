"""One build of a generation: pieces of logs in, closed and checked segment files out."""

from dataclasses import dataclass, field
from pathlib import Path

from etl.agents import AgentTeller
from etl.call_records import RecordLoader, line_numbers
from etl.calls import CallTeller
from etl.draft import Draft, Month
from etl.export_pieces import ExportPiece, add_export
from etl.faults import reach
from etl.lines import LineLoader, Piece, Progress, Tally, no_progress
from etl.model import model
from etl.months import period_of
from etl.overlaps import Overlaps
from etl.schema import EventKind, Lane
from etl.warehouse import Generation


class CheckError(Exception):
    """A check of the built tables failed: nothing is published."""


@dataclass
class Build:
    """Use: ``add`` each piece, ``build_visits``, then ``finish``; ``close`` in any case."""

    draft: Draft
    progress: Progress = no_progress
    lines: LineLoader = field(init=False)
    overlaps: Overlaps = field(init=False)
    calls: CallTeller = field(init=False)
    records: RecordLoader = field(init=False)
    agents: AgentTeller = field(init=False)
    _added: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Set the loader and the teller to work on the draft."""
        self.lines = LineLoader(self.draft, self.progress)
        self.overlaps = Overlaps(self.draft)
        self.calls = CallTeller(self.draft)
        self.records = RecordLoader(self.draft, self.progress)
        self.agents = AgentTeller(self.draft)

    @property
    def tallies(self) -> list[Tally]:
        """What became of the lines of each piece added."""
        return self.lines.tallies

    def add(self, piece: Piece | ExportPiece) -> Tally:
        """Load the lines of a piece. Raises ReconciliationError unless every line read is accounted for."""
        if isinstance(piece, ExportPiece):
            self.lines.tallies.append(tally := add_export(self.draft, piece))
            return tally
        if piece.source.lane is Lane.RECORDS:
            tally = self.records.add(piece)
            self.lines.tallies.append(tally)
            return tally
        self._added.append(piece.info.file)
        return self.lines.add(piece)

    def build_visits(self) -> None:
        """Tell the visits and calls of everything that changed, each event by the source that tells it best."""
        self.overlaps.settle(self._added)
        self.draft.place_files()
        self.agents.tell_spans()
        self.calls.build_visits()
        self.overlaps.details.note_findings()
        self.records.tell_calls()
        self.agents.add_up()

    def remap(self) -> None:
        """Apply the site's mapping as it is now to the visits in service."""
        self.calls.remap()
        self.agents.remap()

    def close(self) -> None:
        """Delete whatever was not published."""
        self.draft.close()

    def finish(self, *, code: str, made_at: str) -> tuple[list[Path], Generation]:
        """Check, checkpoint and close the segments; return their files and the generation that names them.

        Raises CheckError naming the check that failed.
        """
        reach("checks")
        outbound = " UNION ".join(
            f"SELECT f.pbx, q.callid FROM {month.alias}.raw.queue_log AS q JOIN files AS f ON f.load = q.load "
            f"WHERE q.kind = {int(EventKind.OUTBOUND)}"
            for month in self.draft.months.values()
        )
        if outbound:
            self.draft.run(f"CREATE OR REPLACE TABLE outbound AS {outbound}")
        for month in self.draft.months.values():
            if month.touched:
                self._count(month)
                self._check(month)
        reach("checkpoint")
        loads = tuple(row[0] for row in self.draft.run("SELECT load FROM loads_db.meta.loads ORDER BY load").fetchall())
        self._write_mapping()
        todo = [("calls", period, month) for period, month in sorted(self.draft.months.items())]
        todo += [("callers", period, month) for period, month in sorted(self.draft.callers.items())]
        todo += [("exports", "all", self.draft.exports)] if self.draft.exports is not None else []
        todo += [("cdr", period, month) for period, month in sorted(self.draft.records.items())]
        todo = [*((s, p, m) for s, p, m in todo if m.writable), ("loads", "all", self.draft.loads)]
        segments = self.draft.close_segments(todo)
        built = [month.path for _, _, month in todo if month.path is not None]
        written = {(segment.subject, segment.period) for segment in segments}
        kept = [
            s for s in (self.draft.base.segments if self.draft.base else ()) if (s.subject, s.period) not in written
        ]
        self.draft.connection.close()
        generation = Generation(
            number=self.draft.number,
            made_at=made_at,
            code=code,
            mapping=self.draft.site.mapping_digest,
            rules=self.draft.site.build_rules,
            loads=loads,
            segments=tuple(sorted([*kept, *segments], key=lambda s: (s.subject, s.period))),
            last_epochs=self.draft.last_epochs,
        )
        return built, generation

    def _count(self, month: Month) -> None:
        """Add up the calls of a month by wait and by half hour, anew."""
        for table in ("counts", "half_hours"):
            rows = model(table).replace(":segment", month.alias)
            self.draft.run(f"DELETE FROM {month.alias}.core.{table}")
            self.draft.run(f"INSERT INTO {month.alias}.core.{table} {rows}")

    def _check(self, month: Month) -> None:
        for severity, name, sql in checks():
            bad = self.draft.one(
                sql.replace(":segment", month.alias).replace(":start", str(month.start)).replace(":end", str(month.end))
            )[0]
            if bad and severity == "fail":
                raise CheckError(
                    f"La comprobación «{name}» falló en {period_of(month.start)} ({bad} filas): no se publica nada "
                    "y las cifras anteriores siguen en servicio. Es una falla del sistema: avise con este mensaje."
                )

    def _write_mapping(self) -> None:
        self.draft.run(
            "DELETE FROM loads_db.core.queue_lines; DELETE FROM loads_db.core.agent_persons; "
            "DELETE FROM loads_db.core.line_numbers"
        )
        self.draft.insert_rows(
            "loads_db.core.queue_lines",
            ((r.queue, r.did, r.service, r.valid_from, r.valid_to) for r in self.draft.site.queues),
        )
        self.draft.insert_rows("loads_db.core.line_numbers", line_numbers(self.draft.site, self.draft.key))
        self.draft.insert_rows(
            "loads_db.core.agent_persons",
            ((r.interface, r.person, r.valid_from, r.valid_to) for r in self.draft.site.persons),
        )


def checks() -> list[tuple[str, str, str]]:
    """Return the checks of ``models/checks.sql``: severity, name, SQL that counts bad rows."""
    found = []
    for block in model("checks").split("-- check: ")[1:]:
        title, _, sql = block.partition("\n")
        name, _, severity = title.rpartition(" | ")
        found.append((severity.strip(), name.strip(), sql.strip().rstrip(";")))
    return found

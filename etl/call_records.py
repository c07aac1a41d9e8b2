"""Records of calls (CDR) into a draft: lines of Master.csv and rows of the table ``cdr``, beside the logs of queues.

In: pieces of the lane ``records``. Out: ``raw.cdr``, every accepted line with its place, and of it ``core.cdr_calls``,
every leg once: as often as it stands in the one file or pull that has it most often. A leg is known by what all sources
keep of it. Numbers of six digits and more enter as keyed pseudonyms, the clear ones lie with those of the logs; what
callers are called, what was dialled on the way and the account, which may be a number too, are left out.
"""

from dataclasses import dataclass, field
from datetime import date

from etl.draft import Draft
from etl.faults import reach
from etl.lines import Piece, Progress, ReconciliationError, Tally, keep_callers, no_progress
from etl.model import model
from etl.months import month_span, periods_between
from etl.pseudonyms import pseudonym, pseudonym_sql
from etl.readers.lines import SET_ASIDE, Slab, ahead
from etl.readers.table_rows import epoch_sql
from etl.records.site import Site
from etl.schema import LogSource
from etl.sources.cdr import LEAST_COLUMNS, LINE_COLUMNS
from etl.validate import literal, read_lines_sql

#: Columns of ``raw.cdr`` behind load and line.
_COLUMNS = (
    "started_epoch", "uniqueid", "linkedid", "sequence", "src", "src_digits", "dst", "dst_digits", "dst_key", "did_key",
    "context", "channel", "dst_channel", "last_app", "queue", "disposition", "duration_seconds",
    "billed_seconds",
)  # fmt: skip
#: What every source keeps of a leg; the names of channels are cut by some tables, and left out.
_IDENTITY = (
    "uniqueid", "started_epoch", "src", "dst", "last_app", "queue", "duration_seconds", "billed_seconds", "disposition",
)  # fmt: skip
_FIELD = '"(?:[^"]|"")*"|[^,"]*'
_UNIQUEID = "(^|-)[0-9]{9,10}\\.[0-9]+$"
#: Old tables hold the number of an outcome.
_OUTCOMES = {"0": "NO ANSWER", "1": "NO ANSWER", "2": "FAILED", "4": "BUSY", "8": "ANSWERED", "16": "CONGESTION"}
#: A number of so many digits is somebody's, however it is written; shorter ones are extensions, queues and services.
_OWN_DIGITS = 6
#: Cochabamba: local numbers have seven digits, and eight with it wherever they are dialled from.
_AREA, _LOCAL_DIGITS = "4", 7


def number_key(number: str, key: bytes) -> str:
    """Return by what a called number is known: short ones as they are, others by the pseudonym of their eight digits.

    Local numbers count with the area's digit, those with the country's without it: 4200400, 44200400 and
    59144200400 are one, the mobile 64200400 is another.
    """
    digits = "".join(sign for sign in number if sign.isdigit())
    if len(digits) < _OWN_DIGITS:
        return digits
    national = _AREA + digits if len(digits) == _LOCAL_DIGITS else digits[-(_LOCAL_DIGITS + 1) :]
    return pseudonym(national, key)


@dataclass
class RecordLoader:
    """Loads pieces of records into a draft, one after another in the order of their files."""

    draft: Draft
    progress: Progress = no_progress
    _touched: set[str] = field(default_factory=set)

    def add(self, piece: Piece) -> Tally:
        """Load the lines of a piece. Raises ReconciliationError unless every line read is accounted for."""
        blank = accepted = quarantined = other_encoding = read_lines = 0
        least = greatest = None
        reach("load")
        for slab in ahead(piece.slabs(self.draft.folder)):
            empty, rejected = self._judge(piece, slab)
            count, low, high = self.draft.one(
                "SELECT COUNT(*), MIN(started_epoch), MAX(started_epoch) FROM parsed WHERE reasons = ''"
            )
            if count + empty + rejected != slab.lines:
                raise ReconciliationError(
                    f"{piece.info.name}: {slab.lines} líneas leídas, {count} aceptadas, {empty} en blanco y "
                    f"{rejected} observadas no suman; no se cargó nada"
                )
            read_lines += slab.lines
            other_encoding += slab.other_encoding
            blank, quarantined, accepted = blank + empty, quarantined + rejected, accepted + count
            if count:
                self._insert(piece, low, high)
                least = low if least is None else min(least, low)
                greatest = high if greatest is None else max(greatest, high)
            done = slab.first_line + slab.lines - piece.first_line
            self.progress(f"{piece.info.name}: {done} de {piece.lines} líneas", done / piece.lines)
        self.draft.run("DROP TABLE IF EXISTS stage; DROP TABLE IF EXISTS parsed")
        duplicates = self._repeated(piece, least, greatest) if least is not None and greatest is not None else 0
        tally = Tally(piece.load, piece.lines, accepted - duplicates, duplicates, quarantined, blank)
        if not tally.lines == read_lines == accepted + quarantined + blank:
            raise ReconciliationError(f"{piece.info.name}: las líneas no cuadran ({tally}); no se cargó nada")
        self.draft.insert_rows(
            "loads_db.meta.loads",
            [
                (
                    piece.load, piece.info.file, piece.source.name, piece.info.pbx, piece.info.name, piece.sha256,
                    piece.first_byte, piece.first_line, piece.lines, tally.loaded, duplicates, quarantined, blank,
                    piece.held, other_encoding, 0, piece.info.first_epoch, piece.info.last_epoch, least, greatest, None,
                )
            ],
        )  # fmt: skip
        return tally

    def tell_calls(self) -> None:
        """Tell the legs of the months that changed anew. Reads ``files`` of the draft."""
        for period in sorted(self._touched):
            month = self.draft.writable(self.draft.records, "cdr", period)
            self.draft.run(f"DELETE FROM {month.alias}.core.cdr_calls")
            sql = model("cdr_calls").replace(":segment", month.alias)
            self.draft.run(f"INSERT INTO {month.alias}.core.cdr_calls {sql}")

    def _judge(self, piece: Piece, slab: Slab) -> tuple[int, int]:
        """Make "parsed", a row per line that is not blank with its reasons; set the bad aside. Return blank and bad."""
        run = self.draft.run
        forgotten = piece.load in self.draft.forgotten
        self.draft.insert_rows(
            "loads_db.meta.quarantine",
            ((piece.load, a.line, a.reason, None if forgotten else a.text) for a in slab.set_aside),
        )
        run(f"CREATE OR REPLACE TABLE stage AS {read_lines_sql(slab.path, self.draft.settings.threads)}")
        read, empty = self.draft.one("SELECT COUNT(*), COUNT(*) FILTER (line IS NULL OR trim(line) = '') FROM stage")
        if read != slab.lines:
            raise ReconciliationError(
                f"{piece.info.name}: se contaron {slab.lines} líneas y se leyeron {read}; no se cargó nada"
            )
        run(f"CREATE OR REPLACE TABLE parsed AS {_records_sql(piece, slab.first_line, self.draft.key)}")
        text = "NULL" if forgotten else "text"
        run(
            f"INSERT INTO loads_db.meta.quarantine SELECT {piece.load}, line, reasons, {text} FROM parsed "
            "WHERE reasons <> '' ORDER BY line"
        )
        (rejected,) = self.draft.one("SELECT COUNT(*) FROM parsed WHERE reasons <> ''")
        return int(empty), int(rejected) + len(slab.set_aside)

    def _insert(self, piece: Piece, low: int, high: int) -> None:
        for period in periods_between(low, high):
            start, end = month_span(period)
            within = f"reasons = '' AND started_epoch >= {start} AND started_epoch < {end}"
            if not self.draft.one(f"SELECT COUNT(*) FROM parsed WHERE {within}")[0]:
                continue
            month = self.draft.writable(self.draft.records, "cdr", period)
            self._touched.add(period)
            identity = f"md5(concat_ws(chr(31), {', '.join(_IDENTITY)}))"
            self.draft.run(
                f"INSERT INTO {month.alias}.raw.cdr SELECT {piece.load}, line, {', '.join(_COLUMNS)}, {identity} "
                f"FROM parsed WHERE {within} ORDER BY line"
            )
            clear = " UNION ".join(
                f"SELECT {name}_clear FROM parsed WHERE {within} AND starts_with({name}, '~')"
                for name in ("src", "dst")
            )
            keep_callers(self.draft, period, clear)

    def _repeated(self, piece: Piece, low: int, high: int) -> int:
        """Count the lines of a piece that other files of its PBX hold already, each as often as they do."""
        found = 0
        for period in periods_between(low, high):
            if period not in self._touched:
                continue
            month = self.draft.writable(self.draft.records, "cdr", period)
            (count,) = self.draft.one(
                f"""WITH told AS (
                    SELECT r.identity, r.load, f.file, ROW_NUMBER() OVER (
                        PARTITION BY f.file, r.identity ORDER BY r.load, r.line
                    ) AS nth
                    FROM {month.alias}.raw.cdr AS r JOIN files AS f ON f.load = r.load
                    WHERE f.pbx = {literal(piece.info.pbx)}
                ),
                others AS (
                    SELECT identity, MAX(nth) AS most FROM told WHERE file <> {piece.info.file} GROUP BY identity
                )
                SELECT COUNT(*) FROM told JOIN others ON others.identity = told.identity
                WHERE told.load = {piece.load} AND told.nth <= others.most"""
            )
            found += int(count)
        return found


def line_numbers(site: Site, key: bytes) -> list[tuple[str, str, str, date | None, date | None]]:
    """Return the numbers by which lines are called, as (digits, key, line, first day, last day): their own, at any
    time, and those of the mapping, on the days of its rules.
    """
    told: list[tuple[str, str, date | None, date | None]]
    told = [(line.number, line.number, None, None) for line in site.lines]
    told += [(rule.did, rule.service, rule.valid_from, rule.valid_to) for rule in site.queues if rule.did]
    found = dict.fromkeys(("".join(filter(str.isdigit, said)), line, first, last) for said, line, first, last in told)
    return [(digits, number_key(digits, key), line, first, last) for digits, line, first, last in found if digits]


def _records_sql(piece: Piece, first_line: int, key: bytes) -> str:
    """SQL of one row per line of "stage" that is not blank: what ``_COLUMNS`` says of it, its text and reasons."""
    source: LogSource = piece.source

    def said(name: str) -> str:
        found = f"f[{LINE_COLUMNS.index(name) + 1}]"
        return (
            f"CASE WHEN starts_with({found}, '\"') THEN replace(substr({found}, 2, length({found}) - 2), '\"\"', '\"') "
            f"ELSE {found} END"
        )

    def seconds(name: str) -> str:
        return f"TRY_CAST(split_part({name}, '.', 1) AS INTEGER)"

    def hidden(name: str) -> str:
        number = f"length(regexp_replace({name}, '[^0-9]', '', 'g')) >= {_OWN_DIGITS}"
        return f"CASE WHEN {number} THEN {pseudonym_sql(name, key)} ELSE {name} END"

    def peer(name: str) -> str:
        bare = f"regexp_replace({name}, '-[0-9A-Fa-f]+(;[12])?$', '')"
        number = f"regexp_extract({bare}, '[0-9]{{{_OWN_DIGITS},}}')"
        return f"CASE WHEN {number} = '' THEN {bare} ELSE replace({bare}, {number}, {pseudonym_sql(number, key)}) END"

    def dialled(name: str) -> str:
        digits = f"regexp_replace({name}, '[^0-9]', '', 'g')"
        national = (
            f"CASE WHEN length({digits}) = {_LOCAL_DIGITS} THEN '{_AREA}' || {digits} "
            f"ELSE right({digits}, {_LOCAL_DIGITS + 1}) END"
        )
        return (
            f"CASE WHEN NOT regexp_full_match({name}, '[+]?[0-9]+') THEN NULL "
            f"WHEN length({digits}) < {_OWN_DIGITS} THEN {digits} ELSE {pseudonym_sql(f'({national})', key)} END"
        )

    def digits_of(name: str) -> str:
        return f"CAST(least(length(regexp_replace({name}, '[^0-9]', '', 'g')), 99) AS UTINYINT)"

    behind = ("linkedid", "sequence", "peeraccount")
    linked = " ".join(f"WHEN regexp_matches({name}, '{_UNIQUEID}') THEN {name}" for name in behind)
    counted = " ".join(
        f"WHEN regexp_full_match({name}, '[0-9]{{1,18}}') THEN CAST({name} AS BIGINT)" for name in behind
    )
    outcomes = " ".join(f"WHEN '{number}' THEN '{text}'" for number, text in _OUTCOMES.items())
    fields = ", ".join(f"COALESCE({said(name)}, '') AS {name if name != 'end' else 'ended'}" for name in LINE_COLUMNS)
    latest, earliest = piece.latest_epoch, source.earliest_epoch
    return f"""
        WITH lines AS (
            SELECT rowid AS place, line AS text,
                regexp_extract_all(',' || line, ',({_FIELD})', 1) AS f,
                regexp_full_match(',' || line, '(?:,(?:{_FIELD}))*') AS is_whole
            FROM stage WHERE trim(line) <> '' AND line <> {literal(SET_ASIDE)}
        ),
        named AS (SELECT place, text, is_whole AND len(f) BETWEEN {LEAST_COLUMNS} AND {len(LINE_COLUMNS)} AS is_record,
            {fields} FROM lines),
        read AS (
            SELECT *, {epoch_sql(piece.utc_offset)} AS started_epoch,
                {seconds("duration")} AS duration_seconds, {seconds("billsec")} AS billed_seconds
            FROM named
        )
        SELECT CAST(place + {first_line} AS INTEGER) AS line, text, started_epoch, duration_seconds, billed_seconds,
            CASE WHEN regexp_matches(uniqueid, '{_UNIQUEID}') THEN uniqueid ELSE '' END AS uniqueid,
            CASE {linked} END AS linkedid, CASE {counted} END AS sequence,
            {hidden("src")} AS src, {digits_of("src")} AS src_digits, src AS src_clear,
            {hidden("dst")} AS dst, {digits_of("dst")} AS dst_digits, dst AS dst_clear,
            {dialled("dst")} AS dst_key, {dialled("did")} AS did_key, nullif(dcontext, '') AS context,
            {peer("channel")} AS channel, {peer("dstchannel")} AS dst_channel, lastapp AS last_app,
            CASE WHEN lower(lastapp) = 'queue' THEN regexp_extract(lastdata, '^[^,|]*') ELSE '' END AS queue,
            CASE disposition {outcomes} ELSE replace(upper(disposition), 'NOANSWER', 'NO ANSWER') END AS disposition,
            concat_ws(',',
                CASE WHEN NOT is_record THEN 'record_fields' END,
                CASE WHEN is_record AND started_epoch IS NULL THEN 'record_start' END,
                CASE WHEN is_record AND (duration_seconds IS NULL OR billed_seconds IS NULL) THEN 'record_duration' END,
                CASE WHEN is_record AND started_epoch NOT BETWEEN {earliest} AND {latest} THEN 'record_range' END
            ) AS reasons
        FROM read"""

"""Totals that another system exported: a file that is no log in, landed as it is, closed."""

import os
import zlib
from pathlib import Path

from etl.export_pieces import span_of
from etl.export_tables import begins_as_report
from etl.exports import Export, Told, read_export
from etl.known_logs import HEAD_BYTES
from etl.landing.raw_store import copy
from etl.landing.received import Contents, Landed, Reception, Refused
from etl.readers.found_table import MOST_BYTES, UnreadableTable
from etl.readers.lines import open_text
from etl.readers.tables import is_table_file, read_tables
from etl.records.engine import transaction
from etl.records.models import Load
from etl.sources.exports import EXPORTS
from etl.warehouse import digest as file_digest

#: Codes of a text that is no table at all: then what is said of it is that it is no log.
_NO_TABLE = (
    "no_table",
    "no_columns",
    "not_text",
    "quote",
    "truncated",
    "empty",
    "kind",
    "too_large",
    "damaged",
    "html_page",
)


def exported(path: Path, told: Told, refusal: Refused) -> Export:
    """Read a file that is refused as a log as totals which another system exported. Raises Refused."""
    try:
        size = path.stat().st_size
        is_table = size > 0 and is_table_file(path)
    except OSError:
        raise refusal from None
    if size == 0 or (size > MOST_BYTES and not is_table):
        raise refusal
    try:
        return read_export(read_tables(path), told)
    except UnreadableTable as error:
        if is_table:
            raise Refused(error.text) from None
        if error.code in _NO_TABLE and not _begins_as_report(path):
            raise refusal from None
        if error.code == "unknown":
            raise Refused(f"{refusal}; como exportación: {error.text}", is_no_log=refusal.is_no_log) from None
        raise Refused(error.text) from None


def _begins_as_report(path: Path) -> bool:
    """Tell whether the beginning of a text has titles of a report that is known."""
    try:
        with open_text(path) as file:
            return begins_as_report(file.read(HEAD_BYTES))
    except (OSError, EOFError, zlib.error):
        return False


def land_export(path: Path, reception: Reception, told: Told, refusal: Refused) -> Landed:
    """Land a file of exported totals as it is, closed: it is told anew where it changes. Raises Refused."""
    if not path.is_file() or not os.access(path, os.R_OK):
        raise refusal
    if path.stat().st_size > MOST_BYTES:  # told without a copy of it
        exported(path, told, refusal)
    with reception.draft() as draft:
        copy(path, draft, 0)
        digest = file_digest(draft)
        if (same := reception.same_closed(digest)) is not None:
            with transaction(reception.records) as session:
                said = session.get_one(Load, same.known).told
            if told.columns not in (None, said):
                raise Refused(
                    f"ya se cargó con otro período u otra cola (carga {same.known}): deshaga esa carga y vuelva a "
                    "cargarlo"
                )
            return same
        export = exported(draft, told, refusal)
        first, last = span_of(export.first, export.last)
        held = Contents(digest, draft.stat().st_size, export.lines, first, last)
        load = reception.keep(draft, EXPORTS.name, held, told=told.columns)
    return Landed(load, export.lines, 0, None, EXPORTS.name, reception.name, export.notes)

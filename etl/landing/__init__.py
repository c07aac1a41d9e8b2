"""The raw store: files in, immutable pieces by SHA-256 out, each with a row in the manifest.

A plain log is taken up to its last whole line; when the same file has grown, only the growth is landed as a further
piece (``etl.known_logs`` tells which file it is). A gzip file is closed: it is one piece, as it is; but of a log that
was read in part before it was compressed, only the rest is. A dump of a table is one piece, and so are the rows pulled
from one (``etl.pulls``), and the details of calls and the totals that other systems export (``etl.call_details``,
``etl.exports``).
"""

from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine

from etl.exports import NOTHING_TOLD, Told
from etl.landing.logs import land_log
from etl.landing.pieces import file_infos, pieces
from etl.landing.raw_store import raw_path
from etl.landing.received import NOBODY, Landed, Receiver, Reception, Refused, Undecided, latest_epoch
from etl.landing.recognition import recognise
from etl.landing.tables import land_details, land_dump, land_pull
from etl.landing.totals import exported, land_export
from etl.schema import Lane
from etl.settings import Settings

__all__ = [
    "NOBODY",
    "Landed",
    "Receiver",
    "Refused",
    "Undecided",
    "file_infos",
    "judge",
    "land",
    "land_pull",
    "latest_epoch",
    "pieces",
    "raw_path",
    "recognise",
]


def judge(path: Path, told: Told, *, latest_epoch: int) -> None:
    """Tell by its content whether a load would take a file in, as `land` does. Raises Refused."""
    try:
        recognise(path, latest_epoch=latest_epoch)
    except Refused as refusal:
        exported(path, told, refusal)


def land(
    path: Path,
    records: Engine,
    settings: Settings,
    *,
    name: str,
    now: datetime,
    receiver: Receiver = NOBODY,
    told: Told = NOTHING_TOLD,
) -> Landed:
    """Copy what is new of a file into the raw store and write its row of the manifest (state ``landed``).

    Raises Refused for a file that is not taken in. Whoever lands holds the warehouse's lock, so nobody lands in
    between. What is `told` is of a file of exported totals, whose period or queue it may not say itself.
    """
    reception = Reception(records, settings, name, now, receiver, settings.pbx, told.source)
    try:
        source = recognise(path, latest_epoch=reception.latest)
    except Refused as refusal:
        return land_export(path, reception, told, refusal)
    if source is None:
        return land_dump(path, reception)
    if source.lane is Lane.DETAILS:
        return land_details(path, source, reception)
    return land_log(path, source, reception)

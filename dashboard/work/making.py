"""The job ``export``: one file of a page's list, made as the page itself would make it.

In: an open store, the job, a progress that may raise Cancelled. Out: the file in its place, with its entry in the audit
in the transaction that ends the job: no file without its entry.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session

from dashboard.context import Context
from dashboard.pages import LISTINGS
from dashboard.saving import is_masked, most_rows, written
from dashboard.work import exports
from dashboard.work.exports import ExportError
from dashboard.work.works import Outcome
from etl.lines import Progress
from etl.records.audit import Action, Actor, note
from etl.records.models import Job
from etl.store import OpenStore
from etl.warehouse import sync_folder
from reports.format import number_text

#: Rows written between two looks whether the file is still wanted.
_STEP = 2_000
#: What a file of rows takes: reading them, and then writing them.
_READ_SHARE = 0.2


class _Told(list[Any]):
    """Rows that tell how far their last reading is: Excel reads them once for the width of each column."""

    def __init__(self, rows: Any, readings: int, progress: Progress) -> None:
        super().__init__(rows)
        self._left = readings
        self._progress = progress

    def __iter__(self) -> Iterator[Any]:
        self._left -= 1
        for place, row in enumerate(super().__iter__()):
            if place % _STEP == 0:
                done = place / len(self) if self._left <= 0 else 0.0
                self._progress("escribiendo el archivo", _READ_SHARE + (0.95 - _READ_SHARE) * done)
            yield row


def make(store: OpenStore, job: Job, by: Actor, progress: Progress) -> Outcome:
    """Make the file of a job for its account as it is now. ExportError."""
    asked, number = job.asked, job.job_id
    identity, listing = exports.asker(store.records, job), LISTINGS[str(asked["page"])]
    ending = str(asked["ending"])
    progress("leyendo los datos", None)
    with closing(Context(store.settings)) as context:
        table = listing.table_of(context, identity, str(asked["address"]), most_rows(ending))
        if table is None:
            raise ExportError("Eso ya no se puede mostrar: ábralo otra vez en su página y guárdelo de nuevo.")
        if listing.of_figures and context.generation_in_service() != asked["generation"]:
            raise ExportError("Hay datos nuevos: la página ya muestra las cifras nuevas. Revíselas y vuelva a guardar.")
    rows = len(table.rows)
    readings = 1 if ending == "csv" else len(table.columns) + 1
    content = written(replace(table, rows=_Told(table.rows, readings, progress)), ending)
    name = f"{table.file_name}.{ending}"
    path, draft = exports.path_of(store.settings, number), exports.draft_of(store.settings, number)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    try:
        draft.unlink(missing_ok=True)  # of an attempt that was killed
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        progress("escribiendo el archivo", 1.0)
    except BaseException:  # whatever it was, cancelled too: nothing half-made stays
        draft.unlink(missing_ok=True)
        raise

    def settle(session: Session) -> None:
        note(session, by, Action.EXPORT, name, bytes=len(content), rows=rows, masked=is_masked(identity))
        draft.replace(path)
        sync_folder(path.parent)

    answer = {"file": name, "bytes": len(content), "rows": rows, "role": str(identity.role)}
    return Outcome(f"{number_text(rows)} filas.", answer, settle=settle)

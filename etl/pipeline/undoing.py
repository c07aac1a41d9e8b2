"""A load taken out again: its number in, the figures in service as if it had never been loaded out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from etl.known_logs import holds_undone, undone_pieces
from etl.lines import Progress, no_progress
from etl.pipeline.publishing import serve_without
from etl.pipeline.recovery import recover
from etl.pulls import UNDONE
from etl.records.audit import Action, Actor, note
from etl.records.engine import transaction
from etl.records.models import Load, LogFile
from etl.settings import ZONE_OFFSET_SECONDS
from etl.store import OpenStore, StoreError, full_disk_told, now, warehouse_lock
from etl.warehouse import Generation, read_current


class UndoError(StoreError):
    """A load cannot be taken out; the message says why."""


@dataclass(frozen=True)
class Undoable:
    """A load as whoever may undo it knows it: its file, and its lines there."""

    load: int
    name: str
    first_line: int
    lines: int


def loads_undone_with(session: Session, load_id: int) -> list[Undoable]:
    """Tell which loads go when one is undone: itself, and the later pieces of the same file. Raises UndoError."""
    load = session.get(Load, load_id)
    if load is None:
        raise UndoError(f"No existe la carga {load_id}: vea los números con «callcenter load list».")
    if load.state == "refused":
        raise UndoError(f"La carga {load_id} no está en servicio: {load.refusal or 'fue rechazada'}.")
    later = select(Load, LogFile.name).join(LogFile, LogFile.file_id == Load.file_id)
    later = later.where(Load.file_id == load.file_id, Load.first_byte >= load.first_byte, Load.state != "refused")
    return [
        Undoable(going.load_id, name, going.first_line, going.lines)
        for going, name in session.execute(later.order_by(Load.first_byte))
    ]


def is_undone(session: Session, load_id: int) -> bool:
    """Tell whether the manifest says that a load was in service and was taken out again."""
    load = session.get(Load, load_id)
    return load is not None and load.state == "refused" and (load.refusal or "").startswith(UNDONE)


def was_undone(store: OpenStore, path: Path) -> bool:
    """Tell whether a file holds, in the same place, a piece that was undone and was not loaded again since.

    Such a file is loaded when somebody names it, and not because it still lies in the inbox.
    """
    with transaction(store.records) as session:
        undone = undone_pieces(session, UNDONE)
    return bool(undone) and holds_undone(store.records, path, undone)


def undo(
    store: OpenStore, load_id: int, *, by: Actor, told: Sequence[int] | None = None, progress: Progress = no_progress
) -> Generation | None:
    """Take a load, and the later pieces of its file, out again: figures are as if it had never been loaded.

    `told` are the loads that whoever asked was told of, in their order: where others would go now, none does.

    Everything that remains is built anew, privately; then the manifest says ``refused``, with the entry of the audit;
    then the new generation is put into service (None where nothing remains). Killed before the manifest's change,
    nothing has happened; killed after it, the next load or undo completes it. Undoing again what is undone does
    nothing. The bytes stay in the raw store, and the same file can be loaded again. Raises UndoError, AnotherLoadRuns,
    and what a rebuild raises.
    """
    with full_disk_told(store.settings), warehouse_lock(store.settings):
        recover(store, progress=progress)
        with transaction(store.records) as session:
            if is_undone(session, load_id):
                return read_current(store.settings.warehouse)
            going = [each.load for each in loads_undone_with(session, load_id)]
        if told is not None and going != list(told):
            raise UndoError(
                f"Mientras tanto cambió qué cargas se deshacen con la {load_id} (ahora {', '.join(map(str, going))}): "
                "no se deshizo nada. Revíselas y pídalo otra vez."
            )

        def decide() -> None:
            with transaction(store.records) as session:
                loads = [session.get_one(Load, each) for each in going]
                day = now() + timedelta(seconds=ZONE_OFFSET_SECONDS)
                for load in loads:
                    load.state, load.refusal = "refused", f"{UNDONE}{day:%d/%m/%Y} por {by.name}"
                note(
                    session, by, Action.UNDO, f"load {load_id}",
                    loads=" ".join(map(str, going)), lines=sum(load.lines for load in loads),
                )  # fmt: skip

        return serve_without(store, progress, frozenset(going), decide)

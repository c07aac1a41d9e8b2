"""After a load or an undo that was cut off: the manifest and CURRENT in, both in line with each other again."""

import shutil
from collections.abc import Sequence

from sqlalchemy import select

from etl.lines import Progress, no_progress
from etl.pipeline.manifest import CANCELLED, landed_by, mark_published, note_load, refuse_abandoned, refuse_landed
from etl.pipeline.publishing import serve_without
from etl.records.audit import SYSTEM
from etl.records.engine import transaction
from etl.records.models import Load
from etl.settings import Settings
from etl.store import OpenStore, warehouse_lock
from etl.warehouse import (
    CURRENT,
    WarehouseError,
    open_generation,
    read_current,
    remove_unused,
    set_stray_logs_aside,
)


def recover(store: OpenStore, *, progress: Progress = no_progress) -> None:
    """Bring the manifest and CURRENT in line with each other.

    What is in service is published, what is not is landed and run again; a load in service that the manifest refuses
    was being undone, and that is completed.
    """
    current = read_current(store.settings.warehouse)
    clear_builds(store.settings)
    in_service = set(current.loads) if current else set()
    refuse_abandoned(store, in_service)
    with transaction(store.records) as session:
        states = {load_id: state for load_id, state in session.execute(select(Load.load_id, Load.state))}
        known = [load_id for load_id in in_service if states.get(load_id) == "landed"]
        if known and current is not None:
            for load_id, counts in _counts_in_service(store.settings, known).items():
                load = session.get_one(Load, load_id)
                mark_published(load, current.number, *counts)
                note_load(session, landed_by(load) or SYSTEM, load)
        for load_id, state in states.items():
            if state == "published" and load_id not in in_service:  # the warehouse was lost, or is an older one
                session.get_one(Load, load_id).state = "landed"
    if missing := in_service - set(states):
        raise WarehouseError(
            f"La base de cifras contiene cargas que el manifiesto no conoce ({', '.join(map(str, sorted(missing)))}): "
            "restaure los registros. Si se perdieron, «callcenter rebuild» arma las cifras sin esas cargas."
        )
    if any(states[load_id] == "refused" for load_id in in_service):
        current = serve_without(store, progress, frozenset())
    if current is not None:
        set_stray_logs_aside(store.settings.warehouse, current)
        remove_unused(store.settings.warehouse, current, older_than_seconds=store.settings.keep_generations_seconds)


def is_unfinished(store: OpenStore) -> bool:
    """Tell whether a load or an undo was cut off: the next load completes it, and so does one of no files."""
    current = read_current(store.settings.warehouse)
    in_service = set(current.loads) if current else set()
    with transaction(store.records) as session:
        states = session.execute(select(Load.load_id, Load.state))
        return any(state == "landed" or (state == "published") != (load in in_service) for load, state in states)


def drop_landed(store: OpenStore, job: int) -> bool:
    """Refuse what a job landed and is not in service, for a load that was stopped by force.

    Tells whether something that it landed is in service all the same. Raises AnotherLoadRuns.
    """
    with warehouse_lock(store.settings):
        recover(store)
        with transaction(store.records) as session:
            landed = session.execute(select(Load.load_id, Load.state).where(Load.job_id == job)).all()
        refuse_landed(store, [load for load, state in landed if state == "landed"], CANCELLED, SYSTEM)
        return any(state == "published" for _, state in landed)


def _counts_in_service(settings: Settings, loads: Sequence[int]) -> dict[int, tuple[int, int, int, int]]:
    _, connection = open_generation(settings.warehouse)
    try:
        rows = connection.execute(
            # As read, like the tallies: the view has moved the strays.
            "SELECT load, loaded, duplicates, quarantined, blank FROM loads_all.meta.loads "
            f"WHERE load IN ({', '.join(map(str, loads))})"
        ).fetchall()
    finally:
        connection.close()
    return {row[0]: tuple(row[1:]) for row in rows}


def clear_builds(settings: Settings) -> None:
    """Delete what a killed build left behind; called under the lock."""
    for folder in settings.warehouse.glob(".build-*"):
        shutil.rmtree(folder, ignore_errors=True)
    for draft in (*settings.raw.glob(".draft-*"), *settings.warehouse.glob(f".{CURRENT}.*")):
        draft.unlink(missing_ok=True)

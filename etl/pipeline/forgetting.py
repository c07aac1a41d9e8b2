"""The text of lines set aside long ago, forgotten: the same figures in service again without it."""

from datetime import datetime, timedelta

from sqlalchemy import select

from etl.lines import Progress, no_progress
from etl.pipeline.publishing import serve_changed
from etl.pipeline.recovery import recover
from etl.records.audit import SYSTEM, Action, Actor, note
from etl.records.engine import transaction
from etl.records.models import Load
from etl.store import OpenStore, full_disk_told, now, warehouse_lock
from etl.warehouse import read_current


def texts_are_due(store: OpenStore) -> bool:
    """Tell whether lines set aside are so old that their text is to be forgotten, and still have it."""
    current = read_current(store.settings.warehouse)
    if current is None:
        return False
    kept = timedelta(days=store.settings.keep_set_aside_days)
    # Every build forgets what is due when it begins: only what became due since can be there still.
    since = datetime.fromisoformat(current.made_at) - kept
    with transaction(store.records) as session:
        due = select(Load.load_id).where(
            Load.state == "published", Load.quarantined > 0, Load.landed_at > since, Load.landed_at <= now() - kept
        )
        return session.scalar(due.limit(1)) is not None


def forget_texts(store: OpenStore, *, progress: Progress = no_progress, by: Actor = SYSTEM) -> None:
    """Put the same figures into service again without the text of lines set aside long ago, if there is any."""
    with full_disk_told(store.settings), warehouse_lock(store.settings):
        recover(store, progress=progress)
        current = read_current(store.settings.warehouse)
        if current is None or not texts_are_due(store):
            return
        generation = serve_changed(store, current)
        with transaction(store.records) as session:
            note(session, by, Action.LOAD, "lines set aside", generation=generation.number, change="forgotten")

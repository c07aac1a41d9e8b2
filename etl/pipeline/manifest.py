"""What the manifest says of loads: tallies and refusals in, states with their entries of the audit out."""

from collections.abc import Collection, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from etl.lines import Tally
from etl.records.audit import SYSTEM, Action, Actor, Result, note
from etl.records.engine import transaction
from etl.records.jobs import State
from etl.records.models import Job, Load
from etl.store import OpenStore, now
from etl.warehouse import Generation

CANCELLED = "la carga se canceló antes de publicarse"
FAILED = "la carga falló antes de publicarse"


def mark_published(load: Load, generation: int, loaded: int, duplicates: int, quarantined: int, blank: int) -> None:
    """Say of a load that a generation has it, and what became of its lines."""
    load.state, load.generation, load.published_at = "published", generation, now()
    load.loaded, load.duplicates, load.quarantined, load.blank = loaded, duplicates, quarantined, blank


def mark_tallies(store: OpenStore, tallies: Sequence[Tally], generation: Generation, by: Actor) -> None:
    """Say of all loads of a generation that it has them; what is new enters the audit, as done by who received it."""
    with transaction(store.records) as session:
        for tally in tallies:
            load = session.get_one(Load, tally.load)
            is_new = load.state != "published"
            mark_published(load, generation.number, tally.loaded, tally.duplicates, tally.quarantined, tally.blank)
            if is_new:
                note_load(session, landed_by(load) or by, load)


def landed_by(load: Load) -> Actor | None:
    """Return who received a piece, who need not be who completes its load; None where that was not kept yet."""
    return Actor(**load.landed_by) if load.landed_by else None


def note_load(session: Session, by: Actor, load: Load, result: Result = Result.DONE) -> None:
    """Enter a load into the audit, with what became of its lines."""
    note(
        session, by, Action.LOAD, f"load {load.load_id}", result, lines=load.lines, loaded=load.loaded,
        duplicates=load.duplicates, quarantined=load.quarantined,
    )  # fmt: skip


def refuse_with_later(store: OpenStore, load_id: int, reason: str, by: Actor) -> dict[int, str]:
    """Refuse a landed piece, and what was landed after it of the same file: all of that is received again later."""
    with transaction(store.records) as session:
        piece = session.get_one(Load, load_id)
        later = select(Load).where(
            Load.file_id == piece.file_id, Load.state == "landed", Load.first_byte >= piece.first_byte
        )
        refused = list(session.scalars(later))
        for load in refused:
            load.state, load.refusal = "refused", reason
            note_load(session, by, load, Result.REFUSED)
        return {load.load_id: reason for load in refused}


def refuse_abandoned(store: OpenStore, in_service: Collection[int]) -> None:
    """Refuse what a job landed that has ended without putting it into service: nobody waits for it any more."""
    with transaction(store.records) as session:
        left = select(Load.load_id).join(Job, Job.job_id == Load.job_id)
        left = left.where(
            Load.state == "landed", Load.published_at.is_(None), Job.state.in_((State.FAILED, State.CANCELLED))
        )
        abandoned = [load for load in session.scalars(left) if load not in in_service]
    if abandoned:
        refuse_landed(store, abandoned, FAILED, SYSTEM)


def refuse_landed(store: OpenStore, loads: Sequence[int], reason: str, by: Actor) -> int:
    """Refuse the landed pieces of a build whose check failed, lest they stop every later load; return how many."""
    with transaction(store.records) as session:
        landed = list(session.scalars(select(Load).where(Load.load_id.in_(loads), Load.state == "landed")))
        for load in landed:
            load.state, load.refusal = "refused", reason
            note_load(session, by, load, Result.REFUSED)
        return len(landed)

"""The worker's part in following logs that grow: what is new of them becomes a job, one at a time.

In: CALLCENTER_WATCH. Out: jobs of the inbox's kind that name the files to load. One process follows the logs of a
store; while another does (``callcenter watch``), this one waits.
"""

from __future__ import annotations

import logging
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from etl.follow import AnotherFollows, Follower, follow_lock
from etl.records import jobs
from etl.records.engine import transaction
from etl.records.models import Job
from etl.store import OpenStore

_LOG = logging.getLogger(__name__)


@dataclass
class Following:
    """Looks after the followed logs of a store for its worker: ``make_round`` often, ``close`` at the end."""

    store: OpenStore
    follower: Follower = field(init=False)
    _lock: ExitStack = field(default_factory=ExitStack)
    _is_ours: bool = False
    _told: str = ""
    _next: float = 0.0
    _job: int | None = None
    _files: list[Path] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Know the paths as the settings name them."""
        self.follower = Follower([path.absolute() for path in self.store.settings.watch])

    def make_round(self) -> None:
        """Look, where it is time and nobody else does, and queue what is new."""
        at = time.monotonic()
        if not self.store.settings.watch or at < self._next or not self._has_lock() or not self._has_ended(at):
            return
        self._next = at + self.store.settings.watch_seconds
        ready = self.follower.look(now=at, wall=time.time())
        said, self.follower.said = self.follower.said, []
        for text in said:
            _LOG.warning("followed log: %s", text)
        if ready:
            with transaction(self.store.records) as session:
                asked = {"files": [], "watched": [str(path) for path in ready]}
                self._job = jobs.enqueue(session, "inbox", asked, None).job_id
            self._files = ready
            self.follower.note_taken(ready)

    def close(self) -> None:
        """Let others follow."""
        self._lock.close()
        self._is_ours = False

    def _has_lock(self) -> bool:
        if not self._is_ours:
            try:
                self._lock.enter_context(follow_lock(self.store.settings))
            except AnotherFollows as error:
                if str(error) != self._told:
                    self._told = str(error)
                    _LOG.warning("%s", error)
                self._next = time.monotonic() + self.store.settings.watch_seconds
                return False
            self._is_ours, self._told = True, ""
        return True

    def _has_ended(self, at: float) -> bool:
        """Tell whether no job of ours is under way; of one that failed, the files are tried again in a while."""
        if self._job is None:
            return True
        with transaction(self.store.records) as session:
            job = session.get(Job, self._job)
        if job is not None and job.ended_at is None:
            return False
        answer = (job.answer if job is not None else None) or {}
        if job is None or job.state != jobs.State.DONE:
            self.follower.note_refused(self._files, at)
        else:
            refused = {report["name"] for report in answer.get("files", ()) if report["state"] == "refused"}
            self.follower.note_refused([path for path in self._files if path.name in refused], at)
        self._job, self._files = None, []
        return True

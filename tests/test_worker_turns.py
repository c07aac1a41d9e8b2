"""When the worker takes something up: a file of the inbox, the nightly backup, a look into the databases."""

import os
import shutil
from datetime import datetime
from pathlib import Path

import pytest

from dashboard.work.worker import Inbox, backup_is_due, pull_is_due
from etl.records.models import Job


def test_a_file_of_the_inbox_is_ready_when_it_has_not_changed_for_ten_seconds(tmp_path: Path) -> None:
    inbox, path = Inbox(), tmp_path / "queue_log"

    def look(now: float) -> list[str]:
        return inbox.ready(tmp_path, now=now, wall=1_000_000 + now, settled=10)

    def change(content: bytes, now: float) -> None:
        path.write_bytes(content)
        os.utime(path, (1_000_000 + now, 1_000_000 + now))

    change(b"a", 0)
    assert look(1) == [] and inbox.waits
    change(b"ab", 9)
    assert look(11) == [], "it grew meanwhile"
    assert look(20) == [], "nine seconds since it was seen so"
    assert look(21.5) == ["queue_log"]
    inbox.note_queued(["queue_log"], 1)
    assert look(100) == [] and not inbox.waits
    os.utime(path, (5, 5))
    assert look(101) == [] and look(112) == ["queue_log"], "another time is another file"
    shutil.copy2(path, tmp_path / "copy")  # with its old time: watched all the same
    inbox.note_queued(["queue_log"], 2)
    assert look(113) == [] and look(123) == ["copy"]
    assert Inbox().ready(tmp_path / "none", now=0, wall=0, settled=1) == []


@pytest.mark.parametrize(
    ("queued", "state", "ended_at", "due"),
    [
        (None, "", None, True),
        ("2026-11-23 05:10", "done", "2026-11-23 05:12", False),
        ("2026-11-22 05:10", "done", "2026-11-22 05:12", True),
        ("2026-11-23 04:50", "done", "2026-11-23 04:52", True),
        ("2026-11-22 05:10", "running", None, False),
        ("2026-11-23 11:30", "failed", "2026-11-23 11:31", False),
        ("2026-11-23 10:30", "failed", "2026-11-23 10:31", True),
        # When the clock was wrong for one night.
        ("2027-01-23 05:10", "done", "2027-01-23 05:12", True),
        ("2027-01-23 05:10", "failed", "2027-01-23 05:12", True),
        ("2027-01-23 05:10", "queued", None, False),
    ],
)
def test_a_backup_is_due_once_a_day_from_one_in_the_morning_of_la_paz(
    queued: str | None, state: str, ended_at: str | None, due: bool
) -> None:
    last = queued and Job(
        work="backup", state=state, queued_at=datetime.fromisoformat(queued),
        ended_at=datetime.fromisoformat(ended_at) if ended_at else None,
    )  # fmt: skip
    assert backup_is_due(last or None, datetime(2026, 11, 23, 12)) == due


@pytest.mark.parametrize(
    ("queued", "state", "due"),
    [
        (None, "", True),
        ("2026-11-23 11:00", "done", True),
        ("2026-11-23 11:00:01", "done", False),
        ("2026-11-23 09:00", "running", False),
        # When the clock was wrong for one pull.
        ("2027-01-23 12:00", "done", True),
        ("2026-11-23 12:59:59", "done", False),
    ],
)
def test_databases_are_looked_into_again_after_their_time_whatever_the_clock_once_was(
    queued: str | None, state: str, due: bool
) -> None:
    last = queued and Job(work="inbox", state=state, queued_at=datetime.fromisoformat(queued))
    assert pull_is_due(last or None, datetime(2026, 11, 23, 12), 3600) == due

"""A log followed while it grows and is rotated: nothing lost, nothing doubled, said once, whoever is killed when."""

import gzip
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest
from filelock import FileLock
from sqlalchemy import select

from dashboard.work import worker
from etl import follow, pipeline
from etl import watch as watching
from etl.follow import Follower, follow_lock, is_followed, is_piece
from etl.records.audit import SYSTEM
from etl.records.engine import transaction
from etl.records.jobs import State
from etl.records.models import Job
from etl.settings import Settings
from etl.store import warehouse_lock
from etl.watch import Watch
from tests.drawn_log import GOOD, answered, enter, line, loaded, log
from tests.processes import within
from tests.product import Product
from tests.rights import modes_hold

ROOT = Path(__file__).parents[1]
CALLS = [text for n in range(40) for text in answered(n * 100, str(n))]
#: Equal neighbours, which only the place in the file tells apart.
TWINS = [text for n, text in enumerate(CALLS) for _ in range(3 if n % 7 == 0 else 1)]


class Looks:
    """A watch whose looks are the test's; with `settled` below 0 whatever lies there is whole."""

    def __init__(self, product: Product, *paths: Path, inbox: Path | None = None, settled: float = 10) -> None:
        self.product, self.said = product, list[str]()
        self.follower = Follower(paths, inbox, settled)
        self.watch = Watch(product.store(), self.follower, 60, self.said.append)

    def __call__(self) -> list[tuple[str, int, int, int]]:
        """What came of a look: of each file published its name, the lines read, loaded and duplicate."""
        reports = self.watch.look()
        return [(r.name, r.read, r.loaded, r.duplicates) for r in reports if r.state == "published"]

    def told(self) -> list[str]:
        said, self.said[:] = list(self.said), []
        return said


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    (folder := tmp_path / "asterisk").mkdir()
    return folder


def append(path: Path, content: bytes) -> None:
    with path.open("ab") as file:
        file.write(content)


def rotate(live: Path, how: str, number: int) -> None:
    """Rotate as logrotate or Asterisk do; older pieces move on, the log begins anew."""
    turned = live.with_name(f"queue_log-202403{number:02}")
    match how:
        case "rename":
            live.rename(turned)
        case "numbers":
            for n in range(9, 0, -1):
                if (old := live.with_name(f"queue_log.{n}")).exists():
                    old.rename(live.with_name(f"queue_log.{n + 1}"))
            live.rename(live.with_name("queue_log.1"))
        case "copytruncate":
            shutil.copy(live, turned)
        case "gzip at once":
            turned.with_name(f"{turned.name}.gz").write_bytes(gzip.compress(live.read_bytes()))
        case "timestamp":
            live.rename(live.with_name(f"queue_log.17096{number:05}"))
    live.write_bytes(b"")


ROTATIONS = ("rename", "numbers", "copytruncate", "gzip at once", "timestamp")


@pytest.mark.parametrize("how", ROTATIONS)
def test_what_was_written_between_the_last_look_and_the_rotation_counts_once(
    how: str, product: Product, logs: Path
) -> None:
    live = logs / "queue_log"
    look = Looks(product, live, settled=-1)
    # The pieces end between lines that differ: equal ones on both sides cannot be told from an overlap.
    first, second, third = log(*TWINS[:31]), log(*TWINS[31:49]), log(*TWINS[49:])
    assert TWINS[30] != TWINS[31] and TWINS[48] != TWINS[49]
    append(live, first[:1000])
    assert [read for _, read, _, _ in look()] == [first[:1000].count(b"\n")]
    append(live, first[1000:])
    rotate(live, how, 1)
    append(live, second[:700])
    taken = look()
    assert sum(read for _, read, _, _ in taken) == first[1000:].count(b"\n") + second[:700].count(b"\n")
    append(live, second[700:])
    rotate(live, how, 2)
    # What was compressed later was known before.
    for old in logs.glob("queue_log-20240301"):
        old.with_name(f"{old.name}.gz").write_bytes(gzip.compress(old.read_bytes()))
        old.unlink()
    append(live, third)
    look()
    assert look() == []
    assert product.counted() == loaded(product.folder / "whole", first + second + third).counted()
    assert product.rows("SELECT COUNT(DISTINCT file), SUM(lines), SUM(duplicates) FROM meta.loads") == [
        (3, len(TWINS), 0)
    ]


@pytest.mark.duckdb
@pytest.mark.drawn(2)
def test_however_it_grows_and_is_rotated_it_is_the_whole(seed: int, product: Product, logs: Path) -> None:
    """Whole lines at each rotation, as Asterisk writes them, and no equal ones astride it; cut ones at each look."""
    chance = Random(seed)
    live = logs / "queue_log"
    live.touch()
    look = Looks(product, live, settled=-1)
    lines = [f"{text}\n".encode() for text in TWINS]
    rotations = 0
    while lines:
        count = chance.randint(1, 20)
        chunk, lines = b"".join(lines[:count]), lines[count:]
        half = chance.randrange(len(chunk))
        append(live, chunk[:half])
        if chance.random() < 0.4:
            look()
        append(live, chunk[half:])
        if chance.random() < 0.3 and lines and not chunk.endswith(lines[0]):
            rotations += 1
            rotate(live, chance.choice(ROTATIONS), rotations)
        if chance.random() < 0.1:  # another process
            look = Looks(product, live, settled=-1)
    look()
    look()
    assert rotations > 1
    assert product.counted() == loaded(product.folder / "whole", log(*TWINS)).counted()
    assert product.rows("SELECT SUM(loaded) FROM meta.loads") == [(len(TWINS),)]


def test_a_cut_last_line_waits_and_a_look_without_news_loads_nothing(product: Product, logs: Path) -> None:
    live = logs / "queue_log"
    look = Looks(product, live)
    live.write_bytes(b"")
    assert look() == []
    append(live, log(*GOOD)[:20])
    assert look() == [] and look.told() == []
    append(live, log(*GOOD)[20:100])
    assert look() == [("queue_log", 1, 1, 0)]
    append(live, log(*GOOD)[100:])
    assert look() == [("queue_log", 2, 2, 0)]
    assert look() == []
    assert look.told()[-1] == (
        "publicado: 2 leídas, 2 cargadas, 0 repetidas, 0 observadas; último registro 05/03/2024 08:01:05 (queue_log)"
    )


def test_a_piece_that_still_changes_is_left_until_it_is_whole(product: Product, logs: Path) -> None:
    """A copy under way, a compression under way; but a log that was renamed is the log."""
    follower = Follower([logs / "queue_log"])
    live, copy = logs / "queue_log", logs / "queue_log-20240301"
    live.write_bytes(log(*GOOD))
    copy.write_bytes(log(*GOOD[:1]))
    at = copy.stat().st_mtime
    assert follower.look(now=0, wall=at) == [live]
    follower.note_taken([live])
    assert follower.look(now=5, wall=at + 5) == []
    append(copy, log(*GOOD[1:]))
    os.utime(copy, (at + 6, at + 6))
    assert follower.look(now=11, wall=at + 11) == []
    assert follower.look(now=21, wall=at + 21) == [copy]
    append(live, log(*answered(100, "2")))
    live.rename(logs / "queue_log.1")
    assert (logs / "queue_log.1") in follower.look(now=22, wall=at + 22)


def test_what_is_wrong_is_said_once_and_over_once(
    product: Product, logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = logs / "queue_log"
    look = Looks(product, live)
    look(), look(), look()
    assert look.told() == [f"{live}: no está; se espera a que aparezca"]
    live.write_bytes(log(*GOOD))
    assert look() == [("queue_log", 3, 3, 0)]
    assert look.told()[0] == f"{live}: se lee otra vez"
    # The share goes away, and comes back with more.
    with monkeypatch.context() as away:
        away.setattr(follow.os, "scandir", _gone)
        look(), look()
    assert look.told() == [f"{logs}: no se puede leer la carpeta (Host is down)"]
    append(live, log(*answered(100, "2")))
    assert look() == [("queue_log", 3, 3, 0)]
    assert look.told()[0] == f"{logs}: se lee otra vez"
    (logs / "queue_log.3.bz2").write_bytes(b"BZh9")
    os.utime(logs / "queue_log.3.bz2", (0, 0))
    look(), look()
    assert look.told() == [
        f"{logs / 'queue_log.3.bz2'}: comprimido de una forma que no se lee; descomprímalo o use gzip"
    ]


def _gone(path: object) -> Iterator[object]:
    raise OSError(112, "Host is down")


@pytest.mark.skipif(os.name == "nt", reason="there files have no modes")
def test_a_log_that_may_not_be_read_is_told_and_loaded_when_it_may(product: Product, logs: Path) -> None:
    live = logs / "queue_log"
    live.write_bytes(log(*GOOD))
    live.chmod(0)
    look = Looks(product, live)
    with modes_hold():
        look(), look()
    assert look.told() == [f"{live}: no se puede leer (Permission denied)"]
    live.chmod(0o600)
    assert look() == [("queue_log", 3, 3, 0)]


def test_what_is_no_log_is_refused_once_and_harms_nothing(product: Product, logs: Path) -> None:
    live = logs / "queue_log"
    live.write_bytes(log(*GOOD))
    (logs / "queue_log.bak").write_bytes(b"una carta\n" * 20)
    os.utime(logs / "queue_log.bak", (0, 0))
    look = Looks(product, live)
    assert look() == [("queue_log", 3, 3, 0)]
    (refusal,) = [text for text in look.told() if "rechazado" in text]
    assert refusal.startswith("queue_log.bak: rechazado: no es un queue_log")
    look(), look()
    assert look.told() == []


def test_what_was_undone_is_not_taken_again_until_somebody_loads_it(product: Product, logs: Path) -> None:
    live = logs / "queue_log"
    live.write_bytes(log(*GOOD))
    look = Looks(product, live)
    look()
    pipeline.undo(product.store(), 1, by=SYSTEM)
    append(live, log(*answered(100, "2")))
    look.told()
    assert look() == look() == []
    (said,) = look.told()
    assert said.startswith(f"{live}: se deshizo su carga")
    pipeline.ingest(product.store(), [live])
    append(live, log(*answered(200, "3")))
    assert look() == [("queue_log", 3, 3, 0)]


def test_a_load_under_way_is_waited_for(product: Product, logs: Path) -> None:
    live = logs / "queue_log"
    live.write_bytes(log(*GOOD))
    look = Looks(product, live)
    with warehouse_lock(product.settings()):
        look(), look()
        (said,) = look.told()
        assert said.startswith("Otra carga está en curso")
    assert look() == [("queue_log", 3, 3, 0)]


def test_the_inbox_is_looked_at_unless_a_worker_does(product: Product, logs: Path) -> None:
    settings = product.settings()
    settings.inbox.mkdir(parents=True)
    arrived = settings.inbox / "octubre.log"
    arrived.write_bytes(log(*GOOD))
    os.utime(arrived, (0, 0))
    look = Looks(product, logs / "queue_log", inbox=settings.inbox)
    with FileLock(settings.data / ".worker.lock"):
        assert look() == []
    assert look() == [("octubre.log", 3, 3, 0)]


def test_a_silence_in_working_hours_tells_the_last_record_and_raises_no_alarm(
    product: Product, logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = logs / "queue_log"
    live.write_bytes(log(*GOOD))
    look = Looks(product, live)
    look()
    look.told()
    at, hour = [watching.time.monotonic()], [10]
    monkeypatch.setattr(watching.time, "monotonic", lambda: at[0])
    monkeypatch.setattr(watching.time, "time", lambda: 1709640000 - 8 * 3600 + hour[0] * 3600)
    at[0] += watching.QUIET_SECONDS - 60
    look()
    assert look.told() == []
    at[0] += 120
    look(), look()
    assert look.told() == ["sin registros nuevos; último registro 05/03/2024 08:01:05"]
    hour[0] = 3
    at[0] += 2 * watching.QUIET_SECONDS
    look()
    assert look.told() == []


def test_a_folder_that_only_the_script_fills_lacks_nothing(product: Product, logs: Path) -> None:
    piece = logs / "queue_log-1709640000-4294967295"
    piece.write_bytes(log(*GOOD))
    os.utime(piece, (0, 0))
    look = Looks(product, logs)
    assert look() == [(piece.name, 3, 3, 0)]
    look(), look()
    assert len(look.told()) == 1


@pytest.mark.parametrize(
    ("name", "is_one"),
    [("queue_log", True), ("queue_log.1", True), ("queue_log.0.gz", True), ("queue_log-20261001.gz", True),
     ("queue_log.1709640000", True), ("queue_log2", False), (".queue_log.swp", False), ("queue_log~", False),
     ("messages", False)],
)  # fmt: skip
def test_a_rotated_piece_is_known_by_its_name(name: str, is_one: bool, tmp_path: Path) -> None:
    assert is_piece(name, "queue_log") is is_one
    assert is_followed(tmp_path / name, [tmp_path]) is is_followed(tmp_path / name, [tmp_path / "queue_log"]) is is_one
    assert not is_followed(tmp_path / "other" / name, [tmp_path])


def test_growth_is_read_from_where_it_stood(product: Product, logs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a log that has grown, the beginning, the point reached and the growth are read, not the rest."""
    live = logs / "queue_log"
    live.write_bytes(log(*[text for n in range(40_000) for text in (enter(n, str(n)),)]))
    size = live.stat().st_size
    assert size > 2_000_000
    look = Looks(product, live)
    look()
    append(live, log(line(50_000, "1", "RINGNOANSWER", 1000)))
    before = _read_bytes()
    assert look() == [("queue_log", 1, 1, 0)]
    copied = sum(path.stat().st_size for path in product.settings().raw.rglob("*") if path.is_file())
    assert copied == live.stat().st_size
    if before is not None:
        warehouse = sum(path.stat().st_size for path in product.settings().warehouse.iterdir())
        assert (_read_bytes() or 0) - before < size / 2 + 3 * warehouse


def _read_bytes() -> int | None:
    """What this process has read of files, None where the system does not say."""
    path = Path("/proc/self/io")
    return int(path.read_text().split("rchar: ")[1].split()[0]) if path.exists() else None


# The processes


@contextmanager
def watch_process(data: Path, *paths: Path, fault: str = "") -> Iterator[subprocess.Popen[str]]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CALLCENTER_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "dashboard", "--data", str(data), "watch", *map(str, paths), "--interval", "1"],
        cwd=ROOT, env=environment | {"CALLCENTER_FAULT": fault}, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.skipif(os.name == "nt", reason="ends a process by signals, which are of Unix")
def test_the_command_follows_until_it_is_told_to_stop_and_only_one_does(tmp_path: Path, logs: Path) -> None:
    data, live = tmp_path / "data", logs / "queue_log"
    live.write_bytes(log(*GOOD))
    with watch_process(data, live) as process:
        assert process.stdout is not None
        first, second = process.stdout.readline(), process.stdout.readline()
        assert f"se sigue {live}" in first
        assert "publicado: 3 leídas, 3 cargadas" in second
        with pytest.raises(follow.AnotherFollows, match=f"proceso {process.pid}"), follow_lock(Settings(data=data)):
            pass
        append(live, log(*answered(100, "2")))
        assert "publicado: 3 leídas, 3 cargadas" in process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline().endswith("terminado\n")
        assert process.wait(timeout=30) == 0
    with follow_lock(Settings(data=data)):
        pass


@pytest.mark.duckdb
@pytest.mark.skipif(os.name == "nt", reason="kills by SIGKILL, which this system has not")
@pytest.mark.parametrize("fault", ["landing", "before_rename", "after_current"])
def test_whoever_kills_it_the_next_one_goes_on_with_the_same_figures(fault: str, tmp_path: Path, logs: Path) -> None:
    product = Product(tmp_path)
    live = logs / "queue_log"
    live.write_bytes(log(*TWINS[:50]))
    with watch_process(product.settings().data, live, fault=fault) as process:
        assert process.wait(timeout=60) == -signal.SIGKILL
    append(live, log(*TWINS[50:]))
    rotate(live, "rename", 1)
    look = Looks(product, live, settled=-1)
    look()
    assert product.counted() == loaded(tmp_path / "whole", log(*TWINS)).counted()


def test_the_worker_follows_what_the_settings_name(product: Product, logs: Path) -> None:
    live = logs / "queue_log"
    live.write_bytes(log(*GOOD))
    settings = product.settings().model_copy(update={"watch": (logs,), "watch_seconds": 0.1})
    store = product.store()
    pace = worker.Pace(look=0.05, beat=0.1, lost=5.0, rounds=0.3, settled=0.2, goodbye=5.0)
    stop = threading.Event()
    thread = threading.Thread(target=worker.run, args=(settings,), kwargs={"stop": stop, "pace": pace})

    def done() -> list[str]:
        with transaction(store.records) as session:
            return [job.tells for job in session.scalars(select(Job).where(Job.state == State.DONE))]

    with follow_lock(settings):
        thread.start()
        assert not within(1, done)
    try:
        assert within(60, done), "followed once the other has gone"
        append(live, log(*answered(100, "2")))
        assert within(60, lambda: len(done()) > 1)
    finally:
        stop.set()
        thread.join(timeout=60)
    assert done()[0].startswith("queue_log: cargado (queue_log): 3 leídas, 3 cargadas")
    assert len(product.visits()) == 2
    with follow_lock(settings):
        pass


def test_paths_in_the_environment_stand_between_commas(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CALLCENTER_WATCH", "/var/log/asterisk/queue_log, /mnt/registros")
    settings = Settings(data=tmp_path)
    assert settings.watch == (Path("/var/log/asterisk/queue_log"), Path("/mnt/registros"))
    assert settings.watch_seconds == 300

"""A backup holds everything that was acknowledged before it, and a store made from one is the store that was saved."""

import gzip
import hashlib
import json
import os
import random
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, inspect, make_url, select, text

from dashboard.people import accounts
from dashboard.people.accounts import Role
from etl import pipeline
from etl import store as stores
from etl.backup import (
    MANIFEST,
    SUM,
    BackupError,
    back_up,
    backup_warning,
    backups_in,
    fingerprint,
    kept,
    last_backup,
    read_manifest,
    settings_without_secrets,
)
from etl.landing import raw_path
from etl.records import site as sites
from etl.records.audit import SYSTEM, Action, Result, broken_seals, console_actor, note, seal_days
from etl.records.engine import REVISION, engine_at, open_records, transaction, upgrade
from etl.records.models import Account, AuditEntry, Job, Load, Store, Upload
from etl.records.portable import TableText, describe_tables, write_tables
from etl.restore import RestoreError, restore
from etl.settings import Settings
from etl.store import OpenStore
from etl.warehouse import read_current
from tests.business import business
from tests.commands import DAY, DONE, GOOD, REFUSED, USAGE, call, done
from tests.postgresql import database
from tests.product import Product
from tests.served import one_call
from tests.test_words import PATTERNS

AT = datetime(2026, 11, 20, 7, 15)  # UTC: 03:15 in La Paz
NAME = "callcenter-2026-11-20-031500"
PASSWORD = "tres palabras y un mapa"
SECRET = "0f" * 40
ROOT = Path(__file__).parents[1]


@dataclass
class Site:
    """A store with everything that a backup must bring back, and the folders beside it."""

    folder: Path
    url: str = ""

    @property
    def settings(self) -> Settings:
        return Settings(data=self.folder / "data", records_url=self.url, threads=1)

    @property
    def backups(self) -> Path:
        return self.folder / "backups"

    @property
    def keys(self) -> Path:
        return self.folder / "keys"

    def open(self) -> OpenStore:
        return stores.open_store(self.settings)

    def product(self) -> Product:
        return Product(self.folder)

    def ingest(self, number: int, calls: int = 1) -> None:
        path = self.folder / f"log-{number}"
        path.write_text("".join(f"{line}\n" for k in range(calls) for line in one_call("", number + k).lines))
        store = self.open()
        pipeline.ingest(store, [path])
        store.records.dispose()

    def back_up(self, now: datetime = AT, **more: Path) -> Path:
        store = self.open()
        try:
            return back_up(store, self.backups, now, **more).folder
        finally:
            store.records.dispose()

    def fill(self) -> None:
        """Two loads, a mapping, accounts with a session, a sealed audit, jobs with and without an answer."""
        self.ingest(0, 3)
        self.ingest(90, 2)
        store = self.open()
        with transaction(store.records) as session:
            sites.replace_queues(session, [sites.QueueRule("101", None, "102")])
        pipeline.remap(store)
        with transaction(store.records) as session:
            ana = accounts.add_account(session, SYSTEM, "ana", "Ana Ñáñez", Role.CHIEF, PASSWORD, must_change=False)
            accounts.sign_in(session, ana, address="10.0.0.7", browser="tests")
            note(session, ana_actor(ana), Action.EXPORT, "calls", rows=2, text="=1+1\r\n“ñ”")
            session.flush()
            for answer in ({"loads": [1, 2], "text": "ñ\u2028"}, None):
                session.add(
                    Job(work="load", asked={"upload": 1}, account_id=ana.account_id, state="done", cancel=False,
                        attempts=1, share=0.1, tells="ya", answer=answer, queued_at=AT, started_at=None, beat_at=None,
                        ended_at=None, retry_of=None)
                )  # fmt: skip
            session.add(
                Upload(account_id=ana.account_id, name="a.log", source="queue_log", sha256="0" * 64, bytes=3,
                       received_at=AT, state="checked", verdict={"ok": True}, loads=None)
            )  # fmt: skip
        with transaction(store.records) as session:
            seal_days(session, stores.now() + timedelta(days=2))
        store.records.dispose()
        (self.settings.data / "secret.key").write_text(SECRET)
        (self.settings.data / "callcenter.env").write_text(
            f"# sitio\nCALLCENTER_PBX=pbx\nCALLCENTER_SECRET={SECRET}\nCALLCENTER_HOSTS='call.test'\n"
        )
        (self.settings.data / "tls").mkdir()
        (self.settings.data / "tls" / "server.key").write_text(f"{SECRET} tls")

    def tables(self) -> dict[str, TableText]:
        engine = open_records(self.settings.database_url)
        try:
            with engine.connect() as connection:
                return describe_tables(connection)
        finally:
            engine.dispose()


def ana_actor(account: Account) -> accounts.Actor:
    return accounts.Actor(account.account_id, account.name, account.role, "10.0.0.7")


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.database)])
def full_site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A full site, with its records on each of the two databases; only to be copied."""
    with ExitStack() as databases:
        url = ""
        if request.param == "postgresql":
            url = databases.enter_context(database(request.getfixturevalue("postgresql_server")))
        site = Site(tmp_path_factory.mktemp("full"), url)
        site.fill()
        yield site


@pytest.fixture
def site(full_site: Site, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Site]:
    """A copy of it."""
    shutil.copytree(full_site.folder, tmp_path / "site")
    with ExitStack() as databases:
        url = ""
        if full_site.url:
            server = request.getfixturevalue("postgresql_server")
            template = make_url(full_site.url).database
            url = databases.enter_context(database(server, str(template)))
        yield Site(tmp_path / "site", url)


@pytest.fixture(scope="module")
def one_call_site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A site with one call, on SQLite; only to be copied."""
    site = Site(tmp_path_factory.mktemp("small"))
    site.ingest(0)
    return site


@pytest.fixture
def small(one_call_site: Site, tmp_path: Path) -> Site:
    """A copy of it."""
    shutil.copytree(one_call_site.folder, tmp_path / "site")
    return Site(tmp_path / "site")


def restored(source: Path, to: Site, keys: Path) -> Site:
    to.folder.mkdir(exist_ok=True)
    result = restore(source, to.settings, keys)
    assert (result.compared, result.differences) == (True, {})
    return to


# --- the way there and back


@pytest.mark.parametrize("target", ["sqlite", pytest.param("postgresql", marks=pytest.mark.database)])
def test_from_backup_and_key_alone_the_whole_store_comes_back(
    target: str, site: Site, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    figures, tables = business(site.product()), site.tables()
    folder = site.back_up(keys=site.keys)
    shutil.rmtree(site.settings.data)
    away = tmp_path / "away"
    away.mkdir()
    for path in (site.backups, site.keys):
        path.rename(away / path.name)

    url = request.getfixturevalue("postgresql")() if target == "postgresql" else ""
    new = restored(away / "backups" / folder.name, Site(tmp_path / "new", url), away / "keys")

    assert business(new.product()) == figures
    found = new.tables()
    same = {"store", "log_files", "queue_lines", "agent_persons", "parameters", "accounts", "audit_seals", "jobs"}
    assert {name: found[name] for name in same} == {name: tables[name] for name in same}
    assert found["loads"].rows == tables["loads"].rows
    store = new.open()
    with transaction(store.records) as session:
        ana = accounts.find_account(session, "ana")
        assert accounts.is_password(PASSWORD, ana.password_hash)
        assert list(accounts.open_sign_ins(session, ana.account_id)) == []
        assert broken_seals(session) == []
        acts = [(entry.action, entry.object) for entry in session.scalars(select(AuditEntry)).all()]
        assert (Action.RESTORE, NAME) in acts
        assert [upload.state for upload in session.scalars(select(Upload))] == ["discarded"]
        assert [job.answer for job in session.scalars(select(Job).order_by(Job.job_id))] == [
            {"loads": [1, 2], "text": "ñ\u2028"},
            None,
        ]
    store.records.dispose()
    assert (new.settings.data / "secret.key").read_text() == SECRET
    assert (new.settings.data / "tls" / "server.key").read_text() == f"{SECRET} tls"
    assert stat.S_IMODE((new.settings.data / "secret.key").stat().st_mode) == 0o600
    assert stat.S_IMODE(new.settings.data.stat().st_mode) == 0o700
    assert not [path for path in new.folder.iterdir() if path.name != "in" and path != new.settings.data]


def test_a_restored_store_goes_on_where_the_saved_one_stood(site: Site, tmp_path: Path) -> None:
    folder = site.back_up(keys=site.keys)
    new = Site(tmp_path / "new")
    new.folder.mkdir()
    restored(folder, new, site.keys)
    again = site.folder / "log-0"
    store = new.open()
    (known,) = pipeline.ingest(store, [again])
    assert (known.state, known.loaded) == ("known", 0)
    with transaction(store.records) as session:
        before = session.scalars(select(Account.account_id)).all()
        eva = accounts.add_account(session, SYSTEM, "eva", "Eva Sol", Role.QUALITY, None, must_change=False)
        assert eva.account_id not in before
        note(session, SYSTEM, Action.JOB, "x")
        assert seal_days(session, stores.now() + timedelta(days=9))
        assert broken_seals(session) == []
    store.records.dispose()
    new.ingest(300)
    assert len(new.product().calls("line")) == 6
    assert new.settings.data.joinpath("callcenter.env").read_text().count("RECORDS_URL") == 0


@pytest.mark.database
def test_what_restored_records_on_postgresql_number_next_is_free(
    postgresql: Callable[[], str], small: Site, tmp_path: Path
) -> None:
    folder = small.back_up(keys=small.keys)
    new = Site(tmp_path / "new", postgresql())
    new.folder.mkdir()
    restored(folder, new, small.keys)
    new.ingest(50)
    assert len(new.product().calls("line")) == 2
    store = new.open()
    with transaction(store.records) as session:
        assert session.scalars(select(Load.load_id).order_by(Load.load_id)).all() == [1, 2]
    store.records.dispose()


def test_the_indicator_is_the_same_to_the_second(small: Site, tmp_path: Path) -> None:
    store = small.open()
    pipeline.ingest(store, [GOOD])
    store.records.dispose()
    words = ("kpi", "registered", "answered", "service_level", "asa", *DAY, "--by", "service,hour", "--format", "csv")
    told = done(small.settings.data, *words)
    assert "service_level,101," in told
    folder = small.back_up(keys=small.keys)
    shutil.rmtree(small.settings.data)
    new = restored(folder, Site(tmp_path / "new"), small.keys)
    assert done(new.settings.data, *words) == told


def test_the_same_records_give_the_same_text_on_both_databases(site: Site) -> None:
    """Held by the digests: restoring compares them, on whatever database."""
    store = site.open()
    first = back_up(store, site.backups, AT).manifest.tables
    with store.records.connect() as connection:
        second = describe_tables(connection)
    store.records.dispose()
    assert {name for name in second if second[name] != first[name]} == {"audit_entries"}  # the backup's own entry
    assert second["audit_entries"].rows == first["audit_entries"].rows + 1


# --- what is in it, and what is not


def test_keys_and_secrets_lie_apart_from_the_backup(site: Site) -> None:
    folder = site.back_up(keys=site.keys)
    key = (site.settings.data / "pseudonyms.key").read_text().strip()
    for path in site.backups.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            content += gzip.decompress(content) if path.suffix == ".gz" else b""
            for secret in (key, SECRET, bytes.fromhex(key)):
                assert (secret if isinstance(secret, bytes) else secret.encode()) not in content, path
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
        else:
            assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert (folder / "callcenter.env").read_text() == "# sitio\nCALLCENTER_PBX=pbx\nCALLCENTER_HOSTS='call.test'\n"
    assert read_manifest(folder).key == fingerprint(bytes.fromhex(key))
    apart = {path.relative_to(site.keys).as_posix() for path in site.keys.rglob("*") if path.is_file()}
    assert apart == {"pseudonyms.key", "secret.key", "callcenter.env", "tls/server.key"}
    assert (site.keys / "pseudonyms.key").read_text().strip() == key
    assert {stat.S_IMODE(path.stat().st_mode) for path in site.keys.rglob("*")} == {0o600, 0o700}


@pytest.mark.parametrize(
    ("line", "there"),
    [
        ("CALLCENTER_PBX=pbx", True),
        ("CALLCENTER_CERTIFICATE_KEY=/etc/tls/call.key", True),
        ("CALLCENTER_RECORDS_URL=postgresql+psycopg://ana@servidor/base", True),
        ("CALLCENTER_RECORDS_URL=postgresql+psycopg://ana:clave@servidor/base", False),
        ('export callcenter_records_url="postgresql://ana:clave@servidor/base"', False),
        ("CALLCENTER_RECORDS_URL=no se puede leer", False),
        ("CALLCENTER_SECRET=abc", False),
        ("callcenter_oidc_client_secret = abc", False),
    ],
)
def test_a_setting_is_saved_unless_it_holds_a_secret(line: str, there: bool) -> None:
    assert settings_without_secrets(f"A=1\n{line}\nB=2\n") == f"A=1\n{line if there else ''}\nB=2\n".replace(
        "\n\n", "\n"
    )


def test_a_piece_is_copied_once_for_all_backups(small: Site) -> None:
    first = small.back_up(AT)
    (piece,) = [path for path in (small.backups / "pieces").rglob("*") if path.is_file()]
    was = piece.stat().st_ino, piece.stat().st_mtime_ns
    small.ingest(60)
    second = small.back_up(AT + timedelta(days=1))
    assert (piece.stat().st_ino, piece.stat().st_mtime_ns) == was
    assert set(read_manifest(first).pieces) < set(read_manifest(second).pieces)
    assert len(read_manifest(second).pieces) == 2


def test_a_piece_that_has_rotted_in_the_backups_is_found_within_two_weeks(small: Site) -> None:
    small.back_up(AT)
    (piece,) = [path for path in (small.backups / "pieces").rglob("*") if path.is_file()]
    good = piece.read_bytes()
    piece.write_bytes(bytes([good[0] ^ 1]) + good[1:])
    days = 0
    while piece.read_bytes() != good:
        days += 1
        small.back_up(AT + timedelta(days=days))
    assert days <= 14


def test_a_piece_that_the_store_has_lost_stops_the_backup_and_one_that_was_refused_does_not(small: Site) -> None:
    small.ingest(60)
    store = small.open()
    with transaction(store.records) as session:
        piece = raw_path(small.settings, session.get_one(Load, 2).sha256)
    content = piece.read_bytes()
    for broken in (b"", content[:-1], bytes([content[0] ^ 1]) + content[1:]):
        piece.write_bytes(broken)
        if not broken:
            piece.unlink()
        with pytest.raises(BackupError, match=r"Falta el archivo recibido de la carga 2|está dañado"):
            back_up(store, small.backups, AT)
        assert backups_in(small.backups) == []
    piece.unlink()
    with transaction(store.records) as session:
        session.get_one(Load, 2).state = "refused"
    assert len(back_up(store, small.backups, AT).manifest.pieces) == 1
    store.records.dispose()


def test_damaged_records_make_no_backup(small: Site) -> None:
    small.back_up(AT)
    store = small.open()
    with store.records.connect() as connection:
        page = connection.scalar(text("SELECT rootpage FROM sqlite_master WHERE name = 'ix_parameters_name'"))
        size = connection.scalar(text("PRAGMA page_size"))
    store.records.dispose()
    with (small.settings.data / "records.sqlite").open("r+b") as file:
        file.seek((page - 1) * size + 3)
        file.write(b"\0\0")  # an index without entries
    with pytest.raises(BackupError, match="Los registros están dañados"):
        small.back_up(AT + timedelta(days=1))
    assert [folder.name for folder in backups_in(small.backups)] == [NAME]


# --- while others work


WRITER = """
import sys
from threading import Semaphore, Thread
from etl.records.audit import SYSTEM, Action, note
from etl.records.engine import open_records, transaction
engine = open_records(sys.argv[1])
def write(name, turns):
    number = 0
    while turns.acquire() and not stop:
        with transaction(engine) as session:
            note(session, SYSTEM, Action.EDIT, f"{name}.{number}")
        sys.stdout.write(f"{name}.{number}\\n")
        sys.stdout.flush()
        number += 1
stop = []
turns = [Semaphore(0) for _ in range(4)]
threads = [Thread(target=write, args=(f"{sys.argv[2]}.{k}", mine)) for k, mine in enumerate(turns)]
for thread in threads:
    thread.start()
for line in sys.stdin:
    for mine in turns:
        mine.release(int(line))
stop.append(1)
for mine in turns:
    mine.release()
for thread in threads:
    thread.join()
"""


@contextmanager
def writers(url: str, folder: Path) -> Iterator[tuple[Callable[[int], None], Callable[[], set[str]]]]:
    """Two processes of four threads each write to the audit, as fast as they can.

    Gives what lets each of the eight write so many rows more, and what tells the rows acknowledged by now.
    """
    acks = [folder / f"acks-{k}" for k in range(2)]
    started = []
    for k, path in enumerate(acks):
        words = [sys.executable, "-c", WRITER, url, str(k)]
        with path.open("wb") as out:
            started.append(subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stdout=out))

    def acknowledged() -> set[str]:
        return {line for path in acks for line in path.read_text().rpartition("\n")[0].splitlines()}

    def write(rows: int) -> None:
        there = len(acknowledged())
        for process in started:
            assert process.stdin is not None
            process.stdin.write(f"{rows}\n".encode())
            process.stdin.flush()
        while len(acknowledged()) <= there:  # they are at it
            time.sleep(0.005)

    try:
        yield write, acknowledged
    finally:
        for process in started:
            process.communicate(timeout=30)
        assert [process.returncode for process in started] == [0, 0]


@pytest.mark.slow
def test_no_backup_misses_a_row_that_was_acknowledged_before_it_began(site: Site) -> None:
    store = site.open()
    with writers(site.settings.database_url, site.folder) as (write, acknowledged):
        written_meanwhile = 0
        for number in range(20):
            write(6)
            before = acknowledged()
            folder = back_up(store, site.backups, AT + timedelta(minutes=15 * number)).folder
            with gzip.open(folder / "records" / "audit_entries.jsonl.gz", "rt") as file:
                names, *rows = map(json.loads, file)
            found = {row[names.index("object")] for row in rows}
            assert len(before) > number
            assert before <= found, before - found
            written_meanwhile += len(acknowledged() - before)
    assert written_meanwhile > 50
    store.records.dispose()


def test_a_backup_in_the_middle_of_a_load_is_of_before_or_after_it(small: Site, tmp_path: Path) -> None:
    """What was received and not yet published is in it, and is published by restoring it."""
    small.back_up(AT, keys=small.keys)
    log = small.folder / "log-90"
    log.write_text("".join(f"{line}\n" for line in one_call("", 90).lines))
    code = "import sys; from dashboard.cli import main; main()"
    killed = subprocess.run(
        [sys.executable, "-c", code, "--data", str(small.settings.data), "ingest", str(log)],
        cwd=ROOT, env={**os.environ, "CALLCENTER_FAULT": "before_current"}, check=False, capture_output=True,
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL
    folder = small.back_up(AT + timedelta(hours=1))
    manifest = read_manifest(folder)
    assert (manifest.figures, len(manifest.pieces)) == (None, 2)
    new = Site(tmp_path / "new")
    result = restore(folder, new.settings, small.keys)
    assert not result.compared
    assert len(new.product().calls("line")) == 2


def test_two_backups_at_once_are_made_one_after_the_other_or_refused(small: Site) -> None:
    code = (
        "import sys; from pathlib import Path; from etl import store; from etl.backup import back_up, BackupError\n"
        "from etl.settings import Settings\n"
        "s = store.open_store(Settings(data=Path(sys.argv[1])))\n"
        "try: print(back_up(s, Path(sys.argv[2])).folder.name)\n"
        "except BackupError as error: print(error)\n"
    )
    words = [sys.executable, "-c", code, str(small.settings.data), str(small.backups)]
    both = [subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=60)[0].strip() for process in both]
    names = [folder.name for folder in backups_in(small.backups)]
    assert len(names) >= 1
    assert sorted(line for line in said if line.startswith("callcenter-")) == names
    assert all("en curso" in line for line in said if not line.startswith("callcenter-"))


# --- when it fails


#: One process that has imported everything forks a child for each act to be killed. A line of JSON in (act, folders,
#: seconds after which to kill), a line out when the child is gone.
FORKER = """
import json, os, signal, sys, time
from pathlib import Path
import sqlalchemy.dialects.sqlite
from etl import store
from etl.backup import back_up
from etl.restore import restore
from etl.settings import Settings
for line in sys.stdin:
    act, data, other, keys, seconds = json.loads(line)
    child = os.fork()
    if child == 0:
        try:
            if act == "restore":
                restore(Path(other), Settings(data=Path(data)), Path(keys))
            while act == "back_up":
                back_up(store.open_store(Settings(data=Path(data))), Path(other))
        finally:
            os._exit(0)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@contextmanager
def killing() -> Iterator[Callable[..., int]]:
    """Gives what begins an act and kills it; its answer is how the child ended."""
    with subprocess.Popen(
        [sys.executable, "-c", FORKER], cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:

        def kill(act: str, data: Path, other: Path, keys: Path, seconds: float) -> int:
            assert process.stdin is not None and process.stdout is not None
            print(json.dumps([act, str(data), str(other), str(keys), seconds]), file=process.stdin, flush=True)
            return int(process.stdout.readline())

        yield kill


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills by SIGKILL, which this system has not")
def test_a_backup_killed_at_any_moment_is_none_and_the_next_one_is_whole(small: Site) -> None:
    small.back_up(AT)
    chance = random.Random(4)
    with killing() as kill:
        for _ in range(8):
            ended = kill("back_up", small.settings.data, small.backups, small.keys, chance.uniform(0.02, 0.5))
            assert ended == -signal.SIGKILL
            for folder in backups_in(small.backups):
                read_manifest(folder)
    last = small.back_up(stores.now() + timedelta(hours=1), keys=small.keys)
    assert not list(small.backups.rglob(".*"))
    assert not list(small.settings.data.glob(".backup-trial-*"))
    restored(last, Site(small.folder / "new"), small.keys)


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    if mount is None or subprocess.run([mount, "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder]).returncode:
        pytest.skip("a small disk needs the right to mount one")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_makes_no_backup_and_leaves_the_earlier_ones(small: Site, full_disk: Path, tmp_path: Path) -> None:
    store = small.open()
    first = back_up(store, full_disk / "backups", AT, keys=small.keys).folder
    before = {path: path.read_bytes() for path in full_disk.rglob("*") if path.is_file()}
    filling = full_disk / "filling"
    for left in (0, 4096, 40_000, 120_000):
        filling.write_bytes(b"x" * (shutil.disk_usage(full_disk).free - left))
        with pytest.raises(BackupError, match="No hay espacio para el respaldo"):
            back_up(store, full_disk / "backups", AT + timedelta(days=1))
        filling.unlink()
        assert {path: path.read_bytes() for path in full_disk.rglob("*") if path.is_file()} == before
    with transaction(store.records) as session:
        told = session.scalars(select(AuditEntry).order_by(AuditEntry.entry_id.desc())).first()
        assert told is not None
        assert (told.action, told.result) == (Action.BACKUP, Result.FAILED)
        assert "No hay espacio" in told.details
    back_up(store, full_disk / "backups", AT + timedelta(days=1))
    store.records.dispose()
    restored(first, Site(tmp_path / "new"), small.keys)


def test_a_folder_that_held_backups_and_is_gone_is_told(small: Site) -> None:
    small.back_up(AT)
    small.backups.rename(small.folder / "unplugged")
    with pytest.raises(BackupError, match="revise que el disco esté conectado"):
        small.back_up(AT + timedelta(days=1))
    assert not small.backups.exists()
    small.backups.mkdir()  # where a disk was mounted
    with pytest.raises(BackupError, match="revise que el disco esté conectado"):
        small.back_up(AT + timedelta(days=1))
    assert list(small.backups.iterdir()) == []


def test_a_place_that_cannot_be_written_is_told(small: Site) -> None:
    small.backups.write_text("a file")
    with pytest.raises(BackupError, match="No se pudo hacer el respaldo en"):
        small.back_up(AT)


@pytest.mark.parametrize(
    ("backups", "keys", "told"),
    [
        ("data/backups", None, "está dentro de uno"),
        ("data", None, "es un almacén"),
        ("other", None, "es un almacén"),
        ("backups", "backups/keys", "no puede estar"),
        ("backups", "backups", "no puede estar"),
        ("backups", "data/keys", "no puede estar"),
        ("backups", "foreign", "es la clave de otro almacén"),
        ("theirs", None, "guarda respaldos de otro almacén"),
    ],
)
def test_places_where_a_backup_would_be_none_are_refused(
    backups: str, keys: str | None, told: str, small: Site
) -> None:
    other = stores.open_store(Settings(data=small.folder / "other"))
    back_up(other, small.folder / "theirs", AT, keys=small.folder / "foreign")
    other.records.dispose()
    store = small.open()
    with pytest.raises(BackupError, match=told):
        back_up(store, small.folder / backups, AT, keys=small.folder / keys if keys else None)
    store.records.dispose()
    assert len(backups_in(small.folder / "theirs")) == 1
    assert not (small.folder / "backups").exists() or backups_in(small.folder / "backups") == []


def test_without_its_entry_in_the_audit_there_is_no_backup(small: Site) -> None:
    store = small.open()
    with store.records.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TRIGGER closed BEFORE INSERT ON audit_entries BEGIN SELECT RAISE(ABORT, 'no room'); END"
        )
    with pytest.raises(BackupError, match="no room"):
        back_up(store, small.backups, AT)
    assert [path for path in small.backups.iterdir() if path.name != "pieces"] == []
    with store.records.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER closed")
    back_up(store, small.backups, AT, by=console_actor("maria"))
    with transaction(store.records) as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == Action.BACKUP)).one()
        assert (entry.who, entry.role, entry.action, entry.object) == ("maria", "consola", Action.BACKUP, NAME)
    store.records.dispose()


# --- which are kept


def made_daily(days: int) -> list[datetime]:
    return [AT - timedelta(days=k) for k in range(days)]


def test_fourteen_days_and_eight_weeks_are_kept_and_nothing_over_sixty_days() -> None:
    found = sorted(kept(made_daily(200), AT))
    days = [at.date().isoformat() for at in found]
    assert days[-14:] == [f"2026-11-{day:02}" for day in range(7, 21)]
    assert days[:-14] == ["2026-10-04", "2026-10-11", "2026-10-18", "2026-10-25", "2026-11-01"]  # Sundays
    assert AT - found[0] < timedelta(days=60)


def test_of_a_day_the_last_is_kept_and_of_the_last_24_hours_all() -> None:
    made = [AT - timedelta(minutes=15 * k) for k in range(4 * 24 * 3)]
    found = kept(made, AT)
    assert found >= {at for at in made if AT - at < timedelta(days=1)}
    assert len(found) == 96 + 3 - 1 + (1 if AT.hour < 4 else 0)


def test_backups_seldom_made_are_kept_until_they_are_sixty_days_old() -> None:
    made = [AT - timedelta(days=20 * k) for k in range(6)]
    assert sorted(kept(made, AT)) == [AT - timedelta(days=40), AT - timedelta(days=20), AT]


def test_pieces_that_no_backup_names_are_dropped_with_the_last_that_did(small: Site) -> None:
    first = small.back_up(AT)
    (old,) = [path for path in (small.backups / "pieces").rglob("*") if path.is_file()]
    store = small.open()
    with transaction(store.records) as session:
        session.get_one(Load, 1).state = "refused"
    raw_path(small.settings, old.name).unlink()
    store.records.dispose()
    second = small.back_up(AT + timedelta(days=59))
    assert old.exists()
    assert first.exists()
    shutil.copytree(second, small.backups / "callcenter-2026-01-01-000000")  # damaged: nobody knows which pieces it has
    (small.backups / "callcenter-2026-01-01-000000" / MANIFEST).write_text("{")
    small.back_up(AT + timedelta(days=60))
    assert not first.exists()
    assert old.exists()
    shutil.rmtree(small.backups / "callcenter-2026-01-01-000000")
    small.back_up(AT + timedelta(days=61))
    assert not old.exists()


def test_the_last_backup_is_known_from_where_it_lies(small: Site) -> None:
    settings = small.settings.model_copy(update={"backup": small.backups})
    assert last_backup(small.settings) is None
    assert last_backup(settings) is None
    assert backup_warning(settings, AT) == "Sin respaldo"
    small.back_up(AT)
    second = small.back_up(AT + timedelta(days=1))
    assert last_backup(settings) == AT + timedelta(days=1)
    assert backup_warning(settings, AT + timedelta(days=2, hours=2)) is None
    assert backup_warning(settings, AT + timedelta(days=2, hours=3)) == "Sin respaldo desde 21/11/2026 03:15"
    (second / MANIFEST).unlink()  # half copied
    assert last_backup(settings) == AT


# --- what is not restored


def spoil(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize("harm", [Path.unlink, cut, spoil], ids=["missing", "cut", "spoilt"])
def test_a_backup_half_copied_or_damaged_in_any_file_is_not_restored(
    harm: Callable[[Path], None], small: Site, tmp_path: Path
) -> None:
    folder = small.back_up(AT, keys=small.keys)
    files = [path for path in small.backups.rglob("*") if path.is_file()]
    assert len(files) > 12
    for path in files:
        copy = tmp_path / "copy"
        shutil.copytree(small.backups, copy)
        harm(copy / path.relative_to(small.backups))
        new = Site(tmp_path / "new")
        with pytest.raises(RestoreError, match=r"incompleto|dañado|no está entero|versión más nueva"):
            restore(copy / folder.name, new.settings, small.keys)
        assert not new.folder.exists() or list(new.folder.iterdir()) == []
        shutil.rmtree(copy)


def test_another_key_a_damaged_one_or_none_restores_nothing(small: Site, tmp_path: Path) -> None:
    folder = small.back_up(AT, keys=small.keys)
    new = Site(tmp_path / "new")
    own = (small.keys / "pseudonyms.key").read_text()
    for content, told in [("5a" * 32, "no es la clave de este"), ("5a5a", "está dañado"), ("ñ", "está dañado")]:
        (small.keys / "pseudonyms.key").write_text(content)
        with pytest.raises(RestoreError, match=told):
            restore(folder, new.settings, small.keys)
    (small.keys / "pseudonyms.key").unlink()
    for keys, told in [(small.keys, "indique su carpeta"), (None, "con --keys"), (tmp_path / "no", "No existe")]:
        with pytest.raises(RestoreError, match=told):
            restore(folder, new.settings, keys)
    assert not new.folder.exists()
    result = restore(folder, new.settings, None, new_key=True)
    assert result.differences == {}
    assert (new.settings.data / "pseudonyms.key").read_text() != own
    assert len(new.product().calls("line")) == 1


def test_a_place_that_is_not_empty_is_left_alone(small: Site, tmp_path: Path) -> None:
    folder = small.back_up(AT, keys=small.keys)
    for what in ("a file", "a store"):
        new = Site(tmp_path / what)
        new.settings.data.mkdir(parents=True)
        if what == "a store":
            new.open().records.dispose()
        else:
            (new.settings.data / "note.txt").write_text("mine")
        before = {path.name for path in new.settings.data.iterdir()}
        with pytest.raises(RestoreError, match="no está vacía"):
            restore(folder, new.settings, small.keys)
        assert {path.name for path in new.settings.data.iterdir()} == before
    empty = Site(tmp_path / "empty")
    empty.settings.data.mkdir(parents=True)
    restored(folder, empty, small.keys)


@pytest.mark.database
def test_a_database_that_is_not_empty_is_left_alone_and_one_that_fails_stays_empty(
    postgresql: Callable[[], str], small: Site, tmp_path: Path
) -> None:
    folder = small.back_up(AT, keys=small.keys)
    new = Site(tmp_path / "new", postgresql())
    engine = create_engine(new.url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE theirs (x INTEGER)")
    with pytest.raises(RestoreError, match="no está vacía"):
        restore(folder, new.settings, small.keys)
    with engine.begin() as connection:
        assert inspect(connection).get_table_names() == ["theirs"]
        connection.exec_driver_sql("DROP TABLE theirs")
        # Fails in the middle of the rows, once the tables are there.
        connection.exec_driver_sql("CREATE TYPE parameters AS (x INTEGER)")
    with pytest.raises(RestoreError, match="La base de registros no tomó el respaldo"):
        restore(folder, new.settings, small.keys)
    with engine.begin() as connection:
        assert inspect(connection).get_table_names() == []
        connection.exec_driver_sql("DROP TYPE parameters")
    assert not new.settings.data.exists()
    engine.dispose()
    restored(folder, new, small.keys)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills by SIGKILL, which this system has not")
def test_a_restoration_killed_at_any_moment_leaves_the_place_empty_or_whole(small: Site, tmp_path: Path) -> None:
    small.back_up(AT, keys=small.keys)
    chance = random.Random(5)
    new = Site(tmp_path / "new")
    wanted = business(small.product())
    started = time.perf_counter()
    restored(small.backups, new, small.keys)
    takes = time.perf_counter() - started
    shutil.rmtree(new.folder)
    killed = 0
    with killing() as kill:
        for _ in range(8):
            ended = kill("restore", new.settings.data, small.backups, small.keys, chance.uniform(0, takes / 2))
            killed += ended == -signal.SIGKILL
            assert new.settings.data.exists() or ended == -signal.SIGKILL
            if new.settings.data.exists():
                assert business(new.product()) == wanted
                shutil.rmtree(new.folder)
    assert killed > 2
    restored(small.backups, new, small.keys)
    assert not [path for path in new.folder.iterdir() if path.name.startswith(".")]


def rewrite(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change what a backup says of itself, as another version might have said it."""
    content = json.loads((folder / MANIFEST).read_text())
    change(content)
    (folder / MANIFEST).write_text(json.dumps(content))
    digest = hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()
    (folder / SUM).write_text(f"{digest}  {MANIFEST}\n")


def with_records_of(folder: Path, revision: str, tmp_path: Path) -> None:
    """Put records of another revision, with the same loads, into a backup: what an older version would have written."""
    old = engine_at(f"sqlite:///{tmp_path / 'old.sqlite'}")
    upgrade(old, revision)
    store = engine_at(f"sqlite:///{folder / 'records.sqlite'}")
    with old.begin() as connection, store.connect() as source:
        for table in ("store", "log_files", "loads", "parameters"):
            rows = [dict(row._mapping) for row in source.execute(text(f"SELECT * FROM {table}"))]
            names = ", ".join(rows[0])
            values = ", ".join(f":{name}" for name in rows[0])
            connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({values})"), rows)
    shutil.rmtree(folder / "records")
    (folder / "records").mkdir()
    with old.connect() as connection:
        tables = write_tables(connection, folder / "records")
    for engine in (old, store):
        engine.dispose()
    told = {name: {"rows": table.rows, "sha256": table.sha256} for name, table in tables.items()}
    rewrite(folder, lambda content: content.update(revision=revision, tables=told, files={}))


def test_a_backup_of_an_older_version_is_migrated(small: Site, tmp_path: Path) -> None:
    folder = small.back_up(AT, keys=small.keys)
    with_records_of(folder, "0001", tmp_path)
    new = restored(folder, Site(tmp_path / "new"), small.keys)
    assert business(new.product()) == business(small.product())
    store = new.open()
    with transaction(store.records) as session:
        assert session.connection().scalar(text("SELECT version_num FROM alembic_version")) == REVISION
        assert session.scalars(select(Store.kind)).one() == "site"
        assert Action.RESTORE in session.scalars(select(AuditEntry.action)).all()
    store.records.dispose()


@pytest.mark.parametrize("newer", [{"revision": "9999"}, {"format": 2}], ids=str)
def test_a_backup_of_a_newer_version_is_not_restored(newer: dict[str, Any], small: Site, tmp_path: Path) -> None:
    folder = small.back_up(AT, keys=small.keys)
    rewrite(folder, lambda content: content.update(newer))
    with pytest.raises(RestoreError, match="versión más nueva"):
        restore(folder, Site(tmp_path / "new").settings, small.keys)
    assert not (tmp_path / "new").exists()


def test_a_folder_without_backups_restores_nothing(small: Site, tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "no"):
        with pytest.raises(RestoreError):
            restore(folder, Site(tmp_path / "new").settings, small.keys)


def test_figures_that_come_out_otherwise_are_told(small: Site, tmp_path: Path) -> None:
    folder = small.back_up(AT, keys=small.keys)
    manifest = read_manifest(folder)
    assert manifest.figures is not None
    assert manifest.figures["core.line_calls 2026-10"] == [1, 1, 1, 5]
    rewrite(folder, lambda content: content["figures"].update({"core.line_calls 2026-10": [2, 2, 1, 5]}))
    result = restore(folder, Site(tmp_path / "new").settings, small.keys)
    assert result.differences == {"core.line_calls 2026-10": ([2, 2, 1, 5], [1, 1, 1, 5])}
    assert read_current(Site(tmp_path / "new").settings.warehouse) is not None


# --- by command


def test_the_commands_say_what_they_did(small: Site, tmp_path: Path) -> None:
    data = small.settings.data
    made = call(data, "backup", small.backups)
    assert made.exit_code == DONE
    (folder,) = backups_in(small.backups)
    assert made.stdout.startswith(f"{folder}: ")
    assert made.stdout.endswith("1 archivos recibidos (1 nuevos); restaurado a prueba, igual.\n")
    assert "guárdelas aparte con --keys" in made.stderr
    assert call(data, "backup", small.backups, "--keys", small.keys).stderr == ""
    assert len(backups_in(small.backups)) == 2
    again = call(tmp_path / "new", "restore", small.backups, "--keys", small.keys)
    assert again.exit_code == DONE, again.output
    assert "1 archivos recibidos; las cifras son las del respaldo." in again.stdout
    assert done(tmp_path / "new", "load", "list") == done(data, "load", "list")
    for words in (made.stdout + made.stderr, again.stdout):
        assert not [word.pattern for word in PATTERNS if word.search(words)], words


def test_the_commands_say_what_they_did_not_do(small: Site, tmp_path: Path) -> None:
    folder = small.back_up(AT, keys=small.keys)
    data = small.settings.data
    for code, told, words in [
        (USAGE, "falta --keys CARPETA", ("restore", folder)),
        (REFUSED, "no está vacía", ("--data", str(data), "restore", folder, "--keys", small.keys)),
        (REFUSED, "No existe la carpeta de las claves", ("restore", folder, "--keys", tmp_path / "no")),
        (REFUSED, "está dentro de uno", ("--data", str(data), "backup", data / "here")),
        (REFUSED, "no hay un almacén", ("backup", tmp_path / "there")),
    ]:
        result = call(tmp_path / "new", *words)
        assert (result.exit_code, result.stdout, told in result.stderr) == (code, "", True), result.output
    assert not (tmp_path / "new").exists()
    rewrite(folder, lambda content: content["figures"].update({"core.calls 2026-10": [9, 9, 9, 9]}))
    result = call(tmp_path / "new", "restore", folder, "--keys", small.keys)
    assert (result.exit_code, "hay cifras distintas" in result.stdout) == (REFUSED, True)
    assert "core.calls 2026-10: [9, 9, 9, 9] en el respaldo, [1, 1, 1, 5] ahora" in result.stderr

"""A backup holds everything that was acknowledged before it, and none comes about that is not whole."""

import gzip
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
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text

from etl import store as stores
from etl.landing import raw_path
from etl.records.audit import Action, Result, console_actor
from etl.records.engine import transaction
from etl.records.models import AuditEntry, Load
from etl.records.portable import describe_tables
from etl.safekeeping.backup import back_up
from etl.safekeeping.keys import fingerprint, settings_without_secrets
from etl.safekeeping.manifest import BackupError, backups_in, read_manifest
from etl.safekeeping.restore import restore
from etl.settings import Settings
from tests.saved_sites import AT, NAME, ROOT, SECRET, Site, killing, restored
from tests.served import one_call

# --- what is in it, and what is not


def test_the_same_records_give_the_same_text_on_both_databases(full: Site) -> None:
    """Held by the digests: restoring compares them, on whatever database."""
    store = full.open()
    first = back_up(store, full.backups, AT).manifest.tables
    with store.records.connect() as connection:
        second = describe_tables(connection)
    store.records.dispose()
    assert {name for name in second if second[name] != first[name]} == {"audit_entries"}  # the backup's own entry
    assert second["audit_entries"].rows == first["audit_entries"].rows + 1


def test_keys_and_secrets_lie_apart_from_the_backup(full: Site) -> None:
    folder = full.back_up(keys=full.keys)
    key = (full.settings.data / "pseudonyms.key").read_text().strip()
    for path in full.backups.rglob("*"):
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
    apart = {path.relative_to(full.keys).as_posix() for path in full.keys.rglob("*") if path.is_file()}
    assert apart == {"pseudonyms.key", "secret.key", "callcenter.env", "tls/server.key"}
    assert (full.keys / "pseudonyms.key").read_text().strip() == key
    assert {stat.S_IMODE(path.stat().st_mode) for path in full.keys.rglob("*")} == {0o600, 0o700}


@pytest.mark.parametrize(
    ("line", "there"),
    [
        ("CALLCENTER_PBX=pbx", True),
        ("CALLCENTER_CERTIFICATE_KEY=/etc/tls/call.key", True),
        ("CALLCENTER_RECORDS_URL=postgresql+psycopg://servidor/base?user=ana&password=clave", False),
        ("CALLCENTER_RECORDS_URL=postgresql+psycopg://ana:clave@servidor/base", False),
        ('export callcenter_records_url="postgresql://ana:clave@servidor/base"', False),
        ("CALLCENTER_RECORDS_URL=no se puede leer", False),
        ("CALLCENTER_SECRET=abc", False),
        ("callcenter_oidc_client_secret = abc", False),
        ('CALLCENTER_DATABASES=\'[{"name": "central", "url": "mysql://ana:clave@servidor/asterisk"}]\'', False),
        ('CALLCENTER_DATABASES=\'[\n{"url": "mysql://ana:clave@servidor/asterisk"}\n]\'', False),
        ("CALLCENTER_PULL_SECONDS=3600", True),
        ("CALLCENTER_SECRET='abc' # clave del servidor", False),
        ('CALLCENTER_SECRET="abc\\" def"', False),
        ("CALLCENTER_SECRET='abc\ndef' # de dos líneas", False),
        ("# CALLCENTER_SECRET=abc", False),
        ("# sitio", True),
    ],
)
def test_a_setting_is_saved_unless_it_holds_a_secret(line: str, there: bool) -> None:
    assert settings_without_secrets(f"A=1\n{line}\nB=2\n") == f"A=1\n{line if there else ''}\nB=2\n".replace(
        "\n\n", "\n"
    )


def test_nothing_behind_a_secret_whose_quote_is_not_closed_is_saved() -> None:
    assert settings_without_secrets("A=1\nCALLCENTER_SECRET='abc\nclave=larga\nB=2\n") == "A=1\n"


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
            note(session, SYSTEM, Action.MAPPING, f"{name}.{number}")
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
def test_no_backup_misses_a_row_that_was_acknowledged_before_it_began(full: Site) -> None:
    store = full.open()
    with writers(full.settings.database_url, full.folder) as (write, acknowledged):
        written_meanwhile = 0
        for number in range(20):
            write(6)
            before = acknowledged()
            folder = back_up(store, full.backups, AT + timedelta(minutes=15 * number)).folder
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
        "import sys; from pathlib import Path; from etl import store; from etl.settings import Settings\n"
        "from etl.safekeeping.backup import back_up, BackupError\n"
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


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills by SIGKILL, which this system has not")
def test_a_backup_killed_at_any_moment_is_none_and_the_next_one_is_whole(small: Site) -> None:
    started = time.perf_counter()
    small.back_up(AT)
    takes = time.perf_counter() - started
    chance = random.Random(4)
    with killing() as kill:
        for _ in range(8):
            ended = kill("back_up", small.settings.data, small.backups, small.keys, chance.uniform(0, 1.5 * takes))
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
        pytest.skip("a small disk needs the right to mount one, which is of root on a machine or a virtual one")
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

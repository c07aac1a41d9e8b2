"""What is in service is opened, replaced and cleared as promised, whatever the disk and other loads do meanwhile."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from etl import pipeline, warehouse
from etl import store as stores
from etl.lines import Piece
from etl.records.engine import transaction
from etl.records.models import Load
from etl.simulation.volume import write_day
from etl.warehouse import (
    DamagedError,
    Generation,
    WarehouseError,
    open_generation,
    publish,
    read_current,
    remove_unused,
)
from tests.business import business, segments
from tests.product import Product, load_in
from tests.reference_counter import LogFile

pytestmark = pytest.mark.duckdb
DAY = 86400
T = 1709640000


def one_call(number: int) -> LogFile:
    at = T + number * DAY
    return LogFile(
        f"{number}",
        (f"{at}|{number}.1|101|NONE|ENTERQUEUE||7{number}|1", f"{at + 9}|{number}.1|101|NONE|ABANDON|1|1|9"),
    )


@pytest.fixture
def product(tmp_path: Path) -> Product:
    return load_in(tmp_path, [one_call(0)])


@pytest.fixture(scope="module")
def only_read(tmp_path_factory: pytest.TempPathFactory) -> Product:
    return load_in(tmp_path_factory.mktemp("store"), [one_call(0)])


def folder_of(product: Product) -> Path:
    return product.settings().warehouse


def current_of(product: Product) -> Generation:
    current = read_current(folder_of(product))
    assert current is not None
    return current


# --- publishing


def test_a_file_with_a_log_of_its_own_beside_it_is_not_published(product: Product) -> None:
    built = folder_of(product) / ".build-9" / "calls-2024-03-9.duckdb"
    built.parent.mkdir()
    built.write_bytes(b"")
    built.with_name(built.name + ".wal").write_bytes(b"")
    before = current_of(product)
    with pytest.raises(WarehouseError, match="no se cerró limpiamente"):
        publish(folder_of(product), [built], replace(before, number=9))
    assert current_of(product) == before
    assert built.exists()


def test_segments_are_deleted_when_they_have_been_out_of_service_for_a_while(product: Product) -> None:
    first = set(segments(product).values())
    old = time.time() - 30 * DAY
    for name in first:
        os.utime(folder_of(product) / name, (old, old))  # in service for a month
    product.load(one_call(1))
    replaced = first - set(segments(product).values())
    assert replaced
    current = current_of(product)
    assert remove_unused(folder_of(product), current, older_than_seconds=600) == []  # out of service only now
    assert set(remove_unused(folder_of(product), current, older_than_seconds=0)) == replaced
    assert {path.name for path in folder_of(product).glob("*.duckdb")} == set(segments(product).values())


def test_a_number_is_never_given_twice(product: Product) -> None:
    (folder_of(product) / "calls-2024-03-41.duckdb").touch()  # renamed by a load that was killed before CURRENT
    product.load(one_call(1))
    assert current_of(product).number == 42


# --- CURRENT


@pytest.mark.parametrize("content", ["", "{", "[]", "null", "{}", '{"schema": "x"}', '{"schema": 5}', "\xff\xfe"])
def test_a_damaged_current_says_so_and_a_rebuild_mends_it(content: str, product: Product) -> None:
    whole = product.counted()
    (folder_of(product) / "CURRENT").write_text(content, encoding="latin-1")
    with pytest.raises(DamagedError, match=r"CURRENT está dañado .*; ejecute «callcenter rebuild»"):
        read_current(folder_of(product))
    with pytest.raises(DamagedError):
        product.load(one_call(1))
    pipeline.rebuild(product.store())
    assert product.counted() == whole


def test_a_generation_of_an_older_version_is_made_anew_by_a_rebuild(product: Product) -> None:
    whole = product.counted()
    path = folder_of(product) / "CURRENT"
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema": 1}))
    with pytest.raises(DamagedError, match="versión anterior del sistema; ejecute «callcenter rebuild»"):
        open_generation(folder_of(product))
    pipeline.rebuild(product.store())
    assert product.counted() == whole


def test_a_generation_of_a_newer_version_is_neither_read_nor_replaced(product: Product) -> None:
    path = folder_of(product) / "CURRENT"
    newer = json.dumps({**json.loads(path.read_text()), "schema": 99, "something": "new"})
    path.write_text(newer)
    for attempt in (
        lambda: open_generation(folder_of(product)),
        lambda: product.load(one_call(1)),
        lambda: pipeline.rebuild(product.store()),
    ):
        with pytest.raises(WarehouseError, match="versión más nueva del sistema: instale esa versión"):
            attempt()
    assert path.read_text() == newer


def test_an_empty_folder_says_how_to_begin(tmp_path: Path) -> None:
    with pytest.raises(WarehouseError, match="cargue un registro con «callcenter ingest ARCHIVO»"):
        open_generation(tmp_path)


def test_figures_of_a_lost_warehouse_come_back_with_the_next_load(product: Product) -> None:
    product.load(one_call(1))
    shutil.rmtree(folder_of(product))
    product.load(one_call(2))
    assert len(product.visits()) == 3


def test_figures_of_an_older_warehouse_put_back_catch_up_with_the_next_load(product: Product, tmp_path: Path) -> None:
    shutil.copytree(folder_of(product), tmp_path / "backup")
    product.load(one_call(1))
    shutil.rmtree(folder_of(product))
    shutil.copytree(tmp_path / "backup", folder_of(product))
    product.load(one_call(2))
    assert len(product.visits()) == 3


def test_loads_that_older_records_do_not_know_are_told_and_not_mixed_with_others(product: Product) -> None:
    backup = product.folder / "records.backup"
    shutil.copyfile(product.settings().data / "records.sqlite", backup)
    product.load(one_call(1))
    shutil.copyfile(backup, product.settings().data / "records.sqlite")
    with pytest.raises(WarehouseError, match=r"cargas que el manifiesto no conoce \(2\): restaure los registros"):
        product.load(one_call(2))
    assert len(product.visits()) == 2
    pipeline.rebuild(product.store())
    product.load(one_call(1), one_call(2))
    assert len(product.visits()) == 3


def test_another_key_of_pseudonyms_is_not_taken_for_that_of_the_figures(product: Product) -> None:
    key = product.settings().data / "pseudonyms.key"
    whole = key.read_text()
    key.unlink()
    product.reopen()
    with pytest.raises(stores.StoreError, match="restáurelo de un respaldo"):
        product.load(one_call(1))
    assert not key.exists()
    for damaged in ("", whole[:-3], "no key"):
        key.write_text(damaged)
        with pytest.raises(stores.StoreError, match=r"pseudonyms\.key está dañado"):
            product.load(one_call(1))
    key.write_text(whole)
    product.load(one_call(0), one_call(1))
    assert len(product.visits()) == 2


# --- readers


def test_a_reader_keeps_its_figures_while_others_are_published_and_the_next_one_has_the_new(product: Product) -> None:
    """In one process: DuckDB would give the old file again to whoever opens its path while it is open."""
    generation, old = open_generation(folder_of(product))
    for number in range(1, 4):
        product.load(one_call(number))
        newer, new = open_generation(folder_of(product))
        assert new.execute("SELECT COUNT(*) FROM core.queue_visits").fetchall() == [(number + 1,)]
        assert newer.number > generation.number
        new.close()
        remove_unused(folder_of(product), current_of(product), older_than_seconds=0)
        assert old.execute("SELECT COUNT(*) FROM core.queue_visits").fetchall() == [(1,)]
        assert old.cursor().execute("SELECT SUM(lines) FROM meta.loads").fetchall() == [(2,)]
    old.close()


def test_readers_of_another_process_never_see_a_mixture(product: Product) -> None:
    """F16: as many loads as visits, in each of many answers, while fifteen generations are published."""
    reading = """
import sys, time
from pathlib import Path
from etl.warehouse import open_generation
print("ready", flush=True)
answers = 0
while not Path(sys.argv[2]).exists():
    _, connection = open_generation(Path(sys.argv[1]), threads=1)
    counts = "SELECT (SELECT COUNT(*) FROM meta.loads), (SELECT COUNT(*) FROM core.queue_visits), " \\
        "(SELECT SUM(lines) FROM core.log_hours), (SELECT COUNT(*) FROM core.line_calls)"
    loads, visits, lines, calls = connection.execute(counts).fetchone()
    assert 2 * loads == 2 * visits == lines == 2 * calls, (loads, visits, lines, calls)
    connection.close()
    answers += 1
    time.sleep(0.05)
print(answers)
"""
    done = product.folder / "done"
    command = [sys.executable, "-c", reading, str(folder_of(product)), str(done)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1]) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "ready\n"
        for number in range(1, 16):
            product.load(one_call(number))
            remove_unused(folder_of(product), current_of(product), older_than_seconds=0)
        done.touch()
        assert int(reader.stdout.read()) > 5
    assert reader.returncode == 0


def test_a_file_that_vanished_between_current_and_opening_is_looked_for_in_the_new_current(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    really_open = warehouse._open
    opened: list[int] = []

    def slowly(folder: Path, current: Generation, *limits: Any) -> duckdb.DuckDBPyConnection:
        opened.append(current.number)
        if len(opened) == 1:
            monkeypatch.setattr(warehouse, "_open", really_open)
            product.load(one_call(1))
            monkeypatch.setattr(warehouse, "_open", slowly)
            remove_unused(folder, current_of(product), older_than_seconds=0)
        return really_open(folder, current, *limits)

    monkeypatch.setattr(warehouse, "_open", slowly)
    generation, connection = open_generation(folder_of(product))
    assert connection.execute("SELECT COUNT(*) FROM core.queue_visits").fetchall() == [(2,)]
    assert opened == [1, generation.number]
    connection.close()


def test_a_file_that_is_not_there_is_told_with_its_remedy(product: Product) -> None:
    whole = product.counted()
    (folder_of(product) / segments(product)["calls-2024-03"]).unlink()
    with pytest.raises(WarehouseError, match=r"calls-2024-03-1\.duckdb.*ejecute «callcenter rebuild»"):
        product.visits()
    pipeline.rebuild(product.store())
    assert product.counted() == whole


def test_a_store_whose_every_line_was_set_aside_can_be_read(tmp_path: Path) -> None:
    product = load_in(tmp_path, [LogFile("nul", (f"{T}|1.1|101|NONE|ENTERQUEUE||7\0|1",))])
    assert product.counted() == ((), (), ())
    assert product.set_aside() == [("nul",)]
    assert product.rows("SELECT lines, loaded, quarantined FROM meta.loads") == [(1, 0, 1)]
    product.load(one_call(1))
    assert len(product.visits()) == 1


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM glob('/*')",
        "COPY (SELECT 1) TO '{folder}/out.csv'",
        "ATTACH '{folder}/other.duckdb' AS other",
        "INSTALL httpfs",
        "LOAD httpfs",
        "CREATE TABLE loads_all.core.mine (n INTEGER)",
        "CREATE TABLE calls_2024_03.core.mine (n INTEGER)",
        "INSERT INTO calls_2024_03.core.log_hours VALUES ('x', NULL, 1)",
        "DELETE FROM calls_2024_03.core.queue_visits",
        "UPDATE loads_all.meta.loads SET lines = 0",
        "DROP TABLE calls_2024_03.core.queue_visits",
        "SET enable_external_access = true",
        "SET memory_limit = '100GB'",
        "SET lock_configuration = false",
        "RESET lock_configuration",
    ],
)
def test_a_reader_reaches_nothing_else_and_changes_nothing(sql: str, only_read: Product) -> None:
    before = set(only_read.folder.rglob("*"))
    connection = only_read.open()
    try:
        for one in (connection, connection.cursor()):
            with pytest.raises(duckdb.Error):
                one.execute(sql.format(folder=only_read.folder))
        assert set(only_read.folder.rglob("*")) == before
        assert connection.execute("SELECT COUNT(*) FROM core.queue_visits").fetchall() == [(1,)]
    finally:
        connection.close()


# --- a write-ahead log that is not ours


@pytest.fixture
def foreign_log(tmp_path: Path) -> Iterator[bytes]:
    other = tmp_path / "other.duckdb"
    with duckdb.connect(str(other)) as connection:
        connection.execute("CREATE TABLE t AS SELECT range AS n FROM range(9)")
        yield other.with_name("other.duckdb.wal").read_bytes()


@pytest.mark.parametrize("empty", [True, False])
@pytest.mark.parametrize("subject", ["calls-2024-03", "loads-all", "callers-2024-03"])
def test_a_foreign_log_beside_a_file_in_service_is_set_aside(
    subject: str, empty: bool, foreign_log: bytes, product: Product
) -> None:
    assert foreign_log
    log = folder_of(product) / f"{segments(product)[subject]}.wal"
    log.write_bytes(b"" if empty else foreign_log)
    assert len(product.visits()) == 1
    assert not log.exists()
    (aside,) = folder_of(product).glob("*.wal.ajeno-*")
    assert aside.read_bytes() == (b"" if empty else foreign_log)
    log.write_bytes(b"" if empty else foreign_log)
    product.load(one_call(1))
    assert len(product.visits()) == 2
    assert len(list(folder_of(product).glob("*.wal.ajeno-*"))) == 2  # kept


# --- two loads at once


CALLCENTER = "import sys; from dashboard.cli import main; main()"


def callcenter(*arguments: object) -> list[str]:
    return [sys.executable, "-c", CALLCENTER, *map(str, arguments)]


def test_a_second_load_is_told_who_runs_and_loads_nothing(product: Product) -> None:
    path = product.write(one_call(1))
    with stores.warehouse_lock(product.settings()):
        with pytest.raises(stores.AnotherLoadRuns, match=rf"proceso {os.getpid()}, desde \d\d/\d\d/\d{{4}} "):
            pipeline.ingest(product.store(), [path])
        second = subprocess.run(
            callcenter("--data", product.settings().data, "ingest", path), capture_output=True, text=True, timeout=60
        )
        assert second.returncode == 75
        assert f"proceso {os.getpid()}" in second.stderr
    assert len(product.visits()) == 1
    assert pipeline.ingest(product.store(), [path])[0].state == "published"


def test_loads_started_together_load_everything_once(tmp_path: Path) -> None:
    product = Product(tmp_path)
    path = tmp_path / "day"
    write_day(path, date="2024-03-05", lines=3000)
    command = callcenter("--data", product.settings().data, "ingest", path)
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    said = [one.communicate(timeout=120) for one in started]
    codes = [one.returncode for one in started]
    assert set(codes) <= {0, 75}, said
    assert 0 in codes
    for (_, error), code in zip(said, codes, strict=True):
        assert code == 0 or "Otra carga está en curso" in error
    assert product.rows("SELECT COUNT(*), SUM(lines) FROM meta.loads") == [(1, 3000)]


def test_the_lock_of_a_killed_load_is_free(product: Product) -> None:
    holding = (
        "import sys, time; from pathlib import Path; from etl.store import warehouse_lock; "
        "from etl.settings import Settings\n"
        "with warehouse_lock(Settings(data=Path(sys.argv[1]))): print('held', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", holding, str(product.settings().data)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(stores.AnotherLoadRuns, match=f"proceso {holder.pid}"):
            product.load(one_call(1))
        holder.send_signal(signal.SIGKILL)
        holder.wait(timeout=10)
    product.load(one_call(1))
    assert len(product.visits()) == 2


# --- a disk that is full


LIMITED = """
import resource, signal, sys
from pathlib import Path
from etl import pipeline
from etl import store as stores
from etl.settings import Settings
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = stores.open_store(Settings(data=Path(sys.argv[1])))
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), resource.RLIM_INFINITY))
try:
    print(pipeline.ingest(store, [Path(sys.argv[2])])[0].state)
except pipeline.WarehouseError as error:
    print(error)
"""


@pytest.mark.skipif(os.name == "nt", reason="limits of the size of files are of POSIX")
def test_a_disk_that_is_full_at_any_step_leaves_the_figures_and_the_next_load_completes(product: Product) -> None:
    """The limit of the size of a file stands for the disk: it strikes the raw store, the lines, the segments."""
    path = product.folder / "day"
    write_day(path, date="2024-03-20", lines=30_000)
    before = business(product)
    told = []
    for limit in (100_000, 1_000_000, path.stat().st_size + 1000):
        child = subprocess.run(
            [sys.executable, "-c", LIMITED, product.settings().data, path, str(limit)],
            capture_output=True, text=True, cwd=Path(__file__).parents[1], timeout=120,
        )  # fmt: skip
        assert child.returncode == 0, child.stderr
        told.append(child.stdout)
        assert business(product) == before
    assert all("No hay espacio en el disco" in one and "siguen en servicio" in one for one in told), told
    pipeline.ingest(product.store(), [path])
    assert product.rows("SELECT SUM(lines), SUM(loaded + quarantined) FROM meta.loads") == [(30_002, 30_002)]
    assert list(folder_of(product).glob(".build-*")) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    if mount is None or subprocess.run([mount, "-t", "tmpfs", "-o", "size=16m", "tmpfs", folder]).returncode:
        pytest.skip("a small disk needs the right to mount one")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_real_disk_that_is_full_leaves_the_figures_and_the_next_load_completes(small_disk: Path) -> None:
    product = load_in(small_disk, [one_call(0)])
    before = business(product)
    path = small_disk.parent / "day"
    write_day(path, date="2024-03-20", lines=6_000)
    filling = small_disk / "filling"
    for left in (100_000, 1_500_000, 4_500_000):  # the raw store is full, then the copies of the segments, then these
        filling.write_bytes(b"x" * (shutil.disk_usage(small_disk).free - left))
        with pytest.raises(WarehouseError, match="No hay espacio en el disco"):
            pipeline.ingest(product.store(), [path])
        assert business(product) == before
        filling.unlink()
    pipeline.ingest(product.store(), [path])
    assert product.rows("SELECT SUM(lines) FROM meta.loads") == [(6_002,)]


# --- a piece that does not add up


def test_a_piece_that_does_not_add_up_is_refused_and_the_others_are_loaded(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would otherwise stand in the way of every load to come."""
    really_add = pipeline.Build.add

    def add(build: pipeline.Build, piece: Piece) -> object:
        if piece.info.name.endswith("-1"):
            raise pipeline.ReconciliationError("no suman; no se cargó nada")
        return really_add(build, piece)

    monkeypatch.setattr(pipeline.Build, "add", add)
    good, bad = product.load(one_call(2), one_call(1))
    assert (good.state, good.loaded) == ("published", 2)
    assert (bad.state, bad.loaded, bad.message) == ("refused", 0, "no suman; no se cargó nada")
    with transaction(product.store().records) as session:
        assert [(load.state, load.refusal) for load in session.query(Load)] == [
            ("published", None), ("published", None), ("refused", "no suman; no se cargó nada"),
        ]  # fmt: skip
    product.load(one_call(3))
    assert len(product.visits()) == 3
    monkeypatch.undo()
    assert [report.state for report in product.load(one_call(1))] == ["published"]
    assert len(product.visits()) == 4

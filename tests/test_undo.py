"""A load that is undone leaves the tables as before it, whatever shares its lines, and whenever it is killed."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from dashboard import cli
from etl import pipeline
from etl import store as stores
from etl.build import CheckError
from etl.checkup import check
from etl.faults import FAULT_POINTS
from etl.lines import Cancelled
from etl.pipeline import UndoError, publishing
from etl.records.audit import Action, Actor
from etl.records.engine import transaction
from etl.records.models import AuditEntry, Load
from etl.settings import Settings
from etl.warehouse import read_current
from tests.business import business, store_in
from tests.commands import GOOD, call, done
from tests.drawn_log import answered, log, write
from tests.product import Product, Rows
from tests.reference_counter import LogFile
from tests.test_increments import ACROSS, RULES, assert_counts_as_reference, files_of, pieces, told_log

CHIEF = Actor(None, "jefa", "chief")
ROOT = Path(__file__).parents[1]


def tables(product: Product) -> dict[str, Rows]:
    return business(product) if read_current(product.settings().warehouse) else {}


def states(product: Product) -> dict[int, str]:
    with transaction(product.store().records) as session:
        return {load.load_id: load.state for load in session.query(Load)}


def acts(product: Product, action: Action) -> list[tuple[str, str, str]]:
    with transaction(product.store().records) as session:
        found = session.query(AuditEntry).filter_by(action=action).order_by(AuditEntry.entry_id)
        return [(entry.who, entry.object, entry.result) for entry in found]


def undo(product: Product, load: int) -> None:
    pipeline.undo(product.store(), load, by=CHIEF)


# --- as before


@pytest.mark.duckdb
@pytest.mark.drawn(1)
def test_any_load_undone_leaves_what_the_others_alone_would_have_given(seed: int, tmp_path: Path) -> None:
    """Rotated pieces that share lines, a second PBX, nonsense: undone one after another, in any order."""
    chance = random.Random(seed)
    files = pieces(chance, told_log(chance, callids=8, lines=60), 3)
    files.append(LogFile("other", told_log(chance, callids=8, lines=20), "other"))
    chance.shuffle(files)
    product = store_in(tmp_path / "undone", (), RULES)
    loads = {}
    before = []
    for file in files:
        before.append(tables(product))
        (report,) = product.load(file)
        loads[report.load] = file
    last = report.load
    assert last is not None
    undo(product, last)
    assert tables(product) == before[-1], "as before the load"
    del loads[last]
    order = list(loads)
    chance.shuffle(order)
    undo(product, order[0] or 0)
    del loads[order[0]]
    assert_counts_as_reference(product, list(loads.values()))
    assert business(product) == business(store_in(tmp_path / "never", list(loads.values()), RULES))


@pytest.mark.duckdb
@pytest.mark.parametrize(
    "name", ["a line set aside until its entry comes", "a wait lost at a restart of the next month"]
)
def test_calls_that_several_files_tell_of_are_told_by_those_that_are_left(name: str, tmp_path: Path) -> None:
    files = files_of(ACROSS[name])
    for number in range(len(files)):
        product = store_in(tmp_path / f"{number}", (), RULES)
        for file in files:
            product.load(file)
        undo(product, number + 1)
        rest = [file for place, file in enumerate(files) if place != number]
        assert business(product) == business(store_in(tmp_path / f"without {number}", rest, RULES))


@pytest.mark.duckdb
def test_a_line_that_two_files_hold_survives_whichever_is_undone(product: Product) -> None:
    lines = (*answered(0, "1"), *answered(100, "2"))
    product.load(LogFile("a", tuple(lines)))
    product.load(LogFile("b", (*lines[3:], *answered(200, "3"))))
    assert product.rows("SELECT load, duplicates FROM meta.loads ORDER BY load") == [(1, 0), (2, 3)]
    undo(product, 1)
    assert product.rows("SELECT load, loaded, duplicates FROM meta.loads") == [(2, 6, 0)]
    assert product.rows("SELECT COUNT(*) FROM core.queue_visits WHERE answered") == [(2,)]


@pytest.mark.duckdb
def test_the_only_load_undone_leaves_a_store_without_figures_that_takes_the_file_again(product: Product) -> None:
    path = write(product, "queue_log", log(*answered(0, "1")))
    pipeline.ingest(product.store(), [path])
    whole = business(product)
    assert pipeline.undo(product.store(), 1, by=CHIEF) is None
    assert read_current(product.settings().warehouse) is None
    assert states(product) == {1: "refused"}
    (report,) = pipeline.ingest(product.store(), [path])
    assert (report.state, report.load) == ("published", 2)
    assert business(product) == whole
    assert sorted(p.name for p in product.settings().raw.rglob("*") if p.is_file()) != []


@pytest.mark.duckdb
def test_the_later_pieces_of_a_growing_file_go_with_an_earlier_one(product: Product) -> None:
    live = product.folder / "in" / "queue_log"
    before = []
    for number in range(4):
        live.write_bytes(log(*(line for n in range(number + 1) for line in answered(100 * n, str(n + 1)))))
        pipeline.ingest(product.store(), [live])
        before.append(business(product))
    other = product.load(LogFile("other", tuple(answered(5000, "9"))))
    with transaction(product.store().records) as session:
        going = pipeline.loads_undone_with(session, 2)
    assert [(load.load, load.name, load.first_line, load.lines) for load in going] == [
        (2, "queue_log", 4, 3),
        (3, "queue_log", 7, 3),
        (4, "queue_log", 10, 3),
    ]
    assert other[0].load == 5
    undo(product, 5)
    undo(product, 2)
    assert business(product) == before[0]
    assert states(product) == {1: "published", 2: "refused", 3: "refused", 4: "refused", 5: "refused"}
    (report,) = pipeline.ingest(product.store(), [live])
    assert (report.load, report.read, report.loaded) == (6, 9, 9), "what was undone is landed again, as one piece"
    assert business(product) == before[3]


def test_a_file_is_checked_as_ever_after_an_undo(product: Product) -> None:
    path = write(product, "queue_log", log(*answered(0, "1")))
    product.load(LogFile("kept", tuple(answered(500, "2"))))
    pipeline.ingest(product.store(), [path])
    undo(product, 2)
    (report,) = check(product.settings(), [path]).files
    assert (report.state, report.loaded) == ("checked", 3)


# --- what it says


def test_an_undo_is_told_in_the_manifest_and_in_the_audit_once(product: Product) -> None:
    product.load(LogFile("a", tuple(answered(0, "1"))), LogFile("b", tuple(answered(100, "2"))))
    undo(product, 2)
    undo(product, 2)
    with transaction(product.store().records) as session:
        refusal = session.get_one(Load, 2).refusal or ""
    assert refusal.startswith("se deshizo el ") and refusal.endswith(" por jefa")
    assert acts(product, Action.UNDO) == [("jefa", "load 2", "done")]
    assert acts(product, Action.LOAD) == [("sistema", "load 1", "done"), ("sistema", "load 2", "done")]


def test_what_is_not_in_service_cannot_be_undone(product: Product) -> None:
    product.load(LogFile("a", tuple(answered(0, "1"))))
    with transaction(product.store().records) as session:
        load = session.get_one(Load, 1)
        refused = {c: getattr(load, c) for c in ("file_id", "sha256", "first_byte", "bytes", "tail_sha256", "lines")}
        epochs = {"first_line": 9, "held": 0, "first_epoch": 1, "last_epoch": 1, "landed_at": load.landed_at}
        session.add(Load(**refused, **epochs, state="refused", refusal="las líneas no cuadran"))
    for number, why in ((7, "No existe la carga 7"), (2, "no está en servicio: las líneas no cuadran")):
        with pytest.raises(UndoError, match=why):
            undo(product, number)
    assert acts(product, Action.UNDO) == []


def test_without_its_entry_in_the_audit_nothing_is_undone(product: Product) -> None:
    product.load(LogFile("a", tuple(answered(0, "1"))), LogFile("b", tuple(answered(100, "2"))))
    before = business(product)
    store = product.store()
    with store.records.begin() as connection:
        connection.execute(
            text("CREATE TRIGGER full BEFORE INSERT ON audit_entries BEGIN SELECT RAISE(ABORT, 'no entry'); END")
        )
    with pytest.raises(Exception, match="no entry"):
        pipeline.undo(store, 2, by=CHIEF)
    assert business(product) == before
    assert states(product) == {1: "published", 2: "published"}


@pytest.mark.duckdb
def test_an_undo_whose_build_fails_changes_nothing(product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    product.load(LogFile("a", tuple(answered(0, "1"))), LogFile("b", tuple(answered(100, "2"))))
    before = business(product)

    def fail(*_: Any, **__: Any) -> Any:
        raise CheckError("La comprobación falló.")

    monkeypatch.setattr(publishing, "_build_round", fail)
    with pytest.raises(CheckError):
        undo(product, 2)
    assert business(product) == before
    assert states(product) == {1: "published", 2: "published"}
    assert acts(product, Action.UNDO) == []


# --- stopped half-way


def stopping_at(wanted: int) -> Callable[[str, float | None], None]:
    passed = []

    def progress(text: str, share: float | None = None) -> None:
        passed.append(text)
        if len(passed) == wanted:
            raise Cancelled

    return progress


@pytest.mark.parametrize("moment", [1, 3, 5])
def test_a_cancelled_undo_changes_nothing(moment: int, product: Product) -> None:
    product.load(*(LogFile(name, tuple(answered(100 * n, f"{n + 1}"))) for n, name in enumerate("abc")))
    before = business(product)
    product.round_lines = 1
    with pytest.raises(Cancelled):
        pipeline.undo(product.store(), 1, by=CHIEF, progress=stopping_at(moment))
    assert business(product) == before
    assert states(product) == {1: "published", 2: "published", 3: "published"}
    assert not list(product.settings().warehouse.glob(".build-*"))


@pytest.mark.parametrize("moment", [1, 2, 3, 4, 5])
def test_a_cancelled_load_is_not_completed_by_the_next_one(moment: int, product: Product) -> None:
    product.load(LogFile("a", tuple(answered(0, "1"))))
    before = business(product)
    paths = [write(product, "b", log(*answered(100, "2"))), write(product, "c", log(*answered(200, "3")))]
    with pytest.raises(Cancelled):
        pipeline.ingest(product.store(), paths, by=CHIEF, progress=stopping_at(moment))
    assert not pipeline.is_unfinished(product.store())
    pipeline.ingest(product.store(), [])
    assert business(product) == before
    reports = pipeline.ingest(product.store(), paths)
    assert [report.state for report in reports] == ["published", "published"]


# --- killed

UNDOER = """
import json, os, sys
from pathlib import Path
from etl import pipeline
from etl import store as stores
from etl.records.audit import Actor
from etl.settings import Settings
import sqlalchemy.dialects.sqlite
print("ready", flush=True)
for line in sys.stdin:
    folder, load, fault = json.loads(line)
    child = os.fork()
    if child == 0:
        try:
            os.environ["CALLCENTER_FAULT"] = fault
            pipeline.undo(stores.open_store(Settings(data=Path(folder))), load, by=Actor(None, "jefa", "chief"))
        finally:
            os._exit(1 if sys.exc_info()[0] else 0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.fixture(scope="module")
def killed_undo() -> Iterator[Callable[[Path, int, str], int]]:
    if not hasattr(os, "fork"):
        pytest.skip("kills by SIGKILL, which this system has not")
    process = subprocess.Popen(
        [sys.executable, "-c", UNDOER], cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None and process.stdout is not None
    to, answers = process.stdin, process.stdout
    assert answers.readline().strip() == "ready"

    def undo(data: Path, load: int, fault: str) -> int:
        print(json.dumps([str(data), load, fault]), file=to, flush=True)
        return int(answers.readline())

    yield undo
    process.stdin.close()
    process.wait(timeout=30)
    process.stdout.close()


#: Name: the files of the store, and the points that an undo of the last passes.
UNDOABLE = {
    "one of three": (3, tuple(point for point in FAULT_POINTS if point != "landing")),
    "the only one": (1, ("before_current", "after_current")),
}
KILLS = [(name, point) for name, (_, points) in UNDOABLE.items() for point in points]
#: At these the manifest has not changed yet: nothing has happened, and nothing does later.
UNDECIDED = ("load", "checks", "checkpoint")


@pytest.fixture(scope="module")
def undoable(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, dict[str, Rows], dict[str, Rows]]]:
    """Stores by name, each with its tables as they are and as they are without its last load."""
    found = {}
    chance = random.Random(2)
    files = pieces(chance, told_log(chance, callids=10, lines=90), 3)
    for name, (number, _) in UNDOABLE.items():
        folder = tmp_path_factory.mktemp("undoable") / "store"
        product = store_in(folder, (), RULES)
        for file in files[: number - 1]:
            product.load(file)
        without = tables(product)
        product.load(files[number - 1])
        found[name] = (folder, tables(product), without)
    return found


@pytest.mark.duckdb
@pytest.mark.parametrize(("name", "point"), KILLS)
def test_an_undo_killed_at_any_point_is_whole_and_completed_by_the_next_load_or_undo(
    name: str,
    point: str,
    undoable: dict[str, tuple[Path, dict[str, Rows], dict[str, Rows]]],
    killed_undo: Callable[[Path, int, str], int],
    tmp_path: Path,
) -> None:
    original, before, without = undoable[name]
    folder = tmp_path / "store"
    shutil.copytree(original, folder)
    product, load = Product(folder), UNDOABLE[name][0]
    assert killed_undo(folder / "data", load, point) == -signal.SIGKILL
    in_service = tables(product)
    assert in_service in (before, without)
    assert list(product.settings().warehouse.glob("*.wal")) == []
    decided = states(product)[load] == "refused"
    assert decided == (point not in UNDECIDED)
    assert decided or in_service == before
    if point == "before_current":
        assert pipeline.is_unfinished(product.store())
    if point in ("before_current", "checks"):  # a load of nothing completes what was decided, and only that
        pipeline.ingest(product.store(), [])
        assert tables(product) == (without if decided else before)
        assert not pipeline.is_unfinished(product.store())
    undo(product, load)
    assert tables(product) == without
    assert acts(product, Action.UNDO) == [("jefa", f"load {load}", "done")]
    settings = product.settings().model_copy(update={"keep_generations_seconds": 0})
    pipeline.ingest(stores.open_store(settings), [])
    current = read_current(settings.warehouse)
    if current is not None:
        named = {segment.file for segment in current.segments}
        assert {path.name for path in settings.warehouse.glob("*.duckdb")} == named


# --- by command


def test_the_command_says_which_loads_go_and_asks(tmp_path: Path) -> None:
    data, log_file = tmp_path / "data", tmp_path / "queue_log"
    done(data, "ingest", GOOD)
    log_file.write_bytes(log(*answered(0, "1")))
    done(data, "ingest", log_file)
    log_file.write_bytes(log(*answered(0, "1"), *answered(100, "2")))
    done(data, "ingest", log_file)
    result = call(data, "load", "undo", "2")
    assert result.exit_code == 1
    assert "2: queue_log, líneas 1 a 3 del archivo\n3: queue_log, líneas 4 a 6 del archivo\n" in result.stdout
    assert "¿Deshacer? (s/n)" in result.stdout and result.stdout.endswith("\nNo se cambió nada.\n")
    assert len(done(data, "load", "list").splitlines()) == 3
    agreed = CliRunner().invoke(cli.app, ["--data", str(data), "load", "undo", "2"], input="s\n")
    assert agreed.stdout.endswith("La carga 2 se deshizo. Cargas en servicio: 1.\n")
    (left,) = done(data, "load", "list").splitlines()
    assert left.startswith("1: good.queue_log")
    missing = call(data, "load", "undo", "9", "--yes")
    assert (missing.exit_code, missing.stderr) == (
        1,
        "No existe la carga 9: vea los números con «callcenter load list».\n",
    )


def test_what_was_undone_and_still_lies_in_the_inbox_is_loaded_only_when_it_is_named(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "data")
    settings.inbox.mkdir(parents=True)
    path = settings.inbox / "queue_log"
    path.write_bytes(log(*answered(0, "1")))
    done(settings.data, "ingest")
    done(settings.data, "load", "undo", "1", "--yes")
    result = call(settings.data, "ingest")
    assert result.exit_code == 0
    assert "queue_log: se deshizo su carga; para cargarlo otra vez, nómbrelo." in result.stderr
    assert "cargado (queue_log): 3 leídas" in done(settings.data, "ingest", path)
    assert "sin novedad" in done(settings.data, "ingest")


def test_commands_are_told_to_the_audit_by_the_name_the_machine_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "operaciones")
    data, bad = tmp_path / "data", tmp_path / "bad"
    bad.write_text("nothing of a log\n")
    assert call(data, "ingest", GOOD, bad).exit_code == 1
    done(data, "rebuild")
    rules = tmp_path / "rules.csv"
    rules.write_text("queue,did,service,valid_from,valid_to\n101,,101,,\n")
    done(data, "map", "queues", "--in", rules)
    done(data, "load", "undo", "1", "--yes")
    store = stores.open_store(Settings(data=data))
    with transaction(store.records) as session:
        entries = session.query(AuditEntry).order_by(AuditEntry.entry_id).all()
    assert {(entry.who, entry.role) for entry in entries} == {("operaciones", "consola")}
    assert [(entry.action, entry.object, entry.result) for entry in entries] == [
        ("load", "file", "refused"),
        ("load", "load 1", "done"),
        ("load", "rebuild", "done"),
        ("mapping", "queues", "done"),
        ("undo", "load 1", "done"),
    ]
    assert json.loads(entries[1].details)["lines"] == json.loads(entries[1].details)["loaded"]

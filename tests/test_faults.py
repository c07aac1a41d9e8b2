"""A load killed at any moment leaves the old figures or the new ones, and the next load completes what it began."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from etl import pipeline
from etl import store as stores
from etl.faults import FAULT_POINTS, reach
from etl.records.engine import transaction
from etl.records.models import Load
from etl.simulation.volume import write_day
from etl.warehouse import read_current
from tests.business import business
from tests.product import Product, Rows
from tests.test_increments import MARCH, complete, enter, start, told_log

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="kills by SIGKILL, which this system has not")
SAFE = "before_current"  # up to here the old figures are in service
ROOT = Path(__file__).parents[1]

#: One process that has imported everything and opened nothing forks a child for each load to be killed: an import costs
#: more than a load. A line of JSON in (folder, files, fault, seconds after which to kill), the exit code out.
LOADER = """
import json, os, signal, sys, time
from pathlib import Path
from etl import pipeline
from etl import store as stores
from etl.settings import Settings
import sqlalchemy.dialects.sqlite
print("ready", flush=True)
for line in sys.stdin:
    folder, files, fault, seconds = json.loads(line)
    child = os.fork()
    if child == 0:
        try:
            os.environ["CALLCENTER_FAULT"] = fault
            pipeline.ingest(stores.open_store(Settings(data=Path(folder))), [Path(file) for file in files])
        finally:
            os._exit(1 if sys.exc_info()[0] else 0)
    if seconds is not None:
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Loader:
    """Loads in a process that may be killed."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", LOADER], cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._answer() == "ready"

    def _answer(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def load(self, folder: Path, files: Sequence[Path], *, fault: str = "", seconds: float | None = None) -> int:
        assert self.process.stdin is not None
        print(json.dumps([str(folder), [*map(str, files)], fault, seconds]), file=self.process.stdin, flush=True)
        return int(self._answer())

    def close(self) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(timeout=30)
        self.process.stdout.close()


@pytest.fixture(scope="module")
def loader() -> Iterator[Loader]:
    found = Loader()
    yield found
    found.close()


@dataclass
class Situation:
    """A store before a load and after one that nobody killed; every kill has a copy of it."""

    folder: Path
    before: list[tuple[str, ...]]
    files: list[tuple[str, ...]]
    paths: list[Path] = field(default_factory=list)

    def __post_init__(self) -> None:
        (self.folder / "data").mkdir(parents=True)
        (self.folder / "data" / "pseudonyms.key").write_text("5a" * 32)
        product = Product(self.folder)
        for number, lines in enumerate([*self.before, *self.files]):
            path = self.folder / "in" / f"{number}"
            path.write_text("".join(f"{line}\n" for line in lines))
            self.paths.append(path)
        del self.paths[: len(self.before)]
        for number in range(len(self.before)):
            pipeline.ingest(product.store(), [self.folder / "in" / f"{number}"])
        shutil.copytree(self.folder, self.folder.with_suffix(".before"))
        self.old = tables(product)
        pipeline.ingest(product.store(), self.paths)
        self.new = tables(product)
        self.manifest = manifest(product)
        assert self.old != self.new

    def again(self, folder: Path) -> Product:
        """A store as it was before the load."""
        shutil.copytree(self.folder.with_suffix(".before"), folder)
        return Product(folder)


def tables(product: Product) -> dict[str, Rows]:
    return business(product) if read_current(product.settings().warehouse) else {}


def manifest(product: Product) -> list[tuple[object, ...]]:
    with transaction(product.store().records) as session:
        return sorted(
            (load.sha256, load.state, load.lines, load.loaded, load.duplicates, load.quarantined, load.blank, load.held)
            for load in session.query(Load)
        )


CHANCE = random.Random(20)
JANUARY = told_log(CHANCE, callids=4, lines=25)
JANUARY = tuple(f"{int(line[:10]) - 40 * 86400}{line[10:]}" for line in JANUARY)
MANY = told_log(CHANCE, callids=60, lines=900)
TWO_MONTHS = (
    enter(MARCH - 9),
    enter(MARCH - 5, "1.2"),
    "garbage",
    enter(MARCH + 2, "1.3", "q2"),
    complete(MARCH + 9, "", "", "1.4"),
    complete(MARCH + 9, 3, 4, "1.3", "q2"),
)
#: Name: what is in the store, what is loaded.
SITUATIONS = {
    "into an empty store": ([], [TWO_MONTHS[:3]]),
    "into another month": ([JANUARY], [TWO_MONTHS[3:]]),
    "over two months": ([JANUARY], [TWO_MONTHS]),
    "over what is known and waits": ([JANUARY, TWO_MONTHS[1:4]], [TWO_MONTHS, (*TWO_MONTHS[-2:], start(MARCH + 60))]),
    "two larger files": ([TWO_MONTHS[:2]], [MANY[:500], MANY[480:]]),
}
#: Killed on both versions of DuckDB: here segments of several months are new, copied, deleted from and inserted into.
ON_BOTH = ("over what is known and waits", "two larger files")
#: The passage to kill at where a point is passed for each file or each segment; the others are passed once.
PASSAGES = {
    "landing": (1, 1, 1, 2, 2),
    "load": (1, 1, 1, 2, 1),
    "before_rename": (1, 2, 3, 4, 5),
    "after_rename": (1, 3, 5, 2, 4),
}


class Situations(dict[str, Situation]):
    """The situations by name, each made when first asked for."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def __missing__(self, name: str) -> Situation:
        self[name] = Situation(self.folder / f"{list(SITUATIONS).index(name)}", *SITUATIONS[name])
        return self[name]


@pytest.fixture(scope="module")
def situations(tmp_path_factory: pytest.TempPathFactory) -> Situations:
    return Situations(tmp_path_factory.mktemp("situations"))


def assert_whole(product: Product, situation: Situation) -> str:
    """What is in service is all old or all new, opens at once, and has no log of a half-done write; return which."""
    assert list(product.settings().warehouse.glob("*.wal")) == []
    found = tables(product)
    assert found in (situation.old, situation.new)
    return "old" if found == situation.old else "new"


def assert_completed(product: Product, situation: Situation) -> None:
    """Loading the same files again leads to the same store, and then no trace of the interruption is left."""
    settings = product.settings().model_copy(update={"keep_generations_seconds": 0})
    store = stores.open_store(settings)
    reports = pipeline.ingest(store, situation.paths)
    assert {report.state for report in reports} <= {"published", "known"}
    assert tables(product) == situation.new
    assert manifest(product) == situation.manifest
    assert {state for _, state, *_ in situation.manifest} == {"published"}
    pipeline.ingest(store, situation.paths)
    current = read_current(settings.warehouse)
    assert current is not None
    left = {path.name for path in settings.warehouse.iterdir()}
    assert left - {".lock"} == {"CURRENT", *(segment.file for segment in current.segments)}
    assert [path for path in settings.raw.rglob("*") if path.name.startswith(".")] == []
    for load in product.rows("SELECT lines, loaded, duplicates, quarantined, blank FROM meta.loads"):
        assert load[0] == sum(load[1:])


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.duckdb] if name in ON_BOTH else []) for name in SITUATIONS]
)
@pytest.mark.parametrize("point", FAULT_POINTS)
def test_a_load_killed_at_a_named_point_is_whole_and_completed_by_the_next(
    point: str, name: str, situations: Situations, loader: Loader, tmp_path: Path
) -> None:
    situation = situations[name]
    product = situation.again(tmp_path / "store")
    passage = PASSAGES.get(point, (1,) * len(SITUATIONS))[list(SITUATIONS).index(name)]
    code = loader.load(product.folder / "data", situation.paths, fault=f"{point}:{passage}")
    assert code == -signal.SIGKILL
    in_service = assert_whole(product, situation)
    assert in_service == ("old" if FAULT_POINTS.index(point) <= FAULT_POINTS.index(SAFE) else "new")
    assert_completed(product, situation)


@pytest.mark.duckdb
def test_a_load_killed_at_random_moments_until_it_is_done(
    situations: Situations, loader: Loader, tmp_path: Path
) -> None:
    """The next run begins where the last was killed; none is told what happened before."""
    chance = random.Random(5)
    kills = 0
    for number in range(3):
        situation = situations["two larger files"]
        product = situation.again(tmp_path / f"{number}")
        for _ in range(6):
            code = loader.load(product.folder / "data", situation.paths, seconds=chance.uniform(0.01, 0.35))
            kills += code == -signal.SIGKILL
            assert code in (0, -signal.SIGKILL)
            assert_whole(product, situation)
        assert_completed(product, situation)
    assert kills >= 6


def test_a_first_load_killed_at_random_moments_begins_a_store_that_works(loader: Loader, tmp_path: Path) -> None:
    """The records, the key of the pseudonyms and the first figures: each is there whole or not at all."""
    chance = random.Random(6)
    log = tmp_path / "log"
    write_day(log, date="2024-03-05", lines=400)
    for number in range(6):
        data = tmp_path / f"{number}" / "data"
        for _ in range(2):
            assert loader.load(data, [log], seconds=chance.uniform(0, 0.2)) in (0, -signal.SIGKILL)
        assert loader.load(data, [log]) == 0
        product = Product(data.parent)
        assert product.rows("SELECT SUM(lines), SUM(loaded) FROM meta.loads") == [(400, 400)]
        assert len(bytes.fromhex((data / "pseudonyms.key").read_text())) == 32


@pytest.mark.duckdb
def test_killed_loads_do_not_make_the_store_grow(situations: Situations, loader: Loader, tmp_path: Path) -> None:
    situation = situations["two larger files"]
    product = situation.again(tmp_path / "store")
    sizes = []
    for _ in range(4):
        assert loader.load(product.folder / "data", situation.paths, fault="before_rename") == -signal.SIGKILL
        sizes.append(sum(path.stat().st_size for path in (product.folder / "data").rglob("*") if path.is_file()))
    assert max(sizes) - min(sizes) < 100_000


def test_a_point_that_is_not_declared_is_refused() -> None:
    with pytest.raises(ValueError, match="nowhere"):
        reach("nowhere")

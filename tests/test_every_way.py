"""One log with all oddities by every way there is: what users count is the same, or less exactly what a way loses.

What a table's columns cut, and what Asternic's reader drops, is taken from the lines here, by what is known of those
tables; the result is loaded as a file, and the table must give the same.
"""

import gzip
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from threading import Event, Thread

import pytest
from sqlalchemy import select

from dashboard.work import worker
from etl import pipeline
from etl.follow import Follower
from etl.records.engine import transaction
from etl.records.models import Job
from etl.schema import EventKind
from etl.sources import QUEUE_LOG
from etl.sources.queue_log_tables import ASTERNIC as ASTERNIC_TABLE
from etl.watch import Watch
from tests.databases import Addresses, database, facts, product_in, pull
from tests.databases import new_mariadb as new_mariadb
from tests.databases import new_postgresql as new_postgresql
from tests.drawn_log import EIGHT, answered, line
from tests.processes import within
from tests.product import Product, Rows
from tests.reference_counter import LogFile
from tests.table_log import ADAPTIVE, CLASSIC, FREEPBX, ONE_COLUMN, WITH_IDS, asternic, odd_lines, table_of

#: Wider than 50 characters, and than Asternic's 40; none wider than the columns of newer tables.
_LONG = "Local/20177700000000000000000000000000000000000000000000000000777@from-queue/n"
LONG_LINES = (
    line(2000, "901", "RINGNOANSWER", 1000, agent=_LONG),
    *[text.replace("SIP/201", _LONG) for text in answered(2010, "902")],
    line(2100, "NONE", "PAUSE", "Reunión de todo el turno de la mañana con supervisión; vuelve ^ luego", agent=_LONG),
    *answered(2200, "903")[:2],
    line(2290, "903", "TRANSFER", "70000000000000000000000000000000000001@x", "from-internal-xfer", 5, 60, 1,
         agent="SIP/201"),
)  # fmt: skip
#: The last of them comes hours after the others.
ODD = odd_lines()
LINES = (*ODD[:-1], *LONG_LINES, ODD[-1])
LAYOUTS = {
    "adaptive": ("mariadb", ADAPTIVE), "adaptive in UTC": ("mariadb", replace(ADAPTIVE, offset=0)),
    "one column": ("mariadb", ONE_COLUMN), "classic": ("mariadb", CLASSIC), "freepbx": ("mariadb", FREEPBX),
    "adaptive on PostgreSQL": ("postgresql", WITH_IDS),
}  # fmt: skip
#: Asternic Stats Lite's table of events.
ASTERNIC_KNOWS = {
    "ABANDON", "AGENTDUMP", "AGENTLOGIN", "AGENTCALLBACKLOGIN", "AGENTLOGOFF", "AGENTCALLBACKLOGOFF", "COMPLETEAGENT",
    "COMPLETECALLER", "CONFIGRELOAD", "CONNECT", "ENTERQUEUE", "EXITWITHKEY", "EXITWITHTIMEOUT", "QUEUESTART",
    "SYSCOMPAT", "TRANSFER", "PAUSE", "UNPAUSE",
}  # fmt: skip


def of_file(folder: Path, lines: Sequence[str]) -> dict[str, Rows]:
    product = product_in(folder)
    (report,) = product.load(LogFile("queue_log", tuple(lines)))
    assert (report.loaded, report.quarantined) == (len(lines), 0)
    return facts(product)


@pytest.fixture(scope="module")
def from_file(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Rows]:
    found = of_file(tmp_path_factory.mktemp("file") / "store", LINES)
    assert min(len(found[each]) for each in ("core.queue_visits", "core.line_calls", "meta.findings")) > 1
    return found


def pieces(lines: Sequence[str], number: int, chance: Random) -> list[bytes]:
    """The log in pieces that end with a second, wherever the clock steps."""
    epochs = [int(text.partition("|")[0]) for text in lines]
    cuts = [n for n in range(1, len(lines)) if max(epochs[:n]) < min(epochs[n:])]
    chosen = sorted(chance.sample(cuts, number - 1))
    ends = [*chosen, len(lines)]
    return ["".join(f"{text}\n" for text in lines[a:b]).encode() for a, b in zip([0, *chosen], ends, strict=True)]


@pytest.mark.duckdb
@pytest.mark.parametrize("at_once", [True, False])
def test_compressed_pieces_in_any_order(at_once: bool, from_file: dict[str, Rows], tmp_path: Path) -> None:
    chance = Random(4)
    product = product_in(tmp_path / "pieces")
    paths = []
    for number, piece in enumerate(pieces(LINES, 5, chance)):
        paths.append(product.folder / "in" / f"queue_log.{number}.gz")
        paths[-1].write_bytes(gzip.compress(piece, mtime=0))
    chance.shuffle(paths)
    for batch in [paths] if at_once else [[path] for path in paths]:
        assert {report.state for report in pipeline.ingest(product.store(), batch)} == {"published"}
    assert facts(product) == from_file


@pytest.mark.duckdb
def test_a_log_followed_while_it_grows_and_is_rotated(from_file: dict[str, Rows], tmp_path: Path) -> None:
    chance = Random(5)
    product = product_in(tmp_path / "watched")
    live = product.folder / "queue_log"
    watch = Watch(product.store(), Follower([live], None, -1), 60, lambda text: None)
    for number, piece in enumerate(pieces(LINES, 4, chance)):
        cuts = sorted(chance.sample(range(len(piece)), 3))
        for begin, end in zip([0, *cuts], [*cuts, len(piece)], strict=True):
            with live.open("ab") as file:
                file.write(piece[begin:end])
            if chance.random() < 0.7:
                watch.look()
        match number % 3:
            case 0:
                live.rename(live.with_name(f"queue_log-2024030{number}"))
            case 1:
                live.with_name(f"queue_log.{number}.gz").write_bytes(gzip.compress(live.read_bytes()))
                live.unlink()
            case _:
                live.with_name(f"queue_log.{number}").write_bytes(live.read_bytes())
                live.write_bytes(b"")
    watch.look()
    assert facts(product) == from_file
    assert product.rows("SELECT SUM(lines), SUM(duplicates) FROM meta.loads") == [(len(LINES), 0)]


def as_cut(text: str, width: int, data_width: int, columns: int) -> str:
    """A line as a row of such columns keeps it: encoded as the realtime engine does, cut, and read again."""
    stamp, callid, queue, agent, event, data = text.split("|", 5)
    fields = data.split("|", columns - 1)

    def kept(value: str, most: int) -> str:
        return value.replace("^", "^5E").replace(";", "^3B")[:most].replace("^3B", ";").replace("^5E", "^")

    texts = [kept(callid, width), kept(queue, width), kept(agent, width), event, *(kept(f, data_width) for f in fields)]
    return "|".join([stamp, *texts])


@pytest.mark.database
@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_layout_of_a_realtime_table(
    layout: str, from_file: dict[str, Rows], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    server, kept = LAYOUTS[layout]
    url = request.getfixturevalue(f"new_{server}")()
    table_of(url, kept, LINES)
    product = product_in(tmp_path / "table")
    (report,) = pull(product, database(url))
    assert (report.state, report.read, report.loaded) == ("published", len(LINES), len(LINES)), report.message
    cut = [as_cut(text, kept.width, kept.width if kept.data > 1 else 255, kept.data) for text in LINES]
    if kept.width >= 100:
        assert cut == list(LINES) and facts(product) == from_file
    else:
        assert "pueden estar cortados" in report.message
        assert 3 <= sum(a != b for a, b in zip(cut, LINES, strict=True)) <= len(LONG_LINES)
        assert facts(product) == of_file(tmp_path / "cut", cut)


def as_asternic_keeps(lines: Sequence[str]) -> list[str]:
    """The lines less what its reader drops: events it has no number for, repeats, what is beyond 40 characters."""
    kept: dict[tuple[str, ...], str] = {}
    for text in lines:
        stamp, callid, queue, agent, event, data = text.split("|", 5)
        if event in ASTERNIC_KNOWS:
            agent = re.sub(r"^Local/(\d+)@.*", r"Agent/\1", agent)
            fields = [field[:40] for field in data.split("|", 2)]
            told = "|".join([stamp, callid[:40], queue[:40], agent[:40], event, *fields])
            kept.setdefault((stamp, callid, queue, agent, event), told)
    return list(kept.values())


@pytest.mark.database
def test_asternics_table_less_exactly_what_it_says_it_loses(new_mariadb: Addresses, tmp_path: Path) -> None:
    url = new_mariadb()
    asternic(url, LINES)
    product = product_in(tmp_path / "table")
    (report,) = pull(product, database(url))
    expected = as_asternic_keeps(LINES)
    assert (report.state, report.loaded) == ("published", len(expected)), report.message
    assert facts(product) == of_file(tmp_path / "less", expected)
    lost = {loss.code: loss.text for loss in ASTERNIC_TABLE.losses}
    counted = {event.name for event in QUEUE_LOG.events if event.kind is not EventKind.OTHER}
    dropped = {text.split("|")[4] for text in LINES} - ASTERNIC_KNOWS
    assert len(dropped & counted) > 3
    assert [event for event in sorted(dropped & counted) if event not in lost["events"]] == []
    assert {"events", "cut", "repeats"} == set(lost) and all(text in report.message for text in lost.values())


def last_alike(*seconds: int, lines: Sequence[str]) -> tuple[int, ...]:
    """So many seconds later in turn, none of them for the newest line."""
    newest = max(range(len(lines)), key=lambda number: int(lines[number].partition("|")[0]))
    turn = -newest % len(seconds)
    return (*seconds[turn:], *seconds[:turn])


@pytest.mark.database
def test_all_ways_together_count_once(new_mariadb: Addresses, from_file: dict[str, Rows], tmp_path: Path) -> None:
    """The compressed pieces, two tables and Asternic's, in an order of their own, then the file itself.

    What is open at the end of the data runs to the newest stamp, a table's where that is later: here none is.
    """
    realtime, other, stats = new_mariadb(), new_mariadb(), new_mariadb()
    table_of(realtime, ADAPTIVE, LINES, later=last_alike(0, 1, 2, lines=LINES))
    table_of(other, FREEPBX, ODD, later=last_alike(0, 1, lines=ODD))
    known = [each for each in ODD if each.split("|")[4] in ASTERNIC_KNOWS]
    asternic(stats, ODD, later=last_alike(0, 1, lines=known))
    product = product_in(tmp_path / "all")
    pull(product, database(stats, name="asternic"))
    path = product.folder / "in" / "queue_log.1.gz"
    path.write_bytes(gzip.compress(pieces(LINES, 3, Random(6))[1]))
    pipeline.ingest(product.store(), [path], databases=[database(realtime), database(other, name="freepbx")])
    product.load(LogFile("queue_log", LINES))
    assert facts(product) == from_file


@pytest.mark.database
def test_the_worker_pulls_in_a_process_of_its_own(new_mariadb: Addresses, tmp_path: Path) -> None:
    url = new_mariadb()
    table_of(url, ADAPTIVE, LINES)
    product = product_in(tmp_path / "store")
    settings = product.settings().model_copy(update={"databases": (database(url),), "pull_seconds": 3600})
    store, stop = product.store(), Event()
    pace = worker.Pace(look=0.05, beat=0.1, lost=5.0, rounds=0.3, settled=0.2, goodbye=5.0)
    thread = Thread(target=worker.run, args=(settings,), kwargs={"stop": stop, "pace": pace})

    def told() -> list[str]:
        with transaction(store.records) as session:
            return [job.tells for job in session.scalars(select(Job).where(Job.ended_at.is_not(None)))]

    thread.start()
    try:
        assert within(90, told)
    finally:
        stop.set()
        thread.join(timeout=60)
    assert f"{len(LINES)} leídas, {len(LINES)} cargadas" in told()[0]
    assert Product(product.folder).rows("SELECT MIN(epoch) FROM raw.queue_log")[0][0] <= EIGHT + 60

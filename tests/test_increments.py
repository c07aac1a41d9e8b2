"""What is loaded piece by piece counts as at once, as after a rebuild, and as the reference counter counts it."""

import random
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from etl import pipeline
from etl.build import Build, CheckError
from etl.pipeline import publishing
from etl.records import site as sites
from etl.records.engine import transaction
from etl.records.models import Load
from etl.simulation.volume import write_day
from etl.warehouse import WarehouseError, read_current
from reports.definition import Period
from reports.query import measure
from reports.rules import Rules
from tests.business import business, segments, store_in
from tests.product import Product, Rows, load_in
from tests.reference_counter import LogFile, QueueRule, Result, count
from tests.test_counting_properties import assert_same

pytestmark = pytest.mark.duckdb
MARCH = 1709265600  # 2024-03-01 00:00 in La Paz
HOUR, DAY = 3600, 86400
RULES = (QueueRule("q1", "101", "101"), QueueRule("q1", None, "102"), QueueRule("q2", None, "102"))
OTHER_RULES = (
    QueueRule("q1", "44101", "103"),
    QueueRule("q1", None, "101", None, date(2024, 2, 29)),
    QueueRule("q1", None, "102", date(2024, 3, 1), None),
    QueueRule("q2", None, "no cuenta", None, date(2024, 2, 29)),
    QueueRule("103", None, "102", date(2024, 3, 1), None),
)
EVENTS = (
    *["{queue}|NONE|ENTERQUEUE||7|1"] * 5,
    *["{queue}|{agent}|CONNECT|{wait}|x|1"] * 4,
    *["{queue}|{agent}|COMPLETEAGENT|{wait}|{talk}|1"] * 3,
    "{queue}|{agent}|BLINDTRANSFER|1|c|{wait}|{talk}|1",
    "{queue}|NONE|ABANDON|1|1|{wait}",
    "{queue}|NONE|EXITEMPTY|1|1|{wait}",
    "{queue}|NONE|EXITWITHTIMEOUT|1",
    "{queue}|NONE|EXITWITHTIMEOUT|1|1|{wait}",
    "{queue}|{agent}|SYSCOMPAT|",
    "{queue}|{agent}|RINGNOANSWER|1000",
    "{queue}|NONE|DID|{did}",
)
SPREADS = ((0, 0, 0, 1, 2, 5, 60, 600), (0, 0, 1, 3, 600, 7200), (0, 0, 0, 0, 0, 1, 1, 1, 2, 7, 20))


def told_log(chance: random.Random, *, callids: int, lines: int) -> tuple[str, ...]:
    """A log of nonsense over the end of February 2024, in seconds, hours or days; most callids return to a queue."""
    spread = chance.choice(SPREADS)
    time = first = int(MARCH - sum(spread) / len(spread) * lines * chance.random())
    log: list[str] = []
    for _ in range(lines):
        time += chance.choice(spread)
        event = chance.choice(EVENTS).format(
            queue=chance.choice(["q1", "q1", "q2", "103"]),
            agent=chance.choice(["SIP/1", "SIP/2"]),
            wait=chance.choice(["0", "1", "2", "5", "10", "400", "", "-3", "x"]),
            talk=chance.choice(["0", "1", "5", "10", "", "-2"]),
            did=chance.choice(["101", "44101", "999"]),
        )
        log.append(f"{time}|{first}.{chance.randint(1, callids)}|{event}")
        if chance.random() < 0.02:
            log.append(log[-1])  # two members may ring in the same second
        if chance.random() < 0.01:
            log.append(f"{time}|NONE|NONE|NONE|QUEUESTART|")
    return tuple(log)


def reloaded(line: str) -> str:
    """A line of the same second that no call has: the reference does not let a line set aside move the cut-off."""
    return f"{line.split('|')[0]}|NONE|NONE|NONE|CONFIGRELOAD|"


def pieces(chance: random.Random, log: tuple[str, ...], number: int, pbx: str = "pbx") -> list[LogFile]:
    """A log as rotated files, some of which overlap with their neighbours."""
    cuts = sorted(chance.sample(range(1, len(log)), number - 1))
    found = []
    for place, (start, end) in enumerate(zip([0, *cuts], [*cuts, len(log)], strict=True)):
        overlap = chance.choice([(0, 0), (30, 0), (0, 30), (15, 15)])
        lines = log[max(0, start - overlap[0]) : end + overlap[1]]
        found.append(LogFile(f"{pbx}-{place}", (*lines, reloaded(lines[-1])), pbx))
    return found


def assert_counts_as_reference(product: Product, files: Sequence[LogFile], rules: Sequence[QueueRule] = RULES) -> None:
    assert_same(product, count(files, rules))


# --- any log, any order


@pytest.mark.drawn(2)
def test_rotated_pieces_in_any_order_count_as_all_at_once_and_as_a_rebuild(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    callids = chance.choice([4, 20])
    files = pieces(chance, told_log(chance, callids=callids, lines=6 * callids), chance.choice([2, 3, 4]))
    if seed % 3 == 0:  # a second PBX with the same callids, and restarts of its own
        files += pieces(chance, told_log(chance, callids=callids, lines=3 * callids), 2, "other")
    chance.shuffle(files)
    product = store_in(tmp_path / "one by one", (), RULES)
    for number, file in enumerate(files, start=1):
        product.load(file)
        assert_counts_as_reference(product, files[:number])
    at_once = store_in(tmp_path / "at once", files, RULES)
    assert business(at_once) == business(product)
    pipeline.rebuild(product.store())
    assert business(at_once) == business(product)
    sums = "loaded + duplicates + quarantined + blank"
    assert product.rows(f"SELECT * FROM meta.loads WHERE lines IS DISTINCT FROM {sums}") == []


@pytest.mark.drawn(1)
def test_rounds_that_fit_the_memory_count_as_one(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    files = pieces(chance, told_log(chance, callids=15, lines=150), 6)
    chance.shuffle(files)
    at_once = store_in(tmp_path / "at once", files, RULES)
    product = store_in(tmp_path / "in rounds", (), RULES)
    product.round_lines = 40
    reports = product.load(*files)
    assert [report.state for report in reports] == ["published"] * len(files)
    assert business(product) == business(at_once)
    loads = dict(product.rows("SELECT load, (loaded, quarantined) FROM meta.loads"))
    assert {report.load: (report.loaded, report.quarantined) for report in reports} == loads
    before = read_current(product.settings().warehouse)
    generation = pipeline.rebuild(product.store())
    assert before is not None and generation is not None and generation.number >= before.number + 3
    assert business(product) == business(at_once)
    with transaction(product.store().records) as session:
        assert {load.generation for load in session.query(Load)} == {generation.number}
    named = {segment.file for segment in (*generation.segments, *before.segments)}
    assert {path.name for path in product.settings().warehouse.glob("*.duckdb")} == named, "none of a round on the way"


@pytest.fixture(scope="module")
def six_pieces(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[LogFile], dict[str, Rows]]:
    """Files, and what they count loaded at once."""
    chance = random.Random(3)
    files = pieces(chance, told_log(chance, callids=15, lines=150), 6)
    return files, business(store_in(tmp_path_factory.mktemp("six") / "at once", files, RULES))


@pytest.mark.parametrize("anew", [True, False])
def test_rounds_that_fail_leave_the_figures_in_service(
    anew: bool, six_pieces: tuple[list[LogFile], dict[str, Rows]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of a load or rebuild is seen before all of it is there; run again, it is completed."""
    files, at_once = six_pieces
    product = store_in(tmp_path, files if anew else files[:1], RULES)
    whole, before = business(product), read_current(product.settings().warehouse)
    product.round_lines = 40
    build = publishing._build_round
    rounds: list[int] = []

    def fail_in_the_third(*args: Any, **named: Any) -> Any:
        rounds.append(len(rounds))
        if len(rounds) == 3:
            raise OSError("no space left on device")
        return build(*args, **named)

    def run() -> None:
        if anew:
            pipeline.rebuild(product.store())
        else:
            product.load(*files[1:])

    monkeypatch.setattr(publishing, "_build_round", fail_in_the_third)
    with pytest.raises(WarehouseError, match="No hay espacio en el disco"):
        run()
    monkeypatch.undo()
    assert before is not None and read_current(product.settings().warehouse) == before
    named = {segment.file for segment in before.segments}
    assert {path.name for path in product.settings().warehouse.glob("*.duckdb")} == named, "none of a round on the way"
    assert business(product) == whole
    run()
    assert business(product) == at_once
    assert not list(product.settings().warehouse.glob(".build-*"))


def test_a_check_that_fails_in_a_later_round_refuses_the_whole_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(4)
    files = pieces(chance, told_log(chance, callids=15, lines=150), 5)
    product = store_in(tmp_path, files[:1], RULES)
    whole = business(product)
    product.round_lines = 40
    finish, rounds = Build.finish, []

    def fail_in_the_second(build: Build, **named: str) -> Any:
        rounds.append(build)
        if len(rounds) == 2:
            raise CheckError("La comprobación falló.")
        return finish(build, **named)

    monkeypatch.setattr(Build, "finish", fail_in_the_second)
    with pytest.raises(CheckError, match="Los archivos de esta carga quedan rechazados"):
        product.load(*files[1:])
    monkeypatch.undo()
    with transaction(product.store().records) as session:
        states = [load.state for load in session.query(Load)]
    assert states == ["published"] + ["refused"] * (len(files) - 1)
    assert business(product) == whole


@pytest.mark.drawn(2)
def test_a_growing_file_in_chunks_counts_as_the_whole_file(seed: int, tmp_path: Path) -> None:
    """Cut at any byte: an unfinished last line is held, and only the growth is landed."""
    chance = random.Random(seed)
    log = told_log(chance, callids=12, lines=80)
    content = "".join(line + "\n" for line in (*log, reloaded(log[-1]))).encode()
    product = load_in(tmp_path, (), RULES)
    live = product.folder / "in" / "queue_log"
    landed = 0
    for end in (*sorted(chance.sample(range(200, len(content)), 4)), len(content)):
        live.write_bytes(content[:end])
        (report,) = pipeline.ingest(product.store(), [live])
        whole = content[:end].count(b"\n")
        if whole == landed:
            assert (report.state, report.duplicates, report.held) == ("known", landed, 1)
            continue
        assert (report.read, report.held) == (whole - landed, int(not content[:end].endswith(b"\n")))
        assert report.loaded + report.quarantined == report.read and report.duplicates == 0
        landed = whole
        if not any("COMPLETE" in line or "CONNECT" in line for line in log[whole - 1 : whole]):
            expected = count([LogFile("whole", log[:whole])], RULES)
            assert (tuple(product.visits()), tuple(product.calls("line"))) == (expected.visits, expected.line_calls)
    whole_log = LogFile("whole", (*log, reloaded(log[-1])))
    assert_counts_as_reference(product, [whole_log])
    product.load(whole_log)  # known by its beginning, whatever its name
    assert product.rows("SELECT COUNT(DISTINCT file), SUM(loaded + quarantined) FROM meta.loads") == [(1, landed)]


def test_a_log_rotated_twenty_times_while_it_is_read_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """Renamed and begun anew, or copied and emptied in place: read as it grows, before and after each rotation."""
    chance = random.Random(11)
    # Without lines twice in a second: astride a cut nobody can tell them from an overlap (the one exempted case).
    log = tuple(dict.fromkeys(told_log(chance, callids=12, lines=120)))
    product = load_in(tmp_path, (), RULES)
    live, rotated = product.folder / "in" / "queue_log", product.folder / "in" / "queue_log.1"
    live.touch()
    for number in range(20):
        lines = _part(log, number)
        half = chance.randint(0, len(lines))
        with live.open("a") as file:
            file.writelines(f"{line}\n" for line in lines[:half])
        if chance.random() < 0.2:
            pipeline.ingest(product.store(), [live])
        with live.open("a") as file:
            file.writelines(f"{line}\n" for line in (*lines[half:], reloaded(lines[-1])))
        if number % 2:
            rotated.write_bytes(live.read_bytes())
            live.write_bytes(b"")
        else:
            live.replace(rotated)
            live.touch()
        if chance.random() < 0.5 or number == 19:
            pipeline.ingest(product.store(), [rotated, live])
        else:  # nobody came in time: what is not read yet is still there
            live.write_bytes(rotated.read_bytes())
    files = [LogFile("whole", tuple(line for n in range(20) for line in (*_part(log, n), reloaded(_part(log, n)[-1]))))]
    assert_counts_as_reference(product, files)


def _part(log: tuple[str, ...], number: int) -> tuple[str, ...]:
    return log[number * len(log) // 20 : (number + 1) * len(log) // 20]


def test_the_zone_of_the_host_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [LogFile("log", told_log(random.Random(3), callids=10, lines=60))]
    expected = business(store_in(tmp_path / "here", files, RULES))
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert business(store_in(tmp_path / "there", files, RULES)) == expected
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.drawn(2)
def test_a_changed_mapping_counts_as_a_rebuild_with_it(seed: int, tmp_path: Path) -> None:
    """Dated rules, DID rules and line calls that chain otherwise than before; no log is read again."""
    chance = random.Random(seed)
    log = told_log(chance, callids=15, lines=110)
    files = pieces(chance, log, 2)
    rules = [RULES, OTHER_RULES, ()]
    chance.shuffle(rules)
    product = store_in(tmp_path / "remapped", files, rules[0], at_once=False)
    for changed in rules[1:]:
        product.map(changed)
        assert_counts_as_reference(product, files, changed)
    remapped = business(product)
    pipeline.rebuild(product.store())
    assert business(product) == remapped
    assert business(store_in(tmp_path / "so from the start", files, rules[-1])) == remapped


def test_a_person_changes_by_the_day_of_the_call(tmp_path: Path) -> None:
    lines = [
        f"{at}|{at}.1|q1|{'NONE' if event == 'ENTERQUEUE||7|1' else 'SIP/1'}|{event}"
        for at in (MARCH - 600, MARCH + 600)
        for event in ("ENTERQUEUE||7|1", "CONNECT|0|x|1", "COMPLETEAGENT|0|9|1")
    ]
    product = load_in(tmp_path, [LogFile("log", tuple(lines))], RULES)
    store = product.store()
    for rules, expected in (
        ([sites.PersonRule("SIP/1", "Ana", None, date(2024, 2, 29))], ["Ana", None]),
        ([sites.PersonRule("SIP/1", "Eva", date(2024, 3, 1), None)], [None, "Eva"]),
        ([], [None, None]),
    ):
        with transaction(store.records) as session:
            sites.replace_persons(session, rules)
        pipeline.remap(store)
        assert product.rows("SELECT person FROM core.queue_visits ORDER BY entered_at") == [(p,) for p in expected]


# --- drawn: what one file says of the calls of another


def enter(at: int, callid: str = "1.1", queue: str = "q1") -> str:
    return f"{at}|{callid}|{queue}|NONE|ENTERQUEUE||7|1"


def connect(at: int, wait: int, callid: str = "1.1", queue: str = "q1") -> str:
    return f"{at}|{callid}|{queue}|SIP/1|CONNECT|{wait}|x|1"


def complete(at: int, wait: object, talk: object, callid: str = "1.1", queue: str = "q1") -> str:
    return f"{at}|{callid}|{queue}|SIP/1|COMPLETEAGENT|{wait}|{talk}|1"


def timeout(at: int, wait: int, callid: str = "1.1", queue: str = "q1") -> str:
    return f"{at}|{callid}|{queue}|NONE|EXITWITHTIMEOUT|1|1|{wait}"


def start(at: int) -> str:
    return f"{at}|NONE|NONE|NONE|QUEUESTART|"


def later(at: int) -> str:
    return f"{at}|NONE|NONE|NONE|CONFIGRELOAD|"


#: Files, each a tuple of lines. Every test of them loads them in every order.
ACROSS = {
    "a call over the end of the month": (
        [enter(MARCH - 9), later(MARCH - 5)],
        [connect(MARCH + 3, 12), complete(MARCH + 90, 12, 87)],
    ),
    "an end a month after its entry": (
        [enter(MARCH - 29 * DAY)],
        [complete(MARCH, 5, 29 * DAY - 5)],
    ),
    "a wait given up when later lines come": (
        [enter(MARCH - HOUR)],
        [later(MARCH + 3 * HOUR)],
        [later(MARCH + 3 * HOUR + 1)],
    ),
    "a wait lost at a restart of the next month": (
        [enter(MARCH - HOUR), enter(MARCH - HOUR, "1.2"), timeout(MARCH - 60, 3540, "1.2")],
        [start(MARCH + HOUR)],
    ),
    "a wait given up, then known to be lost at a restart": (
        [enter(MARCH - 60 * DAY)],
        [later(MARCH)],
        [start(MARCH - 59 * DAY)],
    ),
    "a restart that was none for a call with a later event": (
        [enter(MARCH - 60)],
        [start(MARCH + 60)],
        [f"{MARCH + 90}|1.1|q1|SIP/1|RINGNOANSWER|1000"],
    ),
    "a visit rebuilt until its entry comes": (
        [enter(MARCH - 5)],
        [connect(MARCH + 5, 10), complete(MARCH + 9, 10, 4)],
    ),
    "a visit rebuilt whose start was in the month before": (
        [later(MARCH - 3 * DAY)],
        [complete(MARCH + 9, 10, 2 * HOUR)],
        [enter(MARCH - 2 * HOUR - 2), connect(MARCH - 2 * HOUR + 8, 10)],
    ),
    "a line set aside until its entry comes": (
        [enter(MARCH - 5)],
        [complete(MARCH + 9, "", "x"), later(MARCH + 10)],
    ),
    "line calls chained over the end of the month": (
        [enter(MARCH - 30), timeout(MARCH - 1, 29)],
        [enter(MARCH, queue="q2"), connect(MARCH + 7, 7, queue="q2")],
        [enter(MARCH + 8, "1.2"), later(MARCH + 9)],
        [timeout(MARCH + 30, 22, "1.2"), enter(MARCH + 31, "1.2")],
    ),
    "a DID in the file before": (
        [f"{MARCH - 2}|1.1|q1|NONE|DID|44101", later(MARCH - 1)],
        [enter(MARCH + 1)],
    ),
    "an outbound attempt makes a callid no call": (
        [enter(MARCH - 100)],
        [f"{MARCH - 50}|1.1|q1|SIP/9|ENTERQUEUE||7|1"],
    ),
    "the same callid on two servers": (
        [enter(MARCH - 9), later(MARCH - 5)],
        ["other", connect(MARCH + 3, 2), start(MARCH + 4)],
        [start(MARCH + 5)],
    ),
}


def files_of(drawn: Sequence[Sequence[str]]) -> list[LogFile]:
    return [
        LogFile(f"file {number}", tuple(lines[1:]), "other")
        if lines[0] == "other"
        else LogFile(f"{number}", tuple(lines))
        for number, lines in enumerate(drawn)
    ]


def assert_any_order_counts_the_same(files: list[LogFile], folder: Path) -> None:
    """As they are, the other way round, and the last two first; looked at after each, but those in between once."""
    for number, order in enumerate((files[-2:] + files[:-2], files, files[::-1])[3 - min(len(files), 3) :]):
        product = store_in(folder / f"{number}", (), RULES)
        for known, file in enumerate(order, start=1):
            product.load(file)
            if known == len(order) or len(files) == 2 or number:
                assert_counts_as_reference(product, order[:known])
    one_by_one = business(product)
    pipeline.rebuild(product.store())
    assert business(product) == one_by_one


@pytest.mark.parametrize("name", ACROSS)
def test_files_that_tell_of_the_same_calls_count_the_same_in_every_order(name: str, tmp_path: Path) -> None:
    assert_any_order_counts_the_same(files_of(ACROSS[name]), tmp_path)


@pytest.mark.parametrize("outbound_at", [MARCH - 100, MARCH + 100])
def test_an_outbound_attempt_over_the_end_of_the_month_is_no_call(outbound_at: int, tmp_path: Path) -> None:
    files = [
        LogFile("log", (enter(MARCH - 50), enter(MARCH + 50))),
        LogFile("attempt", (f"{outbound_at}|1.1|q1|SIP/9|ENTERQUEUE||7|1",)),
    ]
    assert_any_order_counts_the_same(files, tmp_path)


@pytest.mark.parametrize("what", ["entry", "more"])
def test_a_visit_rebuilt_long_before_its_end_is_told_anew(what: str, tmp_path: Path) -> None:
    """An end up to 31 days after its start rebuilds a visit, which is kept and listed, and never counted twice."""
    end = MARCH + 29 * DAY
    files = [
        LogFile("end", (complete(end, 15 * DAY, 15 * DAY),)),
        LogFile("next", (enter(end - 10) if what == "entry" else enter(end + 100),)),
    ]
    assert_any_order_counts_the_same(files, tmp_path)


# --- figures


def test_registered_is_answered_and_abandoned_by_cause_for_every_line_day_and_hour(tmp_path: Path) -> None:
    chance = random.Random(7)
    logs = [
        LogFile(f"{n}", told_log(chance, callids=60, lines=400), pbx) for n, pbx in enumerate(["pbx", "pbx", "other"])
    ]
    product = load_in(tmp_path, logs, RULES)
    rules = Rules.default()
    period = Period(date(2023, 12, 1), date(2024, 5, 31))
    connection = product.open()
    try:
        for unit in ("visit", "line", "call"):
            figures: dict[tuple[str, ...], Counter[tuple[str, ...]]] = defaultdict(Counter)
            by = ("service", "day", "hour")
            for place in (("month",), ("day",), by):
                frame = measure(connection, rules, ["registered", "answered", "abandoned"], period, by=place, unit=unit)
                for row in frame.itertuples():
                    figures[place][(row.indicator, *(getattr(row, name) for name in place))] += int(row.numerator)
            causes: Counter[tuple[str, ...]] = Counter()
            for row in measure(connection, rules, ["abandoned"], period, by=(*by, "cause"), unit=unit).itertuples():
                causes[row.service, row.day, row.hour] += int(row.numerator)
            cells = {key[1:] for key in figures[by]}
            assert cells
            for cell in cells:
                registered, answered, abandoned = (
                    figures[by][name, *cell] for name in ("registered", "answered", "abandoned")
                )
                assert registered == answered + abandoned
                assert abandoned == causes[cell]
            for name in ("registered", "answered", "abandoned"):
                days: Counter[str] = Counter()
                months: Counter[str] = Counter()
                for (indicator, _, day, _), number in figures[by].items():
                    if indicator == name:
                        days[day] += number
                        months[day[:7]] += number
                assert {day: figures[("day",)][name, day] for day in days} == days
                assert {month: figures[("month",)][name, month] for month in months} == months
                assert sum(months.values()) == sum(n for key, n in figures[("day",)].items() if key[0] == name)
            expected = [row for row in (product.visits() if unit == "visit" else product.calls(unit)) if row.registered]
            assert sum(n for key, n in figures[("day",)].items() if key[0] == "registered") == len(expected)
    finally:
        connection.close()


# --- cost


def test_adding_a_day_writes_only_the_segments_of_its_month(tmp_path: Path) -> None:
    product = Product(tmp_path, threads=2)

    def load_day(day: str) -> dict[str, str]:
        path = product.folder / "in" / day
        write_day(path, date=day, lines=300, seed=int(day[-2:]))
        before = {name: (product.settings().warehouse / file).read_bytes() for name, file in known.items()}
        pipeline.ingest(product.store(), [path])
        after = segments(product)
        for name, file in after.items():
            if known.get(name) == file:
                assert (product.settings().warehouse / file).read_bytes() == before[name]
        return after

    known: dict[str, str] = {}
    for day in ("2024-01-15", "2024-02-15", "2024-03-01"):
        known = load_day(day)
    for day, month in (("2024-03-02", "2024-03"), ("2024-02-16", "2024-02"), ("2024-04-01", "2024-04")):
        after = load_day(day)
        changed = {name for name in after if known.get(name) != after[name]}
        assert changed == {f"calls-{month}", f"callers-{month}", "loads-all"}
        known = after


def test_a_month_without_anything_that_waits_is_left_alone_by_later_lines_and_restarts(tmp_path: Path) -> None:
    product = load_in(tmp_path, [LogFile("a", (enter(MARCH - 9), timeout(MARCH - 5, 4)))], RULES)
    product.load(LogFile("b", (enter(MARCH - 40 * DAY, "1.2"),)))
    before = segments(product)
    product.load(LogFile("c", (start(MARCH + 5), later(MARCH + DAY))))
    after = segments(product)
    assert after["calls-2024-02"] == before["calls-2024-02"]
    assert after["calls-2024-01"] != before["calls-2024-01"]  # its wait was lost at the restart
    assert [visit.cause for visit in product.visits()] == ["restart", "timeout"]


def test_a_mapping_that_changes_nothing_of_a_month_leaves_its_segment(tmp_path: Path) -> None:
    files = [LogFile("a", (enter(MARCH - 9), timeout(MARCH - 5, 4))), LogFile("b", (enter(MARCH + 9, "1.2"),))]
    product = load_in(tmp_path, files, RULES)
    before = segments(product)
    product.map([*RULES[:1], QueueRule("q1", None, "102", None, date(2024, 2, 29)), *RULES[2:]])
    after = segments(product)
    assert {name for name in after if after[name] != before[name]} == {"calls-2024-03", "loads-all"}
    assert [visit.service for visit in product.visits()] == ["102", None]


def test_the_reference_reads_the_drawn_files_as_they_are_meant() -> None:
    """The names of the drawn files say something: here is what."""

    def told(name: str) -> Result:
        return count(files_of(ACROSS[name]), RULES)

    assert [v.cause for v in told("a wait given up when later lines come").visits] == ["unknown"]
    assert [v.cause for v in told("a wait lost at a restart of the next month").visits] == ["restart", "timeout"]
    assert [v.open for v in told("a restart that was none for a call with a later event").visits] == [True]
    assert [v.reconstructed for v in told("a visit rebuilt until its entry comes").visits] == [False]
    assert [a.reasons for a in told("a line set aside until its entry comes").set_aside] == []
    assert [(c.wait, c.answered) for c in told("line calls chained over the end of the month").line_calls] == [
        (37, True),
        (22, False),
    ]
    assert told("an outbound attempt makes a callid no call").visits == ()
    assert len(told("the same callid on two servers").visits) == 2

"""Sessions, pauses and rings of operators: cases a to h, counted a second time, the same whatever way the log came."""

import random
from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from etl import pipeline
from etl.records import site as sites
from etl.records.audit import SYSTEM
from etl.records.engine import transaction
from tests.agents_counter import LA_PAZ, Counted, count_spans, half_hours, united_pauses, united_sessions
from tests.business import business, segments, store_in
from tests.cases import DrawnLog
from tests.product import Product, load_in
from tests.reference_counter import LogFile

pytestmark = pytest.mark.duckdb
NO_RULES: tuple[()] = ()


def loaded(folder: Path, text: str, persons: Sequence[sites.PersonRule] = ()) -> Product:
    product = load_in(folder, (), NO_RULES)
    if persons:
        name(product, persons)
    product.load(LogFile("queue_log", DrawnLog(text).lines))
    return product


def name(product: Product, persons: Sequence[sites.PersonRule]) -> None:
    with transaction(product.store().records) as session:
        sites.replace_persons(session, persons)
    pipeline.remap(product.store())


def sessions(product: Product) -> list[tuple[str, str, str, str]]:
    """Operator, beginning and end on the wall, what ended it."""
    rows = product.rows("SELECT agent, began_local, until_local, ended_by FROM core.agent_sessions ORDER BY 2, 1")
    return [(agent, clock(began), clock(until), by) for agent, began, until, by in rows]


def pauses(product: Product) -> list[tuple[str, str, str, str, str]]:
    rows = product.rows("SELECT agent, reason, began_local, until_local, ended_by FROM core.agent_pauses ORDER BY 3, 1")
    return [(agent, reason, clock(began), clock(until), by) for agent, reason, began, until, by in rows]


def clock(at: datetime) -> str:
    return f"{at:%d %H:%M:%S}"


def by_hour(product: Product, column: str = "session_seconds") -> dict[str, int]:
    rows = product.rows(
        f"SELECT on_date, half_hour // 2, SUM({column}) FROM core.agent_half_hours GROUP BY 1, 2 "
        f"HAVING SUM({column}) > 0 ORDER BY 1, 2"
    )
    return {f"{day:%d} {hour:02}": seconds for day, hour, seconds in rows}


# --- the worked cases


def test_case_a_a_session_of_fifteen_minutes(tmp_path: Path) -> None:
    log = """
        09:10:10 | 1.1 | NONE | Agent/1001 | AGENTLOGIN  | SIP/1001-1
        09:25:10 | 1.1 | NONE | Agent/1001 | AGENTLOGOFF | SIP/1001-1 | 900
        12:00:00 | NONE | NONE | NONE | CONFIGRELOAD |
    """
    product = loaded(tmp_path, log)
    assert sessions(product) == [("Agent/1001", "05 09:10:10", "05 09:25:10", "logged")]
    assert by_hour(product) == {"05 09": 900}


def test_case_b_the_second_session_lasts_until_the_data_end(tmp_path: Path) -> None:
    log = """
        08:00:00 | MANAGER | q1 | SIP/201 | ADDMEMBER    |
        09:00:00 | MANAGER | q1 | SIP/201 | REMOVEMEMBER |
        09:50:00 | MANAGER | q1 | SIP/201 | ADDMEMBER    |
        12:00:00 | NONE | NONE | NONE | CONFIGRELOAD |
    """
    product = loaded(tmp_path, log)
    assert sessions(product) == [
        ("SIP/201", "05 08:00:00", "05 09:00:00", "logged"),
        ("SIP/201", "05 09:50:00", "05 12:00:00", "data_end"),
    ]
    assert by_hour(product) == {"05 08": 3600, "05 09": 600, "05 10": 3600, "05 11": 3600}
    assert by_hour(product, "ruled_seconds") == {"05 09": 600, "05 10": 3600, "05 11": 3600}


@pytest.mark.parametrize("with_queues", [False, True])
def test_cases_c_and_d_the_first_pause_counts_and_one_for_all_queues(tmp_path: Path, with_queues: bool) -> None:
    log = "08:00:00 | MANAGER | q1 | SIP/201 | ADDMEMBER |\n08:00:00 | MANAGER | q2 | SIP/201 | ADDMEMBER |\n"
    for second in (16, 17, 18):
        log += f"08:47:{second} | NONE | NONE | SIP/201 | PAUSEALL | Refrigerio\n"
        if with_queues:
            log += f"08:47:{second} | NONE | q1 | SIP/201 | PAUSE | Refrigerio\n"
            log += f"08:47:{second} | NONE | q2 | SIP/201 | PAUSE | Refrigerio\n"
    log += "08:57:16 | NONE | NONE | SIP/201 | UNPAUSEALL |\n09:00:00 | NONE | NONE | NONE | CONFIGRELOAD |"
    product = loaded(tmp_path, log)
    assert pauses(product) == [("SIP/201", "Refrigerio", "05 08:47:16", "05 08:57:16", "logged")]
    assert by_hour(product, "paused_seconds") == {"05 08": 600}


@pytest.mark.parametrize(
    ("logoff", "until", "by"),
    [
        ("09:30:00 | MANAGER | q1 | SIP/201 | REMOVEMEMBER |", "05 09:30:00", "session"),
        ("09:30:00 | NONE | NONE | NONE | QUEUESTART |", "05 09:30:00", "restart"),
        ("09:30:00 | NONE | NONE | NONE | CONFIGRELOAD |", "05 10:00:00", "data_end"),
    ],
)
def test_case_e_a_pause_that_nothing_ends_lasts_until_the_session_or_the_data_end(
    tmp_path: Path, logoff: str, until: str, by: str
) -> None:
    log = f"""
        08:00:00 | MANAGER | q1 | SIP/201 | ADDMEMBER |
        09:00:00 | NONE    | q1 | SIP/201 | PAUSE     | Reunion
        {logoff}
        10:00:00 | NONE | NONE | NONE | CONFIGRELOAD |
    """
    assert pauses(loaded(tmp_path, log)) == [("SIP/201", "Reunion", "05 09:00:00", until, by)]


def test_case_f_pauses_that_overlap_are_one(tmp_path: Path) -> None:
    log = """
        08:00:00 | MANAGER | q1 | SIP/201 | ADDMEMBER  |
        09:00:00 | NONE    | q1 | SIP/201 | PAUSE      | Reunion
        09:10:00 | NONE  | NONE | SIP/201 | PAUSEALL   | Refrigerio
        09:20:00 | NONE    | q1 | SIP/201 | UNPAUSE    |
        09:30:00 | NONE  | NONE | SIP/201 | UNPAUSEALL |
        10:00:00 | NONE  | NONE | NONE    | CONFIGRELOAD |
    """
    assert pauses(loaded(tmp_path, log)) == [("SIP/201", "Reunion", "05 09:00:00", "05 09:30:00", "logged")]


def test_case_g_every_hour_of_the_middle_day_is_full(tmp_path: Path) -> None:
    log = """
        02-28 22:00:00 | MANAGER | q1 | SIP/201 | ADDMEMBER    |
        03-01 01:00:00 | MANAGER | q1 | SIP/201 | REMOVEMEMBER |
    """
    product = loaded(tmp_path, log)
    assert by_hour(product) == {
        "28 22": 3600, "28 23": 3600, **{f"29 {hour:02}": 3600 for hour in range(24)}, "01 00": 3600,
    }  # fmt: skip
    months = product.rows("SELECT began_date FROM core.agent_sessions")
    assert months == [(date(2024, 2, 28),)], "stored once, in the month it began"


def test_case_h_a_person_is_one_under_interface_and_name(tmp_path: Path) -> None:
    log = """
        08:00:00 | MANAGER | q1 | SIP/201                | ADDMEMBER    |
        08:10:00 | MANAGER | q2 | Local/201@from-queue/n | ADDMEMBER    |
        08:30:00 | NONE    | q1 | Ana                    | PAUSE        | Refrigerio
        08:45:00 | NONE    | q1 | Ana                    | UNPAUSE      |
        09:00:00 | MANAGER | q1 | SIP/201                | REMOVEMEMBER |
        09:20:00 | MANAGER | q2 | Local/201@from-queue/n | REMOVEMEMBER |
    """
    product = loaded(tmp_path, log)
    assert len(sessions(product)) == 2, "unmapped, each spelling is somebody else"
    rules = [sites.PersonRule(each, "Ana Pérez", None, None) for each in ("SIP/201", "Local/201@from-queue/n", "Ana")]
    name(product, rules)
    assert sessions(product) == [("Ana Pérez", "05 08:00:00", "05 09:20:00", "logged")]
    assert pauses(product) == [("Ana Pérez", "Refrigerio", "05 08:30:00", "05 08:45:00", "logged")]
    assert by_hour(product) == {"05 08": 3600, "05 09": 1200}
    assert by_hour(product, "staffed_seconds") == {"05 08": 2700, "05 09": 1200}


# --- other ends and beginnings


def test_a_new_login_ends_the_session_before_it(tmp_path: Path) -> None:
    log = """
        08:00:00 | 1.1 | NONE | Agent/1 | AGENTLOGIN  | SIP/1-1
        09:00:00 | 1.2 | NONE | Agent/1 | AGENTLOGIN  | SIP/1-2
        10:00:00 | 1.2 | NONE | Agent/1 | AGENTLOGOFF | SIP/1-2 | 3600
    """
    assert sessions(loaded(tmp_path, log)) == [
        ("Agent/1", "05 08:00:00", "05 09:00:00", "replaced"), ("Agent/1", "05 09:00:00", "05 10:00:00", "logged"),
    ]  # fmt: skip


def test_a_restart_ends_the_sessions_of_its_own_pbx_only(tmp_path: Path) -> None:
    login = "08:00:00 | 1.1 | NONE | {} | AGENTLOGIN | SIP/1-1"
    product = load_in(tmp_path, (), NO_RULES)
    for pbx, agent in (("a", "Agent/1"), ("b", "Agent/2")):
        restart = "09:00:00 | NONE | NONE | NONE | QUEUESTART |" if pbx == "a" else ""
        text = f"{login.format(agent)}\n{restart}\n10:00:00 | NONE | NONE | NONE | CONFIGRELOAD |"
        lines = DrawnLog("\n".join(filter(None, text.splitlines()))).lines
        product.load(LogFile(f"log-{pbx}", lines, pbx))
    assert sessions(product) == [
        ("Agent/1", "05 08:00:00", "05 09:00:00", "restart"), ("Agent/2", "05 08:00:00", "05 10:00:00", "data_end"),
    ]  # fmt: skip


def test_a_logoff_tells_when_its_login_was(tmp_path: Path) -> None:
    log = """
        09:00:00 | 1.1 | NONE | Agent/1 | AGENTLOGOFF         | SIP/1-1 | 1800
        09:10:00 | 1.1 | NONE | Agent/1 | AGENTLOGOFF         | SIP/1-1 | 1800
        09:20:00 | 1.1 | NONE | Agent/2 | AGENTCALLBACKLOGOFF | 2@x     | 600 | Autologoff
        09:30:00 | 1.1 | q1   | SIP/3   | REMOVEMEMBER        |
    """
    product = loaded(tmp_path, log)
    assert sessions(product) == [
        ("Agent/1", "05 08:30:00", "05 09:10:00", "logged"), ("Agent/2", "05 09:10:00", "05 09:20:00", "logged"),
    ]  # fmt: skip
    assert product.rows("SELECT DISTINCT began_by FROM core.agent_sessions") == [("login_time",)]


def test_a_session_that_nothing_ends_lasts_31_days_at_most(tmp_path: Path) -> None:
    log = """
        01-10 08:00:00 | MANAGER | q1 | SIP/201 | ADDMEMBER    |
        03-05 08:00:00 | MANAGER | q1 | SIP/201 | REMOVEMEMBER |
    """
    product = loaded(tmp_path, log)
    assert product.rows("SELECT until_local, ended_by FROM core.agent_sessions") == [
        (datetime(2024, 2, 10, 8), "limit")
    ]


def test_who_is_added_paused_is_paused(tmp_path: Path) -> None:
    log = """
        08:00:00 | MANAGER | q1 | SIP/201 | ADDMEMBER    | PAUSED
        08:20:00 | NONE    | q1 | SIP/201 | UNPAUSE      |
        09:00:00 | MANAGER | q1 | SIP/201 | REMOVEMEMBER |
    """
    assert pauses(loaded(tmp_path, log)) == [("SIP/201", "", "05 08:00:00", "05 08:20:00", "logged")]


WORK = """
    08:00:00 | MANAGER | q1 | SIP/201 | ADDMEMBER     |
    08:05:00 | c1      | q1 | NONE    | ENTERQUEUE    || 70000001 | 1
    08:05:03 | c1      | q1 | SIP/202 | RINGNOANSWER  | 2500
    08:05:10 | c1      | q1 | SIP/201 | CONNECT       | 10 | 1.2 | 4
    08:15:10 | c1      | q1 | SIP/201 | COMPLETEAGENT | 10 | 600 | 1
    08:15:10 | 1.1     | q1 | SIP/201 | WRAPUPSTART   | 20
    08:20:00 | c2      | q1 | NONE    | ENTERQUEUE    || 70000002 | 1
    08:20:05 | c2      | q1 | SIP/203 | CONNECT       | 5 | 1.3 | 4
    08:21:05 | c2      | q1 | SIP/203 | COMPLETEAGENT | 5 | 60 | 1
    08:15:20 | NONE    | q1 | SIP/201 | PAUSE         | Refrigerio
    08:25:20 | NONE    | q1 | SIP/201 | UNPAUSE       |
    08:30:00 | MANAGER | q1 | SIP/201 | REMOVEMEMBER  |
"""


def test_time_is_told_apart_and_who_never_logs_in_has_activity_only(tmp_path: Path) -> None:
    log = "\n".join(sorted(WORK.strip().splitlines(), key=str.strip))
    product = loaded(tmp_path, log)
    columns = "agent, reason, session_seconds, paused_seconds, busy_seconds, staffed_seconds, talked_seconds"
    rows = product.rows(
        f"SELECT {columns}, connected, with_session, with_activity FROM core.agent_half_hours ORDER BY ALL"
    )
    assert rows == [
        ("SIP/201", "Refrigerio", 600, 590, 10, 10, 10, 0, 0, 0),  # ten seconds of the wrap-up lie in the pause
        ("SIP/201", None, 1200, 0, 610, 1200, 610, 1, 1, 0),
        ("SIP/202", None, 0, 0, 0, 0, 0, 0, 0, 1),
        ("SIP/203", None, 0, 0, 0, 0, 60, 1, 0, 1),
    ]
    assert product.rows("SELECT queue, agent, rings, ring_milliseconds FROM core.agent_rings") == [
        ("q1", "SIP/202", 1, 2500)
    ]


# --- any log, any way


AGENTS = ("SIP/1", "Local/1@x", "Agent/2", "Ana", "SIP/3")
PERSONS = {"SIP/1": "Eva", "Local/1@x": "Eva", "Agent/2": "Ana"}
RULES = [sites.PersonRule(spelling, person, None, None) for spelling, person in PERSONS.items()]
EVENTS = (
    *["{queue}|{agent}|ADDMEMBER|"] * 5,
    "{queue}|{agent}|ADDMEMBER|PAUSED",
    *["{queue}|{agent}|REMOVEMEMBER|"] * 4,
    *["NONE|{agent}|AGENTLOGIN|x"] * 2,
    *["NONE|{agent}|AGENTLOGOFF|x|{seconds}"] * 2,
    "NONE|{agent}|AGENTCALLBACKLOGIN|x",
    "NONE|{agent}|AGENTCALLBACKLOGOFF|x|{seconds}|",
    *["{queue}|{agent}|PAUSE|{reason}"] * 5,
    *["{queue}|{agent}|UNPAUSE|"] * 4,
    *["NONE|{agent}|PAUSEALL|{reason}"] * 2,
    *["NONE|{agent}|UNPAUSEALL|"] * 2,
    "{queue}|{agent}|WRAPUPSTART|{seconds}",
    *["{queue}|{agent}|RINGNOANSWER|1500"] * 3,
)


def told_log(chance: random.Random, lines: int, first: int, spread: Sequence[int]) -> tuple[str, ...]:
    """Operators who come, go, pause and talk as they like."""
    at, log = first, []
    for number in range(lines):
        at += chance.choice(spread)
        said = {
            "agent": chance.choice(AGENTS), "queue": chance.choice(["q1", "q2"]),
            "reason": chance.choice(["", "Refrigerio", "Reunion"]), "seconds": chance.choice([0, 5, 600, 9000]),
        }  # fmt: skip
        log.append(f"{at}|NONE|{chance.choice(EVENTS).format(**said)}")
        if chance.random() < 0.2:
            wait, talk, call = 3, chance.choice([0, 60, 900, 5000]), f"{at}.{number}"
            end = f"{at + wait + talk}|{call}|{said['queue']}|{said['agent']}|COMPLETEAGENT|{wait}|{talk}|1"
            log += [
                f"{at}|{call}|{said['queue']}|NONE|ENTERQUEUE||7{number:07}|1",
                f"{at + wait}|{call}|{said['queue']}|{said['agent']}|CONNECT|{wait}|x|1", end,
            ]  # fmt: skip
        if chance.random() < 0.02:
            log.append(f"{at}|NONE|NONE|NONE|QUEUESTART|")
    log.sort(key=lambda line: int(line.split("|")[0]))
    return tuple(log)


def talks_of(product: Product) -> dict[str, list[tuple[int, int]]]:
    found = defaultdict(list)
    for agent, began, talk in product.rows(
        "SELECT COALESCE(person, agent), entered_epoch + wait_seconds, talk_seconds FROM core.queue_visits "
        "WHERE answered AND talk_seconds > 0"
    ):
        found[agent].append((began, began + talk))
    return dict(found)


def assert_counted(product: Product, found: Counted) -> None:
    with product.one_connection():
        instants = "agent, began_epoch, until_epoch"
        told = product.rows(f"SELECT {instants} FROM core.agent_sessions")
        assert sorted(told) == sorted(
            (person, *span) for person, spans in found.sessions.items() for span in united_sessions(spans)
        )
        stops = product.rows(f"SELECT {instants}, reason FROM core.agent_pauses")
        assert sorted(stops) == sorted(
            (person, *span)
            for person, spans in found.pauses.items()
            for span in united_pauses(spans, united_sessions(found.sessions[person]))
        )
        columns = "session_seconds, paused_seconds, busy_seconds, staffed_seconds, talked_seconds"
        slot = f"(epoch(on_date)::BIGINT - ({LA_PAZ})) // 1800 + half_hour"
        any_second = " + ".join(columns.split(", "))
        rows = product.rows(
            f"SELECT {slot}, agent, reason, {columns} FROM core.agent_half_hours WHERE {any_second} > 0"
        )
        assert {(at, agent, reason): tuple(seconds) for at, agent, reason, *seconds in rows} == half_hours(
            found, talks_of(product)
        )


@pytest.mark.drawn(2)
def test_any_log_counts_as_the_independent_counter_counts_it(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    lines = told_log(chance, 120, 1709265600 - 40_000, [(0, 0, 1, 5, 60, 600), (0, 0, 0, 1, 2), (60, 3600)][seed % 3])
    product = load_in(tmp_path, (), NO_RULES)
    name(product, RULES)
    product.load(LogFile("log", lines))
    assert_counted(product, count_spans([LogFile("log", lines)], PERSONS))


@pytest.mark.drawn(2)
def test_pieces_in_any_order_tell_the_operators_as_at_once_and_as_a_rebuild(seed: int, tmp_path: Path) -> None:
    """Cut anywhere, over a month's end, loaded in any order, one undone and loaded again; mapped before or after."""
    chance = random.Random(seed)
    log = told_log(chance, 90, 1709265600 - 120_000, (0, 1, 600, 3600, 7200))
    cuts = sorted(chance.sample(range(10, len(log) - 10), 3))
    bounds = list(zip([0, *cuts], [*cuts, len(log)], strict=True))
    files = [LogFile(f"piece-{n}", log[max(0, a - n % 2 * 8) : b]) for n, (a, b) in enumerate(bounds)]
    chance.shuffle(files)
    product = store_in(tmp_path / "one by one", (), NO_RULES)
    if seed % 2:
        name(product, RULES)
    for file in files:
        (report,) = product.load(file)
    pipeline.undo(product.store(), report.load or 0, by=SYSTEM)
    product.load(files[-1])
    if not seed % 2:
        name(product, RULES)
    at_once = store_in(tmp_path / "at once", (), NO_RULES)
    name(at_once, RULES)
    at_once.load(*files)
    assert business(product) == business(at_once)
    pipeline.rebuild(product.store())
    assert business(product) == business(at_once)
    assert_counted(at_once, count_spans([LogFile("log", log)], PERSONS))


def test_a_day_more_leaves_the_months_before_as_they_are(tmp_path: Path) -> None:
    chance = random.Random(1)
    months = [told_log(chance, 60, 1709265600 + n * 31 * 86400 + 40_000, (60, 600, 1800)) for n in range(3)]
    # Everybody has gone home before the month ends.
    restart = [f"{int(lines[-1].split('|')[0]) + 6000}|NONE|NONE|NONE|QUEUESTART|" for lines in months]
    product = store_in(tmp_path, [LogFile(f"m{n}", (*months[n], restart[n])) for n in range(2)], NO_RULES)
    before = segments(product)
    product.load(LogFile("m2", (*months[2], restart[2])))
    after = segments(product)
    assert {name: after[name] for name in before if name.startswith("calls")} == {
        name: file for name, file in before.items() if name.startswith("calls")
    }


def test_days_of_the_wall_are_those_of_la_paz() -> None:
    assert datetime(1970, 1, 1) + timedelta(seconds=1709265600 + LA_PAZ) == datetime(2024, 3, 1)

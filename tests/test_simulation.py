"""The simulator: the same seed gives the same bytes, every oddity is there, the volume file is plain and sorted."""

from __future__ import annotations

import csv
import gzip
import io
import re
import time
from collections import Counter
from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest

from etl.simulation.arrivals import expected_calls
from etl.simulation.clock import SUNDAY, WORKDAY, day_kind, day_start, days_of_month, months_until, next_month
from etl.simulation.oddities import CALL_ODDITIES, STRAYS
from etl.simulation.profile import LINES as PROFILES
from etl.simulation.sample import Sample, write_sample
from etl.simulation.volume import write_day, write_volume

LINES = ["101", "102", "103", "104", "4200224", "4251000", "4522222", "4200002"]
LINES += ["800131313", "800130001", "4639999", "4200400"]

Row = tuple[str, ...]

# What each oddity leaves in the text. `^` and `$` are the ends of a line without its newline.
TRACES = {
    "ring_twice_in_one_second": rb"^(\d+\|\S+\|SIP/\d+\|RINGNOANSWER\|5000)\n(?:[^\n]*\n){0,2}?\1$",
    "ring_canceled": rb"\|RINGCANCELED\|\d{4}$",
    "agent_dump": rb"\|AGENTDUMP\|$",
    "incompatible": rb"^(\d+\|\d+\.\d+\|\w+)\|[^|\n]+\|SYSCOMPAT\|\n"
    rb"(?:[^\n]*\n){0,2}?\1\|NONE\|ABANDON\|\d+\|\d+\|\d+$",
    "withdrawn": rb"\|NONE\|WITHDRAW\|\d+\|\d+\|\d+\|[^|\n]{1,40}$",
    "empty_twice": rb"^(\d+\|\d+\.\d+\|\w+\|NONE\|EXITEMPTY\|\d+\|\d+\|\d+)\n(?:[^\n]*\n){0,2}?\1$",
    "empty_then_abandon": rb"^(\d+\|\d+\.\d+\|\w+\|NONE)\|EXITEMPTY[^\n]*\n(?:[^\n]*\n){0,2}?\1\|ABANDON\|",
    "timeout_of_one_field": rb"\|EXITWITHTIMEOUT\|\d+$",
    "timeout_of_three_fields": rb"\|EXITWITHTIMEOUT\|\d+\|\d+\|\d+$",
    "key_of_two_fields": rb"\|EXITWITHKEY\|\d\|\d+$",
    "key_of_four_fields": rb"\|EXITWITHKEY\|\d\|\d+\|\d+\|\d+$",
    "abandoned_at_the_connection": rb"\|(?!NONE)[^|\n]+\|ABANDON\|\d+\|\d+\|\d+$",
    "abandoned_without_wait": rb"\|ABANDON\|\d+\|\d+\|$",
    "transfer_of_four_fields": rb"\|TRANSFER\|\d+\|from-internal\|\d+\|\d+$",
    "transfer_of_five_fields": rb"\|TRANSFER\|\d+\|from-internal\|\d+\|\d+\|\d+$",
    "attended_bridge_of_four_fields": rb"\|ATTENDEDTRANSFER\|BRIDGE\|[0-9a-f-]+\|\d+\|\d+$",
    "attended_bridge_of_five_fields": rb"\|ATTENDEDTRANSFER\|BRIDGE\|[0-9a-f-]+\|\d+\|\d+\|\d+$",
    "attended_app": rb"\|ATTENDEDTRANSFER\|APP\|Queue\|\d+\|\d+\|\d+$",
    "attended_link_of_five_fields": rb"\|ATTENDEDTRANSFER\|LINK\|[^|\n]+\|[^|\n]+\|\d+\|\d+$",
    "attended_link_of_six_fields": rb"\|ATTENDEDTRANSFER\|LINK\|[^|\n]+\|[^|\n]+\|\d+\|\d+\|\d+$",
    "transfer_back_to_the_queue": rb"\|(\d+\.\d+\|(\d+))\|[^|\n]+\|BLINDTRANSFER\|\2\|from-internal\|\d+\|\d+\|\d+\n"
    rb"(?:[^\n]*\n){0,5}?\d+\|\1\|NONE\|ENTERQUEUE\|",
    "late_end": rb"^(\d+\|\d+\.\d+\|(\d+))\|NONE\|ENTERQUEUE\|[^\n]*\n"
    rb"(?:[^\n]*\n){0,2}?\1\|[^|\n]+\|BLINDTRANSFER\|\2\|",
    "negative_hold": rb"\|CONNECT\|-4\|",
    "talk_over_twelve_hours": rb"\|COMPLETECALLER\|\d+\|4[67]\d\d\d\|\d+$",
    "caller_name": rb"\|ENTERQUEUE\|\|[74]000\d{4}\|\d+\|ABONADO \d{4}$",
    "caller_name_with_pipes": rb"\|ENTERQUEUE\|\|[74]000\d{4}\|\d+\|ABONADO\|\d{4}\|NORTE$",
    "caller_withheld": rb"\|ENTERQUEUE\|\|\|\d+$",
    "enter_with_empty_data": rb"\|ENTERQUEUE\|$",
    "latin_1_member": rb"\|Posici\xf3n 39\|",
    "carriage_returns": rb"\|ENTERQUEUE\|[^\n]*\r$",
    "fractional_epoch": rb"^\d{10}\.5\|",
    "call_status": rb"\|CALLSTATUS\|",
    "info": rb"\|INFO\|IVR\|",
    "config_reload": rb"\|NONE\|NONE\|NONE\|CONFIGRELOAD\|$",
    "penalty": rb"\|PENALTY\|\d$",
    "ring_in_use": rb"\|RINGINUSE\|0$",
    "info_without_call": rb"\|NONE\|INFO\|",
    "unpause_without_pause": rb"\|NONE\|103\|SIP/231\|UNPAUSE\|$",
    "few_fields": rb"^\d+\|\d+\.77\|101$",
    "epoch_of_letters": rb"^abc\|",
    "epoch_of_13_digits": rb"^\d{13}\|",
    "nul_run": rb"^\0{64}",
}
# These lack a line: no pattern finds what is not there.
LOST = {"lost_enter", "lost_connect", "lost_end", "double_end"}


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    folder, began = tmp_path_factory.mktemp("muestra"), time.process_time()
    sample = write_sample(folder, until="2026-10")
    assert time.process_time() - began < 5
    return sample


@pytest.fixture(scope="module")
def pieces(sample: Sample) -> list[bytes]:
    return [piece_bytes(path) for path in sample.files]


@pytest.fixture(scope="module")
def log(pieces: list[bytes]) -> bytes:
    """The whole log, once: the pieces in their order, without the copy."""
    return b"".join(pieces[:-1])


@pytest.fixture(scope="module")
def rows(log: bytes) -> list[Row]:
    """Its lines, in fields."""
    text = log.decode("utf-8", "surrogateescape").replace("\r\n", "\n")
    return [tuple(line.split("|")) for line in text.split("\n")]


def piece_bytes(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def folder_bytes(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_same_seed_same_bytes_in_any_zone_and_another_seed_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    try:
        for name, seed, zone in (("a", 7, "UTC"), ("b", 7, "Asia/Tokyo"), ("c", 8, "UTC")):
            monkeypatch.setenv("TZ", zone)
            time.tzset()
            single = write_sample(tmp_path / name, until="2024-02", months=1, seed=seed)
            assert len(single.files) == 4 and single.calls > 15_000
    finally:
        monkeypatch.undo()
        time.tzset()
    a, b, c = (folder_bytes(tmp_path / name) for name in "abc")
    assert a == b
    assert a.keys() == c.keys()
    assert all(a[name] != c[name] for name in a)


def test_the_pieces_are_those_a_rotation_leaves(sample: Sample, pieces: list[bytes]) -> None:
    folder = sample.files[0].parent
    assert [str(path.relative_to(folder)) for path in sample.files] == [
        "queue_log-20260811.gz",
        "queue_log-20260821.gz",
        "queue_log-20260901.gz",
        "queue_log-20260911.gz",
        "queue_log-20260921.gz",
        "queue_log-20261001.gz",
        "queue_log-20261011",
        "queue_log-20261021",
        "queue_log",
        "copia/queue_log-20261011",
    ]
    assert sample.lines == sum(piece.count(b"\n") + (not piece.endswith(b"\n")) for piece in pieces)
    cut = [number for number, piece in enumerate(pieces) if not piece.endswith(b"\n")]
    assert cut == [1, 4, 7]
    for number in cut:
        joined = pieces[number].rsplit(b"\n", 1)[1] + pieces[number + 1].split(b"\n", 1)[0]
        assert joined.count(b"|CONNECT|") == 1 and b"|CONNECT|" not in pieces[number].rsplit(b"\n", 1)[1]


def test_the_copy_repeats_lines_of_two_pieces(pieces: list[bytes]) -> None:
    copy = pieces[-1]
    assert copy in pieces[-4] + pieces[-3]
    assert copy not in pieces[-4] and copy not in pieces[-3]


def test_every_oddity_has_a_trace_or_is_a_loss() -> None:
    assert {oddity.name for oddity in CALL_ODDITIES} | set(STRAYS) == set(TRACES) | LOST


@pytest.mark.parametrize("name", TRACES)
def test_oddity_is_in_the_log(name: str, log: bytes) -> None:
    assert re.search(TRACES[name], log, re.MULTILINE)


def test_lines_are_lost_and_ends_doubled(rows: list[Row]) -> None:
    events: dict[str, Counter[str]] = {}
    for row in rows:
        if len(row) > 5 and row[1][10:11] == ".":
            events.setdefault(row[1], Counter())[row[4]] += 1
    told = list(events.values())
    assert any(call["CONNECT"] and not call["ENTERQUEUE"] for call in told)
    assert any(call["COMPLETECALLER"] and not call["CONNECT"] for call in told)
    assert any(call["CONNECT"] and set(call) <= {"DID", "ENTERQUEUE", "RINGNOANSWER", "CONNECT"} for call in told)
    assert any(call["COMPLETECALLER"] and call["COMPLETEAGENT"] and call["ENTERQUEUE"] == 1 for call in told)


def test_agents_log_in_and_pause(rows: list[Row]) -> None:
    events = Counter(row[4] for row in rows if len(row) > 5)
    for event in (
        "ADDMEMBER",
        "REMOVEMEMBER",
        "PAUSE",
        "UNPAUSE",
        "PAUSEALL",
        "UNPAUSEALL",
        "AGENTLOGIN",
        "AGENTLOGOFF",
    ):
        assert events[event] > 20, event
    agents = {row[3] for row in rows if len(row) > 5 and row[4] == "CONNECT"}
    for shape in (r"SIP/2\d\d", r"Agent/10\d\d", r"Local/2\d\d@from-queue/n", r"Posición \d+", r"Estación Única \d"):
        assert any(re.fullmatch(shape, agent) for agent in agents), shape


def test_callers_are_invented_numbers(rows: list[Row]) -> None:
    callers = {row[6] for row in rows if len(row) > 6 and row[4] == "ENTERQUEUE" and row[6]}
    assert len(callers) > 5000
    assert all(re.fullmatch(r"[74]000\d{4}", caller) for caller in callers)


def test_outbound_attempts_name_the_agent(rows: list[Row]) -> None:
    attempts = [row for row in rows if len(row) > 5 and row[4] == "ENTERQUEUE" and row[3] != "NONE"]
    assert len(attempts) > 60
    assert {(row[2], row[5]) for row in attempts} == {("4200400", "-")}


def test_a_time_out_in_101_enters_5101_one_second_later(rows: list[Row]) -> None:
    whole = [row for row in rows if len(row) > 5 and row[0].isdigit()]
    left = {row[1]: int(row[0]) for row in whole if row[2] == "101" and row[4] == "EXITWITHTIMEOUT"}
    entered = {row[1]: int(row[0]) for row in whole if row[2] == "5101" and row[4] == "ENTERQUEUE"}
    assert len(entered) > 500
    assert all(left[callid] + 1 == at for callid, at in entered.items())


def test_queue_5003_serves_two_lines_told_apart_by_did(rows: list[Row]) -> None:
    dids = Counter(row[5] for row in rows if len(row) > 5 and row[2] == "5003" and row[4] == "DID")
    assert set(dids) == {"102", "44200002"} and min(dids.values()) > 1500


def test_calls_cross_midnight_and_the_ends_of_months(rows: list[Row]) -> None:
    enters = {row[1]: row for row in rows if len(row) > 5 and row[4] == "ENTERQUEUE" and row[0].isdigit()}
    ends = {row[1]: row for row in rows if len(row) > 5 and row[4] == "COMPLETECALLER" and row[0].isdigit()}
    for first in months_until("2026-09", 2):
        border = day_start(next_month(first))
        assert any(int(row[0]) == border - 10 and int(ends[callid][0]) == border + 185
                   for callid, row in enters.items() if callid in ends)  # fmt: skip
        midnight = day_start(first.replace(day=10))
        assert any(int(row[0]) < midnight < int(ends[callid][0]) for callid, row in enters.items() if callid in ends)
    last = day_start(next_month(months_until("2026-10", 1)[0]))
    stamps = [int(row[0]) for row in rows if re.fullmatch(r"\d{10}", row[0])]
    assert last - 60 < max(stamps) < last


def test_a_restart_finds_calls_open_and_nothing_more_of_them_follows(rows: list[Row]) -> None:
    restarts = [number for number, row in enumerate(rows) if row[4:5] == ("QUEUESTART",)]
    assert len(restarts) == 3
    for number in restarts:
        before = {row[1] for row in rows[number - 60 : number] if row[4:5] == ("ENTERQUEUE",)}
        ends = ("COMPLETECALLER", "COMPLETEAGENT", "ABANDON")
        ended = {row[1] for row in rows[number - 60 : number] if len(row) > 5 and row[4].startswith(ends)}
        after = {row[1] for row in rows[number + 1 : number + 2000]}
        assert len(before - ended - after) >= 3


def test_the_clock_steps_back_a_little(rows: list[Row]) -> None:
    stamps = [int(row[0]) for row in rows if len(row) > 4 and len(row[0]) == 10]
    steps = [earlier - later for earlier, later in pairwise(stamps) if later < earlier]
    assert any(0 < step <= 4 for step in steps)
    assert len(steps) < 40


def test_the_silent_line_is_absent_from_the_last_month(rows: list[Row]) -> None:
    begin = day_start(months_until("2026-10", 1)[0])
    stamps = [int(row[0]) for row in rows if "4639999" in row[2:] and row[0].isdigit()]
    assert len(stamps) > 1000 and max(stamps) < begin
    seen = {row[2] for row in rows if len(row) > 5 and row[0].isdigit() and begin <= int(row[0]) and len(row[0]) == 10}
    assert seen == {*LINES, "5003", "5101", "5999", "NONE"} - {"102", "4200002", "4639999"}


def test_some_lines_meet_the_target_some_miss_it_and_one_by_a_breath(rows: list[Row]) -> None:
    shares = []
    for first in months_until("2026-10", 3):
        begin, end = day_start(first), day_start(next_month(first))
        entered: Counter[str] = Counter()
        in_time: Counter[str] = Counter()
        for row in rows:
            if len(row) > 5 and row[0].isdigit() and begin <= int(row[0]) < end:
                entered[row[2]] += row[4] == "ENTERQUEUE"
                in_time[row[2]] += row[4] == "CONNECT" and row[5].isdigit() and int(row[5]) <= 20
        assert 17_000 < entered.total() < 24_000
        shares.append({queue: 100 * in_time[queue] / entered[queue] for queue in entered if entered[queue]})
    for share in shares:
        assert 79.85 <= share["4522222"] < 79.95
        assert all(share[queue] > 83 for queue in ("103", "5003", "4200224", "4251000", "800131313"))
        assert all(share[queue] < 77 for queue in ("101", "104", "800130001", "4200400"))


HOLIDAYS_OF_2026 = """
    2026-01-01 | New Year
    2026-01-22 | Plurinational State
    2026-02-16 | Carnival Monday
    2026-02-17 | Carnival Tuesday
    2026-04-03 | Good Friday
    2026-05-01 | Labour Day
    2026-06-04 | Corpus Christi
    2026-06-21 | Aymara New Year, a Sunday
    2026-06-22 | the Monday for it
    2026-08-06 | Independence
    2026-09-14 | Cochabamba
    2026-11-02 | All Souls
    2026-12-25 | Christmas
"""
HOLIDAYS = [date.fromisoformat(line.split("|")[0].strip()) for line in HOLIDAYS_OF_2026.strip().splitlines()]


def test_a_holiday_counts_as_a_sunday_and_no_other_day_of_the_year_does() -> None:
    year = [day for first in months_until("2026-12", 12) for day in days_of_month(first)]
    sundays = {day for day in year if day.weekday() == 6}
    assert {day for day in year if day_kind(day) == SUNDAY} == sundays | set(HOLIDAYS)
    assert day_kind(date(2025, 10, 17)) == WORKDAY, "commemorated, and worked"


@pytest.mark.parametrize("holiday", HOLIDAYS, ids=str)
def test_fewer_call_on_a_holiday_than_on_any_workday_of_its_month(holiday: date) -> None:
    days = days_of_month(holiday.replace(day=1))
    calls = dict(zip(days, sum(expected_calls(line, [days]).sum(axis=1) for line in PROFILES), strict=True))
    assert calls[holiday] < min(calls[day] for day in days if day_kind(day) == WORKDAY) / 2


def test_the_log_has_few_calls_on_the_day_of_cochabamba(rows: list[Row]) -> None:
    """Monday 14 September 2026, against the other Mondays of the month."""
    entered = [int(row[0]) for row in rows if row[4:5] == ("ENTERQUEUE",) and re.fullmatch(r"\d{10}", row[0])]
    begins = [day_start(date(2026, 9, day)) for day in (7, 14, 21, 28)]
    first, holiday, *others = [sum(begin <= at < begin + 86_400 for at in entered) for begin in begins]
    assert 0 < holiday < min(first, *others) / 2


def test_calls_are_counted(sample: Sample, rows: list[Row]) -> None:
    called = {row[1] for row in rows if len(row) > 5 and row[4] in ("ENTERQUEUE", "CONNECT") and row[1] != "NONE"}
    outbound = {row[1] for row in rows if len(row) > 5 and row[4] == "ENTERQUEUE" and row[3] != "NONE"}
    assert len(called - outbound) == sample.calls


def test_the_rules_are_csv_about_queues_and_agents_of_the_log(sample: Sample, rows: list[Row]) -> None:
    queues = list(csv.DictReader(io.StringIO(sample.queue_rules_csv)))
    assert [(rule["queue"], rule["did"], rule["service"]) for rule in queues] == [
        ("5003", "102", "102"),
        ("5003", "4200002", "4200002"),
        ("5101", "", "101"),
    ]
    agents = list(csv.DictReader(io.StringIO(sample.agent_rules_csv)))
    seen = {row[3] for row in rows if len(row) > 5}
    mapped = {rule["interface"] for rule in agents}
    assert len(mapped & seen) > 30 and seen - mapped - {"NONE"}
    assert all(re.fullmatch(r"Operador[a]? \d\d", rule["person"]) for rule in agents)


# The volume file


@pytest.mark.parametrize("lines", [0, 1, 1000, 60_000])
def test_a_volume_file_has_exactly_its_lines_sorted(tmp_path: Path, lines: int) -> None:
    volume = write_volume(tmp_path / "queue_log", lines=lines)
    text = volume.path.read_text("ascii").splitlines()
    stamps = [int(line.split("|", 1)[0]) for line in text]
    assert volume.lines == len(text) == lines
    assert stamps == sorted(stamps)
    assert volume.calls == len({line.split("|", 2)[1] for line in text})


def test_a_volume_file_is_plain(tmp_path: Path) -> None:
    path = write_volume(tmp_path / "queue_log", lines=60_000, start="2026-10-05").path
    rows = [line.split("|") for line in path.read_text("ascii").splitlines()]
    assert max(map(len, rows)) <= 11 and min(map(len, rows)) >= 6
    assert not set(path.read_text("ascii")) & set("\"'\r\0")
    assert {row[2] for row in rows} == set(LINES)
    assert len({row[3] for row in rows} - {"NONE"}) == 60
    callers = [row[6] for row in rows if row[4] == "ENTERQUEUE"]
    assert all(re.fullmatch(r"[74]\d{7}", caller) for caller in callers)
    assert 0.55 < len(set(callers)) / len(callers) < 0.65
    hours = {(int(row[0]) - 4 * 3600) // 3600 % 24 for row in rows if row[4] == "ENTERQUEUE"}
    assert hours == set(range(7, 22)) | hours & {22}  # those an overflow moved on


def test_a_volume_file_is_irregular_as_far_as_asked(tmp_path: Path) -> None:
    def irregular(odd_share: float) -> float:
        volume = write_volume(tmp_path / "queue_log", lines=60_000, odd_share=odd_share)
        visits: dict[str, Counter[str]] = {}
        for row in (line.split("|") for line in volume.path.read_text("ascii").splitlines()):
            kind = "enter" if row[4] == "ENTERQUEUE" else "connect" if row[4] == "CONNECT" else "end"
            visits.setdefault(row[1], Counter())[kind] += row[4] not in ("DID", "RINGNOANSWER")
        odd = [call for call in visits.values() if call["enter"] != 1 or call["connect"] > 1 or call["end"] != 1]
        return len(odd) / len(visits)

    assert irregular(0) < 0.002  # those the end of the file cut
    assert 0.025 < irregular(0.03) < 0.035


def test_volume_bytes_depend_on_the_seed_only(tmp_path: Path) -> None:
    texts = [write_volume(tmp_path / "log", lines=5000, seed=seed).path.read_bytes() for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]


def test_a_day_is_one_day_of_exactly_its_lines(tmp_path: Path) -> None:
    day = write_day(tmp_path / "queue_log", date="2026-10-31", seed=4)
    stamps = [int(line.split(b"|", 1)[0]) for line in day.path.read_bytes().splitlines()]
    midnight = day_start(next_month(months_until("2026-10", 1)[0])) - 86_400
    assert day.lines == len(stamps) == 30_000
    assert stamps == sorted(stamps)
    assert midnight + 6.9 * 3600 < stamps[0] and midnight + 21.8 * 3600 < stamps[-1] < midnight + 86_400

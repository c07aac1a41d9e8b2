"""Who called, places in the queue, where a call was transferred: the aggregate, the fold and the reference agree."""

import random
import shutil
from itertools import pairwise
from pathlib import Path

import duckdb
import pytest

from etl.call_facts import OUTSIDE, caller_key, caller_key_sql, withheld_keys
from etl.pseudonyms import pseudonym, pseudonym_sql
from tests.drawn_calls import drawn
from tests.product import Product, load_in
from tests.reference_counter import LogFile, Visit, count

pytestmark = pytest.mark.duckdb
AT = 1709640000
KEY = bytes.fromhex("5a" * 32)


ENDS = """
    end                                                           | kind   | to             | place
    SIP/1!TRANSFER!310!internal!10!10                             | blind  | 310            | 3
    SIP/1!TRANSFER!310!internal!10!10!4                           | blind  | 310            | 3
    SIP/1!BLINDTRANSFER!4200400!internal!10!10!4                  | blind  | 4200400        | 3
    SIP/1!BLINDTRANSFER!71234567!from-internal!10!10!4            | blind  | número externo | 3
    SIP/1!ATTENDEDTRANSFER!BRIDGE!0001-aa!10!10!4                 | bridge |                | 3
    SIP/1!ATTENDEDTRANSFER!APP!Queue!10!10!4                      | app    | Queue          | 3
    SIP/1!ATTENDEDTRANSFER!LINK!SIP/1-01!SIP/310-00a1!10!10!4     | link   | SIP/310        | 3
    SIP/1!ATTENDEDTRANSFER!LINK!a!Local/71234567@x-00a1;1!10!10!4 | link   | número externo | 3
    SIP/1!COMPLETECALLER!10!10!4                                  |        |                | 3
"""


PLACES = """
    enter                   | end                           | place | last
    ENTERQUEUE!!70712345!3  | ABANDON!1!3!10                | 3     | 1
    ENTERQUEUE!!70712345    | ABANDON!1!2!10                | 2     | 1
    ENTERQUEUE!!70712345    | EXITWITHTIMEOUT!4             | -     | 4
    ENTERQUEUE!!70712345    | EXITWITHKEY!1!2               | -     | 2
    ENTERQUEUE!!70712345    | EXITWITHKEY!1!2!5!10          | 5     | 2
    ENTERQUEUE!!70712345!x  | EXITEMPTY!2!6!10              | 6     | 2
    ENTERQUEUE!!70712345!0  | WITHDRAW!1!7!10!taken out     | 7     | 1
    ENTERQUEUE!!70712345!08 | SYSCOMPAT!                    | -     | -
"""


RINGS = """
    connect         | ring
    10!9.9!3        | 3
    10!9.9!0        | 0
    10!9.9!9999!x   | 9999
    10!9.9!10000    | -
    10!9.9!-1       | -
    10!9.9!07       | -
    10!9.9!2.5      | -
    10!9.9!         | -
    10!9.9          | -
    10              | -
"""


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Product:
    """The calls drawn above, each with its drawing's number as the last part of its callid."""
    log = []
    for number, row in enumerate([*drawn(ENDS), *drawn(PLACES)]):
        connected = "kind" in row
        enter = row.get("enter", "ENTERQUEUE!!70712345!3").replace("!", "|")
        end = row["end"].replace("!", "|")
        lines = [f"101|NONE|{enter}", *(["101|SIP/1|CONNECT|10|9.9|1"] if connected else [])]
        lines.append(f"101|{end}" if connected else f"101|NONE|{end}")
        log += [f"{AT + 100 * number + 10 * n}|{AT}.{number}|{line}" for n, line in enumerate(lines)]
    for number, row in enumerate(drawn(RINGS)):
        # Plainly, and entered twice, which is told event by event.
        for times in (1, 2):
            at, callid = AT + 10_000 * times + 100 * number, f"{AT}.{1000 * times + number}"
            connect = row["connect"].replace("!", "|")
            lines = [*["101|NONE|ENTERQUEUE||70712345|1"] * times, f"101|SIP/1|CONNECT|{connect}"]
            log += [f"{at + 10 * n}|{callid}|{line}" for n, line in enumerate(lines)]
            log.append(f"{at + 40}|{callid}|101|SIP/1|COMPLETECALLER|10|9|1")
    return load_in(tmp_path_factory.mktemp("facts"), [LogFile("log", tuple(log))])


@pytest.fixture(scope="module")
def visits(product: Product) -> dict[int, Visit]:
    return {int(visit.callid.split(".")[1]): visit for visit in product.visits()}


@pytest.mark.parametrize("number", range(len(drawn(ENDS))))
def test_a_transfer_is_told_by_its_kind_and_target(number: int, visits: dict[int, Visit]) -> None:
    row, visit = drawn(ENDS)[number], visits[number]
    assert (visit.transfer_kind or "", visit.transferred_to or "") == (row["kind"], row["to"])
    assert (visit.position, visit.last_position, visit.caller) == (int(row["place"]), None, "70712345")


@pytest.mark.parametrize("number", range(len(drawn(PLACES))))
def test_a_place_in_the_queue_is_read_where_it_is_written(number: int, visits: dict[int, Visit]) -> None:
    row, visit = drawn(PLACES)[number], visits[number + len(drawn(ENDS))]
    found = ["-" if place is None else str(place) for place in (visit.position, visit.last_position)]
    assert found == [row["place"], row["last"]]


def test_how_long_it_rang_is_read_where_it_is_written_plainly(product: Product) -> None:
    found = dict(product.rows("SELECT callid, MAX(ring_seconds) FROM core.queue_visits GROUP BY callid"))
    for number, row in enumerate(drawn(RINGS)):
        expected = None if row["ring"] == "-" else int(row["ring"])
        assert [found[f"{AT}.{1000 * times + number}"] for times in (1, 2)] == [expected, expected], row


def test_a_visit_whose_entry_is_lost_has_the_number_of_its_callid(tmp_path: Path) -> None:
    log = (
        f"{AT}|{AT}.1|101|NONE|ENTERQUEUE||70712345|1",
        f"{AT + 10}|{AT}.1|101|NONE|EXITWITHTIMEOUT|1|1|10",
        f"{AT + 30}|{AT}.1|102|SIP/1|CONNECT|5|9.9|1",
        f"{AT + 60}|{AT}.1|102|SIP/1|COMPLETEAGENT|5|30|2",
    )
    product = load_in(tmp_path, [LogFile("log", log)])
    assert [(v.queue, v.reconstructed, v.caller, v.position) for v in product.visits()] == [
        ("101", False, "70712345", 1),
        ("102", True, "70712345", 2),
    ]
    assert [call.caller for call in product.calls("line")] == ["70712345", "70712345"]


def test_no_number_stands_in_the_clear_in_what_readers_see(product: Product) -> None:
    rows = product.rows("SELECT CAST(v AS VARCHAR) FROM core.queue_visits AS v")
    assert any(OUTSIDE in row for (row,) in rows)
    assert not any("70712345" in row or "71234567" in row for (row,) in rows)


def test_a_key_is_the_same_in_python_and_in_sql() -> None:
    numbers = ["70712345", "4200400", "anonymous", "0", "+591 70712345", "ñandú"]
    with duckdb.connect() as connection:
        for number in numbers:
            sql = caller_key_sql(pseudonym_sql("$1", KEY).replace("$1", f"'{number}'"))
            assert connection.execute(f"SELECT {sql}").fetchone() == (caller_key(pseudonym(number, KEY)),)
    assert caller_key("") is None and caller_key("70712345") is None
    assert {caller_key(pseudonym(word, KEY)) for word in ("anonymous", "Unknown", "RESTRICTED", "0")} <= {
        *withheld_keys(KEY)
    }


def plain_log(chance: random.Random, calls: int, *, places: bool) -> list[str]:
    """Calls that one aggregate tells, one after another, in one queue each."""
    log, time = [], AT
    for number in range(calls):
        callid, queue = f"{time}.{number}", chance.choice(["101", "102", "q1"])
        caller = chance.choice(["70711111", "70711112", "", "anonymous", "70711113"])
        place = str(chance.randint(1, 12)) if places else chance.choice(["", "x", "2", "10000", "-1"])
        to = chance.choice(["310", "4200400", "71234567", "", "q1"])
        wait, talk, other = chance.randint(0, 40), chance.randint(0, 60), chance.choice(["1", "2", "15", ""])
        did = [f"{time}|{callid}|{queue}|NONE|DID|4420040"] if chance.random() < 0.3 else []
        enter = f"{time}|{callid}|{queue}|NONE|ENTERQUEUE||{caller}|{place}"
        if not places and chance.random() < 0.5:
            enter = enter.rpartition("|")[0]
        head = f"{time + wait}|{callid}|{queue}"
        if chance.random() < 0.5:
            ended = f"{time + wait + talk}|{callid}|{queue}|SIP/1"
            end = chance.choice([
                f"COMPLETEAGENT|{wait}|{talk}|{other}", f"COMPLETECALLER|{wait}|{talk}",
                f"TRANSFER|{to}|internal|{wait}|{talk}", f"BLINDTRANSFER|{to}|internal|{wait}|{talk}|{other}",
                f"ATTENDEDTRANSFER|BRIDGE|b-1|{wait}|{talk}|{other}",
                f"ATTENDEDTRANSFER|APP|{to}|{wait}|{talk}|{other}",
                f"ATTENDEDTRANSFER|LINK|SIP/1-1|SIP/{to}-00a1;2|{wait}|{talk}|{other}",
            ])  # fmt: skip
            lines = [enter, f"{head}|SIP/1|CONNECT|{wait}|9.9|1", f"{ended}|{end}"]
        else:
            end = chance.choice([
                f"ABANDON|{other}|{place}|{wait}", f"EXITEMPTY|{other}|{place}|{wait}",
                f"EXITWITHTIMEOUT|{other}|{place}|{wait}", f"EXITWITHKEY|1|{other}|{place}|{wait}",
                f"WITHDRAW|{other}|{place}|{wait}|x",
            ])  # fmt: skip
            lines = [enter, f"{head}|NONE|{end}"]
        log += [*did, *lines]
        time += 200
    return log


@pytest.mark.drawn(2)
def test_plain_calls_are_told_alike_by_the_aggregate_the_fold_and_the_reference(seed: int, tmp_path: Path) -> None:
    """Cut in pieces, a call astride a cut goes to the fold: its columns are those of the log in one file."""
    chance = random.Random(seed)
    log = plain_log(chance, 120, places=seed % 2 == 0)
    expected = count([LogFile("log", tuple(log))])
    whole = load_in(tmp_path / "whole", [LogFile("log", tuple(log))])
    assert tuple(whole.visits()) == expected.visits
    assert tuple(whole.calls("line")) == expected.line_calls
    cuts = [0, *sorted(chance.sample(range(1, len(log)), 12)), len(log)]
    pieces = [LogFile(str(n), tuple(log[a:b])) for n, (a, b) in enumerate(pairwise(cuts))]
    chance.shuffle(pieces)
    middle = len(pieces) // 2
    cut = load_in(tmp_path / "cut", pieces[:middle])
    cut.load(*pieces[middle:])
    assert tuple(cut.visits()) == expected.visits
    assert tuple(cut.calls("line")) == expected.line_calls
    shutil.rmtree(tmp_path)

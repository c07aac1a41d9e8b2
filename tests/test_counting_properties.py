"""The product against the independent reference counter, over invented logs; and what must hold whatever arrives."""

import random
import shutil
from pathlib import Path

import pytest

from tests.product import Product, load_in
from tests.reference_counter import LogFile, QueueRule, Result, count

pytestmark = pytest.mark.duckdb
BASE = 1709640000
RULES = (
    QueueRule("q1", "101", "101"),
    QueueRule("q1", None, "102"),
    QueueRule("q2", None, "102"),
)


def invented_log(
    chance: random.Random, *, lines: int, callids: int = 3, spread: tuple[int, ...] = (0, 0, 0, 1, 1, 2, 3, 7, 20)
) -> tuple[str, ...]:
    """A log of nonsense that Asterisk could have written line by line: every rule of the order of events is met."""
    time = BASE
    log = [f"{BASE - 60}|NONE|NONE|NONE|CONFIGRELOAD|"]
    for _ in range(lines):
        time += chance.choice(spread)
        callid = f"{BASE}.{chance.randint(1, callids)}"
        queue = chance.choice(["q1", "q1", "q2", "103"])
        agent = chance.choice(["SIP/1", "SIP/2"])
        wait = chance.choice(["0", "1", "2", "5", "10", "", "-3", "x"])
        talk = chance.choice(["0", "1", "5", "10", "", "-2"])
        head = f"{time}|{callid}|{queue}"
        number = chance.choice(["70711111", "70711112", "70711113", "", "anonymous", "Unknown"])
        place, other = (chance.choice(["1", "2", "13", "", "x", "0"]) for _ in range(2))
        to = chance.choice(["310", "4200400", "71234567", "q2", ""])
        events = (
            [f"{head}|NONE|ENTERQUEUE||{number}|{place}", f"{head}|NONE|ENTERQUEUE||{number}"] * 3
            + [f"{head}|{agent}|CONNECT|{wait}|x|1"] * 4
            + [f"{head}|{agent}|COMPLETEAGENT|{wait}|{talk}|{other}"] * 3
            + [
                f"{head}|{agent}|BLINDTRANSFER|{to}|c|{wait}|{talk}|{other}",
                f"{head}|{agent}|ATTENDEDTRANSFER|LINK|a|SIP/{to}-00a1|{wait}|{talk}|{other}",
                f"{head}|{agent}|ATTENDEDTRANSFER|{chance.choice(['BRIDGE', 'APP'])}|{to}|{wait}|{talk}|{other}",
                f"{head}|NONE|ABANDON|{place}|{other}|{wait}",
                f"{head}|NONE|EXITEMPTY|1|1|{wait}",
                f"{head}|NONE|EXITWITHTIMEOUT|{place}",
                f"{head}|NONE|EXITWITHKEY|1|{place}|{other}|{wait}",
                f"{head}|NONE|WITHDRAW|1|1|{wait}|x",
                f"{head}|{agent}|SYSCOMPAT|",
                f"{head}|{agent}|RINGNOANSWER|1000",
                f"{head}|NONE|DID|{chance.choice(['101', '44101', '999'])}",
                f"{time}|NONE|NONE|NONE|QUEUESTART|",
                "garbage",
            ]
        )
        log.append(chance.choice(events))
    return tuple(log)


def assert_same(product: Product, expected: Result) -> None:
    with product.one_connection():
        assert tuple(product.visits()) == expected.visits
        assert tuple(product.calls("line")) == expected.line_calls
        assert tuple(product.calls("call")) == expected.calls
        assert sorted(product.set_aside()) == sorted(aside.reasons for aside in expected.set_aside)


@pytest.mark.drawn(12)
def test_a_log_of_nonsense_counts_as_the_reference_counts_it(seed: int, tmp_path: Path) -> None:
    """Many callids at once: each tells a story of its own, so one load checks some hundred stories."""
    chance = random.Random(seed)
    callids = 60
    log = invented_log(chance, lines=14 * callids, callids=callids, spread=(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1))
    log = (*log, f"{BASE + chance.choice([600, 30000])}|NONE|NONE|NONE|CONFIGRELOAD|")
    product = load_in(tmp_path, [LogFile("log", log)], RULES)
    assert_same(product, count([LogFile("log", log)], RULES))
    shutil.rmtree(tmp_path)

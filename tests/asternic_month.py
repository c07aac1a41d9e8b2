"""The month of cases.md's last paragraph, line by line: 21 074 registered, of which Asternic Lite shows 19 648.

16 852 connected (12 995 within 20 s), of which 15 822 end in COMPLETE, 1 029 in a transfer and one still talks; not
answered 3 500 that hung up, 326 timed out, 246 that left by a key and 150 for whom the queue emptied.
"""

from collections.abc import Iterator
from datetime import date

from reports.definition import Period

MONTH = Period(date(2026, 10, 1), date(2026, 10, 31))
_FIRST = 1790827200 + 8 * 3600  # 2026-10-01 08:00 in La Paz
_CONNECTED, _IN_TIME, _COMPLETE, _TRANSFERRED = 16_852, 12_995, 15_822, 1_029
_UNANSWERED = (("ABANDON|1|1", 3_500), ("EXITWITHTIMEOUT|1|1", 326), ("EXITWITHKEY|9|1|1", 246), ("EXITEMPTY|1|1", 150))
_LINES = ("101", "102", "103", "4251000")


def asternic_month() -> tuple[str, ...]:
    """The log, in the order of its instants."""
    number = _CONNECTED + sum(many for _, many in _UNANSWERED)
    events = [(at, text) for place, calls in enumerate(_calls()) for at, text in _told(place, number, calls)]
    return tuple(text for _, text in sorted(events, key=lambda event: event[0]))


def _calls() -> Iterator[tuple[str, int]]:
    """The end of each call and its wait, the kinds mixed as they come."""
    # Every seventh and so on would do as well: no kind may lie in some days only.
    for place in range(_CONNECTED):
        wait = place % 21 if place < _IN_TIME else 21 + place % 60
        kind = place * 7919 % _CONNECTED
        end = "COMPLETE" if kind < _COMPLETE else "TRANSFER" if kind < _COMPLETE + _TRANSFERRED else ""
        yield end, wait
    for end, many in _UNANSWERED:
        for place in range(many):
            yield end, place % 90


def _told(place: int, number: int, call: tuple[str, int]) -> Iterator[tuple[int, str]]:
    """The lines of a call: the k-th of `number` enters somewhere in the 31 days, between eight and six."""
    end, wait = call
    day, second = divmod(place * 6_151 % number, number // 31 + 1)
    at = _FIRST + day * 86_400 + second * 36_000 // (number // 31 + 1)
    head = f"{at}.{place}|{_LINES[place % len(_LINES)]}"
    yield at, f"{at}|{head}|NONE|ENTERQUEUE||7{place:07}|1"
    if place >= _CONNECTED:
        yield at + wait, f"{at + wait}|{head}|NONE|{end}|{wait}"
        return
    agent, talk = f"SIP/{201 + place % 30}", 30 + place % 200
    yield at + wait, f"{at + wait}|{head}|{agent}|CONNECT|{wait}|{at}.9{place}|3"
    done = at + wait + talk
    if end == "COMPLETE":
        event = "COMPLETEAGENT" if place % 3 else "COMPLETECALLER"
        yield done, f"{done}|{head}|{agent}|{event}|{wait}|{talk}|1"
    elif end == "TRANSFER":
        event = "TRANSFER" if place % 2 else "BLINDTRANSFER"
        yield done, f"{done}|{head}|{agent}|{event}|102|default|{wait}|{talk}|1"

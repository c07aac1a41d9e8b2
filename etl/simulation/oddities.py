"""What a real queue_log holds besides well-told calls: every oddity of the format, each by its name.

Three kinds, each with its list: `CALL_ODDITIES` retell a simulated call, `STRAYS` are lines that belong to no call, and
`night_stories` are calls made for an occasion (midnight, a restart, a clock set back, the cut of a rotation).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from etl.simulation.clock import DAY, HOUR
from etl.simulation.log import (
    Call,
    Channels,
    Entry,
    bridge_id,
    call_entries,
    ending_entry,
    entry,
    event_of,
    extension,
    leaving_entry,
    restamped,
    visit_entries,
)
from etl.simulation.profile import NARROW_LINE, SILENT_LINE, queue_profile
from etl.simulation.queueing import Roster, Visit

Retelling = Callable[[Call, str, list[Entry], Channels], list[Entry]]


@dataclass(frozen=True)
class CallOddity:
    """A way to retell a call: (call, callid, usual lines, channels) -> lines."""

    name: str
    suits: Callable[[Call], bool]
    retell: Retelling


CALL_ODDITIES: list[CallOddity] = []


def _answered(call: Call) -> bool:
    visit = call.visits[0]
    return visit.outcome == "answered" and visit.wait >= 8 and visit.talk >= 20 and not visit.missed_rings


def _abandoned(call: Call) -> bool:
    return call.visits[0].outcome == "abandoned" and call.visits[0].wait >= 8


def _either(call: Call) -> bool:
    return _answered(call) or _abandoned(call)


def _retells(suits: Callable[[Call], bool]) -> Callable[[Retelling], Retelling]:
    def register(retell: Retelling) -> Retelling:
        CALL_ODDITIES.append(CallOddity(retell.__name__, suits, retell))
        return retell

    return register


def choose(calls: Sequence[Call], per_month: int, rng: np.random.Generator) -> dict[int, CallOddity]:
    """`per_month` calls of a month for each oddity, by position; no call gets two, the narrow line's get none."""
    chosen: dict[int, CallOddity] = {}
    wanted = {oddity.name: per_month for oddity in CALL_ODDITIES}
    for position in rng.permutation(len(calls)).tolist():
        call = calls[position]
        if len(call.visits) > 1 or call.line in (NARROW_LINE, ""):
            continue
        for oddity in CALL_ODDITIES:
            if wanted.get(oddity.name) and oddity.suits(call):
                chosen[position] = oddity
                wanted[oddity.name] -= 1
                if not wanted[oddity.name]:
                    del wanted[oddity.name]
                break
        if not wanted:
            return chosen
    raise ValueError(f"too few calls for the oddities {sorted(wanted)}")


def _ends_as(call: Call, usual: list[Entry], *lines: Entry) -> list[Entry]:
    """The usual lines with other ones instead of the last."""
    return [*usual[:-1], *lines]


# Ringing


@_retells(_answered)
def ring_twice_in_one_second(call: Call, callid: str, usual: list[Entry], channels: Channels) -> list[Entry]:
    """One member does not answer, and the line stands twice, byte for byte: both count."""
    visit = call.visits[0]
    missed = entry(visit.entered + 5, callid, visit.queue, visit.agent, "RINGNOANSWER", 5000)
    return [*usual[:-2], missed, missed, *usual[-2:]]


@_retells(_abandoned)
def ring_canceled(call: Call, callid: str, usual: list[Entry], channels: Channels) -> list[Entry]:
    """The caller hangs up while a member rings (Asterisk 15 and later)."""
    visit = call.visits[0]
    return _ends_as(
        call, usual, entry(visit.wait_ended, callid, visit.queue, _member(visit), "RINGCANCELED", 3250), usual[-1]
    )


@_retells(_answered)
def agent_dump(call: Call, callid: str, usual: list[Entry], channels: Channels) -> list[Entry]:
    """An agent hangs up during the announcement; the caller goes on waiting."""
    visit = call.visits[0]
    return [*usual[:-2], entry(visit.entered + 4, callid, visit.queue, visit.agent, "AGENTDUMP"), *usual[-2:]]


# Ends of a wait


@_retells(_abandoned)
def incompatible(call: Call, callid: str, usual: list[Entry], channels: Channels) -> list[Entry]:
    """SYSCOMPAT, then the ABANDON that carries its wait."""
    visit = call.visits[0]
    return _ends_as(call, usual, entry(visit.wait_ended, callid, visit.queue, _member(visit), "SYSCOMPAT"), usual[-1])


@_retells(_abandoned)
def withdrawn(call: Call, callid: str, usual: list[Entry], channels: Channels) -> list[Entry]:
    """Taken out of the queue by the manager interface (Asterisk 20 and later)."""
    visit = call.visits[0]
    left = (visit.left_position, visit.position, visit.wait, "retirada por supervision")
    return _ends_as(call, usual, entry(visit.wait_ended, callid, visit.queue, "NONE", "WITHDRAW", *left))


@_retells(_abandoned)
def empty_twice(call: Call, callid: str, usual: list[Entry], channels: Channels) -> list[Entry]:
    """EXITEMPTY twice (before 13.16)."""
    left = leaving_entry(replace(call.visits[0], outcome="empty"), callid)
    return _ends_as(call, usual, left, left)


@_retells(_abandoned)
def empty_then_abandon(call: Call, callid: str, usual: list[Entry], channels: Channels) -> list[Entry]:
    """EXITEMPTY and one more ABANDON (before 13.16)."""
    return _ends_as(call, usual, leaving_entry(replace(call.visits[0], outcome="empty"), callid), usual[-1])


@_retells(_abandoned)
def timeout_of_one_field(call: Call, callid: str, usual: list[Entry], channels: Channels) -> list[Entry]:
    """EXITWITHTIMEOUT with the position only: no wait."""
    visit = call.visits[0]
    return _ends_as(
        call, usual, entry(visit.wait_ended, callid, visit.queue, "NONE", "EXITWITHTIMEOUT", visit.left_position)
    )


@_retells(_abandoned)
def timeout_of_three_fields(call: Call, callid: str, usual: list[Entry], channels: Channels) -> list[Entry]:
    """EXITWITHTIMEOUT as today's Asterisk writes it."""
    return _ends_as(call, usual, leaving_entry(replace(call.visits[0], outcome="timeout"), callid))


@_retells(_abandoned)
def key_of_two_fields(call: Call, callid: str, usual: list[Entry], channels: Channels) -> list[Entry]:
    """EXITWITHKEY with key and position only: no wait."""
    visit = call.visits[0]
    return _ends_as(
        call, usual, entry(visit.wait_ended, callid, visit.queue, "NONE", "EXITWITHKEY", 1, visit.left_position)
    )


@_retells(_abandoned)
def key_of_four_fields(call: Call, callid: str, usual: list[Entry], channels: Channels) -> list[Entry]:
    """EXITWITHKEY as today's Asterisk writes it."""
    return _ends_as(call, usual, leaving_entry(replace(call.visits[0], outcome="key"), callid))


@_retells(_abandoned)
def abandoned_at_the_connection(call: Call, callid: str, usual: list[Entry], channels: Channels) -> list[Entry]:
    """The caller hangs up at the instant of connection: ABANDON names the member."""
    visit = call.visits[0]
    left = (visit.left_position, visit.position, visit.wait)
    return _ends_as(call, usual, entry(visit.wait_ended, callid, visit.queue, _member(visit), "ABANDON", *left))


@_retells(_abandoned)
def abandoned_without_wait(call: Call, callid: str, usual: list[Entry], channels: Channels) -> list[Entry]:
    """ABANDON whose wait is empty; the two times tell it."""
    visit = call.visits[0]
    left = (visit.left_position, visit.position, "")
    return _ends_as(call, usual, entry(visit.wait_ended, callid, visit.queue, "NONE", "ABANDON", *left))


# Transfers


@_retells(_answered)
def transfer_of_four_fields(call: Call, callid: str, usual: list[Entry], channels: Channels) -> list[Entry]:
    """TRANSFER of Asterisk 1.4: extension, context, hold, talk."""
    return _transferred(call, callid, usual, "TRANSFER", extension, "from-internal", position=False)


@_retells(_answered)
def transfer_of_five_fields(call: Call, callid: str, usual: list[Entry], channels: Channels) -> list[Entry]:
    """TRANSFER of Asterisk 1.6 to 11, with the original position."""
    return _transferred(call, callid, usual, "TRANSFER", extension, "from-internal")


@_retells(_answered)
def attended_bridge_of_four_fields(call: Call, callid: str, usual: list[Entry], channels: Channels) -> list[Entry]:
    """ATTENDEDTRANSFER BRIDGE without the original position."""
    return _transferred(call, callid, usual, "ATTENDEDTRANSFER", "BRIDGE", bridge_id, position=False)


@_retells(_answered)
def attended_bridge_of_five_fields(call: Call, callid: str, usual: list[Entry], channels: Channels) -> list[Entry]:
    """ATTENDEDTRANSFER BRIDGE: the caller joins another bridge."""
    return _transferred(call, callid, usual, "ATTENDEDTRANSFER", "BRIDGE", bridge_id)


@_retells(_answered)
def attended_app(call: Call, callid: str, usual: list[Entry], channels: Channels) -> list[Entry]:
    """ATTENDEDTRANSFER APP: the caller is handed to an application."""
    return _transferred(call, callid, usual, "ATTENDEDTRANSFER", "APP", "Queue")


@_retells(_answered)
def attended_link_of_five_fields(call: Call, callid: str, usual: list[Entry], channels: Channels) -> list[Entry]:
    """ATTENDEDTRANSFER LINK without the original position."""
    return _transferred(call, callid, usual, "ATTENDEDTRANSFER", "LINK", *_two_channels(call), position=False)


@_retells(_answered)
def attended_link_of_six_fields(call: Call, callid: str, usual: list[Entry], channels: Channels) -> list[Entry]:
    """ATTENDEDTRANSFER LINK: two channels are linked."""
    return _transferred(call, callid, usual, "ATTENDEDTRANSFER", "LINK", *_two_channels(call))


@_retells(_answered)
def transfer_back_to_the_queue(call: Call, callid: str, usual: list[Entry], channels: Channels) -> list[Entry]:
    """A blind transfer into the same queue: the same callid enters a second time and is answered again."""
    first, second = _two_visits(call, gap=1)
    lines = [*usual[:-1], _blind_transfer(first, callid)]
    return lines + visit_entries(second, callid, call.caller, channels)


@_retells(_answered)
def late_end(call: Call, callid: str, usual: list[Entry], channels: Channels) -> list[Entry]:
    """The same, but the first visit's end is written after the caller has entered again (another thread writes it)."""
    first, second = _two_visits(call, gap=0)
    again = visit_entries(second, callid, call.caller, channels)
    return [*usual[:-1], again[0], _blind_transfer(first, callid), *again[1:]]


# Lines lost, doubled, wrong


@_retells(_answered)
def lost_enter(call: Call, callid: str, usual: list[Entry], channels: Channels) -> list[Entry]:
    """No ENTERQUEUE: the visit has to be rebuilt."""
    return [line for line in usual if event_of(line) != "ENTERQUEUE"]


@_retells(_answered)
def lost_connect(call: Call, callid: str, usual: list[Entry], channels: Channels) -> list[Entry]:
    """No CONNECT: the end tells that somebody answered."""
    return [line for line in usual if event_of(line) != "CONNECT"]


@_retells(_either)
def lost_end(call: Call, callid: str, usual: list[Entry], channels: Channels) -> list[Entry]:
    """No end: answered with unknown talk, or left for an unknown cause."""
    return usual[:-1]


@_retells(_answered)
def double_end(call: Call, callid: str, usual: list[Entry], channels: Channels) -> list[Entry]:
    """Two ends of one visit: caller and agent hung up at once."""
    by_agent = ending_entry(replace(call.visits[0], ending="COMPLETEAGENT"), callid)
    by_caller = ending_entry(replace(call.visits[0], ending="COMPLETECALLER"), callid)
    return _ends_as(call, usual, by_agent, by_caller)


@_retells(_answered)
def negative_hold(call: Call, callid: str, usual: list[Entry], channels: Channels) -> list[Entry]:
    """The clock was set back during the wait: the hold is below zero, and the wait unknown."""
    visit, below = call.visits[0], -4
    who = (callid, visit.queue, visit.agent)
    lines = [restamped(line, line[0] + visit.wait - below) for line in usual[:-2]]
    lines.append(entry(visit.wait_ended, *who, "CONNECT", below, channels.open(visit.entered), 2))
    lines.append(entry(visit.ended, *who, "COMPLETECALLER", below, visit.talk, visit.position))
    return lines


@_retells(lambda call: _answered(call) and call.line != SILENT_LINE)
def talk_over_twelve_hours(call: Call, callid: str, usual: list[Entry], channels: Channels) -> list[Entry]:
    """A channel that hung: the talk lasts 13 hours."""
    hung = replace(call.visits[0], talk=13 * HOUR + call.visits[0].talk, ending="COMPLETECALLER")
    return _ends_as(call, usual, ending_entry(hung, callid))


# Fields and bytes


@_retells(_either)
def caller_name(call: Call, callid: str, usual: list[Entry], channels: Channels) -> list[Entry]:
    """A fourth field of ENTERQUEUE, the caller-id name (Asterisk 23)."""
    return _entering_with(usual, lambda line: f"{line}|ABONADO {call.caller[-4:]}")


@_retells(_either)
def caller_name_with_pipes(call: Call, callid: str, usual: list[Entry], channels: Channels) -> list[Entry]:
    """A caller-id name that holds pipes, though Asterisk ought to have replaced them."""
    return _entering_with(usual, lambda line: f"{line}|ABONADO|{call.caller[-4:]}|NORTE")


@_retells(_either)
def caller_withheld(call: Call, callid: str, usual: list[Entry], channels: Channels) -> list[Entry]:
    """An empty caller number (Asterisk 22)."""
    return _entering_with(usual, lambda line: line.replace(call.caller, ""))


@_retells(_either)
def enter_with_empty_data(call: Call, callid: str, usual: list[Entry], channels: Channels) -> list[Entry]:
    """An ENTERQUEUE that says nothing after its fifth pipe."""
    return _entering_with(usual, lambda line: line[: line.index("|ENTERQUEUE|")] + "|ENTERQUEUE|")


@_retells(_answered)
def latin_1_member(call: Call, callid: str, usual: list[Entry], channels: Channels) -> list[Entry]:
    """A member name in Latin-1: its ó is one byte, not UTF-8."""
    return [(at, text.replace(f"|{call.visits[0].agent}|", "|Posici\udcf3n 39|")) for at, text in usual]


@_retells(_either)
def carriage_returns(call: Call, callid: str, usual: list[Entry], channels: Channels) -> list[Entry]:
    """Lines that went through a Windows program."""
    return [(at, f"{text}\r") for at, text in usual]


@_retells(_either)
def fractional_epoch(call: Call, callid: str, usual: list[Entry], channels: Channels) -> list[Entry]:
    """Epochs with half a second."""
    return [restamped(line, f"{line[0]}.5") for line in usual]


@_retells(_answered)
def call_status(call: Call, callid: str, usual: list[Entry], channels: Channels) -> list[Entry]:
    """An event Asterisk does not know, written by another program about a call."""
    visit = call.visits[0]
    return [*usual, entry(visit.wait_ended + 9, callid, visit.queue, visit.agent, "CALLSTATUS", "CONSULTA")]


@_retells(_either)
def info(call: Call, callid: str, usual: list[Entry], channels: Channels) -> list[Entry]:
    """An event of the site's own dialplan."""
    return [entry(call.entered, callid, call.visits[0].queue, "NONE", "INFO", "IVR", "opcion 2"), *usual]


def _member(visit: Visit) -> str:
    """The member who rang for a caller nobody answered."""
    agents = queue_profile(visit.queue).agents
    return agents[visit.entered % len(agents)]


def _entering_with(usual: list[Entry], change: Callable[[str], str]) -> list[Entry]:
    return [(at, change(text)) if event_of((at, text)) == "ENTERQUEUE" else (at, text) for at, text in usual]


def _transferred(
    call: Call,
    callid: str,
    usual: list[Entry],
    event: str,
    *head: str | Callable[[int], str],
    position: bool = True,
) -> list[Entry]:
    visit = call.visits[0]
    data = [part if isinstance(part, str) else part(visit.ended) for part in head]
    span = (visit.wait, visit.talk, visit.position)
    data += [str(number) for number in (span if position else span[:2])]
    return _ends_as(call, usual, entry(visit.ended, callid, visit.queue, visit.agent, event, *data))


def _two_channels(call: Call) -> tuple[str, str]:
    at = call.visits[0].ended
    return f"SIP/troncal-{at % 65_536:08x}", f"SIP/{extension(at)}-{at % 9973:08x}"


def _two_visits(call: Call, gap: int) -> tuple[Visit, Visit]:
    first = call.visits[0]
    second = replace(first, entered=first.ended + gap, wait=11, talk=45, position=1, ending="COMPLETEAGENT")
    return first, second


def _blind_transfer(visit: Visit, callid: str) -> Entry:
    span = (visit.wait, visit.talk, visit.position)
    return entry(visit.ended, callid, visit.queue, visit.agent, "BLINDTRANSFER", visit.queue, "from-internal", *span)


# Lines that belong to no call. Each takes the instant and returns what is written there.


def _pause(at: int) -> str:
    return entry(at, "NONE", "101", "SIP/203", "PAUSE", "Refrigerio")[1]


STRAYS: dict[str, Callable[[int], str]] = {
    "config_reload": lambda at: entry(at, "NONE", "NONE", "NONE", "CONFIGRELOAD")[1],
    "penalty": lambda at: entry(at, "NONE", "104", f"Agent/{1001 + at % 8}", "PENALTY", at % 4)[1],
    "ring_in_use": lambda at: entry(at, "NONE", "101", "SIP/202", "RINGINUSE", 0)[1],
    "info_without_call": lambda at: entry(at, "NONE", "NONE", "NONE", "INFO", "respaldo terminado")[1],
    "unpause_without_pause": lambda at: entry(at, "NONE", "103", "SIP/231", "UNPAUSE", "")[1],
    "few_fields": lambda at: f"{at}|{at - 9}.77|101",
    # Its time survives in the data, or all such lines would be one line seen in several files.
    "epoch_of_letters": lambda at: restamped(entry(at, "NONE", "101", "SIP/203", "INFO", at), "abc")[1],
    "epoch_of_13_digits": lambda at: restamped((at, _pause(at)), at * 1000 + 123)[1],
    "nul_run": lambda at: "\0" * 64 + _pause(at),
}


def outbound_entries(at: int, number: int, agent: str, caller: str, channels: Channels) -> list[Entry]:
    """An attempt outward as Asternic's dialplan tracks it: ENTERQUEUE names the agent, its data are `-|number`."""
    callid = channels.open(at)
    queue, ring, talk = "4200400", 6 + number % 15, 40 + number * 13 % 160
    lines = [entry(at, callid, queue, agent, "ENTERQUEUE", "-", caller)]
    if number % 3:
        lines.append(entry(at + ring, callid, queue, agent, "CONNECT", ring, ""))
        lines.append(entry(at + ring + talk, callid, queue, agent, "COMPLETEAGENT", ring, talk, ""))
    else:
        lines.append(entry(at + 30, callid, queue, agent, "BUSY" if number % 2 else "NOANSWER", 1, 1, 30))
    return lines


# Calls of an occasion, all at night, on lines that are open then.


def night_stories(
    month_start: int, month_end: int, cut_at: int, rosters: dict[str, Roster], channels: Channels
) -> tuple[list[list[Entry]], int]:
    """Calls across a midnight, the month's end, a restart (QUEUESTART), a clock set back and the cut of a rotation.

    Returns the lines of each, and the instant of the restart: what else is open then must fall silent, too.
    """
    midnight = month_start + 9 * DAY
    restart_at = month_start + 13 * DAY + 3 * HOUR + 7 * 60
    step_at = month_start + 15 * DAY + 4 * HOUR + 600
    told = [
        _plain("800131313", midnight - 70, 15, 230, 1, rosters, channels),
        _plain("104", midnight - 25, 40, 95, 2, rosters, channels),
        _plain("104", midnight - 3, 9, 30, 3, rosters, channels),
        _plain("800131313", month_end - 10, 12, 183, 4, rosters, channels),
        _plain("104", cut_at - 20, 19, 120, 5, rosters, channels),
        _plain("104", restart_at - 25, 60, 90, 6, rosters, channels),
        _plain("104", restart_at - 12, 60, 90, 7, rosters, channels),
        _plain("800131313", restart_at - 50, 8, 300, 8, rosters, channels),
    ]
    told = [[line for line in lines if not lines[0][0] < restart_at <= line[0]] for lines in told]
    told.append([entry(restart_at, "NONE", "NONE", "NONE", "QUEUESTART")])
    told.append(_clock_set_back(step_at, rosters, channels))
    return told, restart_at


def _plain(
    queue: str, entered: int, wait: int, talk: int, number: int, rosters: dict[str, Roster], channels: Channels
) -> list[Entry]:
    agent = rosters[queue].agent_on_duty(entered)
    visit = Visit(queue, entered, 1, "answered", wait, 1, agent, 3, talk, "COMPLETECALLER")
    call = Call(queue, "", f"7000{9000 + number}", [visit])
    return call_entries(call, channels.open_for(call), channels)


def _clock_set_back(step_at: int, rosters: dict[str, Roster], channels: Channels) -> list[Entry]:
    """Until `step_at` the clock was 4 seconds fast; durations are differences of what it showed."""
    fast, agent = 4, rosters["104"].agent_on_duty(step_at)
    enter_stamp = step_at - 6 + fast
    callid = channels.open(enter_stamp - 9)
    entered = entry(enter_stamp, callid, "104", "NONE", "ENTERQUEUE", "", "70009099", 1)
    # The last line before the step and the first after it run backwards in the file.
    missed = entry(step_at - 1 + fast, callid, "104", agent, "RINGNOANSWER", 5000)
    dumped = entry(step_at + 1, callid, "104", agent, "AGENTDUMP")
    hold = step_at + 9 - enter_stamp
    connected = entry(step_at + 9, callid, "104", agent, "CONNECT", hold, channels.open(step_at + 6), 3)
    ended = entry(step_at + 69, callid, "104", agent, "COMPLETECALLER", hold, 60, 1)
    return [(step_at - 6, entered[1]), (step_at - 1, missed[1]), dumped, connected, ended]

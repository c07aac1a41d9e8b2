"""What Asterisk writes of the agents: their sessions and their pauses, from the roster."""

from __future__ import annotations

import numpy as np

from etl.simulation.log import Channels, Entry, entry
from etl.simulation.queueing import SLOT, Roster, runs

_REASONS = ("Refrigerio", "Capacitacion", "Reunion", "Refrigerio", "")
# A pause that is never ended in the log; and one of the whole agent, not of the queue.
_UNENDED_SHARE = 0.005
_ALL_SHARE = 0.25


def interface_of(agent: str) -> str:
    """What ADDMEMBER and REMOVEMEMBER call an agent: the interface, where other events show a member name."""
    return f"SIP/3{int(agent.rsplit(' ', 1)[1]):02d}" if " " in agent else agent


def shift_entries(queue: str, roster: Roster, channels: Channels, rng: np.random.Generator) -> list[Entry]:
    """Logins, logoffs and pauses of all agents of one queue."""
    lines: list[Entry] = []
    for number, agent in enumerate(roster.agents):
        for first, last in runs(roster.on_duty[number]):
            begun = roster.start + first * SLOT + int(rng.integers(0, 120))
            ended = roster.start + last * SLOT + int(rng.integers(0, 120))
            lines += _session(queue, agent, begun, ended, channels)
        for first, last in runs(roster.on_break[number]):
            begun = roster.start + first * SLOT + int(rng.integers(0, 90))
            ended = roster.start + last * SLOT - int(rng.integers(0, 90))
            lines += _pause(queue, agent, begun, ended, rng)
    return lines


def _session(queue: str, agent: str, begun: int, ended: int, channels: Channels) -> list[Entry]:
    if agent.startswith("Agent/"):
        channel = f"SIP/{agent[6:]}-{begun % 65_536:08x}"
        callid = channels.open(begun)
        return [
            entry(begun, callid, "NONE", agent, "AGENTLOGIN", channel),
            entry(ended, callid, "NONE", agent, "AGENTLOGOFF", channel, ended - begun),
        ]
    member = interface_of(agent)
    return [
        entry(begun, "MANAGER", queue, member, "ADDMEMBER", ""),
        entry(ended, "MANAGER", queue, member, "REMOVEMEMBER", ""),
    ]


def _pause(queue: str, agent: str, begun: int, ended: int, rng: np.random.Generator) -> list[Entry]:
    reason = _REASONS[int(rng.integers(len(_REASONS)))]
    lines = [entry(begun, "NONE", queue, agent, "PAUSE", reason), entry(ended, "NONE", queue, agent, "UNPAUSE", reason)]
    if rng.random() < _ALL_SHARE:
        # One of these for the agent, then one of those for each queue, in the same second.
        lines.insert(0, entry(begun, "NONE", "NONE", agent, "PAUSEALL", reason))
        lines.insert(2, entry(ended, "NONE", "NONE", agent, "UNPAUSEALL", reason))
    elif rng.random() < _UNENDED_SHARE:
        lines.pop()
    return lines

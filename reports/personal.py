"""Customers' data: the fields that hold them, how much of each is shown, and what hiding one looks like.

In: texts as the log has them, and a Mask (who may see how much). Out: texts that may be shown. The table of who may see
how much is the dashboard's (``dashboard/personal.csv``); a Mask comes in as an argument of whatever reads.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from etl.pseudonyms import HEX_DIGITS, MARK
from etl.readers.lines import FIELD_OF_NO_LOG
from etl.schema import EventKind
from etl.sources import SOURCES

DOTS = "••••"
#: Digits of the shortest number that shows its first one and its last three.
_WHOLE_NUMBER = 7
#: What a central writes in the place of a number or name that the caller did not give.
_WITHHELD = frozenset({"anonymous", "unknown", "restricted", "unavailable", "private", "withheld"})
_SHOWN_PSEUDONYM = 8


class Field(StrEnum):
    """What can tell who somebody is."""

    CALLER_NUMBER = "caller_number"
    CALLER_NAME = "caller_name"
    AGENT = "agent"
    SET_ASIDE = "set_aside"


class Level(StrEnum):
    """How much of a field is shown: nothing, masked, masked until a reason is given, all."""

    NONE = "none"
    MASKED = "masked"
    REASON = "reason"
    FULL = "full"


#: What nobody in particular sees: the console, a notebook, whatever is not asked by an account.
_NOBODY = MappingProxyType({
    Field.CALLER_NUMBER: Level.MASKED,
    Field.CALLER_NAME: Level.MASKED,
    Field.AGENT: Level.FULL,
    Field.SET_ASIDE: Level.MASKED,
})  # fmt: skip


@dataclass(frozen=True)
class Mask:
    """How much of each field somebody sees. Without being told: customers masked, one's own staff in full."""

    levels: Mapping[Field, Level] = field(default_factory=lambda: _NOBODY)

    def level(self, of: Field) -> Level:
        """Return how much of a field is shown; nothing of one that is not named."""
        return self.levels.get(of, Level.NONE)

    def may_unmask(self) -> bool:
        """Tell whether any field is shown in full to whoever gives a reason."""
        return Level.REASON in self.levels.values()

    def with_reason(self) -> Mask:
        """Return the mask of somebody who gave a reason: what waited for one is shown in full, and nothing else."""
        return Mask({of: Level.FULL if level is Level.REASON else level for of, level in self.levels.items()})

    def shown(self, of: Field, text: str) -> str | None:
        """Return a field's text as far as it is shown: None for nothing."""
        match self.level(of):
            case Level.FULL:
                return text
            case Level.MASKED | Level.REASON:
                return _HIDE[of](text)
        return None


def mask_number(text: str) -> str:
    """Return a number with its first digit and its last three (7••••567), however it is written.

    One of fewer than seven digits, an extension say, shows its last digit, one of a single digit nothing: three of so
    few would tell it. How many digits are hidden is not shown. A caller who is no number is hidden as a name is.
    """
    digits = "".join(character for character in text if character.isdecimal())
    if not digits:
        return mask_name(text)
    if len(digits) >= _WHOLE_NUMBER:
        return f"{digits[0]}{DOTS}{digits[-3:]}"
    return DOTS + (digits[-1] if len(digits) > 1 else "")


def mask_name(text: str) -> str:
    """Return a name as its first word and the initial of its last (Ana P.); of a single word only the initial.

    What bears digits is hidden as a number: centrals write the number where they know no name.
    """
    words = text.strip(" \"'<>").split()
    if len(words) == 1 and words[0].casefold() in _WITHHELD:
        return words[0]
    if any(character.isdecimal() for character in text):
        return mask_number(text)
    initial = words[-1][0] if words else ""
    return f"{words[0]} {initial}." if len(words) > 1 else f"{initial}{DOTS}"


_HIDE: Mapping[Field, Callable[[str], str]] = {
    Field.CALLER_NUMBER: mask_number,
    Field.CALLER_NAME: mask_name,
    Field.AGENT: mask_name,
    Field.SET_ASIDE: lambda text: hidden_line(text),  # told below
}

# Lines of the log.

_EVENTS = {event.name: event for source in SOURCES for event in source.events}
_SYSTEM_CALLIDS = frozenset(callid for source in SOURCES for callid in source.system_callids if callid)
#: Words that say nothing of anybody: events, and what Asterisk itself writes among the data.
_VOCABULARY = frozenset({
    *_EVENTS, *_SYSTEM_CALLIDS,
    "SIP", "PJSIP", "IAX2", "DAHDI", "Zap", "SCCP", "Local", "Agent", "LINK", "BRIDGE", "APP",
})  # fmt: skip
_PSEUDONYM = rf"{MARK}(?P<kept>[0-9a-f]{{{_SHOWN_PSEUDONYM}}})[0-9a-f]{{{HEX_DIGITS - _SHOWN_PSEUDONYM}}}(?![0-9a-f])"
#: Digits enough for a telephone, however they are set apart.
_NUMBER = r"(?P<number>[0-9](?:[ .()/-]{0,2}[0-9]){6,})"
_WORD = r"(?P<word>[^\W\d_](?:[^\W_]|['’.-](?=[^\W\d_]))+)"
#: A call's own name in the log: no number, though it looks like one.
_CHANNEL = r"(?P<channel>(?<![0-9.])1[0-9]{9}\.[0-9]{1,9}(?![0-9.]))"
_IN_DATA = re.compile(f"{_PSEUDONYM}|{_CHANNEL}|{_NUMBER}")
_IN_FREE_TEXT = re.compile(f"{_PSEUDONYM}|{_NUMBER}|{_WORD}")
_INSTANT = re.compile(r"-?1[0-9]{9}(?:[0-9]{3})?(?:\.[0-9]*)?")
_CALLID = re.compile(r"(?:[A-Za-z]{0,20}[0-9]{0,3}-)?1[0-9]{9}\.[0-9]+")
_SHORT = "•••"


def hidden_line(text: str) -> str:
    """Return a line that was set aside with everything hidden that may be a customer's number or name.

    Instant, channel and event stay, queue and operator where it is sure which they are; of any other word, and of every
    long number, the first character: such a line may be cut or shifted, and a name stand anywhere in it.
    """
    # What no line can hold stands between a table's line and the number of its row.
    text, mark, row = text.partition(FIELD_OF_NO_LOG)
    fields = text.split("|")
    sure = 0  # how many fields at the beginning are what they should be
    if len(fields) > 1 and _INSTANT.fullmatch(fields[0]):
        sure = 1
        if _CALLID.fullmatch(fields[1]) or fields[1] in _SYSTEM_CALLIDS:
            sure = 2
    shown = fields[:sure]
    if sure == 2 and len(fields) >= 5 and fields[4] in _EVENTS:
        shown += [_hide(_IN_DATA, each) for each in fields[2:4]]
    hidden = "|".join([*shown, *(_hide(_IN_FREE_TEXT, each) for each in fields[len(shown) :])])
    return f"{hidden} (id {row if row.isdecimal() else _hide(_IN_FREE_TEXT, row)})" if mark else hidden


def hidden_data(event: str, data: str) -> str:
    """Return the data of an accepted line as it may be shown: eight characters of a pseudonym, no long number.

    Words are hidden too where the site writes what it likes: in events that Asterisk does not know, and in the address
    that an ENTERQUEUE may begin with. The DID is a number of the call centre's own.
    """
    known = _EVENTS.get(event)
    if known is None or known.kind is EventKind.ENTER:
        return _hide(_IN_FREE_TEXT, data)
    return data if known.kind is EventKind.DID else _hide(_IN_DATA, data)


def hidden_remark(text: str, *known: str) -> str:
    """Return what somebody typed with long numbers hidden, and whatever is part of a known number or name."""
    for word in {word for each in known for word in each.split() if len(word) > 2}:
        text = re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", lambda found: found[0][0] + _SHORT, text, flags=re.IGNORECASE)
    return _hide(_IN_DATA, text)


def short_pseudonym(pseudonym: str) -> str:
    """Return as much of a pseudonym as tells two callers of a day apart."""
    return f"{pseudonym[: _SHOWN_PSEUDONYM + len(MARK)]}…"


def _hide(pattern: re.Pattern[str], text: str) -> str:
    return pattern.sub(_hidden, text)


def _hidden(found: re.Match[str]) -> str:
    parts = found.groupdict()
    if parts["kept"] is not None:
        return f"{MARK}{parts['kept']}…"
    if parts.get("channel") is not None or found[0] in _VOCABULARY:
        return found[0]
    return found[0][0] + _SHORT

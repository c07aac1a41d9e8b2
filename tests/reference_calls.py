"""The reference counter, section 2: the line of a visit, line calls, caller's calls.

What it is written from, and what ``Rule:`` and ``Reading:`` mean, is said in `reference_counter`.
"""

import re
from collections.abc import Sequence
from datetime import date, datetime

from tests.reference_words import CHAINABLE, LA_PAZ, LINE_NUMBERS, Call, Parameters, QueueRule, Visit


def service_of(queue: str, did: str | None, entered_at: int, rules: Sequence[QueueRule]) -> str | None:
    """Rule: "the first match of (queue, DID or any, valid from, valid to) in the site's mapping"."""
    of_queue = [rule for rule in rules if rule.queue == queue]
    if not of_queue:
        return queue if queue in LINE_NUMBERS else None  # a line's own number, until the site says otherwise
    day = datetime.fromtimestamp(entered_at, LA_PAZ).date()
    best: QueueRule | None = None
    longest = 0
    for rule in of_queue:
        if not (rule.valid_from or date.min) <= day <= (rule.valid_to or date.max):
            continue
        if rule.did is None:
            if best is None:
                return rule.service
            continue
        # Rule: "compared by digits on the longest suffix (44200400 = 4200400)"
        shared = suffix_match(rule.did, did)
        if shared > longest:
            best, longest = rule, shared
    return best.service if best else None


def suffix_match(one: str, other: str | None) -> int:
    """How many digits two numbers share if one ends with the other, else 0."""
    digits = sorted((re.sub("[^0-9]", "", one), re.sub("[^0-9]", "", other or "")), key=len)
    return len(digits[0]) if digits[1].endswith(digits[0]) else 0


def chains(visits: Sequence[Visit], ended_at: Sequence[int | None], parameters: Parameters) -> list[list[Visit]]:
    """Rule: "consecutive visits of one callid in queues of the same line (no visit of that callid elsewhere between
    them), where each but the last ended unanswered by time-out, key or empty queue and the next begins within 5 s of
    that end, before or after (parameter), are one call to the line".

    Reading: "sin línea" is treated as one line.
    """
    chained: list[list[Visit]] = []
    end_before: int | None = None
    for visit, end in zip(visits, ended_at, strict=True):
        if (
            chained
            and end_before is not None
            and chained[-1][-1].service == visit.service
            and chained[-1][-1].cause in CHAINABLE
            and abs(visit.entered_at - end_before) <= parameters.chain_gap
        ):
            chained[-1].append(visit)
        else:
            chained.append([visit])
        end_before = end
    return chained


def line_call(chain: Sequence[Visit]) -> Call:
    """Rule: "It begins at the first entry; its wait runs from the first entry to the connection"."""
    return joined(chain, final=None)


def callers_call(visits: Sequence[Visit]) -> Call:
    """Rule: "wait = first connection - first entry, in time by that, line of the first entry"."""
    return joined(visits, final=next((visit for visit in visits if visit.answered), None))


def joined(visits: Sequence[Visit], final: Visit | None) -> Call:
    first = visits[0]
    # Rule: "While the last visit is still waiting, the call stands registered with the cause of the one before."
    # Reading: its wait too runs to the end of the one before.
    decided = [visit for visit in visits if visit.registered]
    final = final or (decided or visits)[-1]
    answered = [visit for visit in visits if visit.answered]
    if final is first:
        wait = first.wait  # Rule: "of a single visit: its own wait"
    elif final.wait is None:
        wait = None  # Rule: "the last visit's entry plus its wait, unknown if that wait is"
    else:
        wait = final.entered_at + final.wait - first.entered_at
        wait = wait if wait >= 0 else None  # Rule: "A negative duration ... the value unknown, never 0"
    talks = [visit.talk for visit in answered]
    return Call(
        pbx=first.pbx,
        callid=first.callid,
        entered_at=first.entered_at,
        service=first.service,
        registered=bool(decided),
        answered=bool(answered),
        open=not decided,
        cause=None if answered else final.cause,
        wait=wait,
        talk=None if not talks or None in talks else sum(talk for talk in talks if talk is not None),
        did=first.did,
        caller=next((visit.caller for visit in visits if visit.caller), None),
        position=first.position,
        transfer_kind=visits[-1].transfer_kind,
        transferred_to=visits[-1].transferred_to,
    )

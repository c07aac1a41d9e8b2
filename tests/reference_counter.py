"""A slow, plain-Python reading of the counting rules: the oracle the product's SQL is tested against.

In: complete log files (text lines), the site's mapping of queues to lines, the dated parameters.
Out: queue visits, line calls, caller's calls, findings, lines set aside, and how many lines were loaded or known.

It is written from rules.md (sections 1 to 3), queue_log.md and reliability.md (2.1) alone and shares nothing with the
product. Text after ``Rule:`` is quoted from rules.md. Text after ``Reading:`` says which of two possible readings of a
sentence was taken; all of them together stand in READINGS at the end of this file.

What it does not do: hold an unfinished last line, decode bytes, read a database layout, or number agents.
"""

from collections import defaultdict
from collections.abc import Iterable

from tests.reference_calls import callers_call, chains, line_call
from tests.reference_events import Event, in_order, load
from tests.reference_visits import Story, sorted_attempts
from tests.reference_words import (
    FINDING_KINDS,
    LA_PAZ,
    NEVER_A_CALL,
    Call,
    Figures,
    Finding,
    LogFile,
    Parameters,
    QueueRule,
    Result,
    SetAside,
    Visit,
    figures,
)

__all__ = [
    "FINDING_KINDS",
    "LA_PAZ",
    "READINGS",
    "Call",
    "Figures",
    "Finding",
    "LogFile",
    "Parameters",
    "QueueRule",
    "Result",
    "SetAside",
    "Visit",
    "count",
    "figures",
]


def count(files: Iterable[LogFile], rules: Iterable[QueueRule] = (), parameters: Parameters | None = None) -> Result:
    """Reads the files by the counting rules. The result does not depend on the order of `files`."""
    parameters = parameters or Parameters()
    rules = tuple(rules)
    visits: list[Visit] = []
    line_calls: list[Call] = []
    calls: list[Call] = []
    findings: list[Finding] = []

    loading = load(files, parameters)
    set_aside = list(loading.set_aside)
    for pbx, events in sorted(loading.events.items()):
        # Rule: "The cut-off is the last event of that source, never the clock and never the end of a report's period."
        of_callid: dict[str, list[Event]] = defaultdict(list)
        starts = [event for event in events if event.name == "QUEUESTART"]
        for event in events:
            if event.callid not in NEVER_A_CALL:
                of_callid[event.callid].append(event)
        stories: list[Story] = []
        for callid, own in sorted(of_callid.items()):
            # Rule: "ENTERQUEUE with an agent other than NONE or empty is an outbound attempt: its callid is in no
            # inbound figure." Reading: nor among the findings or the lines set aside.
            if any(event.name == "ENTERQUEUE" and event.agent not in ("NONE", "") for event in own):
                continue
            story = Story(pbx, callid)
            for event in in_order(own):
                story.read(event)
            stories.append(story)
        aside = {event.place for story in stories for event in story.set_aside}
        cutoff = max((event.epoch for event in events if event.place not in aside), default=0)
        for story in stories:
            story.close(starts, cutoff, parameters)
            own_visits = [story.settle(attempt, rules, parameters) for attempt in sorted_attempts(story)]
            ends = [attempt.ended_at for attempt in sorted_attempts(story)]
            visits += own_visits
            line_calls += [line_call(chain) for chain in chains(own_visits, ends, parameters)]
            if own_visits:
                calls.append(callers_call(own_visits))
            findings += story.findings
            set_aside += [SetAside(event.file, event.line_no, ("wait_missing",)) for event in story.set_aside]
    return Result(
        visits=tuple(sorted(visits, key=lambda row: (row.entered_at, row.pbx, row.callid, row.queue))),
        line_calls=tuple(sorted(line_calls, key=lambda row: (row.entered_at, row.pbx, row.callid))),
        calls=tuple(sorted(calls, key=lambda row: (row.entered_at, row.pbx, row.callid))),
        findings=tuple(sorted(findings)),
        set_aside=tuple(sorted(set_aside)),
        loaded=sum(map(len, loading.events.values())) + len(loading.set_aside) - len(set_aside),
        duplicates=loading.duplicates,
    )


# Where a sentence can be read in two ways: (what it is about, the reading taken, the other)
READINGS = (
    # Lines
    ("every reason", "nul, fields and the epoch are judged together; too long a line only as such", "the first only"),
    ("1 MB line (Q14)", "more than 1 000 000 bytes of UTF-8", "2**20, or Asterisk's 8192"),
    ("13-digit epoch (Q07)", "13 or more; 11 and 12 are `epoch_range`", "13 exactly"),
    ("1970 (Q06)", "before 1971-01-01 UTC", "before 1971-01-01 in La Paz"),
    ("an empty callid", "never a call", "a callid like others"),
    ("a bad line in two files", "set aside once, then a duplicate (Q16: 100 % DUP)", "set aside in each"),
    (
        "canonical file, equal first epochs",
        "the smallest last epoch, then the most lines: else a file and a piece of it cut inside its last second tie, "
        "and the lines of that second are put in another order",
        "left to the name of the file",
    ),
    ("canonical file of the k-th copy", "the first file with k copies", "all copies from the file with most"),
    ("(first epoch, last epoch) of a file", "of its good lines: first line's, and the greatest", "the last line's"),
    ("order between files", "running maximum first, then the file, then the line", "whole files one after another"),
    # Waiting
    (
        "QUEUESTART with no later event of the callid",
        "any event loaded, a ring too; a line set aside is none",
        "only events that touch a visit",
    ),
    (
        "cut-off, the source's last event",
        "the greatest epoch loaded of the PBX; lines set aside do not count",
        "all lines; or the last line's epoch",
    ),
    ("wait of one lost after 4 h with nothing more", "unknown", "cut-off - entry"),
    ("wait of one that went on elsewhere", "that instant - entry", "unknown"),
    # Late ends
    (
        "one not yet ended before one that is",
        "waiting or connected, then lost, then ended; then the nearest; then the later",
        "a lost one ranks with the open ones; or the nearest first",
    ),
    ("t - hold - talk", "negative whole numbers are used as they stand", "unusable, so no match"),
    ("agent agrees or is unknown", "also when the end's own agent is NONE", "then it disagrees"),
    ("the visit that is open there", "waiting or connected; of several the last opened", "the one whose agent agrees"),
    (
        "only an ended visit matches: second end",
        "also when that visit ended unanswered at the very start of the end",
        "rebuilt, since its start is not before that end",
    ),
    ("a second CONNECT", "any CONNECT while a visit there is connected and none waits", "only one of the same start"),
    ("CONNECT for a visit lost as unknown", "never revives it: a stray", "as an end that carries hold and talk"),
    # Strays
    (
        "without a usable wait",
        "tested before the second end: an empty ABANDON after EXITEMPTY or SYSCOMPAT, and a "
        "second SYSCOMPAT, are set aside",
        "a second end when the visit before is recognised otherwise",
    ),
    ("the ABANDON after SYSCOMPAT", "the first one, if the last visit there ended so", "all of them"),
    ("SYSCOMPAT without its ABANDON", "wait by the two times, no finding", "a finding"),
    ("outbound callid", "in no visit, finding or line set aside; its lines move the cut-off", "lines set aside"),
    # Durations
    ("CONNECT's holdtime is missing", "absent or empty; one that is unusable makes the wait unknown", "unusable too"),
    ("both exist and differ", "both whole numbers", "any two texts"),
    ("ABANDON without a wait: finding (case 5)", "every unanswered end but SYSCOMPAT", "ABANDON only"),
    ("a negative or odd wait of an unanswered end", "unknown", "the difference of the times"),
    ("unknown wait ... and reported", "the finding `wait_missing`, unless `duration` says it", "counted, no finding"),
    ("a negative duration is a finding", "of the value used, once a visit", "of each field logged"),
    (
        "flags (Q09, Q19, Q28)",
        "no findings: cases 23 and 35 have a step of the clock and count one and none",
        "findings",
    ),
    # Lines of the house
    (
        "last DID at or before the entry",
        "before ENTERQUEUE in the order of events; rebuilt: up to the second of its start",
        "up to the second of the entry, always",
    ),
    (
        "longest suffix",
        "either number may be the longer; a longer match beats an earlier one; an any-DID rule that stands first wins",
        "only the rule's number may be the suffix; any-DID always last",
    ),
    ("valid from, valid to", "both inclusive, local days", "valid to exclusive"),
    ("no cuenta", "a service like others: whoever adds up leaves it out", "left out here"),
    # Calls
    ("visits in queues of the same line", "'sin línea' chains as one line", "never chains"),
    (
        "consecutive, first entry",
        "in the order of beginnings: ENTERQUEUE by its clock, rebuilt by its own start",
        "the order of the events that opened the visits; or of entered_at",
    ),
    ("wait of an unanswered call", "last decided visit's entry + wait - first entry", "the last visit's own wait"),
    ("still waiting: the cause of the one before", "its wait too; and so for a caller's call", "wait unknown"),
    ("a negative wait of a call", "unknown, no finding", "a finding"),
    ("first connection", "that of the first answered visit, unknown if its wait is", "the earliest known"),
)

"""Logs with each defect once, drawn so that a person can count them; the store that they make, for several tests.

October 2026 in La Paz: two calls an hour from 08:00 to 17:59 on every day but for what is left out, six lines an hour.
The defects lie on 28 October after 18:00. ``COUNTED`` is what they come to, by hand.
"""

from datetime import datetime, timedelta, timezone
from pathlib import Path

from etl import pipeline
from etl.pipeline import FileReport
from etl.records import site as sites
from etl.records.engine import transaction
from tests.product import Product
from tests.reference_counter import LogFile

LA_PAZ = timezone(timedelta(hours=-4))


def at(day: int, hour: int, minute: int = 0, second: int = 0, month: int = 10) -> int:
    """The epoch of a wall time of 2026."""
    return int(datetime(2026, month, day, hour, minute, second, tzinfo=LA_PAZ).timestamp())


#: Hours left out: 14 October 10:00 to 14:59 (30 lines, a gap), 20 October 12:00 and 13:00 (12 lines, none).
LEFT_OUT = {(14, hour) for hour in range(10, 15)} | {(20, 12), (20, 13)}
EVENING = at(28, 18)


def usual_calls(first: int, last: int, month: int = 10) -> list[str]:
    """Two answered calls an hour to line 101, by SIP/201."""
    lines = []
    for day in range(first, last + 1):
        for hour in range(8, 18):
            for minute in (5, 35):
                if month == 10 and (day, hour) in LEFT_OUT:
                    continue
                begin = at(day, hour, minute, month=month)
                lines += answered(begin, f"{begin}.1")
    return lines


def answered(begin: int, callid: str, queue: str = "101", agent: str = "SIP/201") -> list[str]:
    """A call answered after 5 s that lasts a minute."""
    return [
        f"{begin}|{callid}|{queue}|NONE|ENTERQUEUE||77712345|1",
        f"{begin + 5}|{callid}|{queue}|{agent}|CONNECT|5|{callid}9|3",
        f"{begin + 65}|{callid}|{queue}|{agent}|COMPLETECALLER|5|60|1",
    ]


def defects() -> list[str]:
    """One of each, ten minutes apart; callids tell which."""
    t = [EVENING + 600 * place for place in range(20)]

    def enter(place: int, queue: str = "101") -> str:
        return f"{t[place]}|{t[place]}.{place}|{queue}|NONE|ENTERQUEUE||77712345|1"

    def line(place: int, later: int, rest: str, queue: str = "101") -> str:
        return f"{t[place] + later}|{t[place]}.{place}|{queue}|{rest}"

    return [
        # reconstructed: an end whose entry is in no file
        line(0, 70, "SIP/201|COMPLETECALLER|10|60|1"),
        # unended talk
        enter(1), line(1, 5, "SIP/201|CONNECT|5|1.9|3"),
        # a negative wait: a duration that is none, and answered with a wait that nobody knows
        enter(2), line(2, 5, "SIP/201|CONNECT|-5|1.9|3"), line(2, 65, "SIP/201|COMPLETECALLER|-5|60|1"),
        # a second end
        enter(3), line(3, 30, "NONE|ABANDON|1|1|30"), line(3, 30, "NONE|ABANDON|1|1|30"),
        # a second connection
        enter(4), line(4, 5, "SIP/201|CONNECT|5|1.9|3"), line(4, 6, "SIP/201|CONNECT|6|1.9|3"),
        line(4, 65, "SIP/201|COMPLETECALLER|5|60|1"),
        # waits that do not agree
        enter(5), line(5, 5, "SIP/201|CONNECT|5|1.9|3"), line(5, 74, "SIP/201|COMPLETECALLER|9|60|1"),
        # a wait told by the two instants
        enter(6), line(6, 20, "NONE|ABANDON|1|1|"),
        # thirteen hours of talk
        enter(7), line(7, 5, "SIP/201|CONNECT|5|1.9|3"), line(7, 46805, "SIP/201|COMPLETECALLER|5|46800|1"),
        # an event that nobody knows
        f"{t[8]}|NONE|101|SIP/201|CRMNOTE|Ana Prueba llamo del 77712345",
        # a queue without a line, with its DID; an interface of nobody
        f"{t[9]}|{t[9]}.9|5999|NONE|DID|4299999", *answered(t[9], f"{t[9]}.9", "5999", "SIP/299"),
        # set aside: no instant; too few fields; an end without entry or wait
        f"ayer|{t[10]}.10|101|NONE|ENTERQUEUE||77712345|1",
        f"{t[10]}|{t[10]}.10|101",
        line(10, 30, "NONE|ABANDON|1|1|"),
        "",
        # a restart
        f"{t[11]}|NONE|NONE|NONE|QUEUESTART|",
    ]  # fmt: skip


#: By kind, of 28 October after 18:00 (the endless one after its restart, on the 29th): what the defects come to.
COUNTED = {
    "reconstructed": 1,
    "endless": 1,
    "unended_talk": 1,
    "unknown_wait": 1,
    "open": 1,
    "second_end": 1,
    "second_connect": 1,
    "hold_differs": 1,
    "wait_from_times": 1,
    "duration": 1,
    "long_duration": 1,
    "only_in_export": 0,  # tests/test_call_details.py
    "clock_behind": 1,
    "unknown_event": 1,
    "restart": 1,
}
SET_ASIDE = {"epoch": 1, "fields": 1, "wait_missing": 1}


def in_order(lines: list[str]) -> list[str]:
    """Lines as a central writes them; those without an instant stay behind the line before them."""
    keyed, last = [], 0
    for line in lines:
        head = line.partition("|")[0]
        last = int(head) if head.isdigit() else last
        keyed.append((last, line))
    return [line for _, line in sorted(keyed, key=lambda pair: pair[0])]


def log() -> LogFile:
    """October with everything; the newest event is a call that still waits, on 31 October at 17:50."""
    endless = f"{at(29, 20)}|{at(29, 20)}.1|101|NONE|ENTERQUEUE||77712345|1"
    waiting = f"{at(31, 17, 50)}|{at(31, 17, 50)}.1|101|NONE|ENTERQUEUE||77712345|1"
    lines = in_order([*usual_calls(1, 31), endless, *defects(), waiting])
    # Two seconds back behind an answered call, on a line of the PBX itself.
    place = lines.index(answered(at(27, 9, 5), f"{at(27, 9, 5)}.1")[2]) + 1
    lines.insert(place, f"{at(27, 9, 6, 3)}|NONE|NONE|NONE|CONFIGRELOAD|")
    return LogFile("queue_log", tuple(lines))


def repeated() -> LogFile:
    """A piece that holds what the log holds too: three lines, repeated."""
    begin = at(2, 8, 5)
    return LogFile("queue_log.1", tuple(answered(begin, f"{begin}.1")))


def asternic_dump(lines: list[str]) -> str:
    """A dump of Asternic's tables with these lines, as its reader would have kept them."""
    names: dict[str, dict[str, int]] = {"qname": {}, "qagent": {}, "qevent": {}}
    rows = []
    for place, line in enumerate(lines, start=1):
        stamp, callid, queue, agent, event, data = line.split("|", 5)
        told = datetime.fromtimestamp(int(stamp), LA_PAZ)
        texts = (("qname", queue), ("qagent", agent), ("qevent", event))
        numbers = [names[name].setdefault(text, len(names[name]) + 1) for name, text in texts]
        info = (*data.split("|", 2), "", "")[:3]
        rows.append(
            f"({place},'{callid}','{told:%Y-%m-%d %H:%M:%S}',{numbers[0]},{numbers[1]},{numbers[2]},"
            + ",".join(f"'{text}'" for text in info)
            + ")"
        )
    keys = {"qname": ("queue_id", "queue"), "qagent": ("agent_id", "agent"), "qevent": ("event_id", "event")}
    text = "-- MySQL dump 10.13  Distrib 5.7.44\n"
    for name, (key, column) in keys.items():
        values = ",".join(f"({number},'{word}')" for word, number in names[name].items())
        text += f"CREATE TABLE `{name}` (\n  `{key}` int(6),\n  `{column}` varchar(40)\n);\n"
        text += f"INSERT INTO `{name}` VALUES {values};\n"
    columns = ["`queue_stats_id` int(12)", "`uniqueid` varchar(40)", "`datetime` datetime", "`qname` int(6)"]
    columns += ["`qagent` int(6)", "`qevent` int(6)", *(f"`info{n}` varchar(40)" for n in (1, 2, 3))]
    text += "CREATE TABLE `queue_stats` (\n  " + ",\n  ".join(columns) + "\n);\n"
    return text + f"INSERT INTO `queue_stats` VALUES {','.join(rows)};\n"


def load_asternic(product: Product, lines: list[str]) -> FileReport:
    """Load such a dump into a store."""
    path: Path = product.folder / "in" / "asternic.sql"
    path.write_text(asternic_dump(lines), encoding="utf-8")
    (report,) = pipeline.ingest(product.store(), [path])
    return report


def defective_store(folder: Path) -> Product:
    """A store with the log, its repeated piece, and Asternic's table of 1 October, in the log too, and the day before.

    SIP/201 is somebody's.
    """
    product = Product(folder)
    with transaction(product.store().records) as session:
        sites.replace_persons(session, sites.person_rules("interface,person,valid_from,valid_to\nSIP/201,Ana,,\n"))
    product.load(log())
    product.load(repeated())
    table = [*usual_calls(30, 30, month=9), *usual_calls(1, 1)]
    report = load_asternic(product, table)
    assert (report.state, report.source) == ("published", "asternic"), report.message
    return product

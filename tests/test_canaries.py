"""Twenty invented callers, looked for in everything that anybody is answered: in full only where the table says so.

P2, P5, S43: each role opens every page, follows every kind of link, presses and sends whatever it is offered, and sends
what only others are offered. What is searched: answers with their files and charts, logs, the records, the storages of a
browser. A callback that the crawler cannot call fails by its name: tell it how in TYPED.
"""

import base64
import io
import json
import logging
import re
import shutil
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, expect
from sqlalchemy import Engine, MetaData
from sqlalchemy.orm import Session
from sqlalchemy import select

from dashboard import works
from dashboard.accounts import Role
from dashboard.pages import PAGES
from dashboard.personal import personal
from dashboard.security.access import CALLBACK, EXPORT, PAGE, access, may
from etl import pipeline
from etl import store as stores
from etl.lines import no_progress
from etl.pseudonyms import pseudonym
from etl.records import jobs
from etl.records.models import AuditEntry
from etl.settings import Settings
from reports.personal import Field, Level, mask_number
from tests.crawl import Said, Tab, shape
from tests.people import account_of
from tests.served import DAY_ONE, Served, served
from tests.watched import watched

UNMASKING = "..call-who.children...call-reason.error.."
REASON = "El cliente pidió que se le devuelva la llamada"


@dataclass(frozen=True)
class Canary:
    """An invented caller."""

    place: int
    number: str
    first_name: str
    surname: str

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.surname}"

    @property
    def callid(self) -> str:
        return f"{self.at}.{self.place}"

    @property
    def at(self) -> int:
        return DAY_ONE + 120 * self.place

    @property
    def page(self) -> str:
        """The address of their call."""
        hour, minute = divmod(8 * 60 + 2 * self.place, 60)
        day = "desde=2026-10-01&hasta=2026-10-31&cifra=registered"
        return f"/llamadas?{day}&llamada=pbx%7C{self.callid}&en=2026-10-31T{hour:02}:{minute:02}:00"

    @property
    def secrets(self) -> tuple[str, ...]:
        """What tells who it is: the national number, the surname."""
        return (self.number[-8:] if len(self.number) > 7 else self.number, self.surname.casefold())


SURNAMES = [
    begin + end for begin in ("Quilla", "Tanca", "Zurri", "Ñuflo", "Wayra") for end in ("rrumi", "huay", "gaite", "mboré")
]  # fmt: skip
FIRST_NAMES = ("Ximena", "Óscar", "Nayra", "Wara")
NUMBERS = [f"6{(7_919_191 * place + 1_234_567) % 10_000_000:07}" for place in range(20)]
CANARIES = [
    Canary(
        place,
        {1: "4" + NUMBERS[1][2:], 2: "591" + NUMBERS[2], 3: "+591" + NUMBERS[3]}.get(place, NUMBERS[place]),
        FIRST_NAMES[place % 4],
        surname,
    )
    for place, surname in enumerate(SURNAMES)
]


def lines_of(canary: Canary) -> list[str]:
    """The call of a canary; who they are stands wherever a log may tell it."""
    at, head = canary.at, f"{canary.callid}|101"
    number, name = canary.number, canary.name
    url = f"http://crm/?tel={number}&nombre={canary.surname}" if canary.place == 4 else ""
    lines = [f"{at}|{head}|NONE|DID|800131313", f"{at}|{head}|NONE|ENTERQUEUE|{url}|{number}|1|{name}"]
    if canary.place % 5 == 0:
        return [*lines, f"{at + 30}|{head}|NONE|ABANDON|1|1|30"]
    lines.append(f"{at + 5}|{head}|SIP/201|CONNECT|5|{at + 5}.999|3")
    ends = {
        1: f"BLINDTRANSFER|{number}|from-internal|5|60|1",
        2: f"TRANSFER|{number}|from-internal|5|60|1",
        3: f"ATTENDEDTRANSFER|LINK|Local/{number}@from-internal-1;1|SIP/202-1|5|60|1",
    }
    lines.append(f"{at + 20}|{head}|SIP/201|CRMNOTE|{name} llamó del {number}")
    lines.append(f"{at + 65}|{head}|SIP/201|{ends.get(canary.place, 'COMPLETECALLER|5|60|1')}")
    return lines


def set_aside_of(canary: Canary) -> list[str]:
    """Lines that no reading accepts, with a canary in each."""
    at, number, name = canary.at, canary.number, canary.name
    return [
        f"{at}000|{canary.callid}|101|NONE|ENTERQUEUE||{number}|1|{name}",
        f"{number}|1|{name}",
        f"{at}|{canary.callid}|soporte|nuevo|NONE|ENTERQUEUE||{number}|1|{name}",
        f"{name}|{canary.callid}|101|NONE|ENTERQUEUE||{number}|1",
        f"{name} {number}",
        f"{at}|{canary.callid}|101|NONE|ABANDON|1|1|x{number}|{name}\0",
    ]


LOG = [line for canary in CANARIES for line in lines_of(canary)] + [
    line for canary in CANARIES[:6] for line in set_aside_of(canary)
]
#: A second log that a page sends, with the same callers a day earlier, and one that is none: customers in its first row.
SENT_LOG = [re.sub(r"(?<![0-9])17934[0-9]{5}", lambda found: str(int(found[0]) - 86_400), line) for line in LOG]
SENT_LIST = [f"{canary.name};{canary.number}" for canary in CANARIES]


def sent(lines: list[str]) -> str:
    """Lines as a browser sends a file."""
    return f"data:text/plain;base64,{base64.b64encode(''.join(line + chr(10) for line in lines).encode()).decode()}"


#: What a person gives where a page asks, by id (a number in it: #) and property; several one after another.
TYPED: dict[str, list[Any]] = {
    "call-reason.value": [REASON],
    "upload-file.contents": [sent(SENT_LOG), sent(SENT_LIST)],
    "upload-file.filename": ["queue_log"],
    "loads-list.cellRendererData": [{"value": 1, "colId": "set_aside"}, {"value": 1, "colId": "state"}],
    "sl-heat.clickData": [{"points": [{"x": "08:00", "y": "sábado", "customdata": [1, 1]}]}],
    '{"field":"service","queues":#}.value': ["101"],
    '{"field":"queue","queues":#}.value': ["soporte"],
    '{"field":"did","queues":#}.value': [""],
    '{"agents":#,"field":"interface"}.value': ["SIP/299"],
    '{"agents":#,"field":"person"}.value': ["Operadora Inventada"],
    **{f'{{"field":"valid_{end}","queues":#}}.value': [""] for end in ("from", "to")},
    **{f'{{"agents":#,"field":"valid_{end}"}}.value': [""] for end in ("from", "to")},
    "account-name.value": ["cuenta.nueva"],
    "account-full-name.value": ["Cuenta Nueva"],
    "accounts-csv.contents": [sent(["cuenta,nombre,rol", "otra.cuenta,Otra Cuenta,operator"])],
}


@dataclass
class Crawl:
    """What came of one role's walk."""

    said: list[Said]
    answered: set[str]
    asked: dict[str, list[dict[str, Any]]]
    visited: set[tuple[str, ...]]
    logged: str = ""
    records: str = ""
    replayed: dict[str, set[int]] = field(default_factory=dict)

    def told(self, secrets: list[str]) -> dict[str, set[str]]:
        """Which answers hold which of the secrets."""
        found: dict[str, set[str]] = {}
        for said in self.said:
            text = said.text.casefold()
            for secret in secrets:
                if secret in text:
                    found.setdefault(said.what, set()).add(secret)
        return found


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The store with the canaries, and one account per role in it."""
    folder = tmp_path_factory.mktemp("canaries")
    path = folder / "queue_log"
    path.write_bytes("".join(line + "\n" for line in LOG).encode())
    settings = Settings(data=folder / "data", threads=1)
    store = stores.open_store(settings)
    (report,) = pipeline.ingest(store, [path])
    assert (report.loaded, report.quarantined) == (len(LOG) - 36, 36)
    for role in Role:
        account_of(store.records, role)
    store.records.dispose()
    return settings


@pytest.fixture(scope="module")
def secrets(loaded: Settings) -> list[str]:
    """What must not be told: numbers, surnames, and pseudonyms in full."""
    key = stores.store_key(loaded)
    found = [secret for canary in CANARIES for secret in canary.secrets]
    return found + [pseudonym(text, key) for canary in CANARIES for text in (canary.number, canary.name)]


class Kept(logging.Handler):
    """Every line of every log, as it would be written."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s"))
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


def dumped(records: Engine) -> str:
    """Every value of every table of the records: accounts, sessions, audit, jobs, uploads."""
    known = MetaData()
    known.reflect(records)
    with records.connect() as connection:
        rows = [row for table in known.sorted_tables for row in connection.execute(table.select())]
    return "\n".join(str(value) for row in rows for value in row)


def walk(tab: Tab, role: Role) -> set[tuple[str, ...]]:
    """Open every page, follow every kind of link from page to page; return what was visited."""
    paths = {page.PATH for page in PAGES}
    visited = set()
    for path in sorted(paths):
        visited.add(shape(path))
        assert tab.open(path) == (200 if may(role, PAGE, path) else 403), path
    while todo := [url for url in tab.links if shape(url) not in visited]:
        for url in todo:
            path = shape(url)[0]
            if shape(url) in visited:
                continue
            visited.add(shape(url))
            if path in paths and may(role, PAGE, path):
                tab.open(url) if path != tab.path else tab.go(url)
            else:
                tab.open(url)
        assert len(visited) < 400, "an address leads to ever new ones"
    return visited


def work_off(settings: Settings) -> None:
    """Do what was queued, as the worker would."""
    store = stores.open_store(settings, create=False)
    try:
        while (job := jobs.claim(store.records, stores.now())) is not None:
            works.do(store, job, no_progress)
    finally:
        store.records.dispose()


def crawled(settings: Settings, role: Role) -> Crawl:
    """What one role is told, whatever it does; on a store of its own."""
    kept, printed = Kept(), io.StringIO()
    root = logging.getLogger()
    level = root.level
    root.addHandler(kept)
    root.setLevel(logging.DEBUG)
    try:
        with redirect_stdout(printed), redirect_stderr(printed), served(settings) as address:
            address.cookie(role)  # signed in elsewhere too
            tab = Tab(address, address.cookie(role), TYPED)
            visited = walk(tab, role)
            opens = [page.PATH for page in PAGES if may(role, PAGE, page.PATH)]
            if "/llamadas" in opens:
                opens.append(CANARIES[0].page)
            for url in [*opens, *[url for url in tab.links if url.startswith("/cuentas?")][:1]]:
                assert tab.open(url) == 200
                tab.act()
            work_off(settings)
            visited |= walk(tab, role)
            records = dumped(address.context.records)
    finally:
        root.setLevel(level)
        root.removeHandler(kept)
    return Crawl(tab.said, tab.answered, tab.asked, visited, "\n".join([*kept.lines, printed.getvalue()]), records)


@pytest.fixture(scope="module")
def crawls(loaded: Settings, tmp_path_factory: pytest.TempPathFactory) -> dict[Role, Crawl]:
    found = {}
    for role in Role:
        data = tmp_path_factory.mktemp(role) / "data"
        shutil.copytree(loaded.data, data)
        found[role] = crawled(loaded.model_copy(update={"data": data}), role)
    return found


@pytest.mark.parametrize("role", Role)
def test_nobody_is_told_a_caller_in_full_but_for_a_reason(
    role: Role, crawls: dict[Role, Crawl], secrets: list[str]
) -> None:
    told = crawls[role].told(secrets)
    if personal()[role].level(Field.CALLER_NUMBER) is Level.REASON:
        asked_for = set(CANARIES[0].secrets)
        assert told == {f"callback {UNMASKING}": asked_for}
    else:
        assert told == {}

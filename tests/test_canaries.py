"""Twenty invented callers, looked for in everything that anybody is answered: in full only where the table says so.

P2, P5, S43: each role opens every page, follows every kind of link, presses and sends whatever it is offered, and what
only others are offered too. Searched are all answers with their files and charts, logs, the records, the storages of a
browser. A callback that the crawler cannot call fails by its name: tell it how in TYPED.
"""

import base64
import io
import json
import logging
import re
import shutil
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import BrowserContext, Page, expect
from requests import Response
from sqlalchemy import Engine, MetaData

from dashboard import saving
from dashboard.pages import LISTINGS, PAGES
from dashboard.people.accounts import Role
from dashboard.people.personal import personal
from dashboard.security import limits
from dashboard.security.access import CALLBACK, EXPORT, PAGE, RIGHT, access, may
from dashboard.security.door import FILES
from dashboard.work import works
from etl import pipeline
from etl import store as stores
from etl.lines import no_progress
from etl.pseudonyms import pseudonym
from etl.records import jobs
from etl.settings import Settings
from reports.export import Column, Table, csv_bytes, xlsx_bytes
from reports.personal import Field, Level, mask_number
from tests.crawl import Said, Tab, clear_texts, shape
from tests.people import account_of
from tests.served import DAY_ONE, served
from tests.watched import WIDTHS, cut_texts, serious_violations, watched

#: A person presses a few files a minute, the crawler every one that there is.
EXPORTS_OF_A_CRAWL = {"30 per minute": "3000 per minute"}
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


_BEGINNINGS, _ENDS = ("Quilla", "Tanca", "Zurri", "Ñuflo", "Wayra"), ("rrumi", "huay", "gaite", "mboré")
SURNAMES = [begin + end for begin in _BEGINNINGS for end in _ENDS]
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


def record_of(canary: Canary) -> str:
    """The record of the same call, who they are in every column that may tell it; every third never came to a queue."""
    began = datetime.fromtimestamp(canary.at - 4 * 3600, UTC).strftime("%Y-%m-%d %H:%M:%S")
    number, name = canary.number, canary.name
    app, data = ("BackGround", f"saludo-{number}") if canary.place % 3 == 0 else ("Queue", "101,t")
    uniqueid = f"{canary.at}.{900 + canary.place}" if canary.place % 3 == 0 else canary.callid
    texts = [name, number, "800131313", "from-trunk", f'"{name}" <{number}>', f"DAHDI/i1/{number}-1a", "", app, data]
    texts += [began, began, began]
    quoted = ",".join('"' + text.replace('"', '""') + '"' for text in texts)
    return f'{quoted},9,9,"ANSWERED","DOCUMENTATION","{uniqueid}","{name} {number}"'


RECORDS = [record_of(canary) for canary in CANARIES]
#: What a page sends: a log with the same callers a day earlier, and a file that is none, customers in its first row.
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
    **{f"upload-{said}.value": [""] for said in ("first", "last", "queue")},
    "loads-list.cellRendererData": [{"value": 1, "colId": "set_aside"}, {"value": 1, "colId": "state"}],
    "sl-heat.clickData": [{"points": [{"x": "08:00", "y": "sábado", "customdata": [1, 1]}]}],
    "sl-heat-hours.clickData": [{"points": [{"x": "08:00", "y": "sábado", "customdata": [1, 1]}]}],
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
    logged: str
    records: str
    replayed: list[tuple[str, int]]

    def bodies(self) -> list[tuple[str, dict[str, Any]]]:
        """Of each callback the first request, the last, and the longest."""
        found = {}
        for name, asked in self.asked.items():
            for body in (asked[0], asked[-1], max(asked, key=lambda body: len(json.dumps(body)))):
                found[json.dumps(body, sort_keys=True)] = (name, body)
        return list(found.values())

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
    path.with_name("Master.csv").write_bytes("".join(line + "\n" for line in RECORDS).encode())
    (records,) = pipeline.ingest(store, [path.with_name("Master.csv")])
    assert (records.source, records.loaded) == ("cdr", len(RECORDS))
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


def walk(tab: Tab, role: Role, calls: set[str]) -> set[tuple[str, ...]]:
    """Open every page, follow every kind of link, but only to these calls; return what was visited."""
    paths = {page.PATH for page in PAGES}
    visited = set()
    for path in sorted(paths):
        visited.add(shape(path))
        assert tab.open(path) == (200 if may(role, PAGE, path) else 403), path
    while todo := [url for url in tab.links if shape(url) not in visited]:
        for url in todo:
            asked = shape(url)
            if asked in visited:
                continue
            visited.add(asked)
            if asked[-1].startswith("pbx|") and asked[-1] not in calls:
                continue
            if asked[0] == tab.path:
                tab.go(url)
            else:
                tab.open(url)
        assert len(visited) < 400, "an address leads to ever new ones"
    return visited


def work_off(settings: Settings) -> None:
    """Do what was queued, as the worker would: files first, for what was also sent and undone changes the figures."""
    store = stores.open_store(settings, create=False)
    try:
        for lane in (jobs.Lane.EXPORTS, jobs.Lane.LOADS):
            while (job := jobs.claim(store.records, stores.now(), lane)) is not None:
                works.do(store, job, no_progress)
    finally:
        store.records.dispose()


def crawled(settings: Settings, role: Role, of_others: list[Crawl]) -> Crawl:
    """What one role is told, whatever it does, and whatever it sends of what others are offered; on its own store."""
    kept, printed = Kept(), io.StringIO()
    root = logging.getLogger()
    level = root.level
    root.addHandler(kept)
    root.setLevel(logging.DEBUG)
    followed = CANARIES if role is Role.CHIEF else CANARIES[:6]  # in these six every kind of line
    rows_at_once = saving.AT_ONCE_ROWS
    saving.AT_ONCE_ROWS = 5  # so that the worker makes the lists
    parse, limits.parse = limits.parse, lambda text: parse(EXPORTS_OF_A_CRAWL.get(text, text))
    try:
        with redirect_stdout(printed), redirect_stderr(printed), served(settings) as address:
            address.cookie(role)  # signed in elsewhere too
            tab = Tab(address, address.cookie(role), TYPED)
            visited = walk(tab, role, {f"pbx|{canary.callid}" for canary in followed})
            opens = [page.PATH for page in PAGES if may(role, PAGE, page.PATH)]
            if "/llamadas" in opens:
                opens.append(CANARIES[0].page)
            opens += [url for url in tab.links if url.startswith("/cuentas?")][-1:]
            for url in opens:
                assert tab.open(url) == 200
                tab.act()
            # Files once more: the crawler also pressed what cancels them.
            for name in (listing.right for listing in LISTINGS.values()):
                for body in tab.asked.get(name, []):
                    tab.send(body)
            work_off(settings)
            for url in opens:  # what became of it all
                assert tab.open(url) == 200
            for url in [url for url in tab.links if url.startswith(FILES)]:
                tab.fetch(url)
            replayed = [(name, tab.send(body).status) for crawl in of_others for name, body in crawl.bodies()]
            records = dumped(address.context.records)
    finally:
        saving.AT_ONCE_ROWS = rows_at_once
        limits.parse = parse
        root.setLevel(level)
        root.removeHandler(kept)
    logged = "\n".join([*kept.lines, printed.getvalue()])
    return Crawl(tab.said, tab.answered, tab.asked, visited, logged, records, replayed)


@pytest.fixture(scope="module")
def crawls(loaded: Settings, tmp_path_factory: pytest.TempPathFactory) -> dict[Role, Crawl]:
    """Everybody's walk. What the two are offered who see and change the most, all others send too."""
    most = [Role.CHIEF, Role.ADMINISTRATOR]
    found: dict[Role, Crawl] = {}
    for role in [*most, *(role for role in Role if role not in most)]:
        data = tmp_path_factory.mktemp(role) / "data"
        shutil.copytree(loaded.data, data)
        others = [found[other] for other in most if other in found]
        found[role] = crawled(loaded.model_copy(update={"data": data}), role, others)
    return found


@pytest.mark.parametrize("role", Role)
def test_nobody_is_told_a_caller_in_full_but_for_a_reason(
    role: Role, crawls: dict[Role, Crawl], secrets: list[str]
) -> None:
    told = crawls[role].told(secrets)
    if personal()[role].level(Field.CALLER_NUMBER) is Level.REASON:
        assert told == {f"callback {UNMASKING}": set(CANARIES[0].secrets)}
    else:
        assert told == {}


@pytest.mark.parametrize("role", Role)
def test_whoever_sees_callers_masked_is_told_them_so_and_nobody_else(role: Role, crawls: dict[Role, Crawl]) -> None:
    told = {
        canary.place
        for said in crawls[role].said
        if said.status == 200
        for canary in CANARIES
        if mask_number(canary.number) in said.text and f"{canary.first_name} {canary.surname[0]}." in said.text
    }
    if personal()[role].level(Field.CALLER_NUMBER) is Level.NONE:
        assert told == set()
    else:
        assert told >= set(range(20 if role is Role.CHIEF else 6))


@pytest.mark.parametrize("role", Role)
def test_operators_are_told_to_whoever_may_know_them_and_to_nobody_else(role: Role, crawls: dict[Role, Crawl]) -> None:
    """P1: as the log has them, and as whoever edits the persons called one."""
    told = crawls[role].told(["sip/201", "operadora inventada"])
    assert bool(told) == (personal()[role].level(Field.AGENT) is not Level.NONE), told


@pytest.mark.parametrize("role", Role)
def test_the_crawler_reaches_every_page_and_callback_that_a_role_may(role: Role, crawls: dict[Role, Crawl]) -> None:
    """A callback that is not reached is no proof of anything: the page must offer it, and TYPED say what is given."""
    listed = [(kind, name) for kind in (CALLBACK, EXPORT) for name in access().names(kind)]
    assert {name for kind, name in listed if may(role, kind, name)} - crawls[role].answered == set()
    opened = {said.what for said in crawls[role].said if said.status == 200}
    assert {page.PATH for page in PAGES if may(role, PAGE, page.PATH)} == {
        page.PATH for page in PAGES if f"GET {page.PATH}" in opened
    }


@pytest.mark.parametrize("role", [role for role in Role if may(role, RIGHT, "export")])
def test_files_of_the_worker_are_among_what_is_searched(role: Role, crawls: dict[Role, Crawl]) -> None:
    fetched = [said for said in crawls[role].said if said.what.startswith(f"GET {FILES}") and said.status == 200]
    assert any(CANARIES[0].callid in said.text for said in fetched)


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.CHIEF])
def test_what_others_are_offered_is_answered_only_as_the_table_says(role: Role, crawls: dict[Role, Crawl]) -> None:
    """S07, S08: the very requests of the chief and the administrator, sent by somebody else."""
    replayed = crawls[role].replayed
    if role is not Role.ADMINISTRATOR:
        assert {name for name, _ in replayed} == {*access().names(CALLBACK), *access().names(EXPORT)}
    for name, status in replayed:
        if may(role, access().kind_of_callback(name) or "", name):
            assert status < 500, name
        else:
            assert status == 403, name


@pytest.mark.parametrize("role", Role)
def test_no_caller_is_in_the_logs_nor_in_the_records(role: Role, crawls: dict[Role, Crawl], secrets: list[str]) -> None:
    """P5, S43: accounts, sessions, audit, jobs and their answers, uploads and their verdicts; every line logged."""
    crawl = crawls[role]
    logged, records = crawl.logged.casefold(), crawl.records.casefold()
    assert "get /llamadas" in logged and f"cuenta.{role}" in records
    assert [secret for secret in secrets if secret in logged] == []
    assert [secret for secret in secrets if secret in records] == []
    if personal()[role].may_unmask():
        assert REASON.casefold() in records and "queue_log, línea 2" in records


def test_a_caller_would_be_found_wherever_an_answer_may_hide_one(secrets: list[str]) -> None:
    number, surname = CANARIES[15].secrets
    table = Table(
        "x", "x", (), (Column("a"), Column("b")), [[CANARIES[15].name, number]], datetime(2026, 10, 31), False
    )
    answer = Response()
    answer.status_code, answer.headers["Content-Type"] = 200, "application/json"

    def found(content: Any) -> set[str]:
        answer._content = json.dumps(content).encode()  # escapes what is no ASCII
        text = "\n".join(clear_texts(answer)).casefold()
        return {secret for secret in secrets if secret in text}

    assert found({"response": {"x": {"children": [CANARIES[15].name, {"props": {"href": f"/x?y={number}"}}]}}}) == {
        number, surname,
    }  # fmt: skip
    for content in (xlsx_bytes(table), csv_bytes(table)):
        assert found({"content": base64.b64encode(content).decode(), "base64": True}) == {number, surname}
    for dtype in ("i4", "f8"):
        drawn = base64.b64encode(np.array([1, int(number)], dtype=dtype).tobytes()).decode()
        assert found({"customdata": {"dtype": dtype, "bdata": drawn}}) == {number}
    assert found({"a": "6••••567"}) == set()


# In a browser


def storages(tab: Page) -> str:
    """All that a browser keeps of a page beyond what it shows."""
    kept: str = tab.evaluate(
        """async () => JSON.stringify([
            {...localStorage}, {...sessionStorage}, history.state, document.cookie, document.title, location.href,
            (await indexedDB.databases()).map(each => each.name), await caches.keys().catch(() => []),
            performance.getEntriesByType('resource').map(each => each.name),
        ])"""
    )
    return kept.casefold()


def test_a_browser_keeps_nothing_of_a_caller_and_shows_one_in_full_until_it_leaves(
    loaded: Settings, secrets: list[str], window: BrowserContext, tmp_path: Path
) -> None:
    """P5, P11: the storages of a browser, title and address, before, while and after a number is shown."""
    shutil.copytree(loaded.data, tmp_path / "data")
    canary = CANARIES[6]
    number, surname = canary.secrets

    def kept(tab: Page) -> list[str]:
        held = storages(tab)
        assert "call center" in held
        return [secret for secret in secrets if secret in held]

    with served(loaded.model_copy(update={"data": tmp_path / "data"})) as address, watched(window, address) as tab:
        tab.goto(address + "/")
        for page in (page for page in PAGES if page.IN_MENU):
            tab.locator(f"#menu a[href='{page.PATH}']").click()
            expect(tab.locator(f"#menu a[href='{page.PATH}']")).to_have_attribute("aria-current", "page")
            expect(tab.locator("main h2").first).to_be_visible()
            assert kept(tab) == []
            assert [secret for secret in secrets if secret in tab.content().casefold()] == []
        tab.goto(address + canary.page)
        expect(tab.get_by_text(mask_number(number))).to_be_visible()
        field, button = tab.get_by_label("Motivo para ver el número completo"), tab.get_by_text("Ver el número")
        assert field.get_attribute("autocomplete") == "off"
        tab.locator("#call-unmask").click()
        expect(tab.get_by_text("Escriba el motivo, de 10 a 200 letras.")).to_be_visible()
        for size in WIDTHS:
            assert cut_texts(tab, size) == []
        assert serious_violations(tab, "notebook", "light") + serious_violations(tab, "telephone", "dark") == []
        field.fill(REASON)
        tab.locator("#call-unmask").click()
        expect(tab.get_by_text(number, exact=True)).to_be_visible()
        expect(tab.get_by_text(canary.name, exact=True)).to_be_visible()
        expect(button).to_have_count(0)
        assert kept(tab) == []
        tab.get_by_role("link", name="Volver a las cifras").click()
        expect(tab.locator("#sl-content h2").first).to_be_visible()
        assert number not in tab.content()
        tab.go_back()
        expect(tab.get_by_text(mask_number(number))).to_be_visible()
        assert number not in tab.content() and surname not in tab.content().casefold()
        assert kept(tab) == []

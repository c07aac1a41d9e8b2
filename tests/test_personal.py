"""Customers' data: what hiding looks like, who sees how much, and one caller shown in full for a reason."""

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from dashboard.app import create_app
from dashboard.context import Context
from dashboard.pages import calls, setup
from dashboard.pages.loads import content as loads_content
from dashboard.people.accounts import Role
from dashboard.people.personal import (
    UNMASK,
    CallAsked,
    PersonalError,
    mask_of,
    own_mask,
    personal,
    read_personal,
    unmasked,
)
from dashboard.security.access import CALLBACK, PAGE, RIGHT, may
from dashboard.security.identity import current
from dashboard.work import uploads, works
from etl.callers import ClearCallers
from etl.lines import no_progress
from etl.mapping import AGENTS
from etl.pseudonyms import pseudonym
from etl.records import jobs
from etl.records import site as sites
from etl.records.engine import transaction
from etl.records.models import AuditEntry
from etl.store import now, store_key
from etl.warehouse import WarehouseError, open_generation
from reports.calls import Caller, list_callers, list_calls, list_events
from reports.definition import month
from reports.personal import (
    Field,
    Level,
    Mask,
    hidden_data,
    hidden_line,
    hidden_remark,
    mask_name,
    mask_number,
)
from reports.rules import Rules
from tests.callbacks import body_of
from tests.drawn_log import EIGHT, answered, complete, connect, enter, ingest, line, log, write
from tests.people import DOOR, SignedIn, asking_as
from tests.product import Product
from tests.served import texts

pytestmark = pytest.mark.duckdb

NUMBER, NAME = "70712345", "Ximena Quillarrumi"
NEAR = datetime(2024, 3, 5, 8, 0)
SHOWN = CallAsked("pbx", f"{EIGHT}.1", NEAR)
ADDRESS = f"?desde=2024-03-01&hasta=2024-03-31&cifra=registered&llamada=pbx%7C{EIGHT}.1&en=2024-03-05T08:00:00"
REASON = "El cliente pidió que se le devuelva la llamada"
LINES = (
    line(0, "1", "ENTERQUEUE", "", NUMBER, 1, NAME),
    connect(5, "1"),
    line(20, "1", "CRMNOTE", f"llamar a {NAME} al {NUMBER}"),
    line(65, "1", "BLINDTRANSFER", "4251234", "from-internal", 5, 60, 1, agent="SIP/201"),
    line(100, "2", "ENTERQUEUE", "", "", 1),
    complete(110, "2"),
    enter(200, "3", caller="201"),
    complete(210, "3"),
    enter(300, "4", caller="anonymous"),
    complete(310, "4"),
    line(400, "5", "ENTERQUEUE", "-", "71999888", agent="SIP/201"),
    complete(410, "5"),
    enter(500, "6", caller="70111222"),
    complete(510, "6"),
    enter(600, "6", caller="70333444", queue="102"),
    complete(610, "6", queue="102"),
)

# What hiding looks like


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("70712345", "7••••345"),
        ("4251234", "4••••234"),
        ("+591 707-12345", "5••••345"),
        ("sip:70712345@10.0.0.1", "7••••001"),
        ("123456", "••••6"),
        ("201", "••••1"),
        ("7", "••••"),
        ("anonymous", "anonymous"),
        ("ana.vargas", "a••••"),
        ("", "••••"),
    ],
)
def test_a_number_shows_its_first_digit_and_its_last_three(number: str, shown: str) -> None:
    assert mask_number(number) == shown


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Ana Pérez", "Ana P."),
        ("Ana María Pérez", "Ana P."),
        ('"ANA PEREZ"', "ANA P."),
        ("Vargas", "V••••"),
        ("Unknown", "Unknown"),
        ("70712345", "7••••345"),
        ("Casa de Ana 70712345", "7••••345"),
        ("", "••••"),
    ],
)
def test_a_name_shows_its_first_word_and_an_initial(name: str, shown: str) -> None:
    assert mask_name(name) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "1709640000000|1709640000.1|soporte|Ana Rojas|ENTERQUEUE||70712345|1|Ximena Q",
            "1709640000000|1709640000.1|soporte|Ana Rojas|ENTERQUEUE||7•••|1|X••• Q",
        ),
        ("12345|1|Ximena Quillarrumi", "12345|1|X••• Q•••"),
        ("1709640000|1709640000.1|soporte|nuevo|NONE|ENTERQUEUE||70712345|1|O'Brien",
         "1709640000|1709640000.1|s•••|n•••|NONE|ENTERQUEUE||7•••|1|O•••"),
        ("1709640000|Ximena|101|NONE|ENTERQUEUE|", "1709640000|X•••|101|NONE|ENTERQUEUE|"),
        ("1709640000|1709640000.1|101|NONE|FOO|Ximena", "1709640000|1709640000.1|101|NONE|F•••|X•••"),
        ("Ñusta|Zoë", "Ñ•••|Z•••"),
        (f"x|~{'0123456789abcdef01234567'}|y", "x|~01234567…|y"),
        ("", ""),
        ("|", "|"),
    ],
)  # fmt: skip
def test_a_line_set_aside_keeps_its_form_and_nobodys_name(text: str, shown: str) -> None:
    assert hidden_line(text) == shown


@pytest.mark.parametrize(
    ("event", "data", "shown"),
    [
        ("ENTERQUEUE", f"|{pseudonym(NUMBER, b'k')}|1", f"|{pseudonym(NUMBER, b'k')[:9]}…|1"),
        ("ENTERQUEUE", f"http://crm/?who=Ximena&n={NUMBER}|~|1", "h•••://c•••/?w•••=X•••&n=7•••|~|1"),
        ("CONNECT", f"5|{EIGHT}.999|3", f"5|{EIGHT}.999|3"),
        ("TRANSFER", "70712345|from-internal|5|60", "7•••|from-internal|5|60"),
        ("ATTENDEDTRANSFER", f"LINK|Local/{NUMBER}@x-1;1|SIP/2-1|5|60|1", "LINK|Local/7•••@x-1;1|SIP/2-1|5|60|1"),
        ("DID", "800131313", "800131313"),
        ("CRMNOTE", f"{NAME} {NUMBER}", "X••• Q••• 7•••"),
        ("PAUSE", "", ""),
    ],
)
def test_the_data_of_a_line_show_no_number_of_a_customer(event: str, data: str, shown: str) -> None:
    assert hidden_data(event, data) == shown


def test_a_remark_keeps_its_sense_and_hides_what_it_repeats() -> None:
    assert hidden_remark(f"{REASON}: 707-123 45") == f"{REASON}: 7•••"
    assert (
        hidden_remark("La señora quillarrumi (int. 201) reclama", "201", NAME) == "La señora q••• (int. 2•••) reclama"
    )


# Who sees how much


def test_the_table_and_the_rights_say_the_same() -> None:
    """P1, P3: whoever may unmask has something to unmask, and whoever sees lists of calls sees callers masked."""
    for role in Role:
        mask = personal()[role]
        assert mask.may_unmask() == may(role, RIGHT, UNMASK), role
        assert mask.may_unmask() == may(role, CALLBACK, "..call-who.children...call-reason.error.."), role
        opens = may(role, PAGE, calls.PATH)
        for field in (Field.CALLER_NUMBER, Field.CALLER_NAME, Field.AGENT):
            assert (mask.level(field) is not Level.NONE) == opens, (role, field)
        assert (mask.level(Field.SET_ASIDE) is not Level.NONE) == may(role, RIGHT, "see_set_aside"), role
    assert {role for role in Role if personal()[role].may_unmask()} == {Role.SUPERVISOR, Role.CHIEF}
    assert personal()[Role.ADMINISTRATOR] == Mask(dict.fromkeys(Field, Level.NONE))


HEAD = f"field,class,{','.join(Role)}\n"
GOOD = (
    "caller_number,personal,none,reason,masked,reason,masked,none\n"
    "caller_name,personal,none,reason,masked,reason,masked,none\n"
    "agent,staff,none,full,full,full,full,none\n"
    "set_aside,may_contain,none,masked,none,masked,masked,none\n"
)


def test_the_table_is_read() -> None:
    table = read_personal(HEAD + GOOD)
    assert table[Role.MANAGER].level(Field.CALLER_NAME) is Level.MASKED
    assert set(table) == set(Role)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("field,class", "field,kind"),
        ("caller_number", "caller_phone"),
        ("caller_name,personal", "caller_number,personal"),
        ("agent,staff,none,full,full,full,full,none\n", ""),
        ("caller_number,personal,none,reason", "caller_number,personal,none,full"),
        ("set_aside,may_contain,none,masked", "set_aside,may_contain,none,reason"),
        ("agent,staff,none,full", "agent,staff,none,reason"),
        ("caller_number,personal,none,reason", "caller_number,personal,,reason"),
        ("agent,staff", "agent,mine"),
    ],
)
def test_a_table_that_shows_too_much_or_is_none_is_refused(before: str, after: str) -> None:
    text = HEAD + GOOD
    assert before in text
    with pytest.raises(PersonalError):
        read_personal(text.replace(before, after, 1))


def test_a_mask_shows_as_much_as_it_says() -> None:
    for level, shown in (
        (Level.NONE, None),
        (Level.MASKED, "7••••345"),
        (Level.REASON, "7••••345"),
        (Level.FULL, NUMBER),
    ):
        assert Mask({Field.CALLER_NUMBER: level}).shown(Field.CALLER_NUMBER, NUMBER) == shown
    assert Mask({}).shown(Field.CALLER_NUMBER, NUMBER) is None
    asked = Mask({Field.CALLER_NUMBER: Level.REASON, Field.CALLER_NAME: Level.MASKED}).with_reason()
    assert asked.shown(Field.CALLER_NUMBER, NUMBER) == NUMBER
    assert asked.shown(Field.CALLER_NAME, NAME) == "Ximena Q."


# Who called


@dataclass
class Store:
    product: Product
    context: Context

    def callers(self, call: str, mask: Mask, near: datetime = NEAR) -> list[Caller]:
        generation, connection = open_generation(self.context.settings.warehouse)
        try:
            clear = ClearCallers(self.context.settings.warehouse, generation, store_key(self.context.settings))
            return list_callers(connection, clear, "pbx", f"{EIGHT}.{call}", near, mask=mask)
        finally:
            connection.close()

    def entries(self, action: str) -> list[AuditEntry]:
        with Session(self.context.records) as session:
            return list(session.scalars(select(AuditEntry).where(AuditEntry.action == action)))


def store_in(folder: Path) -> Iterator[Store]:
    product = Product(folder)
    ingest(product, write(product, "queue_log", log(*LINES)))
    with closing(Context(product.settings())) as context:
        yield Store(product, context)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store that nothing changes and no number is answered of."""
    yield from store_in(tmp_path_factory.mktemp("kept"))


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Store]:
    """A store of a test's own."""
    yield from store_in(tmp_path)


MASKED = Mask()
IN_FULL = personal()[Role.CHIEF].with_reason()


def test_who_called_is_masked_where_it_is_read(kept: Store) -> None:
    mark = pseudonym(NUMBER, store_key(kept.context.settings))[:9] + "…"
    assert kept.callers("1", MASKED) == [Caller("7••••345", "Ximena Q.", mark, True, "queue_log", 1)]
    assert kept.callers("1", IN_FULL) == [Caller(NUMBER, NAME, mark, True, "queue_log", 1)]
    assert kept.callers("1", personal()[Role.OPERATOR]) == []
    assert repr(kept.callers("1", IN_FULL)).count(NUMBER[:4]) == 0


def test_a_call_without_a_number_or_that_nobody_knows_has_none(kept: Store) -> None:
    assert kept.callers("2", IN_FULL) == [Caller(None, None, "", True, "queue_log", 5)]
    assert kept.callers("99", IN_FULL) == []
    assert kept.callers("1", IN_FULL, near=datetime(2024, 8, 1)) == []


def test_short_and_withheld_numbers_are_masked_too(kept: Store) -> None:
    assert [caller.number for caller in kept.callers("3", MASKED)] == ["••••1"]
    assert [caller.number for caller in kept.callers("4", MASKED)] == ["anonymous"]


def test_an_outbound_call_has_no_caller(kept: Store) -> None:
    assert kept.callers("5", IN_FULL) == []


def test_a_callid_given_twice_has_two_callers_each_with_its_line(kept: Store) -> None:
    found = kept.callers("6", IN_FULL)
    assert [(caller.number, caller.line) for caller in found] == [("70111222", 13), ("70333444", 15)]


def test_a_month_whose_numbers_were_forgotten_says_so(own: Store) -> None:
    (segment,) = own.context.settings.warehouse.glob("callers-2024-03-*.duckdb")
    pointer = own.context.settings.warehouse / "CURRENT"
    content = json.loads(pointer.read_text())
    content["segments"] = [each for each in content["segments"] if each["file"] != segment.name]
    pointer.write_text(json.dumps(content))
    segment.unlink()
    (caller,) = own.callers("1", IN_FULL)
    assert (caller.number, caller.name, caller.known) == (None, None, False)
    with asking_as(own.context, Role.CHIEF):
        page = texts(calls.page_of(own.context, ADDRESS))
        assert f"ya no se conserva (seudónimo {caller.mark})" in page and "Ver el número" not in page
        with pytest.raises(PersonalError, match="no se conserva ningún número"):
            unmasked(own.context, current(), SHOWN, REASON)
    assert own.entries("unmask") == []


def test_a_damaged_segment_is_told_without_the_key_and_the_lines_are_shown_all_the_same(own: Store) -> None:
    (segment,) = own.context.settings.warehouse.glob("callers-2024-03-*.duckdb")
    with asking_as(own.context, Role.CHIEF):
        assert "7••••345" in texts(calls.page_of(own.context, ADDRESS))
        segment.write_bytes(b"nothing" * 5000)
        page = texts(calls.page_of(own.context, ADDRESS))
        assert "No se puede leer quién llamó" in page and "BLINDTRANSFER" in page
        with pytest.raises(PersonalError, match="No se puede leer quién llamó"):
            unmasked(own.context, current(), SHOWN, REASON)
    with pytest.raises(WarehouseError) as told:
        own.callers("1", IN_FULL)
    key = store_key(own.context.settings).hex()
    assert key[:8] not in repr(told.value).casefold() and told.value.__cause__ is None


def test_lines_and_lists_show_operators_as_far_as_the_mask_says(kept: Store) -> None:
    _, connection = open_generation(kept.context.settings.warehouse)
    try:
        for level, events_say, list_says in ((Level.FULL, "SIP/201", "SIP/201"), (Level.MASKED, "••••1", "••••1")):
            mask = Mask({Field.AGENT: level})
            events = list_events(connection, "pbx", f"{EIGHT}.1", NEAR, mask=mask)
            assert events["agent"].iloc[1] == events_say
            listed = list_calls(connection, Rules.default(), "answered", month("2024-03"), unit="visit", mask=mask)
            assert set(listed["agent"]) == {list_says}
        mask = Mask({})
        assert list_events(connection, "pbx", f"{EIGHT}.1", NEAR, mask=mask)["agent"].isna().all()
        events = list_events(connection, "pbx", f"{EIGHT}.1", NEAR)
        assert events["data"].tolist()[2:] == [
            "l••• a X••• Q••• a••• 7•••", "4•••|from-internal|5|60|1",
        ]  # fmt: skip
        assert events["agent"].iloc[1] == "SIP/201"
    finally:
        connection.close()


# Showing one in full


class Somebody:
    """Somebody of a role at the page of a call, over HTTP."""

    def __init__(self, context: Context, role: Role) -> None:
        self.app = create_app(context, DOOR)
        self.client = SignedIn(context, role, self.app)

    def page(self) -> str:
        return self._asks("calls-content.children", {"location.search": ADDRESS})[1]

    def presses(self, reason: Any, search: Any = ADDRESS, clicks: Any = 1) -> tuple[int, str]:
        """The status and the text of what the button answers."""
        asked = {"call-unmask.n_clicks": clicks, "call-reason.value": reason, "location.search": search}
        return self._asks("call-who.children", asked)

    def _asks(self, output: str, values: dict[str, Any]) -> tuple[int, str]:
        answer = self.client.post("/_dash-update-component", json=body_of(self.app, output, values))
        text = json.dumps(json.loads(answer.text), ensure_ascii=False) if answer.text else ""
        return answer.status_code, text


@pytest.mark.parametrize("role", [Role.SUPERVISOR, Role.CHIEF])
def test_a_number_is_answered_in_full_once_the_reason_is_written_down(role: Role, own: Store) -> None:
    """P3, S43."""
    somebody = Somebody(own.context, role)
    page = somebody.page()
    assert "7••••345" in page and "Ximena Q." in page and "Ver el número" in page
    assert NUMBER not in page and "Quillarrumi" not in page
    status, text = somebody.presses(f"  {REASON} ")
    assert status == 200 and NUMBER in text and NAME in text
    (entry,) = own.entries("unmask")
    assert (entry.who, entry.role, entry.object, entry.result) == (f"cuenta.{role}", role, "queue_log, línea 1", "done")
    assert json.loads(entry.details) == {"reason": REASON}
    assert NUMBER not in somebody.page(), "the next look is masked again"


@pytest.mark.parametrize("role", [role for role in Role if role not in (Role.SUPERVISOR, Role.CHIEF)])
def test_nobody_else_is_offered_or_answered_a_number(role: Role, kept: Store) -> None:
    """S07: the right is asked for by the door, and once more where the number is read."""
    somebody = Somebody(kept.context, role)
    assert "Ver el número" not in somebody.page()
    status, text = somebody.presses(REASON)
    assert status == 403 and NUMBER not in text
    with asking_as(kept.context, role), pytest.raises(PersonalError, match="no tiene permiso"):
        unmasked(kept.context, current(), SHOWN, REASON)
    assert kept.entries("unmask") == []
    assert [entry.role for entry in kept.entries("denied")][-2:] == [role, role]


@pytest.mark.parametrize("reason", [None, "", "corto", "a     b     c", "x" * 201, 1234567890123])
def test_without_a_reason_no_number_is_answered(reason: Any, kept: Store) -> None:
    status, text = Somebody(kept.context, Role.CHIEF).presses(reason)
    assert status == 200 and NUMBER not in text and "Escriba el motivo, de 10 a 200 letras." in text
    assert kept.entries("unmask") == []


def test_a_reason_that_no_field_can_hold_is_refused_at_the_door(kept: Store) -> None:
    status, text = Somebody(kept.context, Role.CHIEF).presses(["una", "dos"])
    assert status == 400 and NUMBER not in text
    assert kept.entries("unmask") == []


@pytest.mark.parametrize(
    "search",
    [
        None, "", "?llamada=", "?llamada=pbx&en=2024-03-05T08:00:00", "?llamada=pbx%7C1.1&en=ayer",
        f"?llamada=otra%7C{EIGHT}.1&en=2024-03-05T08:00:00", f"?llamada=pbx%7C{EIGHT}.2&en=2024-03-05T08:00:00",
    ],
)  # fmt: skip
def test_a_call_that_is_none_has_no_number_to_answer(search: str | None, kept: Store) -> None:
    status, text = Somebody(kept.context, Role.CHIEF).presses(REASON, search)
    assert status == 200 and "call-reason" in text and "call-who" not in text
    assert kept.entries("unmask") == []


def test_a_page_that_was_only_opened_answers_no_number(kept: Store) -> None:
    status, text = Somebody(kept.context, Role.CHIEF).presses(REASON, clicks=None)
    assert status in (200, 204) and "call-" not in text
    assert kept.entries("unmask") == []


def test_the_audit_holds_no_number_even_where_the_reason_repeats_it(own: Store) -> None:
    Somebody(own.context, Role.CHIEF).presses(f"Llamar a Quillarrumi al {NUMBER} o al 4 4251234")
    (entry,) = own.entries("unmask")
    assert json.loads(entry.details) == {"reason": "Llamar a Q••• al 7••• o al 4•••"}


def test_without_its_entry_in_the_audit_no_number_is_answered(own: Store) -> None:
    """S44."""
    somebody = Somebody(own.context, Role.CHIEF)
    with transaction(own.context.records) as session:
        session.execute(
            text("CREATE TRIGGER full BEFORE INSERT ON audit_entries BEGIN SELECT RAISE(ABORT, 'no space'); END")
        )
    _, answered = somebody.presses(REASON)
    assert NUMBER not in answered and "mencione la marca" in answered
    assert own.entries("unmask") == []


def test_outside_of_any_request_nobody_sees_a_customer_in_full(kept: Store) -> None:
    assert own_mask() == mask_of(None) == Mask()
    assert not Mask().may_unmask()
    page = texts(calls.page_of(kept.context, ADDRESS))
    assert "7••••345" in page and NUMBER not in page and "Ver el número" not in page


def test_an_account_is_shown_thirty_numbers_an_hour(own: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboard.people.personal.MOST_AN_HOUR", 3)
    with asking_as(own.context, Role.CHIEF):
        for _ in range(3):
            assert unmasked(own.context, current(), SHOWN, REASON)
        for _ in range(2):
            with pytest.raises(PersonalError, match="Ya vio 3 números completos en la última hora"):
                unmasked(own.context, current(), SHOWN, REASON)
    with asking_as(own.context, Role.SUPERVISOR):
        assert unmasked(own.context, current(), SHOWN, REASON)
    entries = own.entries("unmask")
    assert [(entry.role, entry.result) for entry in entries] == [
        *[("chief", "done")] * 3, ("chief", "refused"), ("supervisor", "done"),
    ]  # fmt: skip
    assert '"why": "too many"' in entries[3].details
    hour_later = datetime.now(UTC).replace(tzinfo=None) + timedelta(hours=1, seconds=1)
    monkeypatch.setattr("dashboard.people.personal._now", lambda: hour_later)
    with asking_as(own.context, Role.CHIEF):
        assert unmasked(own.context, current(), SHOWN, REASON)


# Operators


def test_who_may_not_know_operators_is_told_how_many_there_are(own: Store) -> None:
    """P1: on the pages that show them without a call: what a file brings, whose an interface is."""
    store = own.product.store()
    with transaction(store.records) as session:
        sites.replace_persons(session, [sites.PersonRule("SIP/201", "Rosa Inventada")])
    with asking_as(own.context, Role.CHIEF):
        sent = log(*answered(86_400, "9"))
        uploads.receive(store.records, store.settings, current(), "otro", "queue_log", sent)
    job = jobs.claim(store.records, now())
    assert job is not None and works.do(store, job, no_progress)
    store.records.dispose()
    told = {}
    for role in (Role.CHIEF, Role.QUALITY, Role.ADMINISTRATOR):
        with asking_as(own.context, role):
            told[role] = texts([*loads_content.waiting(own.context), setup._part(own.context, AGENTS, None)[0]])
    for role, text_told in told.items():
        assert ("SIP/201" in text_told) == (personal()[role].level(Field.AGENT) is Level.FULL), role
    assert "Operadores: 1" in told[Role.ADMINISTRATOR] and "Rosa" not in told[Role.ADMINISTRATOR]
    assert "Rosa Inventada" in told[Role.QUALITY]

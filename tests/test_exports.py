"""Files that the worker makes: asked for on a page, made with the rights of that moment, fetched by who asked."""

import json
import shutil
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from dash import Dash
from playwright.sync_api import BrowserContext, expect
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from dashboard import file_strip, saving
from dashboard.app import create_app
from dashboard.context import Context
from dashboard.pages import LISTINGS, PAGES, calls
from dashboard.people.accounts import Identity, Role
from dashboard.security.access import EXPORT, access
from dashboard.site import doctor
from dashboard.work import exports, making, worker, works
from dashboard.work.exports import ExportError
from dashboard.work.intake import IntakeError, cancel_job, jobs_shown
from dashboard.work.worker import Pace
from etl import store as stores
from etl.lines import Cancelled, no_progress
from etl.records import jobs
from etl.records.audit import Action
from etl.records.engine import transaction
from etl.records.models import Account, AuditEntry, Job, SignIn
from reports.export import csv_bytes
from tests.callbacks import body_of
from tests.people import DOOR, SignedIn, account_of, asking_as, token_of
from tests.product import Product
from tests.served import one_call, served, texts
from tests.watched import WIDTHS, cut_texts, serious_violations, watched
from tests.worked_off import work_off

pytestmark = pytest.mark.duckdb
SEARCH = "?mes=2026-10&cifra=registered"
FOLLOW = "exports.children"


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    """A store with three calls, whatever is asked of it: each test forgets the jobs of those before."""
    product = Product(tmp_path_factory.mktemp("exports"))
    product.load(*(one_call(f"log{number}", number) for number in range(3)))
    with closing(Context(product.settings())) as context:
        yield context


@pytest.fixture(scope="module")
def app(context: Context) -> Dash:
    return create_app(context, DOOR)


@pytest.fixture(autouse=True)
def _one_row_is_long(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """A list of two rows is long, and nothing is left of other tests."""
    monkeypatch.setattr(saving, "AT_ONCE_ROWS", 1)
    context: Context = request.getfixturevalue("context")
    with transaction(context.records) as session:
        session.execute(update(Account).values(disabled=False))
        session.execute(update(Job).values(retry_of=None))
        session.execute(delete(Job))
    shutil.rmtree(folder(context), ignore_errors=True)


def press(context: Context, app: Dash, role: Role = Role.CHIEF, search: str = SEARCH, ending: str = "csv") -> Any:
    """What pressing a choice of Llamadas answers somebody of a role."""
    shown = {"search": search, "generation": context.generation_in_service()}
    body = body_of(
        app, "calls-file.data", {"calls-shown.data": shown, "triggered": {"part": "calls", "ending": ending}}
    )
    answer = SignedIn(context, role, app).post("/_dash-update-component", json=body)
    assert answer.status_code in (200, 204)
    found = json.loads(answer.text) if answer.text else {}
    return {**found.get("response", {}), **found.get("sideUpdate", {})}


def asked_for(context: Context, app: Dash, role: Role = Role.CHIEF, **given: str) -> int:
    """The number of a file that somebody asked for on the page."""
    number: int = press(context, app, role, **given)["exports-pressed"]["data"]
    return number


def fetch(context: Context, app: Dash, number: object, role: Role = Role.CHIEF) -> TestResponse:
    return SignedIn(context, role, app).get(f"/archivos/{number}", buffered=True)


def strip(context: Context, role: Role = Role.CHIEF) -> str:
    """What the strip says to somebody of a role."""
    with asking_as(context, role):
        return texts(file_strip._strip(context, exports.files_of(context, identity_of(context, role))))


def identity_of(context: Context, role: Role) -> Identity:
    account = account_of(context.records, role)
    return Identity(account.account_id, account.name, account.full_name, role, False, 0)


def job_of(context: Context, number: int) -> Job:
    with Session(context.records) as session:
        return session.get_one(Job, number)


def notes(context: Context, *actions: Action) -> list[tuple[str, str, str, dict[str, Any]]]:
    with Session(context.records) as session:
        found = session.scalars(select(AuditEntry).where(AuditEntry.action.in_(actions)).order_by(AuditEntry.entry_id))
        return [
            (each.who, each.object, each.result, json.loads(each.details) if each.details else {}) for each in found
        ]


def give_role(context: Context, of: Role, role: Role) -> None:
    with transaction(context.records) as session:
        session.execute(update(Account).where(Account.name == f"cuenta.{of}").values(role=role))


def close_account(context: Context, of: Role) -> None:
    with transaction(context.records) as session:
        session.execute(update(Account).where(Account.name == f"cuenta.{of}").values(disabled=True))


def folder(context: Context) -> Path:
    return exports.path_of(context.settings, 0).parent


# --- made and fetched


def test_a_long_list_is_made_by_the_worker_as_the_page_would_and_a_short_one_is_sent_at_once(
    context: Context, app: Dash, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = asked_for(context, app)
    assert job_of(context, number).asked == {
        "page": "/llamadas", "right": "calls-file.data", "title": "Llamadas", "ending": "csv",
        "address": "?desde=2026-10-01&hasta=2026-10-31&cifra=registered", "generation": context.generation_in_service(),
        "file": "llamadas_registradas_2026-10-01_2026-10-31.csv",
    }  # fmt: skip
    before = len(notes(context, Action.EXPORT))
    assert fetch(context, app, number).status_code == 404, "not yet there"
    assert work_off(context) == ["done"]
    table = calls.saved_calls(context, SEARCH, 10)
    assert table is not None and len(table.rows) == 3
    answer = fetch(context, app, number)
    assert answer.status_code == 200 and answer.data == csv_bytes(table)
    name = "llamadas_registradas_2026-10-01_2026-10-31.csv"
    assert answer.headers["Content-Disposition"] == f"attachment; filename={name}"
    assert answer.headers["Content-Type"].startswith("text/csv") and answer.headers["Cache-Control"] == "no-store"
    assert notes(context, Action.EXPORT)[before:] == [
        ("cuenta.chief", "llamadas_registradas_2026-10-01_2026-10-31.csv", "done",
         {"bytes": len(answer.data), "rows": 3, "masked": True}),
    ]  # fmt: skip
    path = exports.path_of(context.settings, number)
    assert (stat.S_IMODE(path.stat().st_mode), stat.S_IMODE(path.parent.stat().st_mode)) == (0o600, 0o700)
    assert [each.name for each in folder(context).iterdir() if each.name.startswith(".")] == []
    monkeypatch.setattr(saving, "AT_ONCE_ROWS", 3)
    assert press(context, app)["calls-file"]["data"]["filename"] == "llamadas_registradas_2026-10-01_2026-10-31.csv"
    assert notes(context, Action.EXPORT)[-1][3] == {"bytes": len(answer.data), "rows": 3, "masked": True}


def test_the_audit_is_saved_the_same_way_whatever_figures_are_in_service(
    context: Context, app: Dash, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = {"search": "?accion=export&pagina=2", "generation": context.generation_in_service()}
    for _ in range(2):
        context.note(identity_of(context, Role.CHIEF).actor, Action.EXPORT, "x")
    values = {"audit-shown.data": shown, "triggered": {"part": "entries", "ending": "xlsx"}}
    client = SignedIn(context, Role.QUALITY, app)
    answer = client.post("/_dash-update-component", json=body_of(app, "audit-file.data", values))
    number = json.loads(answer.text)["sideUpdate"]["exports-pressed"]["data"]
    assert job_of(context, number).asked["address"] == "?accion=export"
    monkeypatch.setattr(Context, "generation_in_service", lambda _: 99)
    assert work_off(context) == ["done"]
    assert fetch(context, app, number, Role.QUALITY).data.startswith(b"PK")


def test_every_list_that_the_worker_saves_is_a_page_s_and_has_its_right() -> None:
    assert {*LISTINGS} <= {page.PATH for page in PAGES}
    assert {listing.right for listing in LISTINGS.values()} <= {*access().names(EXPORT)}


def test_a_file_is_its_asker_s_alone(context: Context, app: Dash) -> None:
    """S33: another's number answers like one that is not there."""
    number = asked_for(context, app, Role.MANAGER)
    assert work_off(context) == ["done"]
    assert fetch(context, app, number, Role.MANAGER).status_code == 200
    for role in (Role.CHIEF, Role.SUPERVISOR, Role.QUALITY):
        assert fetch(context, app, number, role).status_code == 404
    for role in (Role.OPERATOR, Role.ADMINISTRATOR):
        assert fetch(context, app, number, role).status_code == 403
    assert app.server.test_client().get(f"/archivos/{number}").status_code == 401
    for wrong in (number + 1, 0, "999999999", "9" * 30, "-1", "x", f"{number}/", f"../{number}", "%2e%2e%2fx", ""):
        assert fetch(context, app, wrong, Role.MANAGER).status_code == 404, wrong
    assert SignedIn(context, Role.MANAGER, app).post(f"/archivos/{number}", json={}).status_code == 404


def test_others_see_that_a_file_is_made_but_neither_what_it_is_nor_may_they_stop_it(
    context: Context, app: Dash
) -> None:
    number = asked_for(context, app, Role.MANAGER)
    chief = identity_of(context, Role.CHIEF)
    (job,) = jobs_shown(context, chief)
    assert (job.work, job.about, job.may_cancel, job.may_retry) == ("export", "Llamadas", False, False)
    with pytest.raises(IntakeError):
        cancel_job(context, chief, number)
    for act in (exports.cancel, exports.dismiss, exports.retry):
        with pytest.raises(exports.NotYoursError):
            act(context, chief, number)
    assert job_of(context, number).state == "queued"
    assert strip(context) == "" and "Preparando llamadas_registradas" in strip(context, Role.MANAGER)


# --- the rights of the moment


def test_a_role_lost_before_the_file_is_made_makes_none(context: Context, app: Dash) -> None:
    number = asked_for(context, app, Role.MANAGER)
    give_role(context, Role.MANAGER, Role.OPERATOR)
    try:
        assert work_off(context) == ["failed"]
    finally:
        give_role(context, Role.MANAGER, Role.MANAGER)
    assert job_of(context, number).tells == "Su cuenta ya no tiene permiso para guardar este archivo."
    assert not exports.path_of(context.settings, number).exists()
    assert notes(context, Action.EXPORT)[-1][1:3] == (f"job {number}", "failed")


def test_an_account_closed_before_the_file_is_made_makes_none(context: Context, app: Dash) -> None:
    number = asked_for(context, app, Role.MANAGER)
    close_account(context, Role.MANAGER)
    assert work_off(context) == ["failed"]
    assert job_of(context, number).tells == "La cuenta que pidió el archivo está cerrada."
    assert not exports.path_of(context.settings, number).exists()


@pytest.mark.parametrize("role", [Role.ADMINISTRATOR, Role.QUALITY])
def test_a_role_lost_after_the_file_is_made_keeps_it_shut(role: Role, context: Context, app: Dash) -> None:
    """Also where the new one may save: how much is masked goes by the role that it was made for."""
    number = asked_for(context, app, Role.MANAGER)
    assert work_off(context) == ["done"]
    client = SignedIn(context, Role.MANAGER, app)
    give_role(context, Role.MANAGER, role)
    try:
        assert client.get(f"/archivos/{number}").status_code == 403
    finally:
        give_role(context, Role.MANAGER, Role.MANAGER)
    assert notes(context, Action.DENIED)[-1][0] == "cuenta.manager"
    assert client.get(f"/archivos/{number}", buffered=True).status_code == 200
    close_account(context, Role.MANAGER)
    assert client.get(f"/archivos/{number}").status_code == 401


def test_the_file_is_masked_as_the_role_is_now(context: Context, app: Dash, monkeypatch: pytest.MonkeyPatch) -> None:
    masks = []
    list_calls = calls.list_calls
    monkeypatch.setattr(calls, "list_calls", lambda *a, **n: (masks.append(n["mask"]), list_calls(*a, **n))[1])
    asked_for(context, app, Role.MANAGER)
    give_role(context, Role.MANAGER, Role.SUPERVISOR)
    try:
        assert work_off(context) == ["done"]
    finally:
        give_role(context, Role.MANAGER, Role.MANAGER)
    from dashboard.people.personal import personal

    assert masks == [personal()[Role.MANAGER], personal()[Role.SUPERVISOR]]


# --- what is asked


def test_nothing_of_an_address_is_kept_but_what_the_filters_know(context: Context, app: Dash) -> None:
    search = f"{SEARCH}&linea=101&llamada=pbx%7C1793448000.1&en=2026-10-31T08:00:00&cliente=60712345#60712345"
    number = asked_for(context, app, search=search)
    address = "?desde=2026-10-01&hasta=2026-10-31&linea=101&cifra=registered"
    assert job_of(context, number).asked["address"] == address
    with pytest.raises(ExportError, match="nombra una línea que no existe"):
        calls.plain_address(context, f"{SEARCH}&linea=101&linea=60712345")
    with pytest.raises(ExportError, match="no es una unidad"):
        calls.plain_address(context, f"{SEARCH}&unidad=60712345")
    with Session(context.records) as session:
        assert "60712345" not in "".join(str(job.asked) for job in session.scalars(select(Job)))


def texts_of(answer: Any) -> str:
    return json.dumps(answer, ensure_ascii=False)


def test_the_same_file_is_made_once_and_so_many_wait_for_one_account(context: Context, app: Dash) -> None:
    first = asked_for(context, app)
    assert asked_for(context, app) == first
    assert asked_for(context, app, Role.MANAGER) != first
    for day in range(2, exports.MOST_WAITING + 1):
        asked_for(context, app, search=f"?desde=2026-10-{day:02}&hasta=2026-10-31&cifra=registered")
    said = texts_of(press(context, app, search="?desde=2026-09-01&hasta=2026-10-31&cifra=registered")["failure"])
    assert "Ya se preparan 5 archivos suyos" in said


def test_new_figures_keep_an_old_page_s_file_from_being_made_until_it_is_asked_again(
    context: Context, app: Dash
) -> None:
    number = asked_for(context, app)
    with transaction(context.records) as session:
        job = session.get_one(Job, number)
        job.asked = {**job.asked, "generation": -1}
    assert work_off(context) == ["failed"]
    assert "Hay datos nuevos" in job_of(context, number).tells
    assert "Volver a intentar" in strip(context)
    again = exports.retry(context, identity_of(context, Role.CHIEF), number)
    assert work_off(context) == ["done"]
    assert job_of(context, again).retry_of == number
    assert "No se hizo" not in strip(context)
    with pytest.raises(ExportError, match="falló o se canceló"):
        exports.retry(context, identity_of(context, Role.CHIEF), again)


# --- cut off


def test_a_file_that_is_not_wanted_any_more_is_not_made(context: Context, app: Dash) -> None:
    chief = identity_of(context, Role.CHIEF)
    queued = asked_for(context, app)
    exports.cancel(context, chief, queued)
    assert job_of(context, queued).state == "cancelled" and strip(context) == ""
    running = asked_for(context, app)
    with closing_store(context) as store:
        job = jobs.claim(store.records, stores.now(), jobs.Lane.EXPORTS)
        assert job is not None and job.job_id == running
        exports.cancel(context, chief, running)
        assert "Cancelando llamadas_registradas" in strip(context)

        def progress(_text: str, share: float | None) -> None:
            if share == 1:  # all is written, but not yet a file
                assert exports.draft_of(context.settings, running).exists()
                raise Cancelled

        assert works.do(store, job, progress)
    assert job_of(context, running).state == "cancelled"
    assert [*folder(context).iterdir()] == []


@contextmanager
def closing_store(context: Context) -> Iterator[stores.OpenStore]:
    """The store opened as the worker has it."""
    store = stores.open_store(context.settings)
    try:
        yield store
    finally:
        store.records.dispose()


def test_there_is_no_file_without_its_entry_nor_an_entry_without_its_file(
    context: Context, app: Dash, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = asked_for(context, app)
    before = len(notes(context, Action.EXPORT))
    with monkeypatch.context() as broken, closing_store(context) as store:
        broken.setattr(making, "sync_folder", lambda _: (_ for _ in ()).throw(OSError("no")))
        job = jobs.claim(store.records, stores.now())
        assert job is not None
        with pytest.raises(OSError, match="no"):
            works.do(store, job, no_progress)
    assert len(notes(context, Action.EXPORT)) == before and job_of(context, number).state == "running"
    assert fetch(context, app, number).status_code == 404
    jobs.lose(context.records, number)
    assert work_off(context) == ["done"]
    assert len(notes(context, Action.EXPORT)) == before + 1
    assert fetch(context, app, number).status_code == 200


def test_what_a_killed_job_left_is_cleared_away(context: Context, app: Dash) -> None:
    number = asked_for(context, app)
    draft = exports.draft_of(context.settings, number)
    draft.parent.mkdir(exist_ok=True)
    draft.write_bytes(b"half")
    with closing_store(context) as store:
        assert not works.after_kill(store, job_of(context, number))
    assert not draft.exists()


def test_files_go_after_a_day_and_with_their_account(context: Context, app: Dash) -> None:
    mine, theirs = asked_for(context, app), asked_for(context, app, Role.MANAGER)
    assert work_off(context) == ["done", "done"]
    there = [exports.path_of(context.settings, number) for number in (mine, theirs)]
    (folder(context) / "junk").write_bytes(b"x")
    assert exports.bytes_kept(context.settings) > sum(path.stat().st_size for path in there)
    exports.sweep(context.records, context.settings, stores.now() + timedelta(hours=23, minutes=59))
    assert [path.exists() for path in there] == [True, True] and not (folder(context) / "junk").exists()
    close_account(context, Role.MANAGER)
    exports.sweep(context.records, context.settings, stores.now())
    assert [path.exists() for path in there] == [True, False]
    with transaction(context.records) as session:
        session.get_one(Job, mine).ended_at = stores.now() - timedelta(hours=24, seconds=1)
    assert fetch(context, app, mine).status_code == 404 and strip(context) == "", "also before it is swept"
    assert exports.sweep(context.records, context.settings, stores.now()) == 1
    assert not there[0].exists()
    assert (
        exports.sweep(context.records, context.settings.model_copy(update={"data": Path("nowhere")}), stores.now()) == 0
    )


def test_doctor_counts_the_files(context: Context, app: Dash) -> None:
    asked_for(context, app)
    work_off(context)
    (found,) = doctor._disk(context.settings, context.records, stores.now())
    assert "en archivos pedidos" in found.seen


# --- the strip


def test_the_strip_tells_how_far_a_file_is_until_it_is_dismissed(context: Context, app: Dash) -> None:
    chief = identity_of(context, Role.CHIEF)
    number = asked_for(context, app)
    assert "Preparando llamadas_registradas_2026-10-01_2026-10-31.csv…" in strip(context)
    assert "no está en marcha" not in strip(context)
    with transaction(context.records) as session:
        session.get_one(Job, number).queued_at = stores.now() - timedelta(minutes=1)
    assert "El proceso que prepara los archivos no está en marcha" in strip(context)
    work_off(context)
    assert " ".join(strip(context).split()) == "Listo: llamadas_registradas_2026-10-01_2026-10-31.csv (0,0 MB) Quitar"
    exports.dismiss(context, chief, number)
    assert strip(context) == ""
    assert fetch(context, app, number).status_code == 200


def followed(context: Context, app: Dash, changed: str, **values: Any) -> tuple[bool, Any, Any]:
    """What the strip's callback answers: does it go on looking, what does the tab wait for, what does it fetch."""
    given = {f"exports-{name}": value for name, value in values.items()}
    body = body_of(app, FOLLOW, {key.replace("_", "."): value for key, value in given.items()})
    body["changedPropIds"] = [changed] if changed else []
    answer = SignedIn(context, app=app).post("/_dash-update-component", json=body)
    assert answer.status_code == 200, answer.text
    found = json.loads(answer.text)["response"]
    looks = not found["exports-tick"]["disabled"]
    return looks, found.get("exports-asked", {}).get("data"), found.get("exports-ready", {}).get("data")


def test_a_tab_looks_on_only_while_a_file_is_under_way_and_fetches_only_what_it_asked_for(
    context: Context, app: Dash
) -> None:
    assert followed(context, app, "") == (False, None, None)
    number = asked_for(context, app)
    assert followed(context, app, "exports-pressed.data", pressed_data=number) == (True, [number], None)
    tick = "exports-tick.n_intervals"
    assert followed(context, app, tick, asked_data=[number]) == (True, [number], None)
    assert followed(context, app, tick, asked_data=[]) == (True, [], None), "another tab"
    work_off(context)
    assert followed(context, app, "", asked_data=[number]) == (True, None, None), "just loaded anew"
    assert followed(context, app, tick, asked_data=[number]) == (False, [], number)
    assert followed(context, app, tick, asked_data=[]) == (False, [], None)
    assert followed(context, app, "exports-pressed.data", pressed_data=number) == (False, [], number), "quicker than it"
    assert followed(context, app, tick, asked_data=[7]) == (False, [], None)


def acted(client: SignedIn, app: Dash, act: object, number: object) -> TestResponse:
    body = body_of(app, "exports-acted.data", {"triggered": {"act": act, "file": number}})
    return client.post("/_dash-update-component", json=body)


def test_the_buttons_of_the_strip_do_what_they_say_and_count_as_presses(context: Context, app: Dash) -> None:
    number = asked_for(context, app)
    client = SignedIn(context, app=create_app(context, DOOR))  # with counters of its own
    for act, wrong in (("cancel", number + 7), ("cancel", "x"), ("cancel", 2**40), ("burn", number), ("retry", number)):
        assert acted(client, app, act, wrong).status_code in (200, 204)
    assert job_of(context, number).state == "queued"
    acted(client, app, "cancel", number)
    assert job_of(context, number).state == "cancelled"
    again = json.loads(acted(client, app, "retry", number).text)["response"]["exports-acted"]["data"]
    assert job_of(context, again).retry_of == number
    assert {acted(client, app, "burn", number).status_code for _ in range(23)} <= {200, 204}
    assert acted(client, app, "retry", number).status_code == 429


def test_whoever_may_save_nothing_has_no_strip(context: Context, app: Dash) -> None:
    for role in Role:
        with asking_as(context, role):
            assert bool(file_strip.strip_place()) == (role not in (Role.OPERATOR, Role.ADMINISTRATOR))


def test_fetching_a_file_keeps_no_session_alive(context: Context, app: Dash) -> None:
    """The tab does it by itself: whoever left it open is not there."""
    number = asked_for(context, app)
    work_off(context)
    client = app.server.test_client()
    client.set_cookie(DOOR.cookie, token_of(context, Role.CHIEF))

    def seen() -> datetime:
        with Session(context.records) as session:
            return session.scalars(select(SignIn.seen_at).order_by(SignIn.sign_in_id.desc())).first() or datetime.min

    with transaction(context.records) as session:
        session.execute(update(SignIn).values(seen_at=stores.now() - timedelta(minutes=30)))
    before = seen()
    assert client.get(f"/archivos/{number}", buffered=True).status_code == 200
    assert seen() == before
    client.get("/", buffered=True)
    assert seen() > before


def test_a_file_is_asked_for_followed_over_pages_and_comes_by_itself(context: Context, window: BrowserContext) -> None:
    """In a browser, with the worker's own processes."""
    stop = Event()
    pace = Pace(look=0.05, beat=0.1, rounds=60)
    working = Thread(target=worker.run, args=(context.settings,), kwargs={"stop": stop, "pace": pace})
    name = "llamadas_registradas_2026-10-01_2026-10-31.xlsx"
    with served(context.settings) as address, watched(window, address, Role.MANAGER) as tab:
        tab.goto(f"{address}/llamadas{SEARCH}")
        tab.get_by_role("button", name="Descargar").click()
        tab.get_by_role("menuitem", name="Excel").click()
        expect(tab.get_by_text(f"Preparando {name}…")).to_be_visible()
        tab.get_by_role("link", name="Inicio").first.click()
        expect(tab.get_by_role("heading", level=1)).to_contain_text("Octubre")
        expect(tab.get_by_text(f"Preparando {name}…")).to_be_visible()
        for size in WIDTHS:
            assert cut_texts(tab, size) == []
        assert serious_violations(tab, "telephone", "dark") == []
        with tab.expect_download(timeout=90_000) as saved:
            working.start()
            try:
                expect(tab.get_by_text("Listo:")).to_be_visible(timeout=60_000)
            finally:
                stop.set()
                working.join(30)
        assert saved.value.suggested_filename == name
        assert saved.value.path().read_bytes().startswith(b"PK")
        expect(tab.get_by_role("link", name=name)).to_be_visible()
        assert serious_violations(tab, "notebook", "light") == []
        tab.get_by_role("button", name=f"Quitar: {name}").click()
        expect(tab.locator("#exports")).to_be_empty()

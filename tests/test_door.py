"""The door over HTTP, against a running server: who gets what, and what is refused however it is asked (S01 to S39)."""

import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from dashboard.app import UPLOAD, create_app
from dashboard.context import Context
from dashboard.pages import PAGES
from dashboard.people.accounts import Role, hash_password, set_disabled, set_password, set_role
from dashboard.security.access import CALLBACK, EXPORT, PAGE, RIGHT, AccessError, access, callback_name, read_access
from dashboard.security.door import CALLBACKS, UPLOAD_BODY_BYTES, Door, DoorError
from etl.records.audit import SYSTEM
from etl.records.engine import transaction
from etl.records.models import AuditEntry
from etl.settings import Settings
from tests.callbacks import body_of
from tests.people import DOOR, account_of
from tests.plain_browser import Browser, somebody
from tests.served import Served, served

PASSWORD = "siete caballos azules corren"
CALLBACK_NAMES = {
    callback_name(key, found): key
    for key, found in create_app(Context(Settings(data=Path("/nowhere"))), DOOR).callback_map.items()
    if "callback" in found
}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, sample: Settings) -> Iterator[Served]:
    with served(sample) as address:
        yield address


@pytest.fixture
def nobody(running: Served) -> Browser:
    return Browser(running)


def entries(address: Served, action: str) -> int:
    with Session(address.context.records) as session:
        return session.scalar(select(func.count()).where(AuditEntry.action == action)) or 0


# The table


def test_the_table_names_every_page_and_callback_and_nothing_else(store_context: Context) -> None:
    assert set(access().names(PAGE)) == {page.PATH for page in PAGES}
    assert {*access().names(CALLBACK), *access().names(EXPORT)} == set(CALLBACK_NAMES)
    assert access().names(RIGHT)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.PATH)
def test_a_callback_or_page_without_a_row_keeps_the_app_from_starting(
    page: Any, store_context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = {key: roles for key, roles in access().rows.items() if key != (PAGE, page.PATH)}
    monkeypatch.setattr("dashboard.security.door.access", lambda: type(access())(without))
    with pytest.raises(AccessError, match=f"no row in access.csv for page {page.PATH}"):
        create_app(store_context, DOOR)


def test_a_callback_without_a_row_and_a_row_of_nothing_keep_the_app_from_starting(
    store_context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = dict(access().rows)
    gone = rows.pop((CALLBACK, "page.children"))
    monkeypatch.setattr("dashboard.security.door.access", lambda: type(access())(rows))
    with pytest.raises(AccessError, match=r"no row in access\.csv for callback page\.children"):
        create_app(store_context, DOOR)
    rows[CALLBACK, "page.children"] = gone
    rows[CALLBACK, "page.nothing"] = gone
    with pytest.raises(AccessError, match=r"rows of nothing: callback page\.nothing"):
        create_app(store_context, DOOR)
    del rows[CALLBACK, "page.nothing"]
    monkeypatch.setattr("dashboard.security.access.kind_of", lambda own, name: None if own == "sl-lines" else str)
    with pytest.raises(AccessError, match=r"values\.py does not say what these hold: sl-lines\.value"):
        create_app(store_context, DOOR)


@pytest.mark.parametrize(
    "text",
    [
        "kind,name,operator\n",
        f"kind,name,{','.join(Role)}\npage,/,x,x,x,x,x,x\npage,/,x,x,x,x,x,x\n",
        f"kind,name,{','.join(Role)}\nthing,/,x,x,x,x,x,x\n",
        f"kind,name,{','.join(Role)}\npage,/,yes,x,x,x,x,x\n",
    ],
)
def test_a_table_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(AccessError):
        read_access(text)


@pytest.mark.parametrize("role", Role)
def test_every_page_callback_and_export_answers_as_the_table_says(role: Role, running: Served) -> None:
    """S05, S07, S10: each cell of the table is asked for."""
    browser = somebody(running, role)
    app = create_app(running.context, DOOR)
    denied = entries(running, "denied")
    refused = 0
    for page in PAGES:
        may = access().may(role, PAGE, page.PATH)
        assert browser.page(page.PATH).status == (200 if may else 403), page.PATH
        refused += not may
    for name, key in CALLBACK_NAMES.items():
        may = access().may(role, access().kind_of_callback(name) or "", name)
        answer = browser.call(body_of(app, key, {}))
        assert (answer.status in (200, 204)) if may else answer.status == 403, f"{name}: {answer.status} {answer.text}"
        # A page that could not be filled is answered with 200 too.
        assert '"failure"' not in answer.text, f"{name}: {answer.text}"
        refused += not may
    assert entries(running, "denied") == denied + refused


@pytest.mark.parametrize("role", [None, *Role])
def test_a_session_that_is_none_reaches_nothing(role: Role | None, running: Served) -> None:
    """S01 to S04: without a session, and with a cookie that nobody was given."""
    browser = Browser(running, {} if role is None else {DOOR.cookie: f"made-up-{role}"})
    app = create_app(running.context, DOOR)
    before = entries(running, "denied")
    for page in PAGES:
        answer = browser.page(page.PATH)
        assert answer.status == 302 and answer.headers["Location"].startswith("/login"), page.PATH
        assert browser.send("GET", page.PATH).status == 401
    for path in ("/_dash-layout", "/_dash-dependencies", "/_reload-hash", "/_favicon.ico?x", "/assets/callcenter.js",
                 "/_dash-component-suites/dash/dcc/dash_core_components.js", "/anything/at/all", "/_mcp", "/mcp",
                 "/_dash-update-component", "/_dash-devtools", "/console", "/?debug"):  # fmt: skip
        answer = browser.send("GET", path)
        assert answer.status == 401 and json.loads(answer.text)["sign_in"] == "/login", path
    for key in CALLBACK_NAMES.values():
        assert browser.call(body_of(app, key, {})).status == 401, key
    assert entries(running, "denied") == before


def test_what_the_sign_in_page_needs_is_public_and_nothing_else(nobody: Browser) -> None:
    page = nobody.page("/login")
    assert page.status == 200
    for path in re.findall(r'(?:href|src)="(/[^"]+)"', page.text):
        assert nobody.send("GET", path).status == 200, path
    assert nobody.send("GET", "/healthz").text == "ok\n"


# Sessions


@pytest.fixture
def chief_with_password(running: Served) -> str:
    records = running.context.records
    account = account_of(records, Role.CHIEF)
    with transaction(records) as session:
        account = session.merge(account)
        if account.password_hash is None:
            set_password(session, SYSTEM, account, hash_password(PASSWORD), must_change=False)
    return account.name


def test_signing_in_gives_a_session_of_its_own_and_signing_out_ends_it(
    nobody: Browser, chief_with_password: str
) -> None:
    """S13, S14."""
    nobody.cookies[DOOR.cookie] = "chosen-by-somebody-else"
    answer = nobody.form("/login", name=chief_with_password.upper(), password=PASSWORD)
    assert answer.status == 302 and answer.headers["Location"] == "/"
    (cookie,) = [c for c in answer.headers.get_all("Set-Cookie") or [] if c.startswith(f"{DOOR.cookie}=")]
    assert {"HttpOnly", "Path=/", "SameSite=Lax"} <= {part.strip() for part in cookie.split(";")[1:]}
    token = nobody.cookies[DOOR.cookie]
    assert len(token) >= 40 and token != "chosen-by-somebody-else"
    assert nobody.page("/").status == 200
    assert nobody.send("GET", "/logout").status == 405
    out = nobody.form("/logout")
    assert out.status == 302 and "cookies" in out.headers["Clear-Site-Data"]
    replayed = Browser(nobody.address, {DOOR.cookie: token})
    assert replayed.page("/").status == 302 and replayed.send("GET", "/_dash-layout").status == 401


def test_a_role_taken_away_and_a_closed_account_act_at_the_next_request(running: Served) -> None:
    """S11."""
    browser = somebody(running, Role.SUPERVISOR)
    assert browser.page("/llamadas").status == 200
    account = account_of(running.context.records, Role.SUPERVISOR)
    try:
        with transaction(running.context.records) as session:
            set_role(session, SYSTEM, session.merge(account), Role.OPERATOR)
        assert browser.page("/llamadas").status == 403
        with transaction(running.context.records) as session:
            set_disabled(session, SYSTEM, session.merge(account), True)
        assert browser.page("/").status == 302
    finally:
        with transaction(running.context.records) as session:
            account = session.merge(account)
            set_disabled(session, SYSTEM, account, False)
            set_role(session, SYSTEM, account, Role.SUPERVISOR)


@pytest.mark.parametrize("weak", ["", "dev", "changeme" * 8, "x" * 64, "0123456789"])
def test_a_secret_that_could_be_guessed_signs_nothing(weak: str) -> None:
    """S15, F35."""
    with pytest.raises(DoorError):
        Door(weak, ("localhost",), tls=False)


def test_a_cookie_signed_with_another_key_or_changed_is_none(running: Served) -> None:
    browser = somebody(running, Role.CHIEF)
    token = browser.cookies[DOOR.cookie]
    changed = token[:-1] + ("A" if token[-1] != "A" else "B")
    assert Browser(running, {DOOR.cookie: changed}).page("/").status == 302


# What no honest browser sends


BODY: dict[str, Any] = {
    "output": "page.children",
    "outputs": {"id": "page", "property": "children"},
    "inputs": [{"id": "location", "property": "pathname", "value": "/"}],
    "changedPropIds": ["location.pathname"],
}


def test_an_honest_callback_is_answered(running: Served) -> None:
    assert somebody(running, Role.CHIEF).call(BODY).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "https://[bad"},
        {"Origin": "\x7f"},
        {"Referer": "https://evil.example/"},
        {"Referer": "https://localhost:x/"},
        {"Referer": "https://[bad"},
        {"Referer": "about:blank"},
    ],
)
def test_a_callback_from_another_site_is_refused(headers: dict[str, str], running: Served) -> None:
    """S22, S23."""
    assert somebody(running, Role.CHIEF).call(BODY, **headers).status == 403


def test_a_callback_from_its_own_pages_is_answered(running: Served) -> None:
    browser = somebody(running, Role.CHIEF)
    assert browser.call(BODY, Origin=str(running), Sec_Fetch_Site="same-origin").status == 200
    assert browser.call(BODY, Referer=f"{running}/llamadas?a=b").status == 200
    other = str(running).replace("http:", "https:")
    assert browser.call(BODY, Origin=other).status == 403


@pytest.mark.parametrize("token", ["", "wrong", "IjEi.aaaa.bbbb"])
def test_a_post_without_the_mark_of_the_session_is_refused(token: str, running: Served) -> None:
    browser = somebody(running, Role.CHIEF)
    assert browser.call(BODY, X_CSRFToken=token).status == 400
    other = somebody(running, Role.CHIEF)
    assert browser.call(BODY, X_CSRFToken=other.cookies["_csrf_token"]).status == 400


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_a_callback_of_another_type_is_refused(kind: str, running: Served) -> None:
    """S24."""
    assert somebody(running, Role.CHIEF).call(BODY, Content_Type=kind).status == 415
    assert somebody(running, Role.CHIEF).call(BODY, Content_Type="").status == 415


@pytest.mark.parametrize(
    "body",
    [
        b"{", b"[]", b"null", b"{}", b"\xff\xfe", b"[" * 10_000, b"1e400", b'{"output": 1}',
        json.dumps({**BODY, "output": "no.such"}).encode(),
        json.dumps({**BODY, "output": "title.id"}).encode(),  # answered in the browser
        json.dumps({**BODY, "inputs": []}).encode(),
        json.dumps({**BODY, "inputs": [{"id": {"a": 1}, "property": "pathname"}]}).encode(),
        json.dumps({**BODY, "inputs": [None]}).encode(),
        json.dumps({**BODY, "inputs": [{"id": "location", "property": "search", "value": "/"}]}).encode(),
        json.dumps({**BODY, "outputs": []}).encode(),
        json.dumps({**BODY, "outputs": {"id": "page", "property": "style"}}).encode(),
        json.dumps({**BODY, "changedPropIds": [[]]}).encode(),
        json.dumps({**BODY, "state": [{"id": "page", "property": "children"}]}).encode(),
        json.dumps({**BODY, "inputs": [{**BODY["inputs"][0], "value": ["/"]}]}).encode(),
        json.dumps({**BODY, "inputs": [{**BODY["inputs"][0], "value": "\ud800"}]}).encode(),
    ],
)  # fmt: skip
def test_a_body_that_is_no_callback_is_refused_and_never_fails(body: bytes, running: Served) -> None:
    """S25."""
    answer = somebody(running, Role.CHIEF).call(body)
    assert answer.status == 400 and "Traceback" not in answer.text


#: What no browser of ours sends in any property; `None` is what each may hold.
FORGED = (True, 0.5, float("nan"), float("inf"), 1e308, 2**70, "x", "\x00", "\ud800", "?cuenta=99999999999", [], [None],
          [[]], {}, {"a": 1}, {"points": [{"x": 5, "y": []}]}, {"points": []}, {"colId": [], "value": 2})  # fmt: skip


def test_what_a_property_cannot_hold_is_refused_and_never_a_failure(running: Served) -> None:
    """S25, of every property that a callback takes."""
    app = create_app(running.context, DOOR)
    everybody = {role: somebody(running, role) for role in Role}
    statuses = set()
    for name, key in CALLBACK_NAMES.items():
        kind = access().kind_of_callback(name) or ""
        role = next(role for role in Role if access().may(role, kind, name) and (kind != EXPORT or role == Role.CHIEF))
        wanted = [*app.callback_map[key]["inputs"], *app.callback_map[key]["state"]]
        for place, forged in itertools.product(range(len(wanted)), FORGED):
            body = body_of(app, key, {})
            given = [*body["inputs"], *body["state"]]
            if isinstance(given[place], list):
                pattern = json.loads(wanted[place]["id"])
                identity = {part: value if isinstance(value, str) else 1 for part, value in pattern.items()}
                given[place].append({"id": identity, "property": wanted[place]["property"], "value": forged})
            else:
                given[place]["value"] = forged
            answer = everybody[role].call(body)
            statuses.add(answer.status)
            told = f"{name} {wanted[place]} {forged!r}: {answer.status} {answer.text[-200:]}"
            assert answer.status < 500 and '"failure"' not in answer.text, told
    assert {200, 400} <= statuses


def test_a_body_larger_than_a_callback_needs_is_refused(running: Served) -> None:
    """S26."""
    large = {**BODY, "inputs": [{**BODY["inputs"][0], "value": "x" * 300_000}]}
    assert somebody(running, Role.OPERATOR).call(large).status == 413
    assert somebody(running, Role.CHIEF).call(large).status == 413
    browser = somebody(running, Role.CHIEF)
    told = {"Content_Type": "application/json", "X_CSRFToken": browser.cookies["_csrf_token"]}
    huge = browser.send("POST", CALLBACKS, b"", Content_Length=str(UPLOAD_BODY_BYTES + 1), **told)
    assert huge.status == 413


def test_the_body_of_a_file_is_waited_for_only_from_whoever_may_send_one(running: Served) -> None:
    """Told by a head whose body never comes: whoever may not is answered all the same."""
    app = create_app(running.context, DOOR)
    may_send = app.server.config["LARGE_BODIES"].may_send
    for role in Role:
        browser = somebody(running, role)
        cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
        assert may_send(cookies) == access().may(role, CALLBACK, UPLOAD), role
        told = {"Content_Type": "application/json", "X_CSRFToken": browser.cookies["_csrf_token"]}
        if not may_send(cookies):
            assert browser.send("POST", CALLBACKS, b"", Content_Length=str(20 * 1024**2), **told).status == 413
    assert not may_send("") and not may_send(f"{DOOR.cookie}=made-up") and not may_send("\ufffd;=;")
    for path, status in ((CALLBACKS, 401), ("/login", 400), ("/", 401)):
        kind = "application/x-www-form-urlencoded" if path == "/login" else "application/json"
        answer = Browser(running).send("POST", path, b"", Content_Length=str(20 * 1024**2), Content_Type=kind)
        assert answer.status == status, path


def test_a_body_of_unknown_length_is_refused(running: Served) -> None:
    """S27."""
    browser = somebody(running, Role.CHIEF)
    told = {"Content_Type": "application/json", "X_CSRFToken": browser.cookies["_csrf_token"]}
    answer = browser.send("POST", CALLBACKS, b"0\r\n\r\n", Transfer_Encoding="chunked", **told)
    assert answer.status == 411


@pytest.mark.parametrize("path", ["/", "/login", "/nada", "/_dash-layout", "/assets/callcenter.css", "/healthz"])
def test_every_answer_bears_the_security_headers(path: str, running: Served) -> None:
    """S28."""
    for browser in (Browser(running), somebody(running, Role.CHIEF)):
        headers = browser.page(path).headers
        policy = headers["Content-Security-Policy"]
        for rule in ("default-src 'self'", "object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"):
            assert rule in policy
        scripts = re.search(r"script-src ([^;]*)", policy)
        assert scripts and "unsafe" not in scripts[1] and "sha256-" in scripts[1]
        assert headers["X-Content-Type-Options"] == "nosniff" and headers["X-Frame-Options"] == "DENY"
        assert headers["Referrer-Policy"] == "same-origin"
        assert (headers.get("Cache-Control") == "no-store") == (not path.startswith("/assets/"))


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8050", "192.168.1.5", "localhost.evil.example", "", "[", "localhost:80@evil.example",
     "localhost:evil.example", "127.0.0.1:8050:evil.example", "[::1]evil.example", "[::1", "::1", "localhost:", "[]",
     "[localhost]", "localhost:123456", "[127.0.0.1]"],
)  # fmt: skip
def test_a_request_that_names_another_host_is_refused(host: str, running: Served) -> None:
    """S29."""
    for path in ("/", "/login", "/_dash-layout", "/assets/callcenter.css", "/healthz"):
        answer = Browser(running).page(path, Host=host)
        assert answer.status == 400 and "evil" not in answer.text


@pytest.mark.parametrize(
    "path",
    ["/assets/../app.py", "/assets/%2e%2e/app.py", "/_dash-component-suites/../../x",
     "/_dash-component-suites/dash/../x", "/_dash-component-suites/no_such/x.js", "/.env", "/static/x", "/nada",
     "/assets/", "/_dash-component-suites/", "/_dash-anything", "/_dash-update-component/x", "/_dash-layout/x",
     "/_reload-hash", "/_favicon.ico"],
)  # fmt: skip
def test_a_path_that_leads_nowhere_is_never_a_failure(path: str, running: Served) -> None:
    """S33, S37."""
    answer = somebody(running, Role.CHIEF).page(path)
    assert answer.status in (400, 401, 403, 404) and "Traceback" not in answer.text


@pytest.mark.parametrize("method", ["TRACE", "PUT", "DELETE", "PATCH", "CONNECT"])
def test_a_method_that_no_page_has_is_refused(method: str, running: Served) -> None:
    for path in ("/", CALLBACKS, "/login"):
        assert somebody(running, Role.CHIEF).send(method, path).status in (400, 405, 501)


def test_a_wish_where_to_go_after_signing_in_leads_to_our_own_pages_only(
    nobody: Browser, chief_with_password: str
) -> None:
    def lands(where: str) -> str:
        browser = Browser(nobody.address)
        found = re.search(r'name="csrf_token" value="([^"]+)"', browser.page("/login").text)
        assert found
        content = urlencode({"csrf_token": found[1], "name": chief_with_password, "password": PASSWORD}).encode()
        answer = browser.send(
            "POST", f"/login?{urlencode({'next': where})}", content, Content_Type="application/x-www-form-urlencoded"
        )
        assert answer.status == 302
        return answer.headers["Location"]

    assert lands("/nivel-de-servicio?mes=2026-10") == "/nivel-de-servicio?mes=2026-10"
    for where in (
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "javascript:1",
        "/logout",
        "http://[",
        "",
    ):
        assert lands(where) == "/"


def test_files_asked_for_again_and_again_are_refused_for_a_minute(sample: Settings) -> None:
    """S38."""
    with served(sample) as address:
        browser = somebody(address, Role.MANAGER)
        app = create_app(address.context, DOOR)
        (key,) = [key for name, key in CALLBACK_NAMES.items() if name == "calls-file.data"]
        asked = body_of(app, key, {})
        for _ in range(40):  # a page asks once by itself, with nothing pressed
            assert browser.call(asked).status in (200, 204)
        body = body_of(app, key, {"triggered": {"part": "calls", "ending": "csv"}})
        answers = [browser.call(body) for _ in range(31)]
        assert {answer.status for answer in answers[:30]} <= {200, 204}
        assert answers[30].status == 429 and 1 <= int(answers[30].headers["Retry-After"]) <= 60
        assert somebody(address, Role.CHIEF).call(body).status in (200, 204)

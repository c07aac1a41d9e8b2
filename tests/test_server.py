"""Where the server listens and what it never tells, and the frame around every page."""

import asyncio
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from dash import Dash
from dash.development.base_component import Component
from werkzeug.test import Client

from dashboard import app as frame
from dashboard.app import create_app
from dashboard.context import Context
from dashboard.pages import PAGES, month
from dashboard.people.accounts import Role
from dashboard.serving.server import ServerError, address, addresses, check_host, is_loopback, serve
from etl import store as stores
from etl.settings import Settings
from reports import terms
from tests.people import DOOR, SignedIn, asking_as
from tests.product import Product
from tests.served import one_call, served, texts


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.3.2.1", "::1", "localhost", "LOCALHOST", "localhost:8050", "127.0.0.1:80", "[::1]:8050"]
)
def test_this_computer_is_loopback(host: str) -> None:
    assert is_loopback(host)
    if ":" not in host.replace("::1", ""):
        check_host(host)


@pytest.mark.parametrize(
    "host",
    ["0.0.0.0", "::", "", "192.168.1.5", "callcenter.local", "localhost.evil.example", "127.0.0.1.evil.example", "1.2"],
)
def test_any_other_host_is_refused_before_anything_is_opened(host: str) -> None:
    with pytest.raises(ServerError, match=r"necesita un certificado.*callcenter init"):
        check_host(host)
    with pytest.raises(ServerError):
        serve(Dash(__name__), host, 0)


def test_a_port_in_use_is_told_in_spanish(empty_context: Context) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ServerError, match=r"No se puede abrir el puerto \d+ en 127.0.0.1.*--port"):
            serve(create_app(empty_context, DOOR), "127.0.0.1", taken.getsockname()[1])


def test_an_address_is_what_to_write_in_the_browser() -> None:
    assert address("127.0.0.1", 8050) == "http://127.0.0.1:8050/"
    assert address("::1", 8050) == "http://[::1]:8050/"
    assert address("callcenter.lan", 443, tls=True) == "https://callcenter.lan/"
    assert addresses("0.0.0.0", 8050, ["callcenter.lan", "10.0.0.7"], tls=True) == [
        "https://callcenter.lan:8050/", "https://10.0.0.7:8050/",
    ]  # fmt: skip
    assert addresses("127.0.0.1", 8050, ["callcenter.lan"], tls=False) == ["http://127.0.0.1:8050/"]


def test_the_server_prints_its_address_and_not_what_it_is(tmp_path: Path) -> None:
    code = (
        "from dashboard.app import create_app; from dashboard.context import Context; "
        "from dashboard.serving.server import serve; from etl.settings import Settings; from tests.people import DOOR; "
        f"serve(create_app(Context(Settings(data={str(tmp_path)!r})), DOOR), port=0)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            found = re.search(r"http://127\.0\.0\.1:\d+/", line)
            assert found, line
            with urlopen(found[0] + "login") as answer:
                assert answer.status == 200 and "Server" not in answer.headers
            process.send_signal(signal.SIGINT)
            assert process.wait(10) == 0
        finally:
            process.kill()


@pytest.fixture
def client(empty_context: Context) -> Client:
    return SignedIn(empty_context)


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8050", "192.168.1.5", "localhost.evil.example"])
def test_a_request_that_names_another_host_is_refused(client: Client, host: str) -> None:
    for path in ("/", "/_dash-layout", "/assets/callcenter.css"):
        answer = client.get(path, headers={"Host": host, "Accept": "text/html"}, buffered=True)
        assert answer.status_code == 400
        assert "Pedido no válido" in answer.text


@pytest.mark.parametrize("path", ["/", "/nada", "/_dash-layout", "/assets/callcenter.css"])
def test_every_answer_bears_the_security_headers(client: Client, path: str) -> None:
    headers = client.get(path, buffered=True).headers
    policy = headers["Content-Security-Policy"]
    for rule in ("default-src 'self'", "object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"):
        assert rule in policy
    scripts = re.search(r"script-src ([^;]*)", policy)
    assert scripts and "unsafe" not in scripts[1] and "sha256-" in scripts[1]
    assert headers["X-Content-Type-Options"] == "nosniff" and headers["X-Frame-Options"] == "DENY"
    assert (headers.get("Cache-Control") == "no-store") == (not path.startswith("/assets/"))


def test_scripts_are_kept_whoever_signs_in_and_what_says_something_of_somebody_is_not(client: Client) -> None:
    """Nine megabytes of them: a browser that kept them for one cookie would ask for all again after each sign-in."""
    scripts = re.findall(r'<script src="([^"]+)"', client.get("/", buffered=True).text)
    suites = [path for path in scripts if path.startswith("/_dash-component-suites/")]
    assert len(suites) > 5
    for path in (*suites, "/assets/callcenter.css"):
        headers = client.get(path, buffered=True).headers
        assert "Vary" not in headers and "Set-Cookie" not in headers, path
    assert all("max-age=31536000" in client.get(path, buffered=True).headers["Cache-Control"] for path in suites)
    for path in ("/", "/_dash-layout"):
        headers = client.get(path, buffered=True).headers
        assert "Cookie" in headers["Vary"] and headers["Cache-Control"] == "no-store", path


def test_the_page_is_in_spanish_and_asks_nothing_of_another_server(client: Client) -> None:
    text = client.get("/", buffered=True).text
    assert '<html lang="es-BO">' in text
    assert not re.findall(r"(?:src|href)=\"(?:https?:)?//", text)


@pytest.mark.parametrize("path", ["/nada", "/static/x", "/mcp", "/_mcp", "/.env"])
def test_a_page_that_is_not_there_says_so(client: Client, path: str) -> None:
    answer = client.get(path, headers={"Accept": "text/html"}, buffered=True)
    assert answer.status_code == 404
    assert "Esta página no existe" in answer.text and 'lang="es-BO"' in answer.text


@pytest.mark.parametrize("body", ["{", "[]", "{}", '{"output": "x.y", "inputs": []}'])
def test_a_broken_request_gets_no_stack(client: Client, body: str) -> None:
    answer = client.post("/_dash-update-component", data=body, content_type="application/json")
    assert answer.status_code in (400, 500)
    assert "Traceback" not in answer.text and "dashboard" not in answer.text


def ask(client: Client, search: str, shown: dict[str, Any] | None = None) -> Any:
    """What the browser asks for to fill the page of the month."""
    output = "..month-content.children...month-shown.data.."
    body = {
        "output": output,
        "outputs": [
            {"id": "month-content", "property": "children"},
            {"id": "month-shown", "property": "data"},
        ],
        "inputs": [
            {"id": "location", "property": "search", "value": search},
            {"id": "clock", "property": "n_intervals", "value": 0},
        ],
        "state": [{"id": "month-shown", "property": "data", "value": shown}],
        "changedPropIds": ["location.search"],
    }
    return client.post("/_dash-update-component", json=body)


def test_a_failure_is_told_with_a_mark_and_without_a_stack(
    store_context: Context, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a secret of the machine")

    monkeypatch.setattr(month, "summarize", fail)
    answer = ask(SignedIn(store_context), "")
    mark = re.search(r"la marca ([0-9a-f]{8})", answer.text)
    assert answer.status_code == 500 and answer.headers["X-Said"] == "page" and mark, answer.text
    assert '"failure"' in answer.text, "by which other tests know such an answer"
    assert "secret" not in answer.text and "Traceback" not in answer.text
    assert mark[1] in caplog.text and "RuntimeError" in caplog.text and "test_server.py" in caplog.text
    assert "secret" not in caplog.text, "what an error says may hold a customer's data"


def test_a_request_that_fails_is_answered_by_a_mark_in_json(
    store_context: Context, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """S36, of what is no callback."""

    def fail(*_: object) -> None:
        raise RuntimeError("a secret of the machine")

    client = SignedIn(store_context)
    monkeypatch.setattr(frame, "header", fail)
    answer = client.get("/_dash-layout")
    assert answer.status_code == 500 and answer.json is not None
    assert answer.json.keys() == {"error", "id"} and re.fullmatch("[0-9a-f]{8}", answer.json["id"])
    assert "secret" not in answer.text and "Traceback" not in answer.text
    assert answer.json["id"] in caplog.text and "secret" not in caplog.text


def test_a_page_that_shows_the_generation_in_service_is_not_drawn_again(
    product: Product, store_context: Context
) -> None:
    client = SignedIn(store_context)

    def answer(search: str) -> dict[str, Any]:
        return dict(ask(client, search, shown).json["response"])

    shown: dict[str, Any] | None = None
    shown = answer("")["month-shown"]["data"]
    assert shown == {"search": "", "generation": 1, "month": "2026-10"}
    assert answer("") == {}
    assert answer("?mes=2026-10")
    product.load(one_call("two", 1))
    assert answer("")


# The frame around every page


def test_every_page_has_what_the_frame_asks_of_it() -> None:
    assert len({page.PATH for page in PAGES}) == len(PAGES)
    for page in PAGES:
        assert page.PATH.startswith("/") and page.TITLE
        assert isinstance(page.layout(), Component)


@pytest.mark.parametrize(("kind", "bears"), [(stores.DEMO, True), (stores.SITE, False)])
def test_every_page_of_a_demo_store_says_so(tmp_path: Path, kind: str, bears: bool) -> None:
    settings = Settings(data=tmp_path / "data")
    stores.open_store(settings, kind=kind).records.dispose()
    context = Context(settings)
    app = create_app(context, DOOR)
    assert callable(app.layout)
    with asking_as(context, Role.CHIEF):
        assert (terms.DEMO_DATA in texts(app.layout())) == bears
    assert app.title.startswith(terms.DEMO_DATA) == bears


def test_a_path_that_only_the_browser_knows_gets_the_same_refusal() -> None:
    assert "Esta página no existe" in texts(frame._page("/nada"))


def test_an_answer_on_a_kept_connection_waits_for_nothing(
    store_context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Headers and body leave at once: without TCP_NODELAY each answer took the 40 ms of a delayed acknowledgement."""
    found: list[int] = []
    connect = asyncio.SelectorEventLoop.connect_accepted_socket

    async def note(loop: Any, protocol: Any, sock: socket.socket, **named: Any) -> Any:
        found.append(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        return await connect(loop, protocol, sock, **named)

    monkeypatch.setattr(asyncio.SelectorEventLoop, "connect_accepted_socket", note)
    with served(store_context.settings) as address, urlopen(f"{address}/healthz") as answer:
        assert answer.status == 200
    assert found and all(found)

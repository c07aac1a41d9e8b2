"""The dashboard without a browser: what it reads from, whom it answers, and what the month's page says."""

import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from dash import Dash
from dash.development.base_component import Component
from sqlalchemy import update
from werkzeug.test import Client

from dashboard import app as frame
from dashboard.app import create_app
from dashboard.context import Context
from dashboard.pages import PAGES, month
from dashboard.server import ServerError, address, check_host, is_loopback, serve
from etl import pipeline
from etl.records.engine import transaction
from etl.records.models import Parameter as ParameterRecord
from etl.records.site import ParameterRule, reference_parameters
from etl.settings import Settings
from etl.warehouse import Generation, WarehouseError
from reports import terms
from reports.measured import Figure, Recorded, Verdict
from reports.rules import DEFAULTS, Parameter, Rules, RulesError
from reports.summary import TrendMonth, summarize
from reports.wording import days_text, gap_text
from tests.drawn_calls import warehouse, with_parameter
from tests.product import Product
from tests.reference_counter import LogFile

DAY_ONE = 1793448000  # 2026-10-31 08:00:00 in La Paz


def log(name: str, number: int) -> LogFile:
    """One call to line 101, answered after 5 s, `number` minutes after eight."""
    at = DAY_ONE + 60 * number
    events = (f"{at}|{at}.1|101|NONE|ENTERQUEUE||70{number:06}|1", f"{at + 5}|{at}.1|101|SIP/201|CONNECT|5|{at}.2|3")
    return LogFile(name, (*events, f"{at + 35}|{at}.1|101|SIP/201|COMPLETECALLER|5|30|1"))


def registered(store: Context) -> int:
    with store.reading() as (_, cursor):
        row = cursor.execute("SELECT COUNT(*) FROM core.line_calls WHERE registered").fetchone()
        assert row is not None
        return int(row[0])


@pytest.fixture
def product(tmp_path: Path) -> Product:
    product = Product(tmp_path)
    product.load(log("one", 0))
    return product


@pytest.fixture
def store(product: Product) -> Iterator[Context]:
    store = Context(product.settings())
    yield store
    store.close()


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Context]:
    store = Context(Settings(data=tmp_path / "nothing"))
    yield store
    store.close()


# What pages read from


def test_a_new_generation_is_read_as_soon_as_it_is_in_service(product: Product, store: Context) -> None:
    assert registered(store) == 1
    product.load(log("two", 1))
    assert registered(store) == 2


def test_who_reads_goes_on_reading_the_generation_they_began_with(product: Product, store: Context) -> None:
    with store.reading() as (before, cursor):
        product.load(log("two", 1))
        assert registered(store) == 2
        assert cursor.execute("SELECT COUNT(*) FROM core.line_calls").fetchone() == (1,)
        with store.reading() as (after, _):
            assert after.number > before.number


def test_at_most_two_generations_are_open_and_the_old_one_closes_with_its_last_reader(
    product: Product, store: Context
) -> None:
    opened: list[Any] = []
    with store.reading():
        opened.append(store._current)
        product.load(log("two", 1))
        with store.reading():
            opened.append(store._current)
        product.load(log("three", 2))
        assert registered(store) == 2, "while the first is read, the second serves and no third is opened"
        assert store._retired is opened[0]
    assert store._retired is None
    with pytest.raises(Exception, match=r"[Cc]onnection"):
        opened[0].connection.execute("SELECT 1")
    assert registered(store) == 3


def test_segments_that_are_gone_do_not_disturb_a_reader(product: Product, store: Context) -> None:
    assert registered(store) == 1
    old = set(product.settings().warehouse.glob("calls-*.duckdb"))
    product.load(log("two", 1))
    for path in old:
        path.unlink()
    assert registered(store) == 2


def test_many_threads_read_while_loads_are_published(product: Product, store: Context) -> None:
    def read(_: int) -> list[int]:
        return [registered(store) for _ in range(20)]

    with ThreadPoolExecutor(6) as pool:
        running = [pool.submit(read, number) for number in range(6)]
        for number in range(1, 4):
            product.load(log(f"more{number}", number))
        for each in running:
            counts = each.result()
            assert counts == sorted(counts)
    assert registered(store) == 4
    assert store._retired is None


def test_an_empty_store_says_what_to_do(empty: Context) -> None:
    assert empty.is_empty and empty.kind is None and empty.rules() == Rules.default()
    with pytest.raises(WarehouseError, match="callcenter ingest"), empty.reading():
        pass


def test_a_store_knows_what_it_is_and_its_lines(store: Context, tmp_path: Path) -> None:
    assert store.kind == pipeline.SITE and not store.is_demo and len(store.lines) == 12
    demo = Settings(data=tmp_path / "demo")
    pipeline.open_store(demo, kind=pipeline.DEMO).records.dispose()
    assert Context(demo).is_demo


# The rules in force


def test_the_reference_parameters_say_what_the_rules_default_to() -> None:
    found = {item.name: (item.value, item.option) for item in Rules.from_rows(reference_parameters()).parameters}
    assert found == {item.name: (item.value, item.option) for item in DEFAULTS}


def test_a_parameter_the_site_changes_is_in_force_at_once(product: Product, store: Context) -> None:
    assert store.rules().value("target", date(2026, 10, 1)) == Decimal("0.80")
    with transaction(product.store().records) as session:
        session.execute(update(ParameterRecord).where(ParameterRecord.name == "target").values(value="0.85"))
    assert store.rules().value("target", date(2026, 10, 1)) == Decimal("0.85")


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("target", "ochenta", "«ochenta» no es un valor de target"),
        ("threshold_seconds", "20,5", "«20,5» no es un valor de threshold_seconds"),
        ("target", "80", "La meta debe ser un decimal"),
        ("counted_lines", "", "conjunto de números de línea"),
        ("colour", "1", "No existe el parámetro «colour»"),
    ],
)
def test_a_parameter_that_cannot_be_read_is_named(name: str, value: str, says: str) -> None:
    with pytest.raises(RulesError, match=says):
        Rules.from_rows([ParameterRule(name, value, None, None, "")])


# Whom the server answers


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
    with pytest.raises(ServerError, match="mientras no haya cuentas de usuario"):
        check_host(host)
    with pytest.raises(ServerError):
        serve(Dash(__name__), host, 0)


def test_a_port_in_use_is_told_in_spanish(empty: Context) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ServerError, match=r"No se puede abrir el puerto \d+ en 127.0.0.1.*--port"):
            serve(create_app(empty), "127.0.0.1", taken.getsockname()[1])


def test_an_address_is_what_to_write_in_the_browser() -> None:
    assert address("127.0.0.1", 8050) == "http://127.0.0.1:8050/"
    assert address("::1", 8050) == "http://[::1]:8050/"


def test_the_server_prints_its_address_and_not_what_it_is(tmp_path: Path) -> None:
    code = (
        "from dashboard.app import create_app; from dashboard.context import Context; "
        "from dashboard.server import serve; from etl.settings import Settings; "
        f"serve(create_app(Context(Settings(data={str(tmp_path)!r}))), port=0)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            found = re.search(r"http://127\.0\.0\.1:\d+/", line)
            assert found, line
            with urlopen(found[0]) as answer:
                assert answer.status == 200 and "Server" not in answer.headers
            process.send_signal(signal.SIGINT)
            assert process.wait(10) == 0
        finally:
            process.kill()


@pytest.fixture
def client(empty: Context) -> Client:
    return Client(create_app(empty).server)


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8050", "192.168.1.5", "localhost.evil.example"])
def test_a_request_that_names_another_host_is_refused(client: Client, host: str) -> None:
    for path in ("/", "/_dash-layout", "/assets/callcenter.css"):
        answer = client.get(path, headers={"Host": host}, buffered=True)
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


def test_the_page_is_in_spanish_and_asks_nothing_of_another_server(client: Client) -> None:
    text = client.get("/", buffered=True).text
    assert '<html lang="es-BO">' in text
    assert not re.findall(r"(?:src|href)=\"(?:https?:)?//", text)


@pytest.mark.parametrize("path", ["/nada", "/_favicon.ico", "/_reload-hash", "/static/x", "/mcp", "/_mcp", "/.env"])
def test_a_page_that_is_not_there_says_so(client: Client, path: str) -> None:
    answer = client.get(path, buffered=True)
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
    store: Context, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a secret of the machine")

    monkeypatch.setattr(month, "summarize", fail)
    answer = ask(Client(create_app(store).server), "")
    mark = re.search(r"la marca ([0-9a-f]{8})", answer.text)
    assert answer.status_code == 200 and mark, answer.text
    assert "secret" not in answer.text and "Traceback" not in answer.text
    assert mark[1] in caplog.text and "a secret of the machine" in caplog.text


def test_a_page_that_shows_the_generation_in_service_is_not_drawn_again(product: Product, store: Context) -> None:
    client = Client(create_app(store).server)

    def answer(search: str) -> dict[str, Any]:
        return dict(ask(client, search, shown).json["response"])

    shown: dict[str, Any] | None = None
    shown = answer("")["month-shown"]["data"]
    assert shown == {"search": "", "generation": 1, "month": "2026-10"}
    assert answer("") == {}
    assert answer("?mes=2026-10")
    product.load(log("two", 1))
    assert answer("")


# What the page says


def texts(component: Any) -> str:
    """Every text of a component tree, in reading order, with one space between."""
    if isinstance(component, str):
        return component
    if isinstance(component, list | tuple):
        return " ".join(filter(None, (texts(each).strip() for each in component)))
    return texts(getattr(component, "children", None)) if isinstance(component, Component) else ""


def find(component: Any, wanted: Callable[[Any], bool]) -> Any:
    """The first component of a tree that is wanted."""
    for each in [component] if isinstance(component, Component) else []:
        if wanted(each):
            return each
        return find(getattr(each, "children", None), wanted)
    for each in component if isinstance(component, list | tuple) else []:
        if (found := find(each, wanted)) is not None:
            return found
    return None


def test_every_page_has_what_the_frame_asks_of_it() -> None:
    assert len({page.PATH for page in PAGES}) == len(PAGES)
    for page in PAGES:
        assert page.PATH.startswith("/") and page.TITLE and isinstance(page.ROLES, tuple)
        assert isinstance(page.layout(), Component)


def test_an_empty_store_shows_the_order_that_fills_it(empty: Context) -> None:
    content, title, shown = month.page_of(empty, "")
    assert "Todavía no hay datos" in texts(content) and "callcenter ingest" in texts(content)
    assert title == terms.HOME and shown is None


@pytest.mark.parametrize(
    ("search", "says"),
    [
        ("?mes=2027-01", "No hay registro de enero de 2027"),
        ("?mes=enero", "«enero» no es un mes"),
        ("?mes=2026-13", "no es un mes"),
        ("?mes=<script>", "«<script>» no es un mes"),
    ],
)
def test_a_month_that_cannot_be_shown_is_no_zero(store: Context, search: str, says: str) -> None:
    content, _, _ = month.page_of(store, search)
    assert says in texts(content) and "0 %" not in texts(content)


def test_a_damaged_warehouse_is_told(store: Context) -> None:
    (store.settings.warehouse / "CURRENT").write_text("{", encoding="utf-8")
    content, _, _ = month.page_of(store, "")
    assert "callcenter rebuild" in texts(content)


@pytest.mark.parametrize(("kind", "bears"), [(pipeline.DEMO, True), (pipeline.SITE, False)])
def test_every_page_of_a_demo_store_says_so(tmp_path: Path, kind: str, bears: bool) -> None:
    settings = Settings(data=tmp_path / "data")
    pipeline.open_store(settings, kind=kind).records.dispose()
    app = create_app(Context(settings))
    assert callable(app.layout)
    assert (terms.DEMO_DATA in texts(app.layout())) == bears
    assert app.title.startswith(terms.DEMO_DATA) == bears


def test_a_path_that_only_the_browser_knows_gets_the_same_refusal() -> None:
    assert "Esta página no existe" in texts(frame._page("/nada"))


@pytest.mark.parametrize(
    ("days", "first_shown"),
    [
        (["2026-09-30", "2026-10-31"], "2026-10"),
        (["2026-10-31", "2026-11-01"], "2026-10"),
        (["2026-09-30", "2026-10-30"], "2026-09"),
        (["2026-10-05"], "2026-10"),
        ([], None),
    ],
)
def test_the_page_opens_on_the_newest_month_that_is_over_in_the_data(days: list[str], first_shown: str | None) -> None:
    assert Recorded(tuple(map(date.fromisoformat, days))).latest_whole == first_shown


TARGET = Decimal("0.80")


@pytest.mark.parametrize(
    ("figure", "verdict", "says"),
    [
        (Figure(771, 1000, 0.771), Verdict(TARGET, False, 29), "faltaron 29 llamadas"),
        (Figure(799, 1000, 0.799), Verdict(TARGET, False, 1), "faltó 1 llamada"),
        (
            Figure(7996, 10000, 0.7996),
            Verdict(TARGET, False, 4),
            "faltaron 4 llamadas (sin redondear: 79,960 %)",
        ),
        (
            Figure(239_999, 300_000, 239_999 / 300_000),
            Verdict(TARGET, False, 1),
            "faltó 1 llamada (sin redondear: 79,9997 %)",
        ),
        (Figure(800, 1000, 0.8), Verdict(TARGET, True), "justo en la meta"),
        (Figure(2801, 3500, 0.80029), Verdict(TARGET, True, 0, 1), "margen de 1 llamada sobre la meta"),
        (Figure(9000, 10000, 0.9), Verdict(TARGET, True, 0, 1000), "margen de 1.000 llamadas sobre la meta"),
        (Figure(0, 0, None), Verdict(TARGET, None), "Sin llamadas registradas no hay nivel de servicio."),
        (Figure(1, 2, 0.5), Verdict(None, None), ""),
    ],
)
def test_the_gap_is_told_in_calls(figure: Figure, verdict: Verdict, says: str) -> None:
    assert gap_text(figure, verdict) == says


def test_days_are_told_as_spans() -> None:
    days = [date(2026, 10, day) for day in (3, 7, 8, 9, 12)]
    assert days_text(days) == "3, 7 a 9 y 12"
    assert days_text(days[:1]) == "3"


DRAWN = """
entered          | line    | outcome        | wait | talk | many
2026-09-10 08:00 | 101     | answered       | 10   | 60   | 3
2026-09-10 08:00 | 101     | caller_hung_up | 30   | -    | 1
2026-10-05 08:00 | 101     | answered       | 20   | 100  | 7
2026-10-05 09:00 | 101     | answered       | 21   | 100  | 1
2026-10-05 10:00 | 101     | timeout        | 60   | -    | 2
2026-10-06 08:00 | 102     | answered       | 5    | 50   | 9
2026-10-06 08:00 | -       | answered       | 5    | 50   | 1
2026-10-07 08:00 | 103     | open           | -    | -    | 2
"""
LOG = "\n".join(
    ["day", *(f"2026-09-{day:02}" for day in range(1, 31)), *(f"2026-10-{day:02}" for day in range(1, 32) if day != 12)]
)
QUEUES = "day | queue\n" + "\n".join(f"2026-10-01 | {line}" for line in ("101", "102", "103", "104"))
GENERATION = Generation(
    number=1,
    made_at="2026-11-01T12:00:00",
    code="0",
    mapping="",
    rules={},
    loads=(),
    segments=(),
    last_epochs={"pbx": DAY_ONE},
)


@pytest.fixture
def drawn() -> Component:
    """The page of October as drawn above."""
    cursor = warehouse(calls=DRAWN, log=LOG, queues=QUEUES)
    days = tuple(sorted({date.fromisoformat(text) for text in LOG.splitlines()[1:]}))
    log_days = Recorded(days)
    return month.content(summarize(GENERATION, cursor, Rules.default(), "2026-10", log_days), log_days)


def test_the_headline_says_figure_target_gap_denominator_and_the_month_before(drawn: Component) -> None:
    section = find(drawn, lambda each: "headline" in (getattr(each, "className", None) or ""))
    said = texts(section)
    for text in (
        "85,0 %",
        "Cumple",
        "meta: 80 % o más",
        "margen de 1 llamada sobre la meta",
        "17 llamadas atendidas a tiempo (hasta 20 s de espera) de 20 llamadas registradas",
        "Septiembre de 2026: 75,0 % (3 de 4); subió 10,0 puntos",
        "Manual COM-DSO-P01",
        "sin meta ATT registrada",
        "Unidad: llamada",
    ):
        assert text in said, said


def test_what_is_missing_from_the_record_is_said_in_full(drawn: Component) -> None:
    said = texts(find(drawn, lambda each: "on-record" in (getattr(each, "className", None) or "")))
    for text in (
        "30 de 31 días, 4 de 12 líneas",
        "Días sin registro 12",
        "4200224 Guía Comercial",
        "Líneas sin llamadas 104 Números telefónicos",
        "2 de 103 Instalaciones: todavía en ninguna cifra",
        "Llamadas sin línea 1, dentro del total",
    ):
        assert text in said, said
    assert "datos hasta 31/10/2026 08:00" in texts(drawn)


def test_the_other_figures_have_their_denominators_and_causes(drawn: Component) -> None:
    said = texts(find(drawn, lambda each: "others" in (getattr(each, "className", None) or "")))
    for text in (
        "de 20 registradas 17 a tiempo",
        "10,0 % de 20 registradas",
        "tiempo agotado 2",
        "de 18 atendidas con espera conocida",
        "de 18 atendidas con conversación conocida",
        "mes anterior: 00:00:10",
        "00:01:00",
    ):
        assert text in said, said


def test_the_table_tells_no_calls_no_record_and_no_outcome_yet_apart_from_zero(drawn: Component) -> None:
    table = find(drawn, lambda each: getattr(each, "id", None) == "month-lines")
    rows = {row["service_text"]: row for row in table.rowData}
    assert len(rows) == 13 and list(rows)[-1] == terms.NO_LINE
    written = {
        line: [row[f"{name}_text"] for name in ("registered", "service_level", "verdict", "missing", "asa")]
        for line, row in rows.items()
    }
    assert written["101"] == ["10", "70,0 %", "No cumple", "1", "00:00:20"]
    assert written["102"] == ["9", "100,0 %", "Cumple", "0", "00:00:05"]
    assert written["103"] == ["en curso", "—", "—", "—", "—"]
    assert written["104"] == ["sin llamadas", "—", "—", "—", "—"]
    assert written["4639999"] == ["sin registro", "—", "—", "—", "—"]
    assert written[terms.NO_LINE] == ["1", "100,0 %", "—", "—", "00:00:05"]
    (total,) = table.dashGridOptions["pinnedBottomRowData"]
    assert [total[f"{name}_text"] for name in ("service", "name", "registered", "service_level", "missing")] == [
        "Total",
        "4 de 12 líneas",
        "20",
        "85,0 %",
        "0",
    ]


def test_parameters_stand_with_the_rule_they_come_from(drawn: Component) -> None:
    said = texts(find(drawn, lambda each: "rules" in (getattr(each, "className", None) or "").split()))
    for item in DEFAULTS:
        assert terms.PARAMETERS[item.name] in said and item.rule in said
    assert all(text in said for text in (*terms.COUNTING, *terms.NOT_IN_REGISTERED))


def test_a_month_without_a_log_is_a_gap_in_the_columns() -> None:
    cursor = warehouse(calls=DRAWN, log=LOG.replace("2026-09", "2026-07"), queues=QUEUES)
    days = Recorded((date(2026, 7, 1), date(2026, 10, 31)))
    found = summarize(GENERATION, cursor, Rules.default(), "2026-10", days)
    assert found.previous is None
    assert found.trend[0] == TrendMonth("2026-07", Figure(0, 0, None), Verdict(TARGET, None)), (
        "a log, and nobody called"
    )
    assert found.trend[1] == TrendMonth("2026-08", None, Verdict(TARGET, None))
    assert [each.month for each in found.trend] == ["2026-07", "2026-08", "2026-09", "2026-10"]


def test_a_month_without_an_outcome_yet_is_no_month_without_a_log() -> None:
    started = DRAWN + "2026-11-01 00:02 | 101     | open           | -    | -    | 1\n"
    cursor = warehouse(calls=started, log=LOG + "\n2026-11-01", queues=QUEUES)
    days = Recorded((date(2026, 9, 1), date(2026, 10, 31), date(2026, 11, 1)))
    found = summarize(GENERATION, cursor, Rules.default(), "2026-11", days)
    assert found.trend[-1] == TrendMonth("2026-11", Figure(0, 0, None), Verdict(TARGET, None))
    assert "Noviembre de 2026: —, sin llamadas" in texts(month.content(found, days))


def test_a_month_before_its_target_or_threshold_is_shown_without_it(store: Context) -> None:
    no_target = with_parameter(Parameter("target", Decimal("0.80"), date(2026, 10, 1), None, ""))
    cursor = warehouse(calls=DRAWN, log=LOG, queues=QUEUES)
    days = Recorded((date(2026, 9, 1), date(2026, 10, 31)))
    found = texts(month.content(summarize(GENERATION, cursor, no_target, "2026-10", days), days))
    assert "Septiembre de 2026: 75,0 %, sin meta" in found
    no_threshold = with_parameter(Parameter("threshold_seconds", 20, date(2026, 10, 1), None, ""))
    summary = summarize(GENERATION, cursor, no_threshold, "2026-10", days)
    assert summary.previous is None and summary.verdict.complies


def test_a_file_is_not_made_of_other_data_than_those_shown(product: Product, store: Context) -> None:
    client = Client(create_app(store).server)
    callbacks = json.loads(client.get("/_dash-dependencies").text)
    (output,) = [
        each["output"]
        for each in callbacks
        if each["output"].startswith("month-file.data") and "ending" in each["inputs"][0]["id"]
    ]
    body = {
        "output": output,
        "outputs": {"id": "month-file", "property": output.partition(".")[2]},
        "inputs": [[{"id": {"part": "lines", "ending": "csv"}, "property": "n_clicks", "value": 1}]],
        "state": [{"id": "month-shown", "property": "data", "value": {"generation": 1, "month": "2026-10"}}],
        "changedPropIds": ['{"ending":"csv","part":"lines"}.n_clicks'],
    }
    assert "por-linea_2026-10.csv" in client.post("/_dash-update-component", json=body).text
    product.load(log("two", 1))
    answer = client.post("/_dash-update-component", json=body).text
    assert "Hay datos nuevos: no se guard" in answer and "por-linea" not in answer

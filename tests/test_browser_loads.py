"""Loads and setting up, in Chromium and with the worker at work: sent, judged, loaded, counted, mapped, undone."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from dashboard.people.accounts import Role
from etl.settings import Settings
from tests.product import Product
from tests.reference_counter import LogFile
from tests.served import DAY_ONE, Served, served
from tests.watched import cut_at_any_width, serious_in_all_looks, watched

pytestmark = pytest.mark.browser
LOADS, SETUP = "/cargas", "/puesta-en-marcha"
JOB_MS = 60_000  # a job is a process of its own: it starts in seconds, more on a machine that does other things too
ROOT = Path(__file__).parents[1]


def calls(queue: str, number: int, *, minute: int, did: str = "") -> tuple[str, ...]:
    """So many calls to a queue, one a minute, each answered after 5 s by SIP/201."""
    lines: list[str] = []
    for at in (DAY_ONE + 60 * (minute + each) for each in range(number)):
        lines += [f"{at}|{at}.1|NONE|NONE|DID|{did}"] if did else []
        lines += [
            f"{at}|{at}.1|{queue}|NONE|ENTERQUEUE||70{at % 10**6:06}|1",
            f"{at + 5}|{at}.1|{queue}|SIP/201|CONNECT|5|{at}.2|3",
            f"{at + 35}|{at}.1|{queue}|SIP/201|COMPLETECALLER|5|30|1",
        ]
    return tuple(lines)


@contextmanager
def worker_of(settings: Settings) -> Iterator[None]:
    """The worker of a store, as `callcenter serve` starts it; it ends when its standard input does."""
    command = [sys.executable, "-m", "dashboard", "--data", str(settings.data), "work"]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(30)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Where a store is served, with its worker: two calls to a line, three to a queue that is none."""
    product = Product(tmp_path_factory.mktemp("loads"))
    product.load(
        LogFile("first", calls("101", 2, minute=0)), LogFile("second", calls("ventas", 3, minute=10, did="4250000"))
    )
    with served(product.settings()) as address, worker_of(product.settings()):
        yield address


@pytest.fixture
def chief(window: BrowserContext, place: Served) -> Iterator[Page]:
    with watched(window, place) as page:
        yield page


def opened(page: Page, place: Served, path: str = LOADS) -> Page:
    page.goto(place + path)
    expect(page.locator("h1")).to_have_text({LOADS: "Cargas", SETUP: "Puesta en marcha"}[path])
    expect(page.locator(".panel").nth(1)).to_be_visible()
    return page


def send(page: Page, name: str, content: bytes) -> None:
    page.set_input_files("#upload-file input[type=file]", {"name": name, "mimeType": "text/plain", "buffer": content})


def registered(page: Page, place: Served) -> str:
    """What the month's page says was registered in all."""
    page.goto(place + "/")
    total = page.locator(".ag-floating-bottom [col-id=registered]")
    expect(total).to_be_visible()
    return total.inner_text()


def row_of(page: Page, name: str) -> Locator:
    return page.locator("#loads-list .ag-row", has_text=name)


def test_a_file_is_sent_judged_loaded_counted_and_undone(chief: Page, place: Served) -> None:
    assert registered(chief, place) == "5"
    opened(chief, place)
    content = "".join(
        f"{line}\n" for line in (*calls("101", 4, minute=30), *calls("5003", 1, minute=40), "what is this")
    )
    send(chief, "queue_log.1", content.encode())
    card = chief.locator(".panel", has=chief.get_by_role("heading", name="queue_log.1"))
    expect(card).to_contain_text("Se cargarían 15 de 16 líneas leídas.", timeout=JOB_MS)
    expect(card).to_contain_text("1 que no se entienden y quedan aparte")
    expect(card).to_contain_text("31/10/2026 08:30 a 31/10/2026 08:40")
    expect(card).to_contain_text("Colas: 2, 1 sin línea (5003)")
    expect(row_of(chief, "queue_log.1")).to_have_count(0)
    assert cut_at_any_width(chief) == {}
    chief.set_viewport_size({"width": 1366, "height": 768})
    card.get_by_role("button", name="Cargar").click()
    expect(row_of(chief, "queue_log.1")).to_contain_text("Cuenta chief", timeout=JOB_MS)
    expect(card).to_have_count(0)
    assert registered(chief, place) == "10"
    opened(chief, place)
    row_of(chief, "queue_log.1").locator("[col-id=set_aside] button").click()
    dialog = chief.get_by_role("dialog")
    expect(dialog).to_contain_text("tiene menos de 5 campos")
    chief.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(row_of(chief, "queue_log.1").locator("[col-id=set_aside]").locator(":focus").or_(
        chief.locator("[col-id=set_aside]:focus"))).to_have_count(1)  # fmt: skip
    row_of(chief, "queue_log.1").get_by_role("button", name="Deshacer").click()
    expect(dialog).to_contain_text("Las cifras quedan como si no se hubiera cargado.")
    dialog.get_by_role("button", name="No deshacer").click()
    expect(dialog).to_have_count(0)
    row_of(chief, "queue_log.1").get_by_role("button", name="Deshacer").click()
    dialog.get_by_role("button", name="Deshacer la carga").click()
    # For a moment the grid holds the row as it was beside the row as it is.
    expect(row_of(chief, "queue_log.1").filter(has_text="se deshizo el")).to_have_count(1, timeout=JOB_MS)
    expect(chief.locator(".job", has_text="Deshacer: carga 3")).to_contain_text("hecho")
    assert registered(chief, place) == "5"


def test_a_file_that_is_none_is_refused_where_it_was_sent_and_so_is_one_too_large(
    window: BrowserContext, place: Served, tmp_path: Path
) -> None:
    window.clear_cookies()
    window.add_cookies([place.cookie(Role.SUPERVISOR)])
    page = window.new_page()  # Chromium complains of the status
    opened(page, place)
    answer = page.locator("#uploads-answer")
    with page.expect_response(lambda each: each.status == 422):
        send(page, "queue_log", b"%PDF-1.7 not a log")
    expect(answer).to_contain_text("«queue_log» no se acepta: es un PDF")
    huge = tmp_path / "huge"
    huge.write_bytes(b"1" * (20 * 1024 * 1024 + 1))
    sent: list[str] = []
    page.on("request", lambda each: sent.append(each.url) if '"upload-file"' in (each.post_data or "") else None)
    page.set_input_files("#upload-file input[type=file]", huge)
    expect(page.locator("#upload-refused")).to_contain_text("«huge» pesa 21 MB y el máximo es 20 MB")
    assert not sent
    send(page, "empty", b"")
    expect(answer).to_contain_text("«empty» no se acepta: está vacío")
    expect(page.locator("#upload-refused")).to_be_empty()
    page.close()


def test_a_queue_without_a_line_is_given_one_and_counted_there(chief: Page, place: Served) -> None:
    opened(chief, place, SETUP)
    rule = chief.locator("#setup-queues .rule", has_text="ventas").first
    expect(rule).to_contain_text("3 llamadas, el 31/10/2026")
    expect(rule).to_contain_text("de 08 a 09 h, más a las 08 h")
    start = rule.get_by_label("Desde, cola ventas")
    start.fill("31/02/2026")
    rule.get_by_role("textbox", name="Línea de la cola ventas").click()
    chief.get_by_role("option", name="102 Facturación").click()
    save = chief.locator("#setup-queues").get_by_role("button", name="Guardar y aplicar")
    save.click()
    expect(rule.locator(".field-error")).to_contain_text("«31/02/2026» no es una fecha")
    expect(chief.locator("#setup-said-queues")).to_have_text("1 fila por corregir: no se guardó nada.")
    start.fill("01/10/2026")
    person = chief.get_by_label("Persona de SIP/201")
    person.fill("a medio escribir")
    save.click()
    expect(chief.locator("#setup-progress")).to_contain_text("1 regla en vigor", timeout=JOB_MS)
    expect(chief.locator("#setup-queues")).to_contain_text("Todas las colas con llamadas tienen su línea.")
    expect(chief.locator("#setup-said-queues")).to_have_text("1 regla en vigor; las cifras ya la aplican.")
    expect(person).to_have_value("a medio escribir")
    chief.goto(place + "/?mes=2026-10")
    expect(chief.locator("#month-lines .ag-row", has_text="Facturación").first).to_contain_text("3")
    assert registered(chief, place) == "5"


def test_of_two_who_edit_at_once_the_second_is_told(window: BrowserContext, place: Served) -> None:
    with watched(window, place) as first:
        opened(first, place, SETUP)
        with watched(window, place, Role.SUPERVISOR) as second:
            opened(second, place, SETUP)
            for tab, name in ((second, "María Peña"), (first, "Otra Persona")):
                tab.get_by_label("Persona de SIP/201").fill(name)
                tab.locator("#setup-agents").get_by_role("button", name="Guardar y aplicar").click()
                if tab is second:
                    expect(tab.locator("#setup-progress")).to_contain_text("1 regla en vigor", timeout=JOB_MS)
            expect(first.locator("#setup-said-agents")).to_contain_text("Mientras tanto Cuenta supervisor cambió")
            expect(first.get_by_label("Persona de SIP/201")).to_have_value("Otra Persona")
            answers = [False, True]
            first.on("dialog", lambda asks: asks.accept() if answers.pop(0) else asks.dismiss())
            first.get_by_role("link", name="Inicio").click()
            expect(first).to_have_url(place + SETUP)
            expect(first.get_by_label("Persona de SIP/201")).to_have_value("Otra Persona")
            first.get_by_role("button", name="Actualizar").click()
            expect(first.locator("#setup-agents")).to_contain_text("Reglas en vigor: 1")
            assert not answers
            first.get_by_role("link", name="Inicio").click()  # nothing is unsaved: nothing is asked
            expect(first).to_have_url(place + "/")


@pytest.mark.parametrize("role", [Role.SUPERVISOR, Role.MANAGER, Role.QUALITY, Role.ADMINISTRATOR])
def test_each_role_finds_what_it_may_do_and_nothing_is_refused_to_it(
    window: BrowserContext, place: Served, role: Role
) -> None:
    may_load = role is Role.SUPERVISOR
    with watched(window, place, role) as page:
        opened(page, place)
        expect(page.locator(".ag-row").first).to_be_visible()
        expect(page.locator("#upload-file")).to_have_count(int(may_load))
        expect(page.get_by_role("button", name="Deshacer")).to_have_count(2 if may_load else 0)
        if role is not Role.MANAGER:
            opened(page, place, SETUP)
            expect(page.get_by_role("button", name="Guardar y aplicar")).to_have_count(2 if may_load else 0)
            expect(page.locator("#setup-queues")).to_contain_text("Reglas en vigor")
        expect(page.locator("#backup-warning .warning")).to_have_count(0 if role in (Role.MANAGER, Role.QUALITY) else 1)


@pytest.mark.parametrize("path", [LOADS, SETUP])
def test_nothing_is_cut_and_axe_finds_nothing_serious(chief: Page, place: Served, path: str) -> None:
    opened(chief, place, path)
    expect(chief.locator("#backup-warning .warning")).to_be_visible()
    for fold in chief.locator("summary").all():
        fold.click()
    assert cut_at_any_width(chief) == {}
    assert serious_in_all_looks(chief) == {}

"""The pages Cuentas, Mi cuenta and Auditoría in Chromium: what whoever administers, a supervisor and a chief do."""

import csv
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from dashboard.people.accounts import Role, add_account, find_account, hash_password, set_password, sign_in
from etl import store as stores
from etl.records.audit import SYSTEM, Action, Actor, Result, note
from etl.records.engine import transaction
from etl.settings import Settings
from tests.served import Served, served
from tests.watched import cut_at_any_width, serious_in_all_looks, watched

pytestmark = pytest.mark.browser

EVIL = "<img src=x onerror=alert(1)>"
MADE_UP = re.compile(r"([a-z2-9]{4}-){3}[a-z2-9]{4}")
PASSWORD = "ocho perros ladran de noche"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A site without calls: operators, somebody whose name is markup, and acts of a week."""
    settings = Settings(data=tmp_path_factory.mktemp("people") / "data")
    store = stores.open_store(settings)
    with transaction(store.records) as session:
        for number in range(12):
            add_account(
                session, SYSTEM, f"op{number:02}", f"Operadora {number}", Role.OPERATOR, None, must_change=False
            )
        add_account(session, SYSTEM, "luis", EVIL, Role.OPERATOR, None, must_change=False)
        for name in ("op03", "op04", "op05"):
            account = find_account(session, name)
            set_password(session, SYSTEM, account, hash_password(PASSWORD), must_change=False)
            for browser in ("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", EVIL):
                sign_in(session, account, address="192.168.1.14", browser=browser)
        for number in range(60):
            note(session, Actor(None, "jefa", "chief", "10.0.0.7"), Action.EXPORT, f"{EVIL}-{number}.csv",
                 Result.REFUSED if number % 7 == 0 else Result.DONE, rows=number, reason=EVIL)  # fmt: skip
    store.records.dispose()
    with served(settings) as address:
        yield address


@pytest.fixture
def tab(window: BrowserContext, address: Served) -> Iterator[Page]:
    """A tab of whoever administers, on the accounts."""
    with watched(window, address, Role.ADMINISTRATOR) as page:
        page.goto(address + "/cuentas")
        expect(page.locator(".ag-row").first).to_be_visible()
        yield page


def open_account(tab: Page, name: str) -> None:
    tab.locator("#accounts-list").get_by_role("link", name=name, exact=True).click()
    expect(tab.get_by_role("heading", name=f"Cuenta {name}")).to_be_visible()


def test_an_account_is_opened_by_its_name_and_stands_in_the_address(tab: Page) -> None:
    expect(tab).to_have_title("Cuentas · Call Center COMTECO")
    open_account(tab, "op03")
    expect(tab).to_have_url(re.compile(r"/cuentas\?cuenta=\d+$"))
    expect(tab.locator(".opened-account")).to_contain_text("Firefox 128, Linux")
    tab.reload()
    expect(tab.get_by_role("heading", name="Cuenta op03")).to_be_visible()
    tab.go_back()
    expect(tab.locator(".opened-account")).to_have_count(0)


def test_one_is_added_with_a_password_that_opens_only_its_own_change(
    tab: Page, browser: Browser, address: Served
) -> None:
    tab.get_by_role("button", name="Agregar", exact=True).click()
    expect(tab.locator(".adding")).to_contain_text("Falta el nombre completo")
    tab.get_by_label("Cuenta", exact=True).fill("nueva.persona")
    tab.get_by_label("Nombre completo").fill("Nueva Persona")
    tab.get_by_role("button", name="Agregar", exact=True).click()
    expect(tab.locator("#accounts-answer")).to_contain_text("Se agregó la cuenta «nueva.persona»")
    password = tab.locator("#accounts-answer .password").inner_text()
    assert MADE_UP.fullmatch(password)
    expect(tab.locator("#accounts-list")).to_contain_text("nueva.persona")
    tab.get_by_role("link", name="Mi cuenta", exact=True).click()
    expect(tab.get_by_role("heading", name="Mi cuenta")).to_be_visible()
    tab.go_back()
    expect(tab.locator(".ag-row").first).to_be_visible()
    assert password not in tab.content(), "shown once"
    with browser.new_context() as other:
        page = other.new_page()
        page.goto(address + "/login")
        page.get_by_label("Cuenta").fill("nueva.persona")
        page.get_by_label("Contraseña").fill(password)
        page.get_by_role("button", name="Ingresar").click()
        expect(page.get_by_role("heading", name="Elija su contraseña")).to_be_visible()
        page.get_by_label("Contraseña actual").fill(password)
        page.get_by_label("Contraseña nueva", exact=True).fill(PASSWORD)
        page.get_by_label("Contraseña nueva, otra vez").fill(PASSWORD)
        page.get_by_role("button", name="Guardar").click()
        expect(page.locator(".account")).to_contain_text("Nueva Persona")
        page.goto(address + "/mi-cuenta")
        expect(page.locator("#own-content")).to_contain_text("esta sesión")


def test_acts_first_say_what_they_do_and_then_do_it(tab: Page) -> None:
    open_account(tab, "op04")
    tab.get_by_role("button", name="Dar otra contraseña").click()
    asking = tab.get_by_role("dialog")
    expect(asking).to_contain_text("La que tenía deja de servir")
    tab.keyboard.press("Escape")
    expect(asking).to_have_count(0)
    tab.get_by_role("button", name="Cerrar la cuenta").click()
    asking.get_by_role("button", name="Cerrar la cuenta").click()
    expect(tab.locator("#accounts-answer")).to_contain_text("quedó cerrada")
    expect(tab.locator(".opened-account .facts")).to_contain_text("cerrada")
    tab.get_by_role("button", name="Abrir otra vez").click()
    expect(tab.locator("#accounts-answer")).to_contain_text("está abierta otra vez")
    expect(tab.get_by_role("button", name="Cerrar la cuenta")).to_be_visible()  # drawn anew
    tab.get_by_label("Rol", exact=True).first.click()
    tab.get_by_role("option", name="Calidad").first.click()
    tab.get_by_role("button", name="Cambiar el rol").click()
    expect(tab.locator("#accounts-answer")).to_contain_text("El rol de «op04» es Calidad")
    expect(tab.locator(".opened-account .facts")).to_contain_text("Calidad")  # drawn anew
    tab.wait_for_load_state("networkidle")
    open_account(tab, "op00")
    expect(tab.locator("#accounts-answer")).to_be_empty()


def test_many_are_added_by_a_file_and_its_answer_is_a_file(tab: Page) -> None:
    def send(text: str) -> None:
        files = tab.locator("#accounts-csv input[type=file]")
        files.set_input_files({"name": "cuentas.csv", "mimeType": "text/csv", "buffer": text.encode("cp1252")})

    send(f"cuenta;nombre;rol\nmuy.mala;;rey\nop01;{EVIL};operador\n")
    answer = tab.locator("#accounts-answer")
    expect(answer).to_contain_text("Línea 2, columna rol: «rey» no es un rol")
    expect(answer).to_contain_text("Línea 3, columna cuenta: «op01» ya existe")
    with tab.expect_download() as saved:
        send("cuenta;nombre;rol\nmuchas.a;María Ñ.;operadora\nmuchas.b;Ana;gerencia\n")
    assert saved.value.suggested_filename == "primeras-contrasenas.csv"
    rows = list(csv.reader(saved.value.path().read_text(encoding="utf-8-sig").splitlines(), delimiter=";"))
    assert [row[0] for row in rows] == ["Cuenta", "muchas.a", "muchas.b"]
    assert all(MADE_UP.fullmatch(row[3]) for row in rows[1:])
    expect(answer).to_contain_text("Se agregaron 2 cuentas")
    expect(tab.locator("#accounts-list")).to_contain_text("María Ñ.")


def test_a_supervisor_resets_an_operator_and_sees_nobody_else(window: BrowserContext, address: Served) -> None:
    with watched(window, address, Role.SUPERVISOR) as tab:
        tab.goto(address + "/cuentas")
        expect(tab.get_by_role("heading", name="cuentas de operadores")).to_be_visible()
        expect(tab.locator("#accounts-list")).not_to_contain_text("Administración")
        expect(tab.locator(".adding")).to_have_count(0)
        open_account(tab, "op05")
        expect(tab.get_by_role("button", name="Cambiar el rol")).to_have_count(0)
        tab.get_by_role("button", name="Dar otra contraseña").click()
        tab.get_by_role("dialog").get_by_role("button", name="Dar otra contraseña").click()
        expect(tab.locator("#accounts-answer .password")).to_have_text(MADE_UP)
        expect(tab.locator(".opened-account .facts")).to_contain_text("contraseña inicial")


def test_one_ends_a_session_left_open_elsewhere(window: BrowserContext, browser: Browser, address: Served) -> None:
    """S21."""
    with browser.new_context() as other:
        other.add_cookies([address.cookie(Role.MANAGER)])
        left_open = other.new_page()
        left_open.goto(address + "/mi-cuenta")
        expect(left_open.locator("#own-content")).to_contain_text("esta sesión")
        with watched(window, address, Role.MANAGER) as tab:
            tab.goto(address + "/mi-cuenta")
            rows = tab.locator(".own-sessions tbody tr")
            expect(rows).to_have_count(2)
            tab.get_by_role("button", name="Cerrar", exact=True).click()
            expect(tab.locator("#own-answer")).to_contain_text("Esa sesión terminó")
            expect(rows).to_have_count(1)
        left_open.goto(address + "/mi-cuenta")
        expect(left_open).to_have_url(re.compile(r"/login\?next=%2Fmi-cuenta$"))


def test_the_audit_is_filtered_by_a_form_whose_fields_stand_in_the_address(
    window: BrowserContext, address: Served
) -> None:
    with watched(window, address, Role.CHIEF) as tab:
        tab.goto(address + "/auditoria")
        expect(tab.locator(".entries tbody tr")).to_have_count(50)
        tab.get_by_role("link", name="Más antiguas").click()
        expect(tab.get_by_role("link", name="Más nuevas")).to_be_visible()
        tab.get_by_label("Qué hizo").first.click()
        tab.get_by_role("option", name="descarga", exact=True).click()
        tab.get_by_label("Resultado").first.click()
        tab.get_by_role("option", name="rechazado").click()
        tab.get_by_label("Cuenta").fill("jefa")
        tab.get_by_role("button", name="Filtrar").click()
        expect(tab.get_by_role("heading", name="9 anotaciones")).to_be_visible()
        expect(tab).to_have_url(re.compile(r"\?desde=&hasta=&accion=export&cuenta=jefa&resultado=refused$"))
        expect(tab.locator(".entries tbody tr").first).to_contain_text(f"{EVIL}-56.csv")
        tab.locator(".panel.entries").get_by_role("button", name="Descargar").click()
        with tab.expect_download() as saved:
            tab.get_by_role("menuitem", name="CSV").click()
        text = saved.value.path().read_text(encoding="utf-8-sig")
        assert saved.value.suggested_filename == "auditoria.csv" and len(text.splitlines()) == 10
        tab.get_by_role("button", name="Comprobar todos los días").click()
        expect(tab.locator("#audit-chain")).to_contain_text("no hay sellos")


def test_markup_in_a_name_is_text_everywhere(window: BrowserContext, address: Served) -> None:
    """S32."""
    with watched(window, address, Role.CHIEF) as tab:
        tab.on("dialog", lambda dialog: pytest.fail("a script ran"))
        for path in ("/cuentas", "/auditoria?cuenta=jefa", "/auditoria?cuenta=jefa&pagina=2"):
            tab.goto(address + path)
            expect(tab.get_by_text(EVIL).first).to_be_visible()
            assert tab.locator("main img").count() == 0, path
        tab.goto(address + "/cuentas")
        open_account(tab, "op03")
        expect(tab.locator(".opened-account")).to_contain_text(EVIL)
        assert tab.locator("main img").count() == 0


def filled(tab: Page, address: Served, path: str) -> None:
    """Open one of the pages with all it can show."""
    tab.goto(address + path)
    expect(tab.locator("main .panel").first).to_be_visible()
    if path == "/cuentas":
        expect(tab.locator(".ag-row").first).to_be_visible()
        open_account(tab, "op03")


PAGES = [("/cuentas", Role.ADMINISTRATOR), ("/mi-cuenta", Role.OPERATOR), ("/auditoria", Role.QUALITY)]


@pytest.mark.parametrize(("path", "role"), PAGES)
def test_nothing_is_cut_at_any_width_and_axe_finds_nothing_serious(
    path: str, role: Role, window: BrowserContext, address: Served
) -> None:
    with watched(window, address, role) as tab:
        filled(tab, address, path)
        assert cut_at_any_width(tab) == {}
        if path == "/cuentas":
            tab.get_by_role("button", name="Dar otra contraseña").click()
        assert serious_in_all_looks(tab) == {}


def test_on_a_telephone_the_page_shown_is_in_the_visible_part_of_the_menu(
    window: BrowserContext, address: Served
) -> None:
    with watched(window, address, Role.CHIEF) as tab:
        tab.set_viewport_size({"width": 390, "height": 844})
        tab.goto(address + "/auditoria")
        here = tab.locator("#menu a[aria-current=page]")
        expect(here).to_have_attribute("href", "/auditoria")
        expect(here).to_be_in_viewport(ratio=0.9)
        expect(tab.locator("#menu a[href='/']")).not_to_be_in_viewport()

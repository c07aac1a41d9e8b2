"""A desk of the LAN: Chromium that trusts the site's authority opens the system by its name, signs in and works."""

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserType, Error, Page, expect

from dashboard.people.accounts import Role, add_account, hash_password
from etl.records.audit import SYSTEM
from etl.records.engine import open_records, transaction
from etl.settings import Settings
from tests.commands import done
from tests.nss import trust
from tests.processes import System, free_port, within

pytestmark = pytest.mark.browser
NAME = "callcenter.test"
PASSWORD = "siete caballos azules corren"


@pytest.fixture(scope="module")
def lan(sample: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A site with the sample's calls and a chief, opened under a name of the LAN."""
    data = tmp_path_factory.mktemp("lan") / "site"
    shutil.copytree(sample.data, data)
    done(data, "init", data, "--yes", "--name", NAME)
    records = open_records(Settings(data=data).database_url)
    with transaction(records) as session:
        hashed = hash_password(PASSWORD)
        add_account(session, SYSTEM, "jefa", "Carmen Flores", Role.CHIEF, hashed, must_change=False)
    records.dispose()
    system = System(data, free_port())
    try:
        assert within(60, system.is_healthy), system.said
        yield system
    finally:
        system.process.send_signal(signal.SIGTERM)
        assert system.process.wait(20) == 0
        system.end()


def desk(browser_type: BrowserType, args: dict[str, Any], home: Path) -> Browser:
    """Chromium on a desk where the name leads to the server, with what is installed in a home."""
    mapped = [*args["args"], f"--host-resolver-rules=MAP {NAME} 127.0.0.1"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
    return browser_type.launch(**{**args, "args": mapped, "env": {**environment, "HOME": str(home)}})


def address(lan: System, path: str = "/") -> str:
    return f"https://{NAME}:{lan.port}{path}"


@pytest.fixture(scope="module")
def trusting(
    lan: System,
    browser_type: BrowserType,
    browser_type_launch_args: dict[str, Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Browser]:
    home = tmp_path_factory.mktemp("home")
    trust(home, lan.data / "tls" / "authority.pem")
    browser = desk(browser_type, browser_type_launch_args, home)
    yield browser
    browser.close()


@pytest.fixture
def tab(trusting: Browser, browser_context_args: dict[str, Any]) -> Iterator[Page]:
    """A tab of a desk that trusts the authority, with a clean console in the end."""
    with trusting.new_context(**browser_context_args) as window:
        page = window.new_page()
        complaints: list[str] = []
        page.on("console", lambda said: None if said.type == "info" else complaints.append(f"{said.type}: {said.text}"))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        yield page
        assert not complaints


def test_a_desk_without_the_authority_is_warned(
    lan: System,
    browser_type: BrowserType,
    browser_type_launch_args: dict[str, Any],
    tmp_path: Path,
) -> None:
    browser = desk(browser_type, browser_type_launch_args, tmp_path)
    with pytest.raises(Error, match="ERR_CERT_AUTHORITY_INVALID"):
        browser.new_page().goto(address(lan, "/login"))
    browser.close()


def test_somebody_signs_in_under_the_name_works_and_leaves(lan: System, tab: Page) -> None:
    tab.goto(address(lan))
    expect(tab).to_have_url(address(lan, "/login"))
    tab.get_by_label("Cuenta").fill("jefa")
    tab.get_by_label("Contraseña").fill(PASSWORD)
    tab.get_by_role("button", name="Ingresar").click()
    expect(tab.get_by_role("heading", level=1)).to_have_text("Octubre de 2026")
    expect(tab.locator(".ag-row").first).to_be_visible()

    kept = {cookie["name"]: cookie for cookie in tab.context.cookies()}
    session = kept["__Host-sid"]
    assert (session["secure"], session["httpOnly"], session["sameSite"], session["path"]) == (True, True, "Lax", "/")
    assert session["domain"] == NAME
    assert "sid" not in tab.evaluate("document.cookie")
    assert tab.evaluate("window.isSecureContext")

    tab.get_by_role("link", name="Nivel de servicio").first.click()
    expect(tab).to_have_url(address(lan, "/nivel-de-servicio"))
    expect(tab.locator("#sl-content .ag-row").first).to_be_visible()
    with tab.expect_download() as download:
        tab.goto(address(lan))
        expect(tab.locator(".ag-row").first).to_be_visible()
        tab.locator("#month-book").click()
    assert download.value.suggested_filename.endswith(".xlsx")

    tab.get_by_role("button", name="Salir").click()
    expect(tab).to_have_url(address(lan, "/login"))
    assert "__Host-sid" not in {cookie["name"] for cookie in tab.context.cookies()}
    tab.goto(address(lan))
    expect(tab).to_have_url(address(lan, "/login"))


def test_whoever_writes_the_name_without_https_finds_the_way(lan: System, tab: Page) -> None:
    answer = tab.context.request.get(f"http://127.0.0.1:{lan.port}/", max_redirects=0)
    assert answer.status == 426
    tab.set_content(answer.text())
    expect(tab.get_by_role("heading", level=1)).to_have_text("Use la dirección segura")
    assert tab.get_by_role("link").get_attribute("href") == address(lan)

"""The controls of a period in Chromium: they act at once and alike on every page that has them."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from dashboard.pages import abandoned, before_queue, bridge, operators, quality
from dashboard.question_page import QuestionPage
from tests.served import Served
from tests.watched import watched

pytestmark = pytest.mark.browser
PAGES = [module.SHOWS for module in (operators, abandoned, bridge, before_queue, quality)]
KEPT = {"/operadores": "operador=Nadie", "/abandonos": "despues=todas", "/calidad": "ver=observadas"}


@pytest.fixture
def tab(window: BrowserContext, address: Served) -> Iterator[Page]:
    with watched(window, address) as page:
        yield page


@pytest.mark.parametrize("shows", PAGES, ids=lambda shows: shows.path)
def test_a_period_is_chosen_at_once_by_its_days_and_by_its_month(
    tab: Page, address: Served, shows: QuestionPage
) -> None:
    kept = f"&{KEPT[shows.path]}" if shows.path in KEPT else ""
    tab.goto(f"{address}{shows.path}?mes=2026-10{kept}")
    first, chosen = tab.locator(f"#{shows.name('first')}"), tab.locator(f"#{shows.name('month')}")
    expect(chosen).to_have_value("Octubre de 2026", timeout=20_000)
    first.fill("15/10/2026")
    first.press("Enter")
    expect(tab).to_have_url(re.compile(rf"\?desde=2026-10-15&hasta=2026-10-31{kept}$"))
    expect(chosen).to_have_value("")
    chosen.click()
    tab.get_by_role("option", name="Octubre de 2026").click()
    expect(tab).to_have_url(re.compile(rf"\?desde=2026-10-01&hasta=2026-10-31{kept}$"))
    expect(first).to_have_value("01/10/2026")

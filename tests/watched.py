"""What browser tests ask of every page: a clean console, no other server, nothing cut, nothing serious for axe."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, TimeoutError

from dashboard.people.accounts import Role
from tests.served import Served

WIDTHS = {"notebook": (1366, 768), "wall": (1920, 1080), "telephone": (390, 844)}


@contextmanager
def watched(window: BrowserContext, address: Served, role: Role = Role.CHIEF) -> Iterator[Page]:
    """Give a new tab of somebody of a role and watch it: a clean console, and nothing asked of another server."""
    window.clear_cookies()
    window.add_cookies([address.cookie(role)])
    page = window.new_page()
    complaints: list[str] = []

    def ours(url: str) -> bool:
        return url.startswith((address + "/", "data:", f"blob:{address}/"))

    page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: None if ours(request.url) else complaints.append(request.url))
    page.set_viewport_size({"width": 1366, "height": 768})
    yield page
    page.close()
    assert not complaints


def cut_texts(tab: Page, size: str) -> list[str]:
    """Parts whose text is cut at a width, or the width itself where the page is wider."""
    width, height = WIDTHS[size]
    tab.set_viewport_size({"width": width, "height": height})
    try:  # figures follow the width a moment later
        tab.wait_for_function("width => document.documentElement.scrollWidth <= width", arg=width, timeout=10_000)
    except TimeoutError:
        return [f"the page is {tab.evaluate('document.documentElement.scrollWidth')} wide"]
    tab.wait_for_timeout(200)
    found: list[str] = tab.evaluate(
        """() => [...document.querySelectorAll(
                '.panel, .stat, .stat-value, .stat-label, .big-row, .split div, .big, .control, .facts')]
            .filter(each => each.scrollWidth > each.clientWidth + 1 && each.clientWidth > 0)
            .map(each => each.className + ': ' + each.textContent.slice(0, 60))"""
    )
    return found


def serious_in_all_looks(tab: Page) -> dict[str, list[str]]:
    """What axe finds serious or worse on a notebook, light and dark, and on a telephone in the dark."""
    looks: list[tuple[str, Literal["light", "dark"]]] = [
        ("notebook", "light"),
        ("notebook", "dark"),
        ("telephone", "dark"),
    ]
    found = {f"{size}, {scheme}": serious_violations(tab, size, scheme) for size, scheme in looks}
    return {look: violations for look, violations in found.items() if violations}


def cut_at_any_width(tab: Page) -> dict[str, list[str]]:
    """Parts whose text is cut, by the size at which it is."""
    found = {size: cut_texts(tab, size) for size in WIDTHS}
    return {size: texts for size, texts in found.items() if texts}


def serious_violations(tab: Page, size: str, scheme: Literal["light", "dark"]) -> list[str]:
    """What axe finds serious or worse at a size and in a colour scheme."""
    tab.emulate_media(color_scheme=scheme)
    width, height = WIDTHS[size]
    tab.set_viewport_size({"width": width, "height": height})
    tab.wait_for_timeout(300)
    return [
        f"{each['id']} ({each['impact']}): {[node['html'][:160] for node in each['nodes'][:3]]}"
        for each in Axe().run(tab).response["violations"]
        if each["impact"] in ("serious", "critical")
    ]

"""Pictures of every page, of a demo store made on the spot: python -m tests.screenshots [FOLDER].

Sizes: a common notebook, a desk or wall screen, a telephone; light and dark. FOLDER is build/screenshots by default.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from playwright.sync_api import sync_playwright

from dashboard.pages import PAGES
from dashboard.people.accounts import Role
from etl import store as stores
from tests.conftest import CHROMIUM, CHROMIUM_ARGS
from tests.served import load_sample, served

SIZES = {"1366x768": (1366, 768), "1920x1080": (1920, 1080), "390x844": (390, 844)}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
# Every chart that is seen is drawn, every table that is seen has its rows.
DRAWN = """() => [...document.querySelectorAll('.chart, .grid')].every(
    each => !each.offsetParent || each.querySelector('.main-svg, .ag-row'))"""
OUT = Path("build/screenshots")


def main(out: Path = OUT) -> list[Path]:
    """Save one picture of each page, size and scheme: what fits the screen, and the whole page."""
    out.mkdir(parents=True, exist_ok=True)
    saved = []
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        settings = load_sample(Path(folder), months=13, kind=stores.DEMO)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS)
        with served(settings) as address:
            cookies = {role: address.cookie(role) for role in Role}  # so there is an account for each
            for size, (width, height) in SIZES.items():
                for scheme in SCHEMES:
                    tab = browser.new_page(
                        viewport={"width": width, "height": height},
                        color_scheme=scheme,
                        locale="es-BO",
                        timezone_id="America/La_Paz",
                    )
                    for page in PAGES:
                        role = Role.ADMINISTRATOR if page.PATH == "/cuentas" else Role.CHIEF
                        tab.context.add_cookies([cookies[role]])
                        tab.goto(address + page.PATH)
                        tab.locator("h1").wait_for()
                        tab.wait_for_load_state("networkidle")
                        tab.wait_for_function(DRAWN)
                        name = page.PATH.strip("/") or "inicio"
                        for whole, suffix in ((False, ""), (True, "-whole")):
                            path = out / f"{name}-{size}-{scheme}{suffix}.png"
                            tab.screenshot(path=path, full_page=whole)
                            saved.append(path)
                    tab.close()
        browser.close()
    return saved


if __name__ == "__main__":
    for path in main(*map(Path, sys.argv[1:2])):
        print(path)

"""What tests share: stores and drawn calls, Chromium as our pages meet it, and no silent skips in CI.

Without Chromium the tests marked `browser` are skipped, without LibreOffice those marked `office`, without PostgreSQL
or MariaDB those marked `database` that need it, without shells and shellcheck those marked `shell`, with the reason. In
CI (variable CI) such a skip is a failure: there the machine is ours to equip.
"""

import gc
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from itertools import count
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlalchemy
from playwright.sync_api import Browser, BrowserContext, expect

from dashboard.context import Context
from etl.records.engine import open_records
from etl.settings import Settings
from tests import mariadb as mariadb_tests
from tests import postgresql as postgresql_tests
from tests.commands import AWFUL, GOOD, done
from tests.drawn_calls import CALLS, warehouse
from tests.house import house as house
from tests.made_once import made_once
from tests.product import Product
from tests.saved_sites import full as full
from tests.saved_sites import full_site as full_site
from tests.saved_sites import one_call_site as one_call_site
from tests.saved_sites import small as small
from tests.served import Served, load_sample, one_call, served
from tests.signing import hashed as hashed
from tests.signing import people as people

CHROMIUM = os.environ.get("CHROMIUM_PATH") or shutil.which("chromium") or ""
CHROMIUM_ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# Patience for a machine that does other things too; what is there at once is not waited for.
expect.set_options(timeout=20_000)
#: LibreOffice, and what reads the text of a PDF.
OFFICE = ("soffice", "pdftotext")
NEVER_SKIPPED_IN_CI = ("browser", "database", "office", "shell")
#: The dearest files, each more than a hundredth of all tests' time, dearest first. A worker takes one whole file after
#: another (what a file's fixtures make is made once), so those that last longest begin first and none is left for the
#: end. Only the time depends on this list; `--durations=0` tells what belongs into it.
DEAREST = (
    "increments", "faults", "worker", "canaries", "browser_service_level", "cases", "warehouse", "undo",
    "browser_loads", "backup", "browser_people", "databases", "every_way", "watch", "supervisor", "bad_logs",
    "restore", "exports", "uploads", "same_everywhere", "browser_month", "door", "call_details", "views",
    "browser_lan", "agents", "call_records", "accounts", "fuzz", "bridge", "frame",
)  # fmt: skip


def in_ci() -> bool:
    return os.environ.get("CI", "").lower() not in ("", "0", "false")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--draws", type=int, default=1, help="times as many seeds for each test marked `drawn`")
    parser.addoption("--first-seed", type=int, default=0, help="the first of these seeds; the others follow it")


def pytest_report_header(config: pytest.Config) -> str:
    return f"drawn: --draws {config.getoption('draws')} --first-seed {config.getoption('first_seed')}"


def seeds(number: int, fuzzed: int, draws: int, first: int) -> range:
    """The seeds of a test: `number` of them, times the draws; of more draws than one at least `fuzzed`."""
    return range(first, first + max(number * draws, fuzzed if draws > 1 else 0))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test marked `drawn(number)` its seeds: that many, or with --draws N as many times."""
    for mark in metafunc.definition.iter_markers("drawn"):
        draws, first = metafunc.config.getoption("draws"), metafunc.config.getoption("first_seed")
        metafunc.parametrize("seed", seeds(mark.args[0], mark.kwargs.get("fuzzed", 0), draws, first))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    no_chromium = pytest.mark.skip(reason="no Chromium: install it or set CHROMIUM_PATH")
    no_postgresql = pytest.mark.skip(reason="no PostgreSQL: install Debian's package postgresql")
    no_mariadb = pytest.mark.skip(reason="no MariaDB: install Debian's package mariadb-server")
    no_office = pytest.mark.skip(reason=f"not installed: {', '.join(OFFICE)}")
    places = {f"test_{name}": place for place, name in enumerate(DEAREST)}
    items.sort(key=lambda item: places.get(item.path.stem, len(DEAREST)))  # stable: else as collected
    for item in items:
        if {"playwright", "window"} & set(getattr(item, "fixturenames", ())):
            item.add_marker("browser")
        if item.get_closest_marker("browser") and not shutil.which(CHROMIUM):
            item.add_marker(no_chromium)
        if item.get_closest_marker("office") and not all(map(shutil.which, OFFICE)):
            item.add_marker(no_office)
        fixtures = set(getattr(item, "fixturenames", ()))
        if {"postgresql_server", "mariadb_server"} & fixtures:
            item.add_marker("database")
        if "mariadb_server" in fixtures and not mariadb_tests.installed():
            item.add_marker(no_mariadb)
        if (
            item.get_closest_marker("database")
            and "mariadb_server" not in fixtures
            and not postgresql_tests.installed()
        ):
            item.add_marker(no_postgresql)
        if "postgresql_server" in fixtures and not postgresql_tests.installed():
            item.add_marker(no_postgresql)


def pytest_collection_finish() -> None:
    """What was imported stays: without it a collection of garbage looks at a tenth of the objects."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    report = yield
    marks = [name for name in NEVER_SKIPPED_IN_CI if item.get_closest_marker(name)]
    if in_ci() and marks and report.skipped and not hasattr(report, "wasxfail"):
        _, _, reason = report.longrepr
        report.outcome = "failed"
        report.longrepr = f"A test marked {', '.join(marks)} may not be skipped in CI. {reason}"
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Any:
    """The same for a module that skips itself whole: its marks stand only in its text."""
    report = yield
    if in_ci() and report.skipped and isinstance(collector, pytest.Module):
        text = collector.path.read_text(encoding="utf-8")
        if re.search(rf"\bmark\.({'|'.join(NEVER_SKIPPED_IN_CI)})\b", text):
            report.outcome = "failed"
            report.longrepr = f"A module with marked tests may not be skipped in CI. {report.longrepr}"
    return report


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    return {**browser_type_launch_args, "executable_path": CHROMIUM, "args": CHROMIUM_ARGS}


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    return {**browser_context_args, "locale": "es-BO", "timezone_id": "America/La_Paz"}


@pytest.fixture(scope="module")
def window(browser: Browser, browser_context_args: dict[str, Any]) -> Iterator[BrowserContext]:
    """One window for the tests of a module: what a tab has fetched once, the next need not fetch again."""
    with browser.new_context(**browser_context_args) as window:
        yield window


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A store with September and October 2026 of the invented sample, for the browser tests to look at."""

    def load(folder: Path) -> None:
        load_sample(folder, until="2026-10", months=2)
        shutil.rmtree(folder / "in")

    return Settings(data=made_once(tmp_path_factory, "sample", load) / "data")


@pytest.fixture(scope="module")
def address(sample: Settings) -> Iterator[Served]:
    """Where the sample is served."""
    with served(sample) as address:
        yield address


@pytest.fixture
def product(tmp_path: Path) -> Product:
    """A product without any log yet."""
    return Product(tmp_path)


@pytest.fixture
def store_context(product: Product) -> Iterator[Context]:
    """What pages read from: the store of `product`, with one call in it."""
    product.load(one_call("one", 0))
    with closing(Context(product.settings())) as context:
        yield context


@pytest.fixture
def empty_context(tmp_path: Path) -> Iterator[Context]:
    """The same where nothing has been loaded yet."""
    with closing(Context(Settings(data=tmp_path / "nothing"))) as context:
        yield context


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site store with both samples of a log: only to be read."""
    data = tmp_path_factory.mktemp("site") / "data"
    done(data, "ingest", GOOD, AWFUL)
    return data


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A site store with the good sample of a log, to be changed."""
    data = tmp_path / "data"
    done(data, "ingest", GOOD)
    return data


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[sqlalchemy.URL]:
    with postgresql_tests.server() as address:
        yield address


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[sqlalchemy.URL]:
    with mariadb_tests.server() as address:
        yield address


@pytest.fixture
def postgresql(postgresql_server: sqlalchemy.URL) -> Iterator[Callable[[], str]]:
    """Gives the address of one empty database of PostgreSQL after another."""
    with ExitStack() as databases:
        yield lambda: databases.enter_context(postgresql_tests.database(postgresql_server))


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.database)])
def new_records_url(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """Tells where records may be made, each time another place: for whatever must hold on both databases."""
    if request.param == "postgresql":
        new: Callable[[], str] = request.getfixturevalue("postgresql")
        return new
    numbers = count(1)
    return lambda: f"sqlite:///{tmp_path / f'records-{next(numbers)}.sqlite'}"


@pytest.fixture
def records_url(new_records_url: Callable[[], str]) -> str:
    """Where records may be made, on each of the two databases."""
    return new_records_url()


@pytest.fixture
def records(records_url: str) -> Iterator[sqlalchemy.Engine]:
    """New records, on each of the two databases."""
    engine = open_records(records_url)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def connection() -> duckdb.DuckDBPyConnection:
    """The drawn calls, only to be read."""
    return warehouse(CALLS)

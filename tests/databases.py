"""Databases that hold call logs, each way a PBX keeps them, and a product that pulls from them."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import sqlalchemy
from sqlalchemy import Engine, create_engine
from sqlalchemy.pool import NullPool

from etl import pipeline
from etl.pipeline import FileReport
from etl.settings import Database
from tests import mariadb, postgresql
from tests.business import business
from tests.drawn_log import answered
from tests.product import Product, Rows
from tests.table_log import (
    odd_lines,
)

Addresses = Callable[[], str]
LINES = odd_lines()
TWENTY = [text for n in range(20) for text in answered(n * 100, str(n))]


@pytest.fixture
def new_mariadb(mariadb_server: sqlalchemy.URL) -> Iterator[Addresses]:
    with ExitStack() as databases:
        yield lambda: databases.enter_context(mariadb.database(mariadb_server))


@pytest.fixture
def new_postgresql(postgresql_server: sqlalchemy.URL) -> Iterator[Addresses]:
    with ExitStack() as databases:
        yield lambda: databases.enter_context(postgresql.database(postgresql_server))


def engine_of(url: str | sqlalchemy.URL) -> Engine:
    return create_engine(url, poolclass=NullPool)


def product_in(folder: Path) -> Product:
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "pseudonyms.key").write_text("5a" * 32)
    return Product(folder)


def database(url: str, **changes: object) -> Database:
    return Database.model_validate({"name": "central", "url": url, **changes})


def pull(product: Product, *connections: Database) -> list[FileReport]:
    return pipeline.ingest(product.store(), [], databases=connections)


def facts(product: Product) -> dict[str, Rows]:
    """What users count, the data of lines without the empty fields behind them."""
    found = business(product)
    lines = [tuple(str(v).rstrip("|") if n == 6 else v for n, v in enumerate(r)) for r in found["raw.queue_log"]]
    return found | {"raw.queue_log": sorted(lines, key=repr)}

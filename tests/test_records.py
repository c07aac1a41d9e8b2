"""The records are what the migrations make of them, and a store is opened with those of its own kind and version."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, inspect, text

from etl import store as stores
from etl.records import engine as records_engine
from etl.records.engine import REVISION, RecordsError, open_records, transaction, upgrade
from etl.records.models import Record
from etl.settings import Settings
from tests.product import Product
from tests.served import one_call

pytestmark = pytest.mark.duckdb


@pytest.fixture
def product(product: Product) -> Product:
    """A product with one load."""
    product.load(one_call("one", 0))
    return product


@pytest.fixture
def migrated(tmp_path: Path) -> Iterator[Engine]:
    engine = create_engine(f"sqlite:///{tmp_path / 'migrated.sqlite'}")
    upgrade(engine)
    yield engine
    engine.dispose()


def test_the_newest_migration_is_the_revision_of_the_code() -> None:
    config = Config()
    config.set_main_option("script_location", str(records_engine._MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_heads() == [REVISION]


def test_the_migrations_make_what_the_models_say(migrated: Engine) -> None:
    with migrated.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Record.metadata) == []


def test_new_records_are_as_the_migrations_would_leave_them(migrated: Engine, tmp_path: Path) -> None:
    made = open_records(f"sqlite:///{tmp_path / 'new.sqlite'}")
    found = []
    for engine in (migrated, made):
        tables = inspect(engine)
        found.append(
            {
                table: (
                    [(c["name"], str(c["type"]), c["nullable"], c["default"]) for c in tables.get_columns(table)],
                    tables.get_pk_constraint(table)["constrained_columns"],
                    tables.get_foreign_keys(table),
                    tables.get_indexes(table),
                    [(check["name"], check["sqltext"]) for check in tables.get_check_constraints(table)],
                )
                for table in tables.get_table_names()
            }
        )
    assert found[0] == found[1]
    with made.connect() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all() == [REVISION]
    made.dispose()


def test_older_records_are_migrated_and_newer_ones_refused(migrated: Engine) -> None:
    url = migrated.url.render_as_string()
    open_records(url).dispose()
    with migrated.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(
        RecordsError, match=rf"revisión 9999, esta versión conoce hasta {REVISION}\): instale la versión"
    ):
        open_records(url)


def test_records_are_opened_with_what_makes_a_commit_durable(product: Product) -> None:
    engine = product.store().records
    with engine.connect() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("foreign_keys", "synchronous", "journal_mode", "busy_timeout")
        }
    assert pragmas == {"foreign_keys": 1, "synchronous": 2, "journal_mode": "truncate", "busy_timeout": 10_000}
    with pytest.raises(Exception, match="FOREIGN KEY"), transaction(engine) as session:
        session.execute(text("UPDATE loads SET file_id = 99"))


def test_stores_of_two_kinds_are_not_mixed(product: Product) -> None:
    with pytest.raises(stores.StoreError, match="es de un sitio"):
        stores.open_store(product.settings(), kind=stores.DEMO)
    with pytest.raises(stores.StoreError, match="no hay un almacén"):
        stores.open_store(Settings(data=product.folder / "nothing"), create=False)

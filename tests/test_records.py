"""The records are what the migrations make of them, and a store is opened with those of its own kind and version."""

import os
import stat
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, NullPool, create_engine, inspect, make_url, select, text

from dashboard.context import Context
from dashboard.site.doctor import examine, findings_text
from etl import store as stores
from etl.records import engine as records_engine
from etl.records.engine import REVISION, RecordsError, open_records, shown_url, transaction, upgrade
from etl.records.models import APPEND_ONLY, Job, MappingVersion, Parameter, Record, Store
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
def migrated(records_url: str) -> Iterator[Engine]:
    engine = create_engine(records_url)
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


TRIGGERS = {
    "sqlite": "SELECT tbl_name, name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name",
    "postgresql": "SELECT c.relname, t.tgname, pg_get_triggerdef(t.oid), p.prosrc FROM pg_trigger t JOIN pg_class c "
    "ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid WHERE NOT t.tgisinternal ORDER BY t.tgname",
}


def test_new_records_are_as_the_migrations_would_leave_them(
    migrated: Engine, new_records_url: Callable[[], str]
) -> None:
    made = open_records(new_records_url())
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
    triggers = []
    for engine in (migrated, made):
        with engine.connect() as connection:
            triggers.append(connection.exec_driver_sql(TRIGGERS[engine.dialect.name]).all())
    assert triggers[0] == triggers[1]
    assert {row[0] for row in triggers[0]} == set(APPEND_ONLY)
    with made.connect() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all() == [REVISION]
    made.dispose()


def test_older_records_are_migrated_and_newer_ones_refused(migrated: Engine) -> None:
    url = migrated.url.render_as_string(hide_password=False)
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


def test_records_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        engine = open_records(f"sqlite:///{tmp_path / 'records.sqlite'}")
        with transaction(engine) as session:
            session.add(Store(store_id=1, kind="site", created_at=datetime(2026, 11, 20)))
            session.flush()
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
        engine.dispose()
    finally:
        os.umask(before)
    assert modes == {"records.sqlite": 0o600, "records.sqlite-journal": 0o600}


def test_what_a_transaction_reads_no_other_changes_before_it_ends(records: Engine) -> None:
    """Eight at once add one each to what they have read: none is lost."""
    with transaction(records) as session:
        session.add(Parameter(name="count", value="0", valid_from=None, valid_to=None, rule=""))

    def add_one() -> None:
        for _ in range(5):
            with transaction(records) as session:
                found = session.scalars(select(Parameter)).one()
                time.sleep(0.001)
                found.value = str(int(found.value) + 1)

    with ThreadPoolExecutor(8) as together:
        for adding in [together.submit(add_one) for _ in range(8)]:
            adding.result()
    with transaction(records) as session:
        assert session.scalars(select(Parameter)).one().value == "40"


def test_records_opened_by_several_at_once_are_made_once(records_url: str) -> None:
    def opened() -> int:
        engine = open_records(records_url)
        try:
            with transaction(engine) as session:
                return session.scalars(text("SELECT COUNT(*) FROM alembic_version")).one()
        finally:
            engine.dispose()

    with ThreadPoolExecutor(4) as together:
        assert [found.result() for found in [together.submit(opened) for _ in range(4)]] == [1, 1, 1, 1]


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://ana:tres-secretos@127.0.0.1:1/records",
        "oracle-no-existe://ana:tres-secretos@servidor/base",
        "mysql+nada://ana:tres-secretos@servidor/base",
        "sin sentido tres-secretos",
        "sqlite:////no/existe/tres.sqlite",
    ],
)
def test_records_that_cannot_be_reached_are_told_without_their_password(url: str) -> None:
    with pytest.raises(RecordsError, match=r"No se pueden abrir los registros|CALLCENTER_RECORDS_URL") as told:
        open_records(url)
    assert "tres-secretos" not in str(told.value)


@pytest.mark.database
def test_a_connection_that_the_server_cut_is_replaced(postgresql: Callable[[], str]) -> None:
    engine = open_records(postgresql())
    with engine.connect() as kept:
        cut = kept.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    other = create_engine(engine.url, poolclass=NullPool)
    with other.connect() as connection:
        connection.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": cut})
    with transaction(engine) as session:
        assert session.connection().exec_driver_sql("SELECT pg_backend_pid()").scalar_one() != cut
    engine.dispose()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://ana:clave@127.0.0.1:1/base",
        "postgresql+psycopg://127.0.0.1:1/base?user=ana&password=clave",
    ],
)
def test_no_password_of_the_records_is_shown(url: str, tmp_path: Path) -> None:
    assert shown_url(make_url(url)) == "postgresql+psycopg://127.0.0.1:1/base"
    with pytest.raises(RecordsError, match=r"en postgresql\+psycopg://127\.0\.0\.1:1/base: ") as told:
        open_records(url)
    assert "clave" not in str(told.value)
    found = findings_text(examine(Settings(data=tmp_path, records_url=url), datetime(2026, 11, 20)))
    assert "clave" not in found and "127.0.0.1:1/base" in found


@pytest.mark.database
def test_connections_that_the_server_of_the_records_cut_are_replaced_also_for_reading(
    postgresql: Callable[[], str], tmp_path: Path
) -> None:
    settings = Settings(data=tmp_path / "data", records_url=postgresql())
    stores.open_store(settings).records.dispose()
    with closing(Context(settings)) as context:
        reading = context.records_to_read()
        assert reading is not None
        with reading.connect() as connection:
            connection.execute(text("SELECT 1"))
        other = create_engine(settings.records_url, poolclass=NullPool)
        with other.connect() as connection:
            cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
            connection.execute(text(f"{cut} AND datname = current_database()"))
        with reading.connect() as connection:
            assert connection.execute(text("SELECT kind FROM store")).scalar() == "site"


def test_records_of_the_revision_before_are_migrated_with_what_is_in_them(
    new_records_url: Callable[[], str],
) -> None:
    url = new_records_url()
    engine = create_engine(url)
    upgrade(engine, "0002")
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO jobs (job_id, work, asked, state, cancel, attempts, tells, queued_at) "
                "VALUES (1, 'undo', '{\"load\": 1}', 'queued', false, 0, '', '2026-11-20 12:00:00')"
            )
        )
    engine.dispose()
    engine = open_records(url)
    with transaction(engine) as session:
        job = session.scalars(select(Job)).one()
        assert (job.asked, job.role, job.address) == ({"load": 1}, None, None)
        assert session.scalars(select(MappingVersion)).all() == []
    engine.dispose()

"""A site with its records on PostgreSQL counts, signs in and seals as one on SQLite does."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select, update

from dashboard.people import accounts
from dashboard.people.accounts import AccountError, Role
from etl import pipeline
from etl import store as stores
from etl.records import site as sites
from etl.records.audit import SYSTEM, Action, broken_seals, seal_days
from etl.records.engine import open_records, transaction
from etl.records.models import Account, AuditEntry, Load, SignIn, Store
from etl.settings import Settings
from etl.store import OpenStore
from tests.business import business
from tests.commands import AWFUL, GOOD
from tests.postgresql import PASSWORD
from tests.product import Product

ROOT = Path(__file__).parents[1]
RULES = (
    sites.QueueRule("101", None, "102", None, date(2024, 3, 4)),
    sites.QueueRule("101", "", "103", date(2024, 3, 5), None),
    sites.QueueRule("ventas", "4200224", "4200224"),
)


@pytest.fixture
def store(records_url: str, tmp_path: Path) -> Iterator[OpenStore]:
    """A new store, its records on each of the two databases."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "pseudonyms.key").write_text("5a" * 32)
    opened = stores.open_store(Settings(data=tmp_path / "data", records_url=records_url, threads=1))
    yield opened
    opened.records.dispose()


def worked(store: OpenStore) -> None:
    """Load, map, load again what is known, take one load out, rebuild."""
    first, second = pipeline.ingest(store, [GOOD, AWFUL])
    assert (first.state, second.state) == ("published", "published")
    with transaction(store.records) as session:
        sites.replace_queues(session, RULES)
        sites.replace_persons(session, [sites.PersonRule("SIP/201", "Ana Ñáñez")])
    pipeline.remap(store)
    assert [report.state for report in pipeline.ingest(store, [GOOD, AWFUL])] == ["known", "known"]
    pipeline.undo(store, second.load or 0, by=SYSTEM)
    pipeline.rebuild(store)


@pytest.fixture(scope="module")
def on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Product:
    """The same work with the records on SQLite, only to be read."""
    folder = tmp_path_factory.mktemp("sqlite")
    (folder / "data").mkdir()
    (folder / "data" / "pseudonyms.key").write_text("5a" * 32)
    store = stores.open_store(Settings(data=folder / "data", threads=1))
    worked(store)
    store.records.dispose()
    return Product(folder)


@pytest.mark.database
def test_figures_are_the_same_wherever_the_records_are(
    postgresql: Callable[[], str], on_sqlite: Product, tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "pseudonyms.key").write_text("5a" * 32)
    store = stores.open_store(Settings(data=tmp_path / "data", records_url=postgresql(), threads=1))
    worked(store)
    assert business(Product(tmp_path)) == business(on_sqlite)
    with transaction(store.records) as session:
        assert session.scalars(select(Load.state).order_by(Load.load_id)).all() == ["published", "refused"]
        assert sites.read_site(session).queues == tuple(
            sites.QueueRule(rule.queue, rule.did or None, rule.service, rule.valid_from, rule.valid_to)
            for rule in sorted(RULES, key=lambda rule: (rule.queue, rule.valid_from or date.min))
        )
    store.records.dispose()
    assert not (tmp_path / "data" / "records.sqlite").exists()


@pytest.mark.database
def test_the_command_works_with_records_by_url_and_says_its_password_nowhere(
    postgresql: Callable[[], str], tmp_path: Path
) -> None:
    url = postgresql()

    def callcenter(*words: str | Path, **more: str) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-c", "from dashboard.cli import main; main()", *map(str, words)], cwd=tmp_path, text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), "CALLCENTER_DATA": str(tmp_path / "data"),
                 "CALLCENTER_RECORDS_URL": url, **more},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
        assert PASSWORD not in done.stdout
        assert PASSWORD.replace(" ", "%20") not in done.stdout
        assert "Traceback" not in done.stdout
        return done.returncode, done.stdout

    assert callcenter("ingest", GOOD)[0] == 0
    code, told = callcenter("doctor")
    assert "postgresql+psycopg://127.0.0.1:" in told and "test:" not in told
    code, told = callcenter("rebuild", CALLCENTER_RECORDS_URL=url.replace(f"{url.rpartition('/')[2]}", "no_existe"))
    assert (code, "No se pueden abrir los registros" in told) == (1, True)


def test_a_session_is_whose_cookie_it_is_until_it_ends(records: Engine) -> None:
    with transaction(records) as session:
        ana = accounts.add_account(session, SYSTEM, "Ana", "Ana Ñáñez", Role.CHIEF, None, must_change=False)
        tokens = [accounts.sign_in(session, ana, address="10.0.0.7", browser=f"b{k}") for k in range(3)]
    found = [accounts.identify(records, records, token, address="10.0.0.7") for token in tokens]
    assert [identity and (identity.name, identity.role) for identity in found] == [("ana", Role.CHIEF)] * 3
    assert accounts.identify(records, records, tokens[0] + "x", address="") is None
    assert found[0] is not None
    with transaction(records) as session:
        assert accounts.end_sign_in(session, found[0].sign_in_id, ana.account_id)
        assert not accounts.end_sign_in(session, found[0].sign_in_id)
        idle = stores.now() - timedelta(minutes=61)
        session.execute(update(SignIn).where(SignIn.browser == "b1").values(seen_at=idle))
    found = [accounts.identify(records, records, token, address="") for token in tokens]
    assert [identity is not None for identity in found] == [False, False, True]
    with transaction(records) as session:
        accounts.set_disabled(session, SYSTEM, accounts.find_account(session, "ana"), True)
    assert accounts.identify(records, records, tokens[2], address="") is None


def test_a_name_asked_for_by_many_at_once_is_one_account(records_url: str) -> None:
    engines = [open_records(records_url) for _ in range(6)]

    def add(engine: Engine) -> bool:
        try:
            with transaction(engine) as session:
                accounts.add_account(session, SYSTEM, "ana", "Ana Paz", Role.OPERATOR, None, must_change=False)
        except AccountError:
            return False
        return True

    with ThreadPoolExecutor(6) as together:
        assert sorted(together.map(add, engines)) == [False] * 5 + [True]
    with transaction(engines[0]) as session:
        assert session.scalar(select(func.count()).select_from(Account)) == 1
        assert session.scalar(select(func.count()).where(AuditEntry.action == Action.ACCOUNT)) == 1
    for engine in engines:
        engine.dispose()


def test_a_store_opened_by_many_at_once_is_made_once(records_url: str, tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "data", records_url=records_url)

    def opened(_number: int) -> bytes:
        store = stores.open_store(settings)
        store.records.dispose()
        return store.key

    with ThreadPoolExecutor(4) as together:
        assert len(set(together.map(opened, range(4)))) == 1
    store = stores.open_store(settings)
    with transaction(store.records) as session:
        assert session.scalar(select(func.count()).select_from(Store)) == 1
        names = [rule.name for rule in sites.read_site(session).parameters]
    assert len(names) == len(sites.reference_parameters())
    store.records.dispose()


def test_what_a_load_did_is_sealed_with_its_day(store: OpenStore) -> None:
    pipeline.ingest(store, [GOOD])
    with transaction(store.records) as session:
        assert len(seal_days(session, stores.now() + timedelta(days=2))) == 1
        assert broken_seals(session) == []
        (entry,) = session.scalars(select(AuditEntry)).all()
        assert (entry.action, entry.who) == (Action.LOAD, SYSTEM.name)

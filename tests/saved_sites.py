"""Sites that tests save and restore: one with everything a backup must bring back, one with a single call.

A fixture is made once per process and only copied: `full` and `small` are a test's own copies.
"""

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url

from dashboard.people import accounts
from dashboard.people.accounts import Role
from etl import mapping, pipeline
from etl import store as stores
from etl.records.audit import SYSTEM, Action, Actor, note, seal_days
from etl.records.engine import open_records, transaction
from etl.records.models import Account, Job, Upload
from etl.records.portable import TableText, describe_tables
from etl.safekeeping.backup import back_up
from etl.safekeeping.manifest import MANIFEST, SUM
from etl.safekeeping.restore import restore
from etl.settings import Settings
from etl.store import OpenStore
from tests.postgresql import database
from tests.product import Product
from tests.served import one_call

AT = datetime(2026, 11, 20, 7, 15)  # UTC: 03:15 in La Paz
NAME = "callcenter-2026-11-20-031500"
PASSWORD = "tres palabras y un mapa"
SECRET = "0f" * 40
ROOT = Path(__file__).parents[1]


@dataclass
class Site:
    """A store with everything that a backup must bring back, and the folders beside it."""

    folder: Path
    url: str = ""

    @property
    def settings(self) -> Settings:
        return Settings(data=self.folder / "data", records_url=self.url, threads=1)

    @property
    def backups(self) -> Path:
        return self.folder / "backups"

    @property
    def keys(self) -> Path:
        return self.folder / "keys"

    def open(self) -> OpenStore:
        return stores.open_store(self.settings)

    def product(self) -> Product:
        return Product(self.folder)

    def ingest(self, number: int, calls: int = 1) -> None:
        path = self.folder / f"log-{number}"
        path.write_text("".join(f"{line}\n" for k in range(calls) for line in one_call("", number + k).lines))
        store = self.open()
        pipeline.ingest(store, [path])
        store.records.dispose()

    def back_up(self, now: datetime = AT, keys: Path | None = None) -> Path:
        store = self.open()
        try:
            return back_up(store, self.backups, now, keys=keys).folder
        finally:
            store.records.dispose()

    def fill(self) -> None:
        """Two loads, a mapping, accounts with a session, a sealed audit, jobs with and without an answer."""
        self.ingest(0, 3)
        self.ingest(90, 2)
        store = self.open()
        mapping.take_in(store, "queues", "queue,did,service,valid_from,valid_to\n101,,102,,\n", name="colas.csv")
        with transaction(store.records) as session:
            hashed = accounts.hash_password(PASSWORD)
            ana = accounts.add_account(session, SYSTEM, "ana", "Ana Ñáñez", Role.CHIEF, hashed, must_change=False)
            accounts.sign_in(session, ana, address="10.0.0.7", browser="tests")
            note(session, ana_actor(ana), Action.EXPORT, "calls", rows=2, text="=1+1\r\n“ñ”")
            session.flush()
            for answer in ({"loads": [1, 2], "text": "ñ\u2028"}, None):
                session.add(
                    Job(work="load", asked={"upload": 1}, account_id=ana.account_id, state="done", cancel=False,
                        attempts=1, share=0.1, tells="ya", answer=answer, queued_at=AT, started_at=None, beat_at=None,
                        ended_at=None, retry_of=None)
                )  # fmt: skip
            session.add(
                Upload(account_id=ana.account_id, name="a.log", source="queue_log", sha256="0" * 64, bytes=3,
                       received_at=AT, state="checked", verdict={"ok": True}, loads=None)
            )  # fmt: skip
        with transaction(store.records) as session:
            seal_days(session, stores.now() + timedelta(days=2))
        store.records.dispose()
        (self.settings.data / "secret.key").write_text(SECRET)
        (self.settings.data / "callcenter.env").write_text(
            f"# sitio\nCALLCENTER_PBX=pbx\nCALLCENTER_SECRET={SECRET}\nCALLCENTER_HOSTS='call.test'\n"
        )
        (self.settings.data / "tls").mkdir()
        (self.settings.data / "tls" / "server.key").write_text(f"{SECRET} tls")

    def tables(self) -> dict[str, TableText]:
        engine = open_records(self.settings.database_url)
        try:
            with engine.connect() as connection:
                return describe_tables(connection)
        finally:
            engine.dispose()


def ana_actor(account: Account) -> Actor:
    return Actor(account.account_id, account.name, account.role, "10.0.0.7")


@pytest.fixture(scope="session", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.database)])
def full_site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A full site, with its records on each of the two databases; only to be copied."""
    with ExitStack() as databases:
        url = ""
        if request.param == "postgresql":
            url = databases.enter_context(database(request.getfixturevalue("postgresql_server")))
        site = Site(tmp_path_factory.mktemp("full"), url)
        site.fill()
        yield site


@pytest.fixture
def full(full_site: Site, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Site]:
    """A copy of it."""
    shutil.copytree(full_site.folder, tmp_path / "site")
    with ExitStack() as databases:
        url = ""
        if full_site.url:
            server = request.getfixturevalue("postgresql_server")
            template = make_url(full_site.url).database
            url = databases.enter_context(database(server, str(template)))
        yield Site(tmp_path / "site", url)


@pytest.fixture(scope="session")
def one_call_site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A site with one call, on SQLite; only to be copied."""
    site = Site(tmp_path_factory.mktemp("small"))
    site.ingest(0)
    return site


@pytest.fixture
def small(one_call_site: Site, tmp_path: Path) -> Site:
    """A copy of it."""
    shutil.copytree(one_call_site.folder, tmp_path / "site")
    return Site(tmp_path / "site")


def restored(source: Path, to: Site, keys: Path) -> Site:
    to.folder.mkdir(exist_ok=True)
    result = restore(source, to.settings, keys)
    assert (result.compared, result.differences) == (True, {})
    return to


#: One process that has imported everything forks a child for each act to be killed. A line of JSON in (act, folders,
#: seconds after which to kill), a line out when the child is gone.
FORKER = """
import json, os, signal, sys, time
from pathlib import Path
import sqlalchemy.dialects.sqlite
from etl import store
from etl.safekeeping.backup import back_up
from etl.safekeeping.restore import restore
from etl.settings import Settings
for line in sys.stdin:
    act, data, other, keys, seconds = json.loads(line)
    child = os.fork()
    if child == 0:
        try:
            if act == "restore":
                restore(Path(other), Settings(data=Path(data)), Path(keys))
            while act == "back_up":
                back_up(store.open_store(Settings(data=Path(data))), Path(other))
        finally:
            os._exit(0)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@contextmanager
def killing() -> Iterator[Callable[..., int]]:
    """Gives what begins an act and kills it; its answer is how the child ended."""
    with subprocess.Popen(
        [sys.executable, "-c", FORKER], cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:

        def kill(act: str, data: Path, other: Path, keys: Path, seconds: float) -> int:
            assert process.stdin is not None and process.stdout is not None
            print(json.dumps([act, str(data), str(other), str(keys), seconds]), file=process.stdin, flush=True)
            return int(process.stdout.readline())

        yield kill


def rewrite(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change what a backup says of itself, as another version might have said it."""
    content = json.loads((folder / MANIFEST).read_text())
    change(content)
    (folder / MANIFEST).write_text(json.dumps(content))
    digest = hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()
    (folder / SUM).write_text(f"{digest}  {MANIFEST}\n")

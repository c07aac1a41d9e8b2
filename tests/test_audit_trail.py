"""S43: each kind of act, done as people do it, leaves one entry that says who, as what, from where, to what, how."""

import json
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from werkzeug.test import Client, TestResponse

from dashboard.app import create_app
from dashboard.context import Context
from dashboard.people import administration
from dashboard.people.accounts import Identity, Role, add_account, find_account, hash_password
from dashboard.people.personal import CallAsked, unmasked
from dashboard.work import assignments, intake, uploads, works
from etl import pipeline
from etl import store as stores
from etl.lines import no_progress
from etl.mapping import QUEUES
from etl.records import jobs
from etl.records.audit import SYSTEM, Action, Actor
from etl.records.engine import transaction
from etl.records.models import AuditEntry
from etl.safekeeping.backup import back_up
from etl.safekeeping.keys import KEYS, keep_keys
from etl.safekeeping.restore import restore
from etl.settings import Settings
from tests.callbacks import body_of
from tests.drawn_log import CALLER, EIGHT, GOOD, answered, log, write
from tests.people import DOOR
from tests.product import Product

pytestmark = pytest.mark.duckdb

PASSWORD, OTHER = "nueve gatos cruzan el puente", "la lluvia cae sobre el cerro"
FORGED = "otra\r\n2026-11-20 jefa DONE"
HERE = "10.0.0.9"
JEFA, RAIZ = ("jefa", "chief", HERE), ("raiz", "administrator", HERE)


@dataclass
class Site:
    """A site with a load, whoever signs in to it from one address, and what the audit gains by each act."""

    product: Product
    store: stores.OpenStore
    context: Context
    seen: set[str] = field(default_factory=set)
    client: Client = field(init=False)

    def __post_init__(self) -> None:
        self.app = create_app(self.context, DOOR)
        self.client = Client(self.app.server)

    def ask(self, path: str, **sent: Any) -> TestResponse:
        sent["headers"] = {"Accept": "text/html", **sent.get("headers", {})}
        method = self.client.post if sent.keys() & {"data", "json"} else self.client.get
        return method(path, environ_base={"REMOTE_ADDR": HERE}, **sent)

    def form(self, path: str, page: str, **values: str) -> TestResponse:
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.ask(page).text)
        return self.ask(path, data={"csrf_token": found[1] if found else "", **values})

    def identity(self, name: str) -> Identity:
        with transaction(self.store.records) as session:
            account = find_account(session, name)
            return Identity(account.account_id, name, account.full_name, Role(account.role), False, 0, HERE)

    def run(self) -> None:
        job = jobs.claim(self.store.records, stores.now())
        assert job is not None and works.do(self.store, job, no_progress)

    @contextmanager
    def leaves(
        self, action: Action, whose: tuple[str, str, str], about: str, result: str = "done", **details: Any
    ) -> Iterator[None]:
        """Find that what is done in the block leaves this entry and no other; of a detail ... that it is there."""
        self.seen.add(action)
        with transaction(self.store.records) as session:
            last = session.scalar(select(func.max(AuditEntry.entry_id))) or 0
        before = stores.now()
        yield
        (entry,) = self.entries(last)
        assert before <= entry.entered_at <= stores.now()
        assert (entry.action, entry.result) == (action, result)
        assert (entry.who, entry.role, entry.address) == whose
        assert re.fullmatch(about, entry.object), entry.object
        told = json.loads(entry.details) if entry.details else {}
        for name, value in details.items():
            assert name in told and value in (..., told[name]), told
        assert CALLER not in entry.object + entry.details
        assert all(len(text.splitlines()) <= 1 for text in (entry.who, entry.object, entry.details))

    def entries(self, after: int) -> list[AuditEntry]:
        with transaction(self.store.records) as session:
            return list(session.scalars(select(AuditEntry).where(AuditEntry.entry_id > after)))


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    product = Product(tmp_path / "site")
    store = product.store()
    pipeline.ingest(store, [write(product, "queue_log", log(*GOOD))])
    hashed = hash_password(PASSWORD)
    with transaction(store.records) as session:
        for name, role in (("jefa", Role.CHIEF), ("raiz", Role.ADMINISTRATOR), ("ana", Role.OPERATOR)):
            add_account(session, SYSTEM, name, name.title(), role, hashed, must_change=False)
    with closing(Context(product.settings())) as context:
        yield Site(product, store, context)
    store.records.dispose()


def test_each_act_leaves_one_entry_with_everything_that_is_asked_of_it(site: Site, tmp_path: Path) -> None:
    nobody = ("(desconocida)", "", HERE)
    with site.leaves(Action.SIGN_IN, nobody, re.escape("(desconocida)"), "refused", why="wrong"):
        assert site.form("/login", "/login", name=FORGED, password=PASSWORD).status_code == 401
    with site.leaves(Action.SIGN_IN, ("jefa", "", HERE), "jefa", "refused", why="wrong"):
        assert site.form("/login", "/login", name="jefa", password=OTHER).status_code == 401
    with site.leaves(Action.SIGN_IN, ("ana", "operator", HERE), "ana"):
        assert site.form("/login", "/login", name="ana", password=PASSWORD).status_code == 302
    with site.leaves(Action.DENIED, ("ana", "operator", HERE), "page /auditoria", "refused"):
        assert site.ask("/auditoria").status_code == 403
    with site.leaves(Action.PASSWORD, ("ana", "operator", HERE), "ana", "refused", why="wrong"):
        assert site.form("/password", "/password", old=OTHER, new=OTHER, again=OTHER).status_code == 401
    with site.leaves(Action.SIGN_OUT, ("ana", "operator", HERE), "ana"):
        assert site.form("/logout", "/password").status_code == 302
    site.form("/login", "/login", name="jefa", password=PASSWORD)
    mark = site.ask("/").headers.getlist("Set-Cookie")
    token = next(found[1] for each in mark if (found := re.match("_csrf_token=([^;]+)", each)))
    of_day = "?desde=2024-03-05&hasta=2024-03-05&cifra=answered"
    listed = {"search": of_day, "generation": site.context.generation_in_service()}
    pressed = {"triggered": {"part": "calls", "ending": "csv"}, "calls-shown.data": listed}
    body = body_of(site.app, "calls-file.data", pressed)
    with site.leaves(Action.EXPORT, JEFA, r"llamadas.*\.csv", rows=1, masked=True):
        assert site.ask("/_dash-update-component", json=body, headers={"X-CSRFToken": token}).status_code == 200

    jefa, raiz = site.identity("jefa"), site.identity("raiz")
    more = log(*answered(86_400, "9"))
    with site.leaves(Action.UPLOAD, JEFA, "upload 1", bytes=len(more), sha256=..., reason=None):
        sent = uploads.receive(site.store.records, site.store.settings, jefa, FORGED, "queue_log", more).upload_id
    with site.leaves(Action.UPLOAD, JEFA, "upload 1"):
        site.run()
    with site.leaves(Action.LOAD, JEFA, "load 2"):
        intake.load_file(site.context, jefa, sent)
        site.run()
    with site.leaves(Action.UNDO, JEFA, "load 2"):
        intake.undo_load(site.context, jefa, [load for load, _, _ in intake.undone_with(site.context, jefa, 2)])
        site.run()
    with site.leaves(Action.UPLOAD, JEFA, "upload 2", "refused", reason=...), pytest.raises(uploads.UploadError):
        uploads.receive(site.store.records, site.store.settings, jefa, "x", "queue_log", b"")
    with site.leaves(Action.MAPPING, JEFA, QUEUES, before=..., after=..., rules=1):
        shown = assignments.version_of(site.context, QUEUES).partition(" ")[0]
        assignments.save(site.context, jefa, QUEUES, shown, [(0, ["soporte", "", "102", "", ""])])
        site.run()
    with site.leaves(Action.UNMASK, JEFA, "queue_log, línea 1", reason="La cliente pidió que la llamen"):
        asked = CallAsked("pbx", f"{EIGHT}.1", datetime(2024, 3, 5, 8))
        assert unmasked(site.context, jefa, asked, "La cliente pidió que la llamen")
    with site.leaves(Action.ACCOUNT, RAIZ, "eva", change="added", role="operator"):
        administration.add(site.context, raiz, "eva", "Eva Sol", Role.OPERATOR)
    eva = site.identity("eva").account_id
    with site.leaves(Action.ROLE, RAIZ, "eva", before="operator", after="supervisor"):
        administration.change_role(site.context, raiz, eva, Role.SUPERVISOR)
    with site.leaves(Action.PASSWORD, RAIZ, "eva", must_change=True):
        administration.give_password(site.context, raiz, eva)
    with site.leaves(Action.ACCOUNT, RAIZ, "eva", change="disabled"):
        administration.close(site.context, raiz, eva, disabled=True)
    denied = site.leaves(Action.DENIED, JEFA, "right manage_accounts, account .*", "refused")
    with denied, pytest.raises(administration.NotAllowed):
        administration.change_role(site.context, jefa, eva, Role.CHIEF)
    with transaction(site.store.records) as session:
        waiting = jobs.enqueue(session, "backup", {}, jefa.actor).job_id
    with site.leaves(Action.JOB, JEFA, f"job {waiting}.*"), transaction(site.store.records) as session:
        jobs.cancel(session, waiting, by=jefa.actor)
    root = Actor(None, "root", "consola")
    with site.leaves(Action.BACKUP, ("root", "consola", ""), KEYS, folder=...):
        keep_keys(site.store, tmp_path / "keys", root)
    with site.leaves(Action.BACKUP, ("root", "consola", ""), "callcenter-.+"):
        made = back_up(site.store, tmp_path / "backups", by=root)
    new = Settings(data=tmp_path / "new" / "data")
    new.data.parent.mkdir()
    restore(tmp_path / "backups", new, tmp_path / "keys", by=root)
    restored = replace(site, store=stores.open_store(new), product=site.product)
    (told,) = [entry for entry in restored.entries(0) if entry.action == Action.RESTORE]
    assert (told.who, told.role, told.object, told.result) == ("root", "consola", made.folder.name, "done")
    restored.store.records.dispose()
    assert site.seen >= {*Action} - {Action.RESTORE}

"""Files as people send them to a store, and what becomes of them there."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from dashboard.people.accounts import Identity, Role
from dashboard.work import uploads, works
from dashboard.work.uploads import UploadError, receive
from etl import store as stores
from etl.lines import no_progress
from etl.records import jobs
from etl.records.engine import transaction
from etl.records.models import Job, Upload
from etl.settings import Settings
from tests.drawn_log import answered, log
from tests.people import account_of
from tests.product import Product

LOG = log(*answered(0, "1"))
MB = 1024 * 1024


@pytest.fixture
def settings(product: Product) -> Settings:
    return product.settings()


@pytest.fixture
def store(settings: Settings) -> Iterator[stores.OpenStore]:
    opened = stores.open_store(settings)
    yield opened
    opened.records.dispose()


def identity_of(records: Engine, role: Role = Role.CHIEF) -> Identity:
    account = account_of(records, role)
    return Identity(account.account_id, account.name, account.full_name, role, False, 1, "10.0.0.7")


def send(store: stores.OpenStore, data: bytes, name: str = "queue_log", role: Role = Role.CHIEF) -> Upload:
    return receive(store.records, store.settings, identity_of(store.records, role), name, "queue_log", data)


def refusal(store: stores.OpenStore, data: bytes, name: str = "libro.xlsx") -> tuple[int, str]:
    with pytest.raises(UploadError) as refused:
        send(store, data, name)
    return refused.value.status, str(refused.value)


def run_next(store: stores.OpenStore) -> Job:
    """Do the next job, in this process, and return what became of it."""
    job = jobs.claim(store.records, uploads._now())
    assert job is not None
    assert works.do(store, job, no_progress)
    with transaction(store.records) as session:
        return session.get_one(Job, job.job_id)


def row(store: stores.OpenStore, upload_id: int) -> Upload:
    with transaction(store.records) as session:
        return session.get_one(Upload, upload_id)


def waiting(settings: Settings) -> list[str]:
    folder = settings.data / "uploads"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []

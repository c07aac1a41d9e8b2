"""Files that people send are taken once, kept private, and bounded in size and number."""

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select, update

from dashboard.people.accounts import Identity, Role
from dashboard.work import uploads
from dashboard.work.uploads import UploadError, receive, shown_name
from etl import pipeline
from etl import store as stores
from etl.records.audit import SYSTEM, Action
from etl.records.engine import open_records, transaction
from etl.records.models import AuditEntry, Job, Upload
from etl.settings import Settings
from tests.drawn_log import answered, log
from tests.product import Product
from tests.sending import LOG, identity_of, refusal, row, run_next, send, waiting
from tests.sending import settings as settings
from tests.sending import store as store


def test_a_file_is_kept_under_a_name_of_ours_and_only_its_owner_reads_it(store: stores.OpenStore) -> None:
    upload = send(store, LOG, "../../CON\r\nSet-Cookie: a\u202e.log")
    assert upload.name == "../../CON\\r\\nSet-Cookie: a\\u202e.log"
    assert waiting(store.settings) == ["1"]
    path = uploads.path_of(store.settings, upload.upload_id)
    assert path.read_bytes() == LOG
    assert (stat.S_IMODE(path.stat().st_mode), stat.S_IMODE(path.parent.stat().st_mode)) == (0o600, 0o700)
    assert not list(store.settings.data.parent.glob("CON*"))
    with transaction(store.records) as session:
        job = session.scalars(select(Job)).one()
        assert (job.work, job.asked, job.state) == ("check", {"upload": 1}, "queued")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("queue_log.1.gz", "queue_log.1.gz"),
        ("  ", "sin nombre"),
        ("registro niño.log", "registro niño.log"),
        ("a\x00\x1b[31m\x7f\ud800", "a\\x00\\x1b[31m\\x7f\\ud800"),
        ("x" * 300, "x" * 199 + "…"),
        ("<img onerror=a>", "<img onerror=a>"),
    ],
)
def test_a_name_is_shown_as_one_line(name: str, shown: str) -> None:
    assert shown_name(name) == shown


def test_a_file_of_more_than_20_mb_is_refused_before_it_is_looked_at(store: stores.OpenStore) -> None:
    data = LOG + b"\n" * (uploads.MOST_BYTES + 1 - len(LOG))
    assert refusal(store, data) == (413, "«libro.xlsx» pasa de 20 MB: envíelo comprimido (gz) o por partes.")
    send(store, data[:-1])


def test_a_source_that_there_is_not_is_refused(store: stores.OpenStore) -> None:
    with pytest.raises(UploadError) as refused:
        receive(store.records, store.settings, identity_of(store.records), "a", "no_such", LOG)
    assert refused.value.status == 400


def test_an_account_sends_50_files_a_day_refused_ones_too(store: stores.OpenStore) -> None:
    for number in range(49):
        with transaction(store.records) as session:
            session.add(_sent(identity_of(store.records).account_id, f"{number:064}"))
    refusal(store, b"nothing of a log")
    status, message = refusal(store, LOG)
    assert (status, message) == (429, "Ya envió 50 archivos hoy: siga mañana, o use la carpeta de entrada.")
    assert refusals(store)[-1:] == ["limit"]
    send(store, LOG, role=Role.SUPERVISOR)
    assert refusal(store, LOG)[0] == 429, "who sends too much is not even told that it is known"
    with transaction(store.records) as session:
        session.execute(update(Upload).values(received_at=uploads._now() - timedelta(days=1)))
    send(store, log(*answered(10, "2")))


def refusals(store: stores.OpenStore) -> list[str]:
    """Why files were refused of which there is no row, by the audit."""
    with transaction(store.records) as session:
        found = select(AuditEntry.details).where(AuditEntry.action == Action.UPLOAD, AuditEntry.object == "file")
        return [json.loads(details)["reason"] for details in session.scalars(found.order_by(AuditEntry.entry_id))]


def _sent(account_id: int, sha256: str, size: int = 10, state: str = "discarded") -> Upload:
    return Upload(
        account_id=account_id, name="a", source="queue_log", sha256=sha256, bytes=size, received_at=uploads._now(),
        state=state, verdict=None, loads=None,
    )  # fmt: skip


def test_files_that_wait_fill_two_gigabytes_at_most(store: stores.OpenStore) -> None:
    identity = identity_of(store.records)
    with transaction(store.records) as session:
        session.add(_sent(identity.account_id, "1" * 64, uploads.MOST_WAITING_BYTES - len(LOG) + 1, "checked"))
    status, message = refusal(store, LOG)
    assert (status, "demasiados archivos en espera (2 GB)" in message) == (429, True)
    uploads.discard(store.records, store.settings, identity, 1)
    send(store, LOG)


def test_no_room_on_the_disk_is_told_and_leaves_nothing(
    store: stores.OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("dashboard.work.uploads.os.fsync", full)
    status, message = refusal(store, LOG)
    assert (status, "No se pudo guardar" in message) == (507, True)
    monkeypatch.undo()
    assert waiting(store.settings) == []
    send(store, LOG)


def test_the_same_bytes_sent_by_two_in_the_same_moment_are_taken_once(
    records_url: str, tmp_path: Path, product: Product
) -> None:
    settings = Settings(data=tmp_path / "data", records_url=records_url)
    store = stores.open_store(settings)
    people = [identity_of(store.records, role) for role in (Role.CHIEF, Role.SUPERVISOR) for _ in range(3)]
    engines = [open_records(records_url) for _ in people]

    def try_it(who: Identity, engine: Engine) -> int:
        try:
            receive(engine, settings, who, "queue_log", "queue_log", LOG)
        except UploadError as error:
            assert "Ese archivo ya se envió el " in str(error) and "(por cuenta." in str(error)
            return error.status
        return 200

    with ThreadPoolExecutor(len(people)) as pool:
        answers = list(pool.map(try_it, people, engines))
    assert sorted(answers) == [200, 409, 409, 409, 409, 409]
    with transaction(store.records) as session:
        assert session.scalar(select(func.count()).select_from(Upload)) == 1
        assert session.scalars(select(Job.work)).all() == ["check"]
    assert len(waiting(settings)) == 1
    for engine in (store.records, *engines):
        engine.dispose()


def test_ten_files_sent_at_once_are_taken_and_one_after_another_is_checked(store: stores.OpenStore) -> None:
    """U04: the worker has one process for files, and claims the next when the one before has ended."""
    who = identity_of(store.records)
    logs = [log(*answered(1000 * number, str(number + 1))) for number in range(10)]

    def give(number: int) -> Upload:
        return receive(store.records, store.settings, who, f"{number}.log", "queue_log", logs[number])

    with ThreadPoolExecutor(10) as people:
        sent = list(people.map(give, range(10)))
    assert {upload.state for upload in sent} == {"received"}
    with transaction(store.records) as session:
        assert session.scalars(select(Job.state)).all() == ["queued"] * 10
    looked_at = [run_next(store).asked["upload"] for _ in range(10)]
    assert sorted(looked_at) == looked_at == sorted(upload.upload_id for upload in sent)
    assert {row(store, number).state for number in looked_at} == {"checked"}


def test_bytes_in_service_are_refused_until_their_load_is_undone(store: stores.OpenStore) -> None:
    upload = send(store, LOG)
    run_next(store)
    with transaction(store.records) as session:
        uploads.load_upload(session, identity_of(store.records), upload.upload_id)
    assert refusal(store, LOG)[0] == 409
    assert refusals(store) == ["known"]
    run_next(store)
    status, message = refusal(store, LOG)
    assert (status, "ya se cargó el " in message, "(por cuenta.chief)" in message) == (409, True, True)
    pipeline.undo(store, 1, by=SYSTEM)
    again = send(store, LOG)
    run_next(store)
    with transaction(store.records) as session:
        uploads.load_upload(session, identity_of(store.records), again.upload_id)
    run_next(store)
    assert row(store, again.upload_id).loads == [2]


def test_bytes_that_came_by_another_way_are_known_too(store: stores.OpenStore, product: Product) -> None:
    path = product.folder / "in" / "queue_log"
    path.write_bytes(LOG)
    pipeline.ingest(store, [path])
    status, message = refusal(store, LOG)
    assert (status, "ya se cargó el " in message, "consola" in message) == (409, True, True)

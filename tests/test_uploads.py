"""Files that people send are judged by their bytes, taken once, kept private, and refused with a reason in Spanish."""

import gzip
import io
import json
import random
import stat
import struct
import tracemalloc
import warnings
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select, update

from dashboard.people.accounts import Identity, Role
from dashboard.work import uploads, works
from dashboard.work.uploads import UploadError, receive, shown_name
from etl import pipeline
from etl import store as stores
from etl.lines import no_progress
from etl.readers.lines import blocks
from etl.readers.sniff import header_of, sniff
from etl.readers.workbook_guard import judge_zip
from etl.records import jobs
from etl.records.audit import SYSTEM, Action
from etl.records.engine import open_records, transaction
from etl.records.models import AuditEntry, Job, Load, Upload
from etl.settings import Settings
from tests.drawn_log import answered, line, log
from tests.people import account_of
from tests.product import Product
from tests.table_files import xls_of, xlsx_of

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


# --- workbooks, made here


def workbook(**parts: bytes | str) -> bytes:
    """A zip of the parts that make a workbook, and of those given (a double underscore stands for a slash)."""
    whole: dict[str, bytes | str] = {
        "[Content_Types].xml": "<Types/>",
        "xl/workbook.xml": "<workbook/>",
        "xl/worksheets/sheet1.xml": "<worksheet><sheetData/></worksheet>",
    }
    whole |= {name.replace("__", "/"): part for name, part in parts.items()}
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as package:
        for name, part in whole.items():
            package.writestr(name, part)
    return file.getvalue()


def bomb(megabytes: int) -> bytes:
    """A workbook one part of which unpacks to so many megabytes."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as package:
        package.writestr("xl/workbook.xml", "<workbook/>")
        with package.open("xl/sharedStrings.xml", "w", force_zip64=False) as part:
            for _ in range(megabytes):
                part.write(b" " * MB)
    return file.getvalue()


def lying() -> bytes:
    """A workbook whose directory announces 1000 bytes for a part of a hundred thousand."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("xl/workbook.xml", "<workbook/>")
        package.writestr("xl/sharedStrings.xml", b"<a>" + b"b" * 100_000 + b"</a>")
    return file.getvalue().replace(struct.pack("<L", 100_007), struct.pack("<L", 1000))


def many_parts(names: list[str]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as package, warnings.catch_warnings(action="ignore"):
        package.writestr("xl/workbook.xml", "<workbook/>")
        for name in names:
            package.writestr(name, "")
    return file.getvalue()


def overlapping() -> bytes:
    """A workbook two entries of whose directory share the same bytes."""
    content = bytearray(many_parts(["xl/a.xml", "xl/b.xml"]))
    at = content.rfind(b"PK\x01\x02")
    before = content.rfind(b"PK\x01\x02", 0, at)
    content[at + 42 : at + 46] = content[before + 42 : before + 46]
    return bytes(content)


def ole(*streams: str) -> bytes:
    names = b"".join(name.encode("utf-16-le") + b"\0\0" for name in streams)
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 504 + names + b"\0" * 1024


FAR_CELL = '<worksheet><sheetData><row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData></worksheet>'
LAUGHS = '<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><workbook>&b;</workbook>'
OUTSIDE = '<!DOCTYPE x [<!ENTITY e SYSTEM "secreto.txt">]><workbook>&e;</workbook>'
DAMAGED = "está cortado o dañado"
UNKNOWN = "ninguna tabla es de un informe conocido"
#: What reliability.md calls it: the file, and what its refusal says. Made when asked for: some are large.
X: dict[str, tuple[Any, str]] = {
    "X01 empty": (lambda: b"", "está vacío (0 bytes)"),
    "X01 random": (lambda: random.Random(1).randbytes(5000), "no es un queue_log"),
    "X01 a PDF": (lambda: b"%PDF-1.7\n" + bytes(200), "es un PDF; aquí se carga"),
    "X02 a cut zip": (lambda: workbook()[:-30], "está cortado o dañado"),
    "X02 a damaged zip": (lambda: workbook()[:60] + b"\xff" * 40 + workbook()[100:], "está cortado o dañado"),
    "X03 a bomb": (lambda: bomb(280), "crece más de 100 veces"),
    "X04 a larger bomb": (lambda: bomb(310), "ocuparía más de 300 MB"),
    "X05 a part of blanks": (lambda: workbook(xl__s="<a>" + " " * (2 * MB)), "crece más de 100 veces"),
    "X06 a directory that lies": (lying, "está cortado o dañado"),
    "X07 a far cell": (lambda: workbook(**{"xl__worksheets__sheet1.xml": FAR_CELL}), DAMAGED),
    "X09 a dimension that lies": (
        lambda: workbook(**{"xl__worksheets__sheet1.xml": '<worksheet><dimension ref="A1:XFD1048576"/></worksheet>'}),
        DAMAGED,
    ),
    "X10 laughs": (lambda: workbook(**{"xl__workbook.xml": LAUGHS}), "define entidades (DTD)"),
    "X10 an entity from outside": (lambda: workbook(**{"xl__sharedStrings.xml": OUTSIDE}), "define entidades (DTD)"),
    "X10 in UTF-16": (lambda: workbook(**{"xl__a.xml": LAUGHS.encode("utf-16")}), "define entidades (DTD)"),
    "X10 behind a comment": (
        lambda: workbook(**{"xl__a.xml": "<!--" + random.Random(1).randbytes(9000).hex() + "-->" + LAUGHS}),
        "define entidades (DTD)",
    ),
    "X11 too many parts": (lambda: many_parts([f"xl/{n}.xml" for n in range(2001)]), "más de 2000 partes"),
    "X11 a part twice": (lambda: many_parts(["xl/a.xml", "xl/A.xml"]), "dos veces la misma parte"),
    "X11 a part outside": (lambda: many_parts(["../../etc/a.xml"]), "partes fuera de sí mismo"),
    "X11 a part outside, as Windows writes it": (lambda: many_parts(["xl\\..\\..\\a"]), "partes fuera de sí mismo"),
    "X11 parts that overlap": (overlapping, "se superponen"),
    "X12 under a password": (lambda: ole("EncryptionInfo", "EncryptedPackage"), "está protegido con contraseña"),
    "X13 macros": (lambda: workbook(**{"xl__vbaProject.bin": b"x"}), "tiene macros"),
    "X13 macros in an old one": (lambda: ole("Workbook", "_VBA_PROJECT_CUR"), "tiene macros"),
    "X14 a workbook without its relations": (workbook, DAMAGED),
    "X14 an honest workbook": (lambda: xlsx_of([["Fecha", "Otra"], ["1", "2"]]), UNKNOWN),
    "an old workbook of nothing": (lambda: ole("Workbook"), DAMAGED),
    "an old workbook": (lambda: xls_of([["Fecha", "Otra"], ["1", "2"]]), UNKNOWN),
    "X15 a table of HTML": (lambda: b"\xef\xbb\xbf\n<HTML><table><tr><td>1", UNKNOWN),
    "C31 a page to sign in": (lambda: b"<!doctype html><html><form>Clave", "es una página web sin tablas"),
    "X17 XML of 2003": (
        lambda: b'<?xml version="1.0"?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet"/>',
        "no tiene ninguna fila",
    ),
    "X18 binary": (lambda: many_parts(["xl/workbook.bin"]), "es un libro de Excel binario (xlsb)"),
    "X18 LibreOffice": (lambda: _zip_of("mimetype", "content.xml"), "es un documento de OpenDocument"),
    "a PDF in a gzip": (lambda: gzip.compress(b"%PDF-1.4 ..."), "es un archivo gzip que contiene un PDF"),
    "a gzip in a gzip": (lambda: gzip.compress(gzip.compress(LOG)), "que contiene otro archivo gzip"),
    "a cut gzip": (lambda: gzip.compress(LOG * 500)[:40], "cortado o dañado"),
    "UTF-16": (lambda: LOG.decode().encode("utf-16"), "es un texto sin columnas"),
    "U06 another source": (
        lambda: b"Fecha;Cola;Operador;Espera\n01/10/2026;101;Ana;5\n",
        "Se esperaba: Registro de colas de Asterisk (queue_log); lo que llegó es un texto separado por punto y coma "
        "con las columnas Fecha, Cola.",
    ),
    "Q30 a list of calls": (lambda: b'"","70712345","101","default"\n' * 9, "es un texto separado por coma."),
}


def _zip_of(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as package:
        for name in names:
            package.writestr(name, "x")
    return file.getvalue()


@pytest.mark.parametrize("name", X)
def test_what_is_no_log_is_refused_with_its_reason_and_nothing_of_it_is_kept(
    name: str, store: stores.OpenStore
) -> None:
    make, why = X[name]
    status, message = refusal(store, make())
    assert (status, why in message) == (422, True), message
    assert message.startswith("«libro.xlsx» no se acepta: ")
    assert "70712345" not in message
    assert waiting(store.settings) == []
    upload = row(store, 1)
    assert (upload.state, upload.verdict) == ("refused", {"refused": message.partition("acepta: ")[2]})
    with transaction(store.records) as session:
        entry = session.scalar(select(AuditEntry).where(AuditEntry.action == Action.UPLOAD))
        assert entry is not None
        assert (entry.who, entry.address, entry.object, entry.result) == (
            "cuenta.chief", "10.0.0.7", "upload 1", "refused",
        )  # fmt: skip
        assert session.scalar(select(func.count()).select_from(Job)) == 0


def test_a_bomb_is_refused_without_being_unpacked() -> None:
    content = bomb(280)
    tracemalloc.start()
    try:
        assert judge_zip(content).problem
        assert tracemalloc.get_traced_memory()[1] < 5 * MB
    finally:
        tracemalloc.stop()


def test_no_change_of_a_workbook_makes_the_guard_fail_otherwise_than_by_saying_so() -> None:
    chance = random.Random(9)
    honest = workbook(**{"xl__a.xml": "<a>" + chance.randbytes(400).hex() + "</a>"})
    for _ in range(2000):
        content = bytearray(honest)
        for _ in range(chance.choice([1, 1, 2, 8])):
            content[chance.randrange(len(content))] = chance.randrange(256)
        cut = bytes(content[: chance.randrange(len(content))] if chance.random() < 0.2 else content)
        assert isinstance(sniff(cut).what, str)


def test_a_header_is_quoted_only_where_it_holds_nobodys_data() -> None:
    assert header_of(b"Fecha\tCola\n1\t2\n") == "un texto separado por tabulador con las columnas Fecha, Cola"
    assert header_of(b"Ana Canario;Rosa del Valle;nombre de nadie\n") == "un texto separado por punto y coma"
    assert header_of(b"70712345;Ana Perez\n") == "un texto separado por punto y coma"
    assert header_of(b"a;" + b"b" * 200) == "un texto separado por punto y coma"
    assert header_of(b"hola\n") == "un texto sin columnas"
    assert header_of(b"\x00\x01\x02;\n") == "datos que no son texto"
    assert header_of(gzip.compress(b"a,b\n")) == "un texto separado por coma"


# --- taken in


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


# --- the same bytes


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


# --- checked, loaded, discarded


def test_a_check_tells_what_is_in_a_file_and_loads_nothing(store: stores.OpenStore) -> None:
    data = log(
        *answered(0, "1"), line(100, "2", "ENTERQUEUE", "", "70712345", 1, queue="ventas"), "garbage of 70712345"
    )
    upload = send(store, data, "octubre.log")
    job = run_next(store)
    checked = row(store, upload.upload_id)
    assert (job.state, checked.state) == ("done", "checked")
    verdict = checked.verdict
    assert verdict is not None
    (file,) = verdict["files"]
    assert file == {
        "name": "octubre.log", "state": "checked", "source": "queue_log", "read": 5, "loaded": 4,
        "duplicates": 0, "quarantined": 1, "blank": 0, "held": 0, "message": "",
    }  # fmt: skip
    assert verdict["reasons"] == {"epoch": 1, "fields": 1}
    assert (verdict["first"], verdict["last"]) == ("2024-03-05 08:00:00", "2024-03-05 08:01:40")
    assert [(queue["queue"], queue["entries"], queue["service"]) for queue in verdict["queues"]] == [
        ("101", 1, "101"),
        ("ventas", 1, None),
    ]
    assert verdict["unknown_queues"] == ["ventas"]
    assert verdict["agents"] == [{"agent": "SIP/201", "connected": 1}]
    assert "octubre.log: revisado (queue_log): 5 leídas, se cargarían 4, 1 observada" in job.tells
    assert "70712345" not in str(verdict) + job.tells
    with transaction(store.records) as session:
        assert session.scalar(select(func.count()).select_from(Load)) == 0


def test_a_checked_file_is_loaded_once_and_then_no_longer_kept(store: stores.OpenStore) -> None:
    upload = send(store, LOG, "octubre.log")
    identity = identity_of(store.records)
    with pytest.raises(UploadError, match="no está o ya no espera"), transaction(store.records) as session:
        uploads.load_upload(session, identity, upload.upload_id)
    run_next(store)
    with transaction(store.records) as session:
        uploads.load_upload(session, identity, upload.upload_id)
    with pytest.raises(UploadError, match="no está o ya no espera"), transaction(store.records) as session:
        uploads.load_upload(session, identity, upload.upload_id)
    job = run_next(store)
    assert job.tells.startswith("octubre.log: cargado (queue_log): 3 leídas, 3 cargadas")
    assert job.answer is not None and job.answer["loads"] == [1]
    loaded = row(store, upload.upload_id)
    assert (loaded.state, loaded.loads) == ("loaded", [1])
    assert waiting(store.settings) == []
    with transaction(store.records) as session:
        acts = session.execute(
            select(AuditEntry.who, AuditEntry.action, AuditEntry.object, AuditEntry.result)
            .where(AuditEntry.action != Action.ACCOUNT)
            .order_by(AuditEntry.entry_id)
        ).all()
    assert [tuple(act) for act in acts] == [
        ("cuenta.chief", "upload", "upload 1", "done"),
        ("cuenta.chief", "upload", "upload 1", "done"),
        ("cuenta.chief", "load", "load 1", "done"),
    ]


def test_a_file_without_anything_new_says_which_load_has_it(store: stores.OpenStore, product: Product) -> None:
    path = product.folder / "in" / "queue_log"
    path.write_bytes(LOG)
    pipeline.ingest(store, [path])
    upload = send(store, LOG + b"1709640300|half a li")  # known up to its last whole line
    run_next(store)
    with transaction(store.records) as session:
        uploads.load_upload(session, identity_of(store.records), upload.upload_id)
    job = run_next(store)
    assert "sin líneas nuevas" in job.tells
    assert row(store, upload.upload_id).loads == [1]


def test_a_gzip_that_unpacks_to_more_than_300_mb_is_refused_by_its_check_in_bounded_memory(
    store: stores.OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "MOST_UNPACKED_BYTES", 30 * MB)
    data = gzip.compress(LOG + (b"x" * 1000 + b"\n") * 40_000, 1)
    upload = send(store, data, "bomba.gz")
    before = sum(path.stat().st_size for path in store.settings.data.rglob("*") if path.is_file())
    tracemalloc.start()
    try:
        job = run_next(store)
        assert tracemalloc.get_traced_memory()[1] < 10 * MB
    finally:
        tracemalloc.stop()
    assert "descomprimido pasa de 30 MB" in job.tells
    assert (row(store, upload.upload_id).state, waiting(store.settings)) == ("refused", [])
    after = sum(path.stat().st_size for path in store.settings.data.rglob("*") if path.is_file())
    assert after <= before


def test_while_somebody_waits_no_more_than_the_beginning_of_a_file_is_unpacked(
    store: stores.OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What that does not tell, the check tells in its own process: of events after a hole, and of a hole alone."""
    read = []

    def counted(*given: Any) -> Iterator[bytes]:
        for block in blocks(*given):
            read.append(len(block))
            yield block

    hole = b"\n" * (6 * MB)
    with monkeypatch.context() as patched:
        patched.setattr("etl.landing.recognition.blocks", counted)
        sent = [send(store, gzip.compress(data), "hueco.gz") for data in (hole + LOG, hole, b"a" * len(hole))]
        assert sum(read) == 3 * uploads.LOOKED_AT_BYTES
    events, nothing, noise = (run_next(store).answer for _ in range(3))
    assert row(store, sent[0].upload_id).state == "checked" and events is not None
    assert {row(store, each.upload_id).state for each in sent[1:]} == {"refused"}, (nothing, noise)


def test_a_file_that_waits_can_be_discarded_and_its_check_does_not_run(store: stores.OpenStore) -> None:
    upload = send(store, LOG)
    identity = identity_of(store.records)
    uploads.discard(store.records, store.settings, identity, upload.upload_id)
    assert (row(store, upload.upload_id).state, waiting(store.settings)) == ("discarded", [])
    assert jobs.claim(store.records, uploads._now()) is None
    for number in (upload.upload_id, 99):
        with pytest.raises(UploadError, match="Ese archivo no está o ya no espera") as gone:
            uploads.discard(store.records, store.settings, identity, number)
        assert gone.value.status == 404
    send(store, LOG)


def test_a_check_that_ends_after_the_file_was_discarded_changes_nothing(store: stores.OpenStore) -> None:
    upload = send(store, LOG)
    job = jobs.claim(store.records, uploads._now())
    assert job is not None

    def discard_meanwhile(*_: object) -> None:
        if row(store, upload.upload_id).state == "received":
            uploads.discard(store.records, store.settings, identity_of(store.records), upload.upload_id)
            uploads.path_of(store.settings, upload.upload_id).write_bytes(LOG)

    works.do(store, job, discard_meanwhile)
    assert row(store, upload.upload_id).state == "discarded"


def test_what_waited_for_90_days_and_what_nobody_knows_is_deleted(store: stores.OpenStore) -> None:
    old, young = send(store, LOG), send(store, log(*answered(10, "2")))
    stray = store.settings.data / "uploads" / ".draft-left"
    stray.write_bytes(b"x")
    with transaction(store.records) as session:
        session.get_one(Upload, old.upload_id).received_at -= uploads.LONGEST_WAIT + timedelta(hours=1)
    assert uploads.sweep(store.records, store.settings, uploads._now()) == 0, "nothing happened meanwhile"
    with transaction(store.records) as session:
        for days in range(1, uploads.FEWEST_DAYS):
            noted = uploads._now() - timedelta(days=days)
            session.add(AuditEntry(entered_at=noted, account_id=None, who="alguien", role="", address="",
                                   action=Action.SIGN_OUT, object="alguien", result="done", details=""))  # fmt: skip
    assert uploads.sweep(store.records, store.settings, uploads._now()) == 1
    assert (row(store, old.upload_id).state, row(store, young.upload_id).state) == ("discarded", "received")
    uploads.sweep(store.records, store.settings, uploads._now() + timedelta(hours=2))
    assert waiting(store.settings) == [str(young.upload_id)]


def test_a_clock_that_jumps_ahead_makes_no_file_old(store: stores.OpenStore) -> None:
    upload = send(store, LOG)
    ahead = uploads._now() + uploads.LONGEST_WAIT + timedelta(days=1)
    assert uploads.sweep(store.records, store.settings, ahead) == 0
    assert row(store, upload.upload_id).state == "received" and waiting(store.settings) == [str(upload.upload_id)]


def test_a_failure_that_nobody_foresaw_is_told_by_a_mark_and_quotes_nothing(
    store: stores.OpenStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> works.Outcome:
        raise ValueError("line of 70712345")

    monkeypatch.setitem(works.WORKS, "check", (fail, Action.UPLOAD))
    send(store, LOG)
    job = run_next(store)
    mark = job.tells.rpartition(" ")[2].rstrip(".")
    assert job.state == "failed" and len(mark) == 8
    assert mark in caplog.text and "ValueError" in caplog.text and "in fail" not in job.tells
    assert "70712345" not in caplog.text + job.tells


def test_identity_is_all_that_is_asked_of_whoever_sends(store: stores.OpenStore) -> None:
    """An account that is gone from the records cannot send: the foreign key holds, and nothing is left behind."""
    nobody = replace(identity_of(store.records), account_id=4711)
    with pytest.raises(Exception, match="FOREIGN KEY"):
        receive(store.records, store.settings, nobody, "a", "queue_log", LOG)
    assert waiting(store.settings) == []

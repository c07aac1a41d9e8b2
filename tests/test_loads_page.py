"""The page of loads without a browser: what is taken, what is refused and how, who may what, and what is told."""

import json
from base64 import b64encode
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from dashboard.app import create_app
from dashboard.context import Context
from dashboard.pages.loads import content
from dashboard.people.accounts import Identity, Role
from dashboard.security.identity import current
from dashboard.work import intake
from dashboard.work.intake import IntakeError
from etl.records import jobs
from etl.records.audit import Action, Result
from etl.records.engine import transaction
from etl.records.models import AuditEntry, Job, Load, Upload
from etl.store import now
from tests.callbacks import body_of
from tests.people import DOOR, SignedIn, account_of, asking_as
from tests.served import find, one_call, texts
from tests.worked_off import work_off

pytestmark = pytest.mark.duckdb
MANY = 20 * 1024 * 1024


def data_url(data: bytes, kind: str = "application/octet-stream") -> str:
    return f"data:{kind};base64,{b64encode(data).decode()}"


def log_bytes(number: int = 1, *more: str) -> bytes:
    return "".join(f"{line}\n" for line in (*one_call("x", number).lines, *more)).encode()


def asked(
    context: Context, output: str, values: dict[str, Any], role: Role = Role.CHIEF, app: Any = None
) -> TestResponse:
    """What the server answers to a callback of the page, for somebody of a role."""
    app = app or create_app(context, DOOR)
    return SignedIn(context, role, app).post("/_dash-update-component", json=body_of(app, output, values))


def sent(context: Context, contents: Any, name: Any = "queue_log", **who: Any) -> TestResponse:
    values = {"upload-file.contents": contents, "upload-file.filename": name}
    return asked(context, "uploads-answer.children", values, **who)


def pressed(context: Context, act: str, of: Any, **who: Any) -> TestResponse:
    return asked(context, "loads-said.children", {"triggered": {"act": act, "of": of}}, **who)


def said(answer: TestResponse) -> str:
    return json.dumps(json.loads(answer.text), ensure_ascii=False)


def said_on_page(answer: TestResponse) -> bool:
    assert answer.status_code in (200, 204)
    return "loads-said" in answer.text


def identity(context: Context, role: Role = Role.CHIEF) -> Identity:
    account = account_of(context.records, role)
    return Identity(account.account_id, account.name, account.full_name, role, False, 1)


def uploads(context: Context) -> list[Upload]:
    with Session(context.records) as session:
        return list(session.scalars(select(Upload).order_by(Upload.upload_id)))


def entries(context: Context, action: Action, result: Result) -> int:
    with Session(context.records) as session:
        query = select(func.count()).where(AuditEntry.action == action, AuditEntry.result == result)
        return session.scalar(query) or 0


def page_texts(context: Context, role: Role) -> str:
    with asking_as(context, role):
        parts = [content.sending(), *content.waiting(context), content.jobs(context), content.history(context)]
        return texts(parts)


def test_what_is_no_data_url_is_told_and_nothing_of_it_is_kept(store_context: Context) -> None:
    broken: list[Any] = [
        "", "a log", "data:text/plain,1|2|3", "data:;base64,###", "data:;base64,QUJ", "data:;base64,QUJD\n",
    ]  # fmt: skip
    app = create_app(store_context, DOOR)
    for contents in broken:
        answer = sent(store_context, contents, app=app)
        assert answer.status_code == 400 and answer.headers["X-Said"] == "page", contents
        assert "envíelo otra vez" in said(answer)
    assert not uploads(store_context) and not (store_context.settings.data / "uploads").exists()
    assert entries(store_context, Action.UPLOAD, Result.REFUSED) == len(broken)


def test_a_file_is_taken_by_its_bytes_whatever_it_is_called(store_context: Context) -> None:
    answer = sent(store_context, data_url(log_bytes(2), "application/pdf"), "../../<b>\r\nSet-Cookie: x")
    assert answer.status_code == 200 and "ahora se revisa" in said(answer)
    (upload,) = uploads(store_context)
    assert upload.state == "received" and (store_context.settings.data / "uploads" / "1").read_bytes() == log_bytes(2)
    assert upload.name == "../../<b>\\r\\nSet-Cookie: x"
    assert json.loads(answer.text)["sideUpdate"]["upload-file"] == {"contents": None}


REFUSED = [
    (b"%PDF-1.7", 422, "es un PDF"),
    (b"", 422, "está vacío (0 bytes)"),
    (b"fecha;monto\n1;2\n", 422, "no es un queue_log"),
    (b"1" * (MANY + 1), 413, "pasa de 20 MB"),
]


def test_a_refused_file_is_answered_with_its_reason_and_a_status(store_context: Context) -> None:
    app = create_app(store_context, DOOR)
    for data, status, says in REFUSED:
        answer = sent(store_context, data_url(data), app=app)
        assert (answer.status_code, answer.headers["X-Said"]) == (status, "page") and says in said(answer)
    assert not list((store_context.settings.data / "uploads").glob("*"))


def test_a_refused_file_waits_with_its_reason_folded_until_it_is_discarded(store_context: Context) -> None:
    sent(store_context, data_url(b"%PDF-1.7"), "oficio")
    told = page_texts(store_context, Role.SUPERVISOR)
    assert "oficio" in told and "No se acepta. Por qué Es un PDF" in told and "Descartar" in told
    assert "Descartar" not in page_texts(store_context, Role.QUALITY)
    assert "se descartó" in said(pressed(store_context, "discard", 1))
    assert "oficio" not in page_texts(store_context, Role.SUPERVISOR)


def test_queues_without_a_line_are_told_with_the_way_to_give_them_one_to_who_may(store_context: Context) -> None:
    with asking_as(store_context, Role.SUPERVISOR):
        assert content.without_line(store_context) is None
    sent(store_context, data_url(log_bytes(2).replace(b"|101|", b"|ventas|")))
    work_off(store_context)
    pressed(store_context, "load", 1)
    work_off(store_context)
    with asking_as(store_context, Role.SUPERVISOR):
        told = content.without_line(store_context)
        assert "1 cola sin línea: asígnela en Puesta en marcha" in texts(told)
        assert find(told, lambda each: getattr(each, "href", "") == "/puesta-en-marcha") is not None
    with asking_as(store_context, Role.ADMINISTRATOR):
        assert content.without_line(store_context) is None


def test_the_inbox_is_shown_to_who_may_load(store_context: Context) -> None:
    with asking_as(store_context, Role.CHIEF):
        assert str(store_context.settings.inbox) in texts(content.inbox(store_context))
    with asking_as(store_context, Role.QUALITY):
        assert content.inbox(store_context) is None


def test_who_undid_a_load_is_told_as_who_loaded_it(store_context: Context) -> None:
    name = identity(store_context).name
    with transaction(store_context.records) as session:
        load = session.get_one(Load, 1)
        load.state, load.refusal = "refused", f"se deshizo el 01/11/2026 por {name}"
    told = json.dumps(page_rows(store_context, Role.CHIEF), ensure_ascii=False)
    assert "se deshizo el 01/11/2026 por Cuenta chief" in told


def test_the_same_file_again_is_told_and_a_file_without_a_name_has_one(store_context: Context) -> None:
    assert sent(store_context, data_url(log_bytes(2)), None).status_code == 200
    answer = sent(store_context, data_url(log_bytes(2)), role=Role.SUPERVISOR)
    assert answer.status_code == 409 and "ya se envió el" in said(answer)
    assert [upload.name for upload in uploads(store_context)] == ["sin nombre"]


def test_who_only_reads_sends_and_presses_nothing(store_context: Context) -> None:
    app = create_app(store_context, DOOR)
    readers = (Role.OPERATOR, Role.MANAGER, Role.QUALITY, Role.ADMINISTRATOR)
    for role in readers:
        assert sent(store_context, data_url(log_bytes(2)), role=role, app=app).status_code == 403
        assert pressed(store_context, "load", 1, role=role, app=app).status_code == 403
        undo = asked(store_context, "loads-undone.children", {"triggered": {"undo": "1"}}, role, app)
        assert undo.status_code == 403
        with pytest.raises(IntakeError, match="no tiene permiso"):
            intake.take_file(store_context, identity(store_context, role), "x", data_url(log_bytes(2)))
        with pytest.raises(IntakeError, match="no tiene permiso"):
            intake.undo_load(store_context, identity(store_context, role), [1])
    assert not uploads(store_context)
    assert entries(store_context, Action.DENIED, Result.REFUSED) == 5 * len(readers)


def test_the_verdict_is_told_before_anything_is_loaded_and_its_buttons_do_what_they_say(store_context: Context) -> None:
    sent(store_context, data_url(log_bytes(2, "what", *one_call("x", 0).lines)), "queue_log.7")
    assert "Se está revisando" in page_texts(store_context, Role.CHIEF)
    assert "ya se mandó" not in said(pressed(store_context, "load", 1)), "not before its check"
    assert work_off(store_context) == ["done"]
    told = page_texts(store_context, Role.CHIEF)
    for says in (
        "queue_log.7", "Se cargarían 3 de 7 líneas leídas.", "Repetidas 3 (ya estaban", "1 que no se entienden",
        "1: tiene menos de 5 campos", "31/10/2026 08:02 a 31/10/2026 08:02", "ninguno de más de 12 horas", "Colas: 1",
        "101 Reclamos Técnicos", "Operadores: 1", "SIP/201", "Cargar", "Descartar",
    ):  # fmt: skip
        assert says in told, says
    quality = page_texts(store_context, Role.QUALITY)
    assert "Se cargarían 3 de 7" in quality and "Descartar" not in quality and "Elegir un archivo" not in quality
    assert "quedó pedida" in said(pressed(store_context, "load", 1, role=Role.SUPERVISOR))
    assert "ya se mandó a cargar" in said(pressed(store_context, "load", 1))
    assert "no está o ya no espera" in said(pressed(store_context, "discard", 1))
    assert work_off(store_context) == ["done"]
    newest, *_ = intake.loads_shown(store_context)
    assert (newest.name, newest.lines, newest.loaded, newest.duplicates, newest.set_aside) == (
        "queue_log.7",
        7,
        3,
        3,
        1,
    )
    assert newest.who == "Cuenta supervisor" and not newest.refusal
    assert "Por cargar" not in page_texts(store_context, Role.CHIEF)


def test_a_file_that_brings_nothing_new_can_only_be_discarded(store_context: Context) -> None:
    sent(store_context, data_url(log_bytes(0)[:-40]), "half")
    work_off(store_context)
    told = page_texts(store_context, Role.CHIEF)
    assert "No trae nada nuevo" in told and "Descartar" in told and "Cargar " not in told.partition("Trabajos")[0]
    assert "se descartó" in said(pressed(store_context, "discard", 1))
    assert [upload.state for upload in uploads(store_context)] == ["discarded"]
    assert not list((store_context.settings.data / "uploads").glob("*"))


def test_what_is_no_number_of_anything_here_does_nothing_or_is_told(store_context: Context) -> None:
    app = create_app(store_context, DOOR)
    for of in ("1", 0, -1, 2**31, 2**53, 1.5):
        for act in ("load", "discard", "cancel", "retry"):
            assert not said_on_page(pressed(store_context, act, of, app=app)), (act, of)
    assert not said_on_page(pressed(store_context, "drop", 1, app=app))
    not_there = {"load": "ya no espera", "discard": "ya no espera", "cancel": "no existe", "retry": "no existe"}
    for act, says in not_there.items():
        answer = pressed(store_context, act, 4711, app=app)
        assert answer.status_code == 200 and says in said(answer) and "Cuenta" not in said(answer)


def test_a_job_is_cancelled_and_tried_again_and_a_mapping_is_neither(store_context: Context) -> None:
    sent(store_context, data_url(log_bytes(2)))
    (job,) = intake.jobs_shown(store_context, identity(store_context))
    assert (job.work, job.about, job.state, job.may_cancel, job.may_retry) == (
        "check",
        "queue_log",
        "queued",
        True,
        False,
    )
    assert "Se pidió cancelar" in said(pressed(store_context, "cancel", job.job))
    assert "ya terminó" in said(pressed(store_context, "cancel", job.job))
    (job,) = intake.jobs_shown(store_context, identity(store_context))
    assert (job.state, job.may_cancel, job.may_retry) == ("cancelled", False, True)
    assert not intake.jobs_shown(store_context, identity(store_context, Role.QUALITY))[0].may_retry
    assert "No se pudo revisar" in page_texts(store_context, Role.CHIEF)
    assert "otra vez" in said(pressed(store_context, "retry", job.job))
    assert "ya se reintentó" in said(pressed(store_context, "retry", job.job))
    with transaction(store_context.records) as session:
        mapping = jobs.enqueue(session, "mapping", {"what": "queues", "text": "secret"}, None).job_id
    assert "no tiene permiso" in said(pressed(store_context, "cancel", mapping))
    shown = intake.jobs_shown(store_context, identity(store_context))
    assert [(job.work, job.about, job.who) for job in shown[:2]] == [
        ("mapping", "colas", "sistema"), ("check", "queue_log", "Cuenta chief"),
    ]  # fmt: skip
    assert "secret" not in page_texts(store_context, Role.CHIEF)


def test_a_job_that_waits_with_nobody_at_work_is_told(store_context: Context) -> None:
    assert not intake.is_silent(store_context)
    with transaction(store_context.records) as session:
        waits = jobs.enqueue(session, "inbox", {}, None).job_id
    assert intake.is_under_way(store_context) and not intake.is_silent(store_context)
    late = now() - timedelta(seconds=40)

    def changed(**values: Any) -> bool:
        with transaction(store_context.records) as session:
            session.execute(update(Job).where(Job.job_id == waits).values(**values))
        return intake.is_silent(store_context)

    assert changed(queued_at=late)
    with asking_as(store_context, Role.CHIEF):
        assert "nadie los atiende" in texts(content.worker(store_context))
    assert not changed(beat_at=now()), "another load keeps it waiting: a worker has looked at it"
    assert changed(beat_at=late)
    with transaction(store_context.records) as session:
        runs = jobs.enqueue(session, "backup", {}, None)
        runs.state, runs.beat_at = "running", now()
    assert not changed(queued_at=late)


def test_an_undo_goes_by_what_was_told_and_is_asked_for_once(store_context: Context) -> None:
    chief = identity(store_context)
    assert intake.undone_with(store_context, chief, 1) == [(1, "1-one", 3)]
    with pytest.raises(IntakeError, match="cambió qué cargas se deshacen"):
        intake.undo_load(store_context, chief, [1, 2])
    with pytest.raises(IntakeError, match="No existe la carga 9"):
        intake.undo_load(store_context, chief, [9])
    answer = asked(store_context, "loads-undone.children", {"triggered": {"undo": "1"}})
    assert "Se pidió deshacer" in said(answer)
    with pytest.raises(IntakeError, match="Ya se pidió"):
        intake.undo_load(store_context, chief, [1])
    assert work_off(store_context) == ["done"]
    (undone,) = intake.loads_shown(store_context)
    assert undone.refusal.startswith("se deshizo el") and undone.who == "sistema"
    assert "se deshizo el" in json.dumps(page_rows(store_context, Role.CHIEF), ensure_ascii=False)
    with pytest.raises(IntakeError, match="no está en servicio"):
        intake.undone_with(store_context, chief, 1)


def page_rows(context: Context, role: Role) -> Any:
    """The rows of the table of loads, as somebody of a role gets them."""
    with asking_as(context, role):
        panel = content.history(context)
    grids = [each for each in panel._traverse() if getattr(each, "rowData", None)]
    return grids[0].rowData


def test_lines_set_aside_are_shown_masked_and_only_to_who_may(store_context: Context) -> None:
    sent(store_context, data_url(log_bytes(3, "a line of 70123456 that says nothing")))
    work_off(store_context)
    pressed(store_context, "load", 1)
    work_off(store_context)
    number, lines = intake.set_aside_lines(store_context, identity(store_context, Role.QUALITY), 2)
    assert number == 1 and lines[0].line == 4 and "70123456" not in lines[0].text and "•••" in lines[0].text
    for role in (Role.ADMINISTRATOR, Role.MANAGER):
        with pytest.raises(IntakeError, match="no tiene permiso"):
            intake.set_aside_lines(store_context, identity(store_context, role), 2)
        assert [row["set_aside_opens"] for row in page_rows(store_context, role)] == [0, 0]
        assert [row["state_text"] for row in page_rows(store_context, role)] == ["en servicio"] * 2
    assert [row["set_aside_opens"] for row in page_rows(store_context, Role.QUALITY)] == [1, 0]
    cell = {"colId": "set_aside", "value": 2}
    answer = asked(store_context, "loads-dialog.children", {"loads-list.cellRendererData": cell}, Role.SUPERVISOR)
    assert "Filas observadas de la carga 2" in said(answer) and "70123456" not in said(answer)
    refused = asked(store_context, "loads-dialog.children", {"loads-list.cellRendererData": cell}, Role.ADMINISTRATOR)
    assert refused.status_code == 403


def test_where_nothing_was_loaded_the_page_says_how(empty_context: Context) -> None:
    with asking_as(empty_context, Role.CHIEF):
        told = texts([content.sending(), *content.waiting(empty_context), content.history(empty_context)])
        assert "Todavía no se cargó ningún archivo. Envíe uno" in told and "callcenter ingest" not in told
        assert current().role is Role.CHIEF
    assert "Ningún archivo espera" in page_texts(empty_context, Role.MANAGER)

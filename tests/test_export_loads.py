"""Exports are loaded, replaced, undone and rebuilt like any file, and are never counted as calls."""

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from dashboard.context import Context
from dashboard.pages import month
from dashboard.pages.service_level import page_of
from dashboard.people.accounts import Identity, Role
from dashboard.work import intake, uploads, works
from dashboard.work.uploads import UploadError
from etl import checkup, pipeline
from etl.exports import Told
from etl.lines import no_progress
from etl.records import jobs
from etl.records.audit import SYSTEM
from etl.records.engine import transaction
from etl.records.models import Job, Load, Upload
from reports.definition import Period
from reports.exported import exported_months, read_exported, totals_of
from reports.figures import LIGHT
from tests.commands import REFUSED, call, done, files_of
from tests.people import account_of, asking_as
from tests.product import Product
from tests.served import one_call, texts
from tests.table_files import csv_of, html_of, xls_of, xlsx_of
from tests.test_exported_reports import AUGUST, SAMPLES

pytestmark = pytest.mark.duckdb

QUEUE_101 = Told(queue="101")
HEAD = ["Fecha", "Atendidas", "% Atend", "Sin atender", "% Desat"]
FIGURES = "SELECT first_date, queue, measure, value, load FROM core.export_figures ORDER BY ALL"


def days(*counts: tuple[int, int]) -> list[list[str]]:
    """A distribution by day from the first of August on: answered, not answered."""
    return [HEAD, *([f"2026-08-{n:02}", str(a), "1.00 %", str(u), "1.00 %"] for n, (a, u) in enumerate(counts, 1))]


def ingest(product: Product, content: bytes, told: Told = QUEUE_101, name: str = "agosto.csv") -> pipeline.FileReport:
    product.files += 1
    path = product.folder / "in" / f"{product.files}-{name}"
    path.write_bytes(content)
    (report,) = pipeline.ingest(product.store(), [path], names={path: name}, told=told)
    return report


def figures(product: Product) -> list[tuple[str, float, int]]:
    found = product.rows("SELECT first_date, measure, value, load FROM core.export_figures ORDER BY ALL")
    return [(f"{first:%d} {measure}", value, load) for first, measure, value, load in found]


def test_an_export_is_loaded_beside_the_calls_and_counts_as_none(product: Product) -> None:
    product.load(one_call("one", 0))
    counted = product.counted()
    report = ingest(product, csv_of(days((5, 2), (7, 0)), header=";"))
    assert (report.state, report.source, report.read, report.loaded, report.blank) == ("published", "exports", 3, 2, 1)
    assert report.message == "Asternic, distribución por día (2 filas, del 01/08/2026 al 02/08/2026, cola 101)"
    assert figures(product) == [
        ("01 answered", 5, 2), ("01 unanswered", 2, 2), ("02 answered", 7, 2), ("02 unanswered", 0, 2),
    ]  # fmt: skip
    assert product.counted() == counted
    assert product.rows("SELECT source, lines, loaded, blank, quarantined FROM meta.loads ORDER BY load") == [
        ("queue_log", 3, 3, 0, 0), ("exports", 3, 2, 1, 0),
    ]  # fmt: skip
    product.load(one_call("two", 5))
    assert len(product.visits()) == 2 and len(figures(product)) == 4, "a log after it keeps it"


def test_a_corrected_export_takes_the_place_of_the_first_until_it_is_undone(product: Product) -> None:
    ingest(product, csv_of(days((5, 2), (7, 0))))
    second = ingest(product, xlsx_of(days((6, 2), (7, 1))), name="corregido.xlsx")
    assert [value for _, value, _ in figures(product)] == [6, 2, 7, 1]
    with transaction(product.store().records) as session:
        assert [load.state for load in session.query(Load)] == ["published", "published"]
    assert second.load == 2
    pipeline.undo(product.store(), 2, by=SYSTEM)
    assert [value for _, value, _ in figures(product)] == [5, 2, 7, 0]
    pipeline.undo(product.store(), 1, by=SYSTEM)
    assert not (product.settings().warehouse / "CURRENT").exists()


def test_a_longer_export_tells_the_days_of_a_shorter_one_anew_and_other_queues_stand_beside(product: Product) -> None:
    ingest(product, csv_of(days((5, 2))))
    ingest(product, csv_of(days((6, 3), (1, 1))))
    ingest(product, csv_of(days((50, 20))), Told(queue="102"))
    sql = "SELECT queue, first_date, value FROM core.export_figures WHERE measure = 'answered' ORDER BY ALL"
    assert product.rows(sql) == [
        ("101", date(2026, 8, 1), 6), ("101", date(2026, 8, 2), 1), ("102", date(2026, 8, 1), 50),
    ]  # fmt: skip


def test_a_rebuild_makes_the_same_figures_of_the_raw_store(product: Product) -> None:
    product.load(one_call("one", 0))
    for name in ("asternic_answered_page.good.html", "asternic_by_hour.awful.csv"):
        ingest(product, (SAMPLES / name).read_bytes(), Told(*AUGUST, None if "page" in name else "101"), name)
    ingest(product, xls_of(days((5, 2))))
    everything = "SELECT * FROM core.export_figures ORDER BY ALL"
    before, aside = product.rows(everything), product.set_aside()
    assert len(before) > 50 and aside == [("number",)]
    pipeline.rebuild(product.store())
    assert product.rows(everything) == before and product.set_aside() == aside
    with transaction(product.store().records) as session:
        assert [(load.quarantined, load.loaded) for load in session.query(Load).order_by(Load.load_id)] == [
            (0, 3), (0, 19), (1, 23), (0, 1),
        ]  # fmt: skip


def test_the_same_file_is_known_and_of_another_queue_refused(product: Product) -> None:
    content = csv_of(days((5, 2)))
    assert ingest(product, content).state == "published"
    again = ingest(product, content, Told())
    assert (again.state, again.known, again.message) == ("known", 1, "ya estaba cargado")
    other = ingest(product, content, Told(queue="102"))
    assert other.state == "refused" and "deshaga esa carga" in other.message
    assert len(figures(product)) == 2


@pytest.mark.parametrize(
    ("content", "told", "says"),
    [
        (csv_of(days((5, 2))), Told(), "--queue NOMBRE"),
        (csv_of([["Hora", "Atendidas", "Sin atender"], ["08", "1", "2"]]), Told(queue="101"), "--from aaaa-mm-dd"),
        (b"<html><form>clave</form></html>", Told(), "página web sin tablas"),
        (html_of([["uno", "dos"], ["1", "2"]]), Told(), "ninguna tabla es de un informe conocido"),
        (b'Fecha;Atendidas;Sin atender\n2026-08-01;"1;2\n2026-08-02;1;2\n', Told(queue="101"), "línea 2 abre comillas"),
        (b"nada\nde nada\n", Told(), "no es un queue_log"),
    ],
)
def test_what_is_refused_leaves_nothing(product: Product, content: bytes, told: Told, says: str) -> None:
    report = ingest(product, content, told)
    assert report.state == "refused" and says in report.message
    assert not (product.settings().warehouse / "CURRENT").exists()
    assert not [path for path in product.settings().raw.rglob("*") if path.is_file()]


def test_check_tells_the_verdict_and_loads_nothing(tmp_path: Path) -> None:
    data, export, other = tmp_path / "data", tmp_path / "a.csv", tmp_path / "b.csv"
    export.write_bytes((SAMPLES / "asternic_by_hour.awful.csv").read_bytes())
    other.write_bytes(csv_of(days((5, 2))))
    done(data, "ingest", other, "--queue", "todas")
    before = files_of(data)
    result = call(data, "check", export, "--from", "2026-08-01", "--to", "2026-08-31", "--queue", "101")
    assert result.exit_code == 0 and "se cargarían 23" in result.stdout and "distribución por hora" in result.stdout
    assert "1 fila observada: number: una celda que debe ser un número no lo es" in result.stdout
    assert call(data, "check", export).exit_code == REFUSED
    assert files_of(data) == before


def test_the_command_takes_what_a_file_does_not_say(tmp_path: Path) -> None:
    data = tmp_path / "data"
    export = tmp_path / "horas.csv"
    export.write_bytes((SAMPLES / "asternic_by_hour.awful.csv").read_bytes())
    wrong = call(data, "ingest", export, "--from", "2026-08-31", "--to", "2026-08-01")
    assert wrong.exit_code == 2
    told = ("--from", "2026-08-01", "--to", "2026-08-31", "--queue", "101")
    (line,) = done(data, "ingest", "--json", export, *told).splitlines()
    assert {"source": "exports", "loaded": 23, "quarantined": 1}.items() <= json.loads(line).items()
    assert "línea 9: number: una celda que debe ser un número no lo es" in done(
        data, "quarantine", "--source", "exports"
    )
    assert "25 leídas, 23 cargadas, 0 repetidas, 1 observadas, 1 en blanco" in done(data, "load", "list")
    csv = done(data, "kpi", "registered", "--from", "2026-08-01", "--to", "2026-08-31", "--format", "csv")
    assert csv.splitlines()[-1].startswith("registered,0")
    assert "sin novedad" in done(data, "ingest", export)


# --- read


@pytest.fixture
def two_systems(product: Product) -> Product:
    """August of Asternic by page and by days, of Issabel by queue; one call of October in the log."""
    product.load(one_call("one", 0))
    ingest(product, (SAMPLES / "asternic_answered_page.good.html").read_bytes(), Told(), "atendidas.html")
    ingest(product, (SAMPLES / "asternic_unanswered_page.good.html").read_bytes(), Told(), "sin.html")
    ingest(product, (SAMPLES / "issabel_success.good.csv").read_bytes(), Told(*AUGUST), "exito.csv")
    return product


def test_figures_are_read_by_period_and_line_with_their_place(two_systems: Product) -> None:
    with closing(two_systems.open()) as cursor:
        found = read_exported(cursor, Period(*AUGUST))
        assert {(f.system, f.report) for f in found} >= {("asternic", "service_level"), ("issabel", "incoming_success")}
        (within,) = [f for f in found if f.measure == "answered_within_15"]
        assert (within.value, within.first, within.last, within.queue, within.service) == (1500, *AUGUST, None, None)
        of_line = read_exported(cursor, Period(*AUGUST), ["102"])
        assert {(f.report, f.measure, f.queue, f.value) for f in of_line} == {
            ("answered_by_queue", "answered", "102", 500), ("incoming_success", "answered", "102", 12),
            ("incoming_success", "abandoned", "102", 3), ("incoming_success", "unanswered", "102", 3),
            ("incoming_success", "wait_seconds", "102", 135), ("incoming_success", "calls", "102", 15),
        }  # fmt: skip
        assert all(f.load and f.line for f in found)
        assert not read_exported(cursor, Period(date(2026, 8, 1), date(2026, 8, 30))), "its own days lie within"
        assert exported_months(cursor) == ("2026-08",)


def test_a_total_adds_each_call_up_once(two_systems: Product) -> None:
    with closing(two_systems.open()) as cursor:
        asternic, issabel = totals_of(read_exported(cursor, Period(*AUGUST)))
    assert (asternic.answered, asternic.unanswered, asternic.registered, asternic.days) == (2000, 90, 2090, 31)
    assert (issabel.answered, issabel.unanswered, issabel.registered) == (92, 23, 115)
    assert issabel.sources == ("exito.csv (carga 4), Elastix o Issabel, éxito de llamadas entrantes, filas 2 a 3",)


def test_a_queue_that_does_not_count_is_left_out_and_a_mapped_one_bears_its_line(two_systems: Product) -> None:
    from tests.reference_counter import QueueRule

    two_systems.map([QueueRule("101", None, None, None, None), QueueRule("102", None, "4251000", None, None)])
    with closing(two_systems.open()) as cursor:
        found = [f for f in read_exported(cursor, Period(*AUGUST)) if f.report == "incoming_success"]
    assert {(f.queue, f.service) for f in found} >= {("102", "4251000")}


# --- on the pages


@pytest.fixture
def pages(two_systems: Product) -> Iterator[Context]:
    with closing(Context(two_systems.settings())) as context:
        yield context


def test_a_month_without_a_log_shows_what_was_exported_marked_as_such(pages: Context) -> None:
    content, _, shown = month.page_of(pages, "?mes=2026-08")
    told = texts(content)
    assert shown == "2026-08" and "No hay registro de agosto de 2026" in told
    assert "De exportación" in told and "no entran en ninguna cifra" in told
    assert "2.090" in told and "2.000" in told and "exito.csv (carga 4)" in told
    assert "De exportación" not in texts(month.page_of(pages, "?mes=2026-09")[0])
    assert "Sin registro y con exportaciones: " in texts(month.page_of(pages, "?mes=2026-09")[0])


def test_the_service_level_of_days_or_lines_without_a_log_shows_what_was_exported(pages: Context) -> None:
    told = texts(page_of(pages, "?desde=2026-08-01&hasta=2026-08-31", LIGHT)[0])
    assert "No hay registro" in told and "De exportación" in told and "2.090" in told
    told = texts(page_of(pages, "?desde=2026-08-01&hasta=2026-10-31", LIGHT)[0])
    assert "De exportación" in told, "part of the period has a log"


def test_a_store_of_exports_alone_opens_with_their_month(product: Product) -> None:
    ingest(product, csv_of(days((5, 2))))
    with closing(Context(product.settings())) as context:
        told = texts(month.page_of(context, "")[0])
        assert "No hay registro de agosto de 2026" in told and "De exportación" in told
        texts(page_of(context, "", LIGHT)[0])


# --- sent


def test_details_of_calls_are_taken_whatever_table_they_are_sent_as(product: Product) -> None:
    store = product.store()
    account = account_of(store.records, Role.CHIEF)
    who = Identity(account.account_id, account.name, account.full_name, Role.CHIEF, False, 1, "10.0.0.7")
    rows = [
        ["No. Agente", "Agente", "Hora de inicio", "Hora de fin", "Duración", "Tiempo espera", "Cola", "Tipo",
         "Teléfono", "Transferencia", "Estado"],
        ["201", "Ana", "2024-03-05 08:00:05", "2024-03-05 08:00:35", "00:00:30", "00:00:05", "101", "Inbound",
         "70700001", "", "terminada"],
    ]  # fmt: skip
    text = csv_of(rows)
    for content in (xlsx_of(rows), html_of(rows), text, text.decode().encode("utf-16")):
        sent = uploads.receive(store.records, store.settings, who, "detalle", "queue_log", content)
        assert sent.state == "received"
        (report,) = checkup.check(product.settings(), [uploads.path_of(store.settings, sent.upload_id)]).files
        assert (report.source, report.read, report.loaded) == ("call_detail", 2, 1)


def test_an_export_is_sent_checked_and_loaded_with_what_was_typed(product: Product) -> None:
    store = product.store()
    account = account_of(store.records, Role.CHIEF)
    who = Identity(account.account_id, account.name, account.full_name, Role.CHIEF, False, 1, "10.0.0.7")
    content = xlsx_of([["Hora", "Atendidas", "Sin atender"], ["08", "1", "2"]])
    with pytest.raises(UploadError) as refused:
        uploads.receive(store.records, store.settings, who, "h.xlsx", "queue_log", content)
    assert refused.value.status == 422 and "«Desde» y «Hasta»" in str(refused.value)
    told = intake.told_of("01/08/2026", "31/08/2026", " 101 ")
    sent = uploads.receive(store.records, store.settings, who, "h.xlsx", "queue_log", content, told)
    for _ in range(2):
        job = jobs.claim(store.records, uploads._now())
        assert job is not None and works.do(store, job, no_progress)
        with transaction(store.records) as session:
            upload = session.get_one(Upload, sent.upload_id)
            assert session.get_one(Job, job.job_id).state == "done", session.get_one(Job, job.job_id).tells
            if upload.state == "checked":
                assert upload.verdict is not None and "distribución por hora" in upload.verdict["files"][0]["message"]
                uploads.load_upload(session, who, sent.upload_id)
    assert [(queue, value) for _, queue, _, value, _ in product.rows(FIGURES)] == [("101", 1), ("101", 2)]


@pytest.mark.parametrize(("first", "last"), [("2026-08-01", ""), ("31/02/2026", ""), ("02/08/2026", "01/08/2026")])
def test_days_that_cannot_be_are_told(first: str, last: str) -> None:
    with pytest.raises(UploadError) as refused:
        intake.told_of(first, last, "")
    assert refused.value.status == 400


def test_the_page_of_loads_says_which_report_was_recognised(product: Product) -> None:
    from dashboard.pages.loads import content

    path = product.folder / "a.csv"
    path.write_bytes(csv_of(days((5, 2))))
    verdict = uploads.verdict_of(checkup.check(product.settings(), [path], told=Told(queue="101")), "a.csv")
    with closing(Context(product.settings())) as context, asking_as(context, Role.CHIEF):
        told = " ".join(texts(part) for part in content._verdict(verdict))
    assert "Se reconoció, de exportación" in told and "Asternic, distribución por día" in told

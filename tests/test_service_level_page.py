"""The page of the service level and the list of calls, asked by addresses as they come: readable, wrong, hostile."""

from collections.abc import Iterator
from datetime import date

import pytest

from dashboard.context import Context
from dashboard.pages import calls, service_level
from reports.definition import Period, month
from reports.figures import LIGHT
from tests.product import Product, load_in
from tests.reference_counter import LogFile
from tests.test_dashboard import texts

pytestmark = pytest.mark.duckdb
AT = 1793181600  # 28/10/2026 06:00 in La Paz


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    lines = (
        f"{AT}|1.1|101|NONE|ENTERQUEUE||71|1",
        f"{AT + 5}|1.1|101|SIP/1|CONNECT|5|2.1|3",
        f"{AT + 65}|1.1|101|SIP/1|COMPLETECALLER|5|60|1",
        f"{AT + 90}|2.1|103|NONE|ENTERQUEUE||72|1",
        f"{AT + 120}|2.1|103|NONE|ABANDON|1|1|30",
    )
    product: Product = load_in(tmp_path_factory.mktemp("store"), [LogFile("queue_log", lines)])
    context = Context(product.settings())
    yield context
    context.close()


def shown(store: Context, search: str) -> str:
    return texts(service_level.page_of(store, search, LIGHT)[0])


def test_a_store_without_data_says_what_to_do(tmp_path: object) -> None:
    context = Context(Product(tmp_path).settings())  # type: ignore[arg-type]
    assert "Todavía no hay datos" in shown(context, "")
    assert "Todavía no hay datos" in texts(calls.page_of(context, ""))


def test_the_figure_of_a_line_and_of_all(store: Context) -> None:
    assert "50,0 %" in shown(store, "?mes=2026-10")
    assert "100,0 %" in shown(store, "?mes=2026-10&linea=101")
    assert "0,0 %" in shown(store, "?mes=2026-10&linea=103")
    assert "prueba con un umbral de 10 s" in shown(store, "?mes=2026-10&umbral=10")


@pytest.mark.parametrize(
    ("search", "says"),
    [
        ("?mes=2026-13", "no es un mes"),
        ("?desde=0001-01-01&hasta=9999-12-31", "a lo más 10 años"),
        ("?mes=2026-10&linea=999", "No hay línea «999»"),
        ("?mes=2026-10&linea=<script>alert(1)</script>", "No hay línea «<script>alert(1)</script>»"),
        ("?mes=2026-10&umbral=-5", "no es un umbral"),
        ("?mes=2026-10&unidad=hora", "no es una unidad"),
        ("?mes=2025-01", "No hay registro de enero de 2025"),
    ],
)
def test_what_cannot_be_shown_is_told(store: Context, search: str, says: str) -> None:
    assert says in shown(store, search)


def test_the_list_of_a_figure_and_the_lines_of_a_call(store: Context) -> None:
    found = texts(calls.page_of(store, "?mes=2026-10&cifra=abandoned"))
    assert "Abandonadas: 1 llamadas" in found and "Volver a las cifras" in found
    opened = texts(calls.page_of(store, "?mes=2026-10&cifra=answered&llamada=pbx|1.1&en=2026-10-28T06:00:00"))
    assert "Líneas del registro de la llamada 1.1" in opened and "COMPLETECALLER" in opened
    assert "No hay líneas de esa llamada." in texts(
        calls.page_of(store, "?mes=2026-10&cifra=answered&llamada=pbx|9.9&en=2026-10-28T06:00:00")
    )


@pytest.mark.parametrize(
    ("search", "says"),
    [
        ("?mes=2026-10&cifra=asa", "no es una cuenta de llamadas"),
        ("?mes=2026-10&cifra=';DROP TABLE x", "No existe el indicador"),
        ("?mes=2026-10&cifra=answered&causa=colgó", "no se mide por causa"),
        ("?mes=2026-10&cifra=answered&hora=99", "no es un valor de hora"),
        ("?mes=2026-10&cifra=answered&llamada=pbx|1.1", "La dirección de la llamada está incompleta"),
        ("?mes=2026-10&cifra=answered&llamada=pbx|1.1&en=ayer", "La dirección de la llamada está incompleta"),
    ],
)
def test_a_list_that_cannot_be_shown_is_told(store: Context, search: str, says: str) -> None:
    assert says in texts(calls.page_of(store, search))


def test_files_are_named_for_figure_and_period(store: Context) -> None:
    content, name = service_level.lines_csv(store, "?mes=2026-10")
    assert name == "nivel-de-servicio_2026-10-01_2026-10-31.csv"
    assert content.decode("utf-8-sig").splitlines()[1].startswith("101;Reclamos Técnicos;1,0;1;1;1;0;5,0;5")
    content, name = calls.calls_csv(store, "?mes=2026-10&cifra=abandoned&unidad=ingreso")
    assert name == "llamadas_abandoned_2026-10-01_2026-10-31.csv"
    assert content.decode("utf-8-sig").splitlines()[1].startswith("28/10/2026 06:01:30;103;abandonada;colgó;30;;103;")


@pytest.mark.parametrize(
    ("period", "text"),
    [
        (month("2026-10"), "octubre de 2026"),
        (Period(date(2026, 10, 5), date(2026, 10, 5)), "05/10/2026"),
        (Period(date(2026, 10, 5), date(2026, 10, 6)), "del 05/10/2026 al 06/10/2026"),
        (Period(date(2026, 1, 1), date(2026, 12, 31)), "gestión 2026"),
        (Period(date(2025, 1, 1), date(2026, 12, 31)), "del 01/01/2025 al 31/12/2026"),
    ],
)
def test_a_period_is_named_as_users_say_it(period: Period, text: str) -> None:
    assert service_level.period_text(period) == text

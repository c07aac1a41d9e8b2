"""The page of the service level and the list of calls, asked by addresses as they come: readable, wrong, hostile."""

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from dash import html
from dash.development.base_component import Component

from dashboard import period_controls as controls
from dashboard.app import create_app
from dashboard.context import Context
from dashboard.filters import UNITS
from dashboard.pages import calls, service_level
from etl.records.site import ParameterRule, reference_parameters
from reports import terms
from reports.definition import Period, month
from reports.export import Table, csv_bytes
from reports.figures import LIGHT
from reports.format import period_text
from reports.rules import Rules
from tests.callbacks import body_of
from tests.people import DOOR, SignedIn
from tests.product import Product, load_in
from tests.reference_counter import LogFile
from tests.served import find, texts

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


def test_a_store_without_data_says_what_to_do(tmp_path: Path) -> None:
    context = Context(Product(tmp_path).settings())
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
        pytest.param(f"?mes=2026-10&umbral={'9' * 5000}", "no es un umbral", id="umbral-long"),
        ("?mes=2026-10&unidad=hora", "no es una unidad"),
        ("?mes=2025-01", "No hay registro de enero de 2025"),
    ],
)
def test_what_cannot_be_shown_is_told(store: Context, search: str, says: str) -> None:
    assert says in shown(store, search)


def test_the_list_of_a_figure_and_the_lines_of_a_call(store: Context) -> None:
    found = texts(calls.page_of(store, "?mes=2026-10&cifra=abandoned"))
    assert "Abandonadas: 1 llamada " in found and "Volver a las cifras" in found
    assert "Período: octubre de 2026 · Líneas: todas · Unidad: llamada · Umbral: 20 s · Meta: 80 % o más." in found
    part = texts(calls.page_of(store, "?mes=2026-10&cifra=abandoned&causa=colgó&umbral=30"))
    assert "· Causa: colgó · Unidad: llamada · Umbral: 30 s (prueba; no es la cifra del manual) · Meta" in part
    opened = texts(calls.page_of(store, "?mes=2026-10&cifra=answered&llamada=pbx|1.1&en=2026-10-28T06:00:00"))
    assert "Líneas del registro de la llamada 1.1" in opened and "COMPLETECALLER" in opened
    assert "No hay líneas de esa llamada." in texts(
        calls.page_of(store, "?mes=2026-10&cifra=answered&llamada=pbx|9.9&en=2026-10-28T06:00:00")
    )


def test_of_a_call_of_very_many_lines_the_first_are_shown(store: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = "?mes=2026-10&cifra=answered&llamada=pbx|1.1&en=2026-10-28T06:00:00"
    assert "hay más" not in texts(calls.page_of(store, opened))
    monkeypatch.setattr(calls, "_MOST_EVENTS", 2)
    shown = texts(calls.page_of(store, opened))
    assert "Se muestran las primeras 2: hay más." in shown and "CONNECT" in shown and "COMPLETECALLER" not in shown


@pytest.mark.parametrize(
    ("search", "says"),
    [
        ("?mes=2026-10&cifra=asa", "no es una cuenta de llamadas"),
        ("?mes=2026-10&cifra=max_wait", "no es una cuenta de llamadas"),
        ("?mes=2026-10&cifra=wait_distribution", "no es una cuenta de llamadas"),
        ("?mes=2025-01&cifra=wait_distribution", "no es una cuenta de llamadas"),
        ("?mes=2026-10&cifra=';DROP TABLE x", "No existe el indicador"),
        ("?mes=2026-10&cifra=answered&causa=colgó", "no se mide por causa"),
        ("?mes=2026-10&cifra=answered&hora=99", "no es un valor de hora"),
        ("?mes=2026-10&cifra=answered&llamada=pbx|NONE&en=2026-10-28T06:00:00", "«NONE» no es una llamada"),
        ("?mes=2026-10&cifra=answered&llamada=pbx|1.1", "La dirección de la llamada está incompleta"),
        ("?mes=2026-10&cifra=answered&llamada=pbx|1.1&en=ayer", "La dirección de la llamada está incompleta"),
    ],
)
def test_a_list_that_cannot_be_shown_is_told(store: Context, search: str, says: str) -> None:
    assert says in texts(calls.page_of(store, search))


def saved(table: Table | None) -> tuple[str, list[str]]:
    """The name of a file and the lines of its CSV."""
    assert table is not None
    return table.file_name, csv_bytes(table).decode("utf-8-sig").splitlines()


def test_files_are_named_for_figure_and_period(store: Context) -> None:
    name, lines = saved(service_level.saved_table(store, "?mes=2026-10", "lines"))
    assert name == "nivel-de-servicio-por-linea_2026-10-01_2026-10-31"
    assert lines[1] == "101;Reclamos Técnicos;1;1;1;1,0;Cumple;0;0;5,0"
    assert lines[2] == "102;Facturación;sin registro;;;;;;;"
    assert lines[-1] == "Total;2 de 12 líneas;2;1;1;0,5;No cumple;1;1;5,0"
    name, lines = saved(calls.saved_calls(store, "?mes=2026-10&cifra=abandoned&unidad=ingreso", 10))
    assert name == "llamadas_abandonadas_2026-10-01_2026-10-31_ingreso"
    assert lines[1].startswith("28/10/2026 06:01:30;103;Instalaciones;abandonada;colgó;30;;'103;")


@pytest.mark.parametrize(
    ("part", "heading", "last"),
    [
        ("heat", "Día de la semana;Media hora;Atendidas a tiempo;Registradas;", "miércoles;06:00;1;2;0,5"),
        ("hour", "Hora;", "06:00;1;2;0,5"),
        ("day", "Día;", "28/10/2026;1;2;0,5"),
        ("curve", "Segundos de espera;Atendidas hasta esa espera;Registradas;", "120;1;2;0,5"),
        ("classes", "Resultado;Tramo de espera;Cantidad;", "abandonada;sin dato;0;1;0,0"),
        ("all", "Indicador;Numerador;Denominador;Valor;", "Abandonos cortos;0;;0;cantidad;"),
    ],
)
def test_every_part_of_the_page_can_be_saved(store: Context, part: str, heading: str, last: str) -> None:
    _, lines = saved(service_level.saved_table(store, "?mes=2026-10", part))
    assert lines[0].startswith(heading)
    assert lines[-1].startswith(last)


@pytest.mark.parametrize(("search", "part"), [("?mes=2026-10", "nothing"), ("?umbral=500", "lines"), ("?mes=x", "all")])
def test_what_cannot_be_shown_is_not_saved(store: Context, search: str, part: str) -> None:
    assert service_level.saved_table(store, search, part) is None
    assert part == "nothing" or calls.saved_calls(store, search, 10) is None


def test_a_list_without_a_period_in_its_address_is_that_of_the_last_whole_month(store: Context) -> None:
    assert "Registradas: 2 llamadas" in texts(calls.page_of(store, "?cifra=registered"))
    name, lines = saved(calls.saved_calls(store, "?cifra=registered", 10))
    assert (name, len(lines)) == ("llamadas_registradas_2026-10-01_2026-10-31", 3)


def test_a_file_that_does_not_hold_the_whole_list_says_so(store: Context) -> None:
    table = calls.saved_calls(store, "?cifra=registered", 1)
    assert table is not None and len(table.rows) == 1
    assert table.says[-1] == "Las primeras 1 de 2" and table.title == "Registradas: 2 llamadas"


@pytest.mark.parametrize(
    ("unit", "says"),
    [
        ("llamada", "1 llamada atendida a tiempo (hasta 20 s de espera) de 2 llamadas registradas"),
        ("ingreso", "1 ingreso a cola atendido a tiempo (hasta 20 s de espera) de 2 ingresos a cola registrados"),
        ("cliente", "1 llamada del cliente atendida a tiempo"),
    ],
)
def test_figures_are_told_in_the_words_of_their_unit(store: Context, unit: str, says: str) -> None:
    found = shown(store, f"?mes=2026-10&unidad={unit}")
    assert says in found and "faltó 1 " in found
    counted = [text for text in terms.UNITS_EXPLAINED.values() if text in found]
    assert counted == [terms.UNITS_EXPLAINED[UNITS[unit]]] and all(text in found for text in terms.COUNTING)


def test_a_file_of_another_question_has_another_name(store: Context) -> None:
    search = "?mes=2026-10&umbral=60&unidad=ingreso&linea=101"
    assert saved(service_level.saved_table(store, search, "lines"))[0] == (
        "nivel-de-servicio-por-linea_2026-10-01_2026-10-31_linea-101_ingreso_prueba-60s"
    )
    name, _ = saved(calls.saved_calls(store, "?mes=2026-10&cifra=answered&hora=06&linea=sin línea", 9))
    assert name == "llamadas_atendidas_2026-10-01_2026-10-31_linea-sin-linea_hora-06"


@pytest.mark.parametrize("at", ["0001-01-01", "9999-12-31", "2026-10-28T06:00:00+04:00"])
def test_a_call_at_an_instant_that_cannot_be_is_told(store: Context, at: str) -> None:
    search = f"?mes=2026-10&cifra=answered&llamada=pbx|1.1&en={at.replace('+', '%2B')}"
    assert "La dirección de la llamada está incompleta" in texts(calls.page_of(store, search))


def test_what_is_no_line_of_the_total_has_no_target(store: Context) -> None:
    found = shown(store, "?mes=2026-10&linea=sin línea")
    assert "1 de 31 días" in found and "0 de 0" not in found and "Cumple" not in found


def test_what_is_on_record_is_told(store: Context) -> None:
    assert "1 de 31 días, 2 de 12 líneas" in shown(store, "?mes=2026-10")
    assert "1 de 1 día, 1 de 1 línea" in shown(store, "?desde=2026-10-28&hasta=2026-10-28&linea=101")


@pytest.fixture
def changing(store: Context, monkeypatch: pytest.MonkeyPatch) -> Context:
    """The store with a target and a threshold that change on 15/10/2026."""
    changed = [
        ParameterRule("threshold_seconds", "20", None, date(2026, 10, 14), ""),
        ParameterRule("threshold_seconds", "30", date(2026, 10, 15), None, ""),
        ParameterRule("target", "0.80", None, date(2026, 10, 31), ""),
        ParameterRule("target", "0.40", date(2026, 11, 1), None, ""),
    ]
    kept = [each for each in reference_parameters() if each.name not in ("threshold_seconds", "target")]
    monkeypatch.setattr(store, "rules", lambda: Rules.from_rows([*kept, *changed]))
    return store


def test_a_target_that_changes_within_the_period_gives_no_verdict(changing: Context) -> None:
    found = shown(changing, "?desde=2026-10-01&hasta=2026-11-30")
    assert "la meta cambia en el período" in found and "faltó" not in found
    assert "Cumple" not in found.replace("No cumple", "")
    assert "No cumple" in shown(changing, "?mes=2026-10")


def test_a_threshold_that_changes_within_the_period_is_told_with_both_values(changing: Context) -> None:
    assert "hasta 20 s y 30 s de espera" in shown(changing, "?mes=2026-10")
    table = service_level.saved_table(changing, "?mes=2026-10", "lines")
    assert table is not None and "Umbral: 20 s y 30 s" in table.says


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
    assert period_text(period) == text


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    """230 calls of one day: every third abandoned, the others answered by two operators."""
    lines = []
    for number in range(230):
        at, callid, line = AT + 60 * number, f"{AT + 60 * number}.1", "102" if number >= 200 else "101"
        lines.append(f"{at}|{callid}|{line}|NONE|ENTERQUEUE||71|1")
        if number % 3 == 0:
            lines.append(f"{at + 30}|{callid}|{line}|NONE|ABANDON|1|1|30")
        else:
            lines.append(f"{at + 5}|{callid}|{line}|SIP/{number % 2}|CONNECT|5|2.{number}|3")
            lines.append(f"{at + 35}|{callid}|{line}|SIP/{number % 2}|COMPLETECALLER|5|30|1")
    product: Product = load_in(tmp_path_factory.mktemp("many"), [LogFile("queue_log", tuple(lines))])
    with closing(Context(product.settings())) as context:
        yield context


def rows_of(page: Component) -> list[dict[str, Any]]:
    """The rows of the list on a page."""
    grid = find(page, lambda each: getattr(each, "id", None) == "calls-list")
    return list(grid.rowData) if grid is not None else []


def hrefs_of(page: Component) -> dict[str, str]:
    """The links to the other pages of a list, by their words."""
    nav = find(page, lambda each: getattr(each, "className", None) == "pages")
    return {each.children: each.href for each in nav.children if hasattr(each, "href")} if nav is not None else {}


def test_a_long_list_is_paged_through_from_its_first_call_to_its_last(many: Context) -> None:
    seen: list[str] = []
    address = "?mes=2026-10&cifra=registered"
    for number in (1, 2, 3):
        page = calls.page_of(many, address)
        assert f"Página {number} de 3" in texts(page)
        seen += [row["callid"] for row in rows_of(page)]
        address = hrefs_of(page).get("Siguiente", "").removeprefix(calls.PATH)
    assert len(seen) == len(set(seen)) == 230 and address == ""
    assert seen == sorted(seen) and f"&pagina=3&llamada=pbx%7C{seen[-1]}" in rows_of(page)[-1]["callid_href"]
    assert hrefs_of(page).keys() == {"Primera", "Anterior"}
    said = texts(page)
    assert "de la 201 a la 230 de 230; «Descargar» las trae todas." in said
    table = calls.saved_calls(many, "?mes=2026-10&cifra=registered&pagina=3", 1000)
    assert table is not None and len(table.rows) == 230


@pytest.mark.parametrize(("text", "page"), [("99", 3), ("0", 1), ("-1", 1), ("x", 1), ("9" * 40, 1), ("²", 1)])
def test_a_page_that_is_none_is_the_first_or_the_last(many: Context, text: str, page: int) -> None:
    assert f"Página {page} de 3" in texts(calls.page_of(many, f"?mes=2026-10&cifra=registered&pagina={text}"))


@pytest.mark.parametrize(
    ("narrowed", "title", "rows"),
    [
        ("", "Registradas: 230 llamadas", 100),
        ("&hora=07", "Registradas: 60 llamadas", 60),
        ("&linea=102", "Registradas: 30 llamadas", 30),
        ("&linea=101,102", "Registradas: 230 llamadas", 100),
        ("&causa=colgó", "Abandonadas: 77 llamadas", 77),
        ("&causa=colgó&hora=06", "Abandonadas: 20 llamadas", 20),
        ("&operador=SIP/1", "Atendidas: 77 ingresos a cola", 77),
        ("&cifra=answered_in_time&operador=SIP/0&hora=06", "Atendidas a tiempo: 20 ingresos a cola", 20),
        ("&causa=tiempo agotado", "Abandonadas: 0 llamadas", 0),
    ],
)
def test_a_list_is_narrowed_and_its_file_alike(many: Context, narrowed: str, title: str, rows: int) -> None:
    search = f"?mes=2026-10{narrowed}"
    page = calls.page_of(many, search)
    assert title in texts(page) and len(rows_of(page)) == rows
    table = calls.saved_calls(many, search, 1000)
    assert table is not None and table.title == title
    assert f": {len(table.rows)} " in title
    again = calls.saved_calls(many, calls.plain_address(many, search), 1000)
    assert again is not None and (again.rows, again.name) == (table.rows, table.name), "what the worker makes"
    operators = {row["agent_text"] for row in rows_of(page)}
    assert "SIP/1" not in narrowed or operators == {"SIP/1"}


def test_a_call_shows_who_answered_it_and_the_form_offers_who_did(many: Context) -> None:
    page = calls.page_of(many, "?mes=2026-10&linea=102")
    assert {row["agent_text"] for row in rows_of(page)} == {"", "SIP/0", "SIP/1"}
    offered = find(page, lambda each: getattr(each, "name", None) == "operador")
    assert [each["value"] for each in offered.data] == ["SIP/0", "SIP/1"]


def test_the_form_keeps_what_it_does_not_ask_for_and_only_that(many: Context) -> None:
    form = find(
        calls.page_of(many, "?mes=2026-10&umbral=30&dia_semana=3&media_hora=06:30&operador=SIP/1&linea=101"),
        lambda each: isinstance(each, html.Form),
    )
    fields = {each.name: each.value for each in form.children if hasattr(each, "name")}
    assert fields == {
        "desde": "2026-10-01", "hasta": "2026-10-31", "umbral": "30", "dia_semana": "3", "cifra": "answered",
        "linea": ["101"], "media_hora": "06:30", "causa": None, "operador": "SIP/1",
    }  # fmt: skip


def test_none_on_record_is_not_none(store: Context) -> None:
    for search in ("?mes=2026-10&linea=102", "?mes=2025-01"):
        page = calls.page_of(store, search)
        assert "Registradas: sin registro" in texts(page) and " 0 " not in texts(page)
        table = calls.saved_calls(store, search, 10)
        assert table is not None and table.title == "Registradas: sin registro"
    assert "Abandonadas: 0 llamadas" in texts(calls.page_of(store, "?mes=2026-10&linea=101&cifra=abandoned"))


def test_a_cell_opens_its_calls_whatever_else_the_address_named(store: Context) -> None:
    app = create_app(store, DOOR)
    values = {"location.search": "?mes=2026-10&hora=08", "scheme.data": "light"}
    client = SignedIn(store, app=app)
    answer = client.post("/_dash-update-component", json=body_of(app, "sl-content.children", values))
    shown = json.loads(answer.text)["response"]["sl-shown"]["data"]
    assert shown["address"] == "?desde=2026-10-01&hasta=2026-10-31"
    click = {"points": [{"x": "06:00", "y": "miércoles", "customdata": [1, 2]}]}
    values = {"sl-heat.clickData": click, "sl-shown.data": shown}
    opened = client.post("/_dash-update-component", json=body_of(app, "location.href", values))
    assert "dia_semana=3&media_hora=06%3A00&cifra=registered" in opened.text and "hora=08" not in opened.text


@pytest.mark.parametrize("address", ["?desde=x", "?puente=zzz", "?mes=2026-13", ""])
@pytest.mark.parametrize("page", ["sl", "bridge"])
def test_an_address_that_no_page_has_noted_is_refused_before_it_is_read(
    store: Context, page: str, address: str
) -> None:
    app = create_app(store, DOOR)
    moved = {"id": f"{page}-preset", "property": "value"}
    key = next(key for key, each in app.callback_map.items() if moved in each["inputs"])
    shown = {"search": "", "scheme": "light", "generation": store.generation_in_service(), "address": address}
    values = {f"{page}-preset.value": "mes", f"{page}-lines.value": [], f"{page}-unit.value": "llamada"}
    body = body_of(app, key, {**values, f"{page}-shown.data": shown})
    client = SignedIn(store, app=app)
    assert client.post("/_dash-update-component", json=body).status_code == 400
    shown["address"] = "?desde=2026-10-01&hasta=2026-10-31&linea=101&unidad=ingreso"
    body = body_of(app, key, {**values, f"{page}-shown.data": shown})
    assert client.post("/_dash-update-component", json=body).status_code == 200


def test_the_controls_are_there_only_once_there_is_something_to_ask(store: Context, tmp_path: Path) -> None:
    assert service_level.SHOWS.controls.bar().className == controls.WAITING
    for context, search, look in (
        (store, "?mes=2026-10", controls.SHOWN),
        (store, "?mes=2025-01", controls.SHOWN),
        (store, "?umbral=500", controls.HIDDEN),
        (Context(Product(tmp_path).settings()), "", controls.HIDDEN),
    ):
        app = create_app(context, DOOR)
        body = body_of(app, "sl-content.children", {"location.search": search, "scheme.data": "light"})
        answer = SignedIn(context, app=app).post("/_dash-update-component", json=body)
        assert json.loads(answer.text)["sideUpdate"]["sl-controls"]["className"] == look

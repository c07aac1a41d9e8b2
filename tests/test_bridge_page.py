"""The page that says why Asternic shows another number: its answer, its numbers, the calls they open, its files."""

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from dash import dcc

from dashboard.app import create_app
from dashboard.context import Context
from dashboard.pages import bridge, calls
from dashboard.pages.bridge.content import content, falls, step_rows
from dashboard.pages.bridge.measured import measure_page
from dashboard.people.accounts import Role
from dashboard.question import read_question
from reports import figures, terms
from reports.bridge import Bridge, Shown, Step
from reports.bridge_exports import Compared
from reports.bridge_items import BESIDE, BY_CODE, ITEMS
from reports.bridge_words import answer_lines
from reports.definition import Unit, month
from reports.export import Table, csv_bytes
from reports.figures import LIGHT
from reports.measured import recorded
from tests.callbacks import body_of
from tests.people import DOOR, SignedIn, asking_as
from tests.product import Product, load_in
from tests.reference_counter import LogFile
from tests.served import find, texts

pytestmark = pytest.mark.duckdb
AT = 1793181600  # 28/10/2026 06:00 in La Paz
OCTOBER = "?desde=2026-10-01&hasta=2026-10-31"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    """One answered, one transferred, one that hung up and has a second end, one of two visits."""
    lines = (
        f"{AT}|1.1|101|NONE|ENTERQUEUE||71|1", f"{AT + 5}|1.1|101|SIP/1|CONNECT|5|2.1|3",
        f"{AT + 65}|1.1|101|SIP/1|COMPLETECALLER|5|60|1",
        f"{AT + 70}|2.1|101|NONE|ENTERQUEUE||72|1", f"{AT + 75}|2.1|101|SIP/1|CONNECT|5|2.1|3",
        f"{AT + 80}|2.1|101|SIP/1|BLINDTRANSFER|102|c|5|5|1",
        f"{AT + 90}|3.1|103|NONE|ENTERQUEUE||73|1", f"{AT + 120}|3.1|103|NONE|EXITWITHTIMEOUT|1|1|30",
        f"{AT + 120}|3.1|103|NONE|ABANDON|1|1|30",
        f"{AT + 200}|4.1|101|NONE|ENTERQUEUE||74|1", f"{AT + 210}|4.1|101|NONE|EXITWITHTIMEOUT|1|1|10",
        f"{AT + 211}|4.1|101|NONE|ENTERQUEUE||74|1", f"{AT + 221}|4.1|101|NONE|ABANDON|1|1|10",
    )  # fmt: skip
    product: Product = load_in(tmp_path_factory.mktemp("store"), [LogFile("queue_log", lines)])
    context = Context(product.settings())
    yield context
    context.close()


def shown(store: Context, search: str) -> str:
    return texts(bridge.page_of(store, search, LIGHT)[0])


def saved(table: Table | None) -> list[str]:
    assert table is not None
    return csv_bytes(table).decode("utf-8-sig").splitlines()


def test_the_answer_comes_first_then_every_number_with_both_its_sides(store: Context) -> None:
    found = shown(store, OCTOBER)
    assert "Asternic muestra 5 (1 atendida y 4 sin atender) y el sistema 4 llamadas registradas." in found
    assert "1 no aparece ni en sus atendidas ni en sus sin atender: 1 transferida." in found
    assert "2 no se suman aquí: 1 otro ingreso de la misma llamada y 1 segundo final." in found
    assert "sin explicar" not in found
    assert "Nivel de servicio 50,0 % 2 4 La cifra del manual" in found
    assert "Nivel de servicio sobre atendidas 100,0 % 2 2" in found
    assert "Nivel de servicio según Asternic Lite 100,0 % 1 1" in found


def test_of_a_line_the_queues_that_are_read_are_named(store: Context) -> None:
    found = shown(store, f"{OCTOBER}&linea=103")
    assert "Colas que se leen como las leería Asternic: 103." in found
    assert "Asternic muestra 2 (0 atendidas y 2 sin atender) y el sistema 1 llamada registrada." in found


def test_every_number_opens_exactly_its_calls(store: Context) -> None:
    with store.reading() as (_, cursor):
        question = read_question(store, OCTOBER, recorded(cursor))
        found = measure_page(cursor, question)
    page = content(question, found, LIGHT)
    opened = []

    def note(each: Any) -> bool:
        if isinstance(each, dcc.Link) and each.href.startswith(f"{calls.PATH}?"):
            opened.append((each.href.partition("?")[2], each.children))
        return False

    find(page, note)
    assert len(opened) == 6
    for search, number in opened:
        listed = calls.page_of(store, f"?{search}")
        rows = find(listed, lambda each: getattr(each, "id", None) == "calls-list").rowData
        assert len(rows) == abs(int(number)), search


def test_a_part_is_listed_as_what_it_is(store: Context) -> None:
    visits = texts(calls.page_of(store, f"{OCTOBER}&puente=transferred"))
    assert "Transferidas: 1 ingreso a cola" in visits and "Un operador(a) las atendió" in visits
    lines = texts(calls.page_of(store, f"{OCTOBER}&puente=second_end"))
    assert "Segundos finales: 1 línea del registro" in lines and "Cada fila es una línea del registro" in lines
    assert "No hay ninguna con esos filtros" in texts(calls.page_of(store, f"{OCTOBER}&puente=withdrawn"))
    assert "no es una parte de la comparación" in texts(calls.page_of(store, f"{OCTOBER}&puente=nada"))
    assert "no es una parte de la comparación" in texts(
        calls.page_of(store, f"{OCTOBER}&unidad=ingreso&puente=chained")
    )
    back = find(
        calls.page_of(store, f"{OCTOBER}&linea=101&puente=transferred"),
        lambda each: getattr(each, "children", None) == "Volver a las cifras",
    )
    assert back.href == f"/por-que-no-cuadra{OCTOBER}&linea=101"


def test_a_line_of_no_call_opens_none(tmp_path: Path) -> None:
    lines = (f"{AT}|1.1|101|NONE|ENTERQUEUE||71|1", f"{AT + 5}|NONE|101|NONE|ABANDON|1|1|5")
    with closing(Context(load_in(tmp_path, [LogFile("queue_log", lines)]).settings())) as context:
        listed = calls.page_of(context, f"{OCTOBER}&puente=no_callid")
        (row,) = find(listed, lambda each: getattr(each, "id", None) == "calls-list").rowData
    assert (row["callid_text"], row["callid_href"]) == ("NONE", "")


def test_a_page_beyond_the_last_is_the_last(store: Context) -> None:
    found = texts(calls.page_of(store, f"{OCTOBER}&puente=asternic_unanswered&pagina=99"))
    assert "Asternic: sin atender: 4 ingresos a cola" in found and "No hay ninguna" not in found


@pytest.mark.parametrize(
    ("part", "heading", "last"),
    [
        ("variants", "Forma de medir;Numerador;Denominador;", "Nivel de servicio según Asternic Lite;1;1;1,0;"),
        ("steps", "Paso;Cantidad;Suma;Qué son", "Registradas;4;4;"),
        ("exports", "Exportación;Período;Cifra;De exportación;Según el registro;Diferencia", "Exportación;"),
    ],
)
def test_every_part_of_the_page_can_be_saved(store: Context, part: str, heading: str, last: str) -> None:
    lines = saved(bridge.saved_table(store, OCTOBER, part))
    assert lines[0].startswith(heading) and lines[-1].startswith(last)
    assert bridge.saved_table(store, "?mes=x", part) is None and bridge.saved_table(store, OCTOBER, "nothing") is None


def test_the_list_of_a_part_can_be_saved(store: Context) -> None:
    table = calls.saved_calls(store, f"{OCTOBER}&puente=chained", 10)
    assert table is not None and table.name == "llamadas_2026-10-01_2026-10-31_puente-chained"
    assert saved(table)[1].startswith("28/10/2026 06:03:31;101;Reclamos Técnicos;abandonada;colgó;10;;'101;")
    assert calls.plain_address(store, f"{OCTOBER}&puente=chained") == f"{OCTOBER}&puente=chained&cifra=registered"


@pytest.mark.parametrize(
    ("search", "says"),
    [
        ("?mes=2026-13", "no es un mes"),
        (f"{OCTOBER}&linea=999", "No hay línea «999»"),
        (f"{OCTOBER}&puente=x", "no es una parte de la comparación"),
        ("?mes=2025-01", "No hay registro de enero de 2025"),
    ],
)
def test_what_cannot_be_shown_is_told(store: Context, search: str, says: str) -> None:
    assert says in shown(store, search)


def test_a_store_without_data_says_what_to_do(tmp_path: Path) -> None:
    assert "Todavía no hay datos" in shown(Context(Product(tmp_path).settings()), "")


def test_what_no_item_explains_stands_in_red_and_adds_up(store: Context) -> None:
    steps = (Step(BY_CODE["transferred"], 3), *(Step(item, 0) for item in ITEMS if item.code != "transferred"))
    wrong = Bridge(Shown(10, 5), steps, tuple(Step(item, 0) for item in BESIDE), 20, Unit.LINE, (), 0)
    assert wrong.unexplained == 2
    assert answer_lines(wrong)[-1] == "Quedan +2 sin explicar."
    assert [row[1:] for row in step_rows(wrong)[-2:]] == [("sin explicar", 2, 20), ("Registradas", 20, 20)]
    assert [fall.kind for fall in falls(wrong)] == ["total", "change", "wrong", "total"]
    with store.reading() as (_, cursor):
        question = read_question(store, OCTOBER, recorded(cursor))
        found = replace(measure_page(cursor, question), bridge=wrong)
    page = content(question, found, LIGHT)
    red = find(page, lambda each: getattr(each, "className", None) == "status-bad")
    assert texts(red) == "Sin explicar: +2"


def test_the_answer_agrees_with_its_numbers_and_its_unit() -> None:
    steps = (Step(BY_CODE["transferred"], 1), Step(BY_CODE["lent"], 1))
    says = answer_lines(Bridge(Shown(1, 1), steps, (), 2, Unit.VISIT, (), 0))
    assert says[0] == "Asternic muestra 2 (1 atendida y 1 sin atender) y el sistema 2 ingresos a cola registrados."
    assert says[1].startswith("De los que cuenta el sistema, 1 no aparece")
    assert answer_lines(Bridge(Shown(1, 1), steps, (), 2, Unit.LINE, (), 0))[1].startswith("De las que cuenta")


def test_a_loaded_export_stands_beside_and_is_marked(store: Context) -> None:
    compared = Compared("Asternic, por día", month("2026-10"), (), 3, None, 15, 2, 2 / 3, Shown(1, 4))
    with store.reading() as (_, cursor):
        question = read_question(store, OCTOBER, recorded(cursor))
        found = replace(measure_page(cursor, question), exports=(compared,), exports_left_out=2)
    said = texts(content(question, found, LIGHT))
    assert "quedan 2 sin comparar" in said
    assert "Asternic, por día (de exportación) 66,7 % 2 3" in said
    assert "Asternic, por día octubre de 2026 Atendidas 3 1 +2" in said


@pytest.mark.parametrize(
    ("falls_of", "starts"),
    [
        ([("a", 0, 1000, "total"), ("b", 1000, 1040, "change"), ("c", 0, 1040, "total")], 992.8),
        ([("a", 0, 5, "total"), ("b", 5, 20, "change"), ("c", 0, 20, "total")], 0),
        ([("a", 0, 0, "total"), ("b", 0, 0, "total")], 0),
    ],
)
def test_the_axis_leaves_out_only_what_is_the_same_all_the_way(
    falls_of: list[tuple[str, int, int, str]], starts: float
) -> None:
    bars = [figures.Fall(label, start, end, label, kind) for label, start, end, kind in falls_of]
    drawn = figures.waterfall(bars)
    low, high = drawn["layout"]["xaxis"]["range"]
    assert low == pytest.approx(starts) and high > max(fall.end for fall in bars)
    (trace,) = drawn["data"]
    tops = [base + x for base, x in zip(trace["base"], trace["x"], strict=True)]
    assert tops == pytest.approx([max(fall.start, fall.end) for fall in bars])


@pytest.mark.parametrize(("role", "status"), [(Role.CHIEF, 200), (Role.QUALITY, 200), (Role.OPERATOR, 403)])
def test_the_page_is_for_who_may_see_calls(store: Context, role: Role, status: int) -> None:
    app = create_app(store, DOOR)
    body = body_of(app, "bridge-content.children", {"location.search": OCTOBER, "scheme.data": "light"})
    answer = SignedIn(store, role, app=app).post("/_dash-update-component", json=body)
    assert answer.status_code == status
    if status == 200:
        found = json.loads(answer.text)["response"]
        assert found["bridge-first"]["value"] == "01/10/2026" and found["bridge-unit"]["value"] == "llamada"
        assert found["bridge-shown"]["data"]["address"] == OCTOBER


def test_the_controls_ask_for_an_address(store: Context) -> None:
    app = create_app(store, DOOR)
    before = {"search": OCTOBER, "scheme": "light", "generation": store.generation_in_service(), "address": OCTOBER}
    values = {
        "bridge-preset.value": "", "bridge-first.value": "05/10/2026", "bridge-last.value": "31/10/2026",
        "bridge-lines.value": ["101"], "bridge-unit.value": "ingreso", "bridge-shown.data": before,
    }  # fmt: skip
    key = next(
        key for key, each in app.callback_map.items() if {"id": "bridge-preset", "property": "value"} in each["inputs"]
    )
    body = body_of(app, key, values)
    answer = SignedIn(store, app=app).post("/_dash-update-component", json=body)
    assert "?desde=2026-10-05&hasta=2026-10-31&linea=101&unidad=ingreso" in answer.text


def test_every_item_says_what_it_is() -> None:
    assert len(BY_CODE) == len(ITEMS) + len(BESIDE) + 3
    assert all(item.effect in (1, -1) for item in ITEMS) and not any(item.effect for item in BESIDE)
    assert all(item.says.endswith(".") for item in BY_CODE.values())
    assert terms.BRIDGE == bridge.TITLE


def test_a_supervisor_sees_who_answered(store: Context) -> None:
    with asking_as(store, Role.SUPERVISOR):
        found = calls.page_of(store, f"{OCTOBER}&puente=transferred")
    rows = find(found, lambda each: getattr(each, "id", None) == "calls-list").rowData
    assert rows[0]["agent"] == "SIP/1" and rows[0]["queue"] == "101"

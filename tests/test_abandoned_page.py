"""The page Abandonos y rellamadas: its figures, whom to call back, what it hides, its files, who opens it."""

import json
from collections.abc import Iterator
from importlib import import_module

import pytest
from dash import Dash, dcc

from dashboard.app import create_app
from dashboard.context import Context
from dashboard.pages import abandoned, calls
from dashboard.pages.abandoned import tables
from dashboard.people.accounts import Role
from dashboard.work.exports import ExportError
from reports.export import csv_bytes
from reports.personal import Field, Level, Mask
from tests.callbacks import body_of
from tests.people import DOOR, SignedIn
from tests.product import load_in
from tests.reference_counter import LogFile
from tests.served import find, texts

pytestmark = pytest.mark.duckdb
AT = 1793181600  # 28/10/2026 06:00 in La Paz
MONTH = "?mes=2026-10"


def _call(at: int, caller: str, queue: str, *end: str, place: int = 1) -> list[str]:
    callid = f"{AT + at}.1"
    return [
        f"{AT + at - 1}|{callid}|{queue}|NONE|DID|4{queue}",
        f"{AT + at}|{callid}|{queue}|NONE|ENTERQUEUE||{caller}|{place}",
        *(f"{AT + at + 10 + n}|{callid}|{queue}|{text}" for n, text in enumerate(end)),
    ]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    """Two who gave up, one of them answered later on another line; a withheld number; two transfers, one outside."""
    connect = "SIP/1|CONNECT|10|9.9|1"
    lines = [
        *_call(0, "70711111", "101", "NONE|ABANDON|1|4|10", place=4),
        *_call(300, "70722222", "103", "NONE|EXITWITHTIMEOUT|1|1|10"),
        *_call(600, "anonymous", "101", "NONE|ABANDON|1|1|10"),
        *_call(900, "70711111", "102", connect, "SIP/1|COMPLETEAGENT|10|1|1"),
        *_call(1200, "70733333", "101", connect, "SIP/1|BLINDTRANSFER|310|internal|10|1|1"),
        *_call(1500, "70744444", "101", connect, "SIP/1|BLINDTRANSFER|71234567|internal|10|1|1"),
        *_call(1800, "70733333", "101", connect, "SIP/1|COMPLETECALLER|10|1|1"),
        f"{AT + 86400 * 10}|NONE|NONE|NONE|CONFIGRELOAD|",
    ]
    product = load_in(tmp_path_factory.mktemp("store"), [LogFile("queue_log", tuple(lines))])
    context = Context(product.settings())
    yield context
    context.close()


@pytest.fixture(scope="module")
def app(store: Context) -> Dash:
    return create_app(store, DOOR)


def shown(store: Context, search: str) -> str:
    return texts(abandoned.page_of(store, search).body)


def test_the_figures_say_both_sides(store: Context) -> None:
    found = shown(store, MONTH)
    assert "42,9 %" in found and "3 llamadas abandonadas de 7 llamadas registradas" in found
    assert "1 de 2 abandonadas con número conocido." in found
    assert "2 transferidas de 4 atendidas: 50,0 %." in found
    assert "(1 de 2)" in found  # who hung up
    assert "Todavía no se sabe" in found and "No es «resuelta en la primera llamada»" in found
    assert "siempre al cliente si la central usa la extensión h" in found and "4251000" in found


def test_whoever_was_told_to_call_back_is_masked_and_told_when_and_where_they_were_answered(store: Context) -> None:
    page = abandoned.page_of(store, f"{MONTH}&despues=todas").body
    rows = find(page, lambda each: getattr(each, "id", "") == "abandoned-grid").rowData
    told = [
        (row["number_text"], row["answered_text"], row["answered_service_text"], row["position_text"]) for row in rows
    ]
    assert told == [
        ("7••••111", "06:15:10", "102 Facturación", "4"),
        ("7••••222", "no", "—", "1"),
        ("sin número", "no se sabe", "—", "1"),
    ]
    assert rows[0]["answered_after_seconds_text"] == "00:15:00"
    whole = json.dumps(page.to_plotly_json(), default=lambda each: each.to_plotly_json())
    assert not any(number in whole for number in ("70711111", "70722222", "71234567", "0711111"))


@pytest.mark.parametrize(("which", "number"), [("sin-respuesta", 1), ("atendidas", 1), ("sin-numero", 1), ("todas", 3)])
def test_a_list_has_as_many_as_its_figure_says(store: Context, which: str, number: int) -> None:
    page = abandoned.page_of(store, f"{MONTH}&despues={which}").body
    assert len(find(page, lambda each: getattr(each, "id", "") == "abandoned-grid").rowData) == number
    assert f"({number})" in texts(page)


def test_every_figure_opens_as_many_calls_as_it_counts(store: Context) -> None:
    links: list[tuple[str, str]] = []

    def gather(each: object) -> bool:
        if isinstance(each, dcc.Link) and each.href.startswith(calls.PATH):
            links.append((str(each.children), each.href.partition("?")[2]))
        return False

    find(abandoned.page_of(store, MONTH).body, gather)
    assert len(links) > 25
    for number, query in dict.fromkeys(links):
        assert f": {number} llamada" in texts(calls.page_of(store, f"?{query}")), query


@pytest.mark.parametrize("unit", ["llamada", "ingreso", "cliente"])
def test_a_unit_shows_what_it_knows_and_says_what_it_does_not(store: Context, unit: str) -> None:
    found = shown(store, f"{MONTH}&unidad={unit}")
    assert "42,9 %" in found
    assert ("En esta unidad no se mide" in found) == (unit != "llamada")


@pytest.mark.parametrize(
    ("search", "says"),
    [
        ("?mes=2026-13", "no es un mes"),
        ("?mes=2025-01", "No hay registro de enero de 2025"),
        (f"{MONTH}&despues=<b>", "«<b>» no es un listado"),
        (f"{MONTH}&linea=999", "No hay línea «999»"),
        (f"{MONTH}&despues=todas&pagina=99999999999999999999", "Abandonadas, una por una"),
        ("?desde=32/13/2026&hasta=01/10/2026", "no es una fecha"),
    ],
)
def test_what_cannot_be_shown_is_told(store: Context, search: str, says: str) -> None:
    assert says in shown(store, search)


@pytest.mark.parametrize("part", tables.PARTS)
def test_every_part_is_saved_as_it_is_shown(store: Context, part: str) -> None:
    table = abandoned.saved_table(store, MONTH, part)
    assert table is not None
    assert all(len(row) == len(table.columns) for row in table.rows) and table.rows
    saved = csv_bytes(table).decode("utf-8-sig")
    assert "Período: octubre de 2026" in table.says and "71234567" not in saved


def test_the_file_by_line_has_the_total_that_the_page_shows(store: Context) -> None:
    table = abandoned.saved_table(store, MONTH, "ends")
    assert table is not None and table.total
    assert table.rows[-1][:3] == ["Total", 4, 2] and sum(row[1] for row in table.rows[:-1]) == 4


def test_a_part_that_is_none_is_no_file(store: Context) -> None:
    assert abandoned.saved_table(store, MONTH, "nothing") is None
    assert abandoned.saved_table(store, f"{MONTH}&unidad=cliente", "transfers") is None


def test_the_saved_list_is_that_of_its_address_and_masked(store: Context) -> None:
    table = abandoned.saved_list(store, Mask(), f"{MONTH}&despues=sin-respuesta", 10)
    assert table is not None
    assert [row[5] for row in table.rows] == ["7••••222"]
    nobody = Mask({Field.CALLER_NUMBER: Level.NONE})
    without = abandoned.saved_list(store, nobody, f"{MONTH}&despues=todas", 10)
    assert without is not None and "Número" not in [column.heading for column in without.columns]


@pytest.mark.parametrize(("most", "says"), [(1, "trae 1 destino más, de menos"), (0, "trae 2 destinos más, de menos")])
def test_targets_left_to_the_file_are_counted_in_their_number(
    store: Context, monkeypatch: pytest.MonkeyPatch, most: int, says: str
) -> None:
    monkeypatch.setattr(import_module("dashboard.pages.abandoned.content"), "_TARGETS_SHOWN", most)
    assert says in shown(store, MONTH)


def test_a_saved_list_that_is_cut_says_so(store: Context) -> None:
    whole = abandoned.saved_list(store, Mask(), f"{MONTH}&despues=todas", 1000)
    assert whole is not None and not any("primeras" in each for each in whole.says)
    cut = abandoned.saved_list(store, Mask(), f"{MONTH}&despues=todas", 1)
    assert cut is not None and f"Las primeras 1 de {len(whole.rows)}" in cut.says


def test_an_address_for_the_worker_holds_only_what_the_filters_know(store: Context) -> None:
    kept = abandoned.plain_address(store, f"{MONTH}&despues=atendidas&linea=101&nota=70711111")
    assert kept == "?desde=2026-10-01&hasta=2026-10-31&linea=101&despues=atendidas"
    with pytest.raises(ExportError, match="línea que no existe"):
        abandoned.plain_address(store, f"{MONTH}&linea=70711111")


@pytest.mark.parametrize("role", Role)
def test_the_page_opens_for_its_roles_alone(store: Context, app: Dash, role: Role) -> None:
    client = SignedIn(store, role, app)
    allowed = role in (Role.SUPERVISOR, Role.MANAGER, Role.CHIEF, Role.QUALITY)
    body = body_of(
        app, "abandoned-content.children", {"location.search": f"{MONTH}&despues=todas", "scheme.data": "light"}
    )
    answer = client.post("/_dash-update-component", json=body)
    assert (answer.status_code == 200) == allowed
    assert (
        ("7••••111" in json.loads(answer.text)["response"]["abandoned-content"]["children"].__repr__())
        if allowed
        else True
    )


def test_a_file_of_the_list_and_of_a_part_are_sent(store: Context, app: Dash) -> None:
    client = SignedIn(store, Role.SUPERVISOR, app)
    search, generation = f"{MONTH}&despues=todas", store.generation_in_service()
    state = {"search": search, "scheme": "light", "generation": generation, "address": "?desde=2026-10-01"}
    for part, name in (("abandoned-list", "abandonadas_todas"), ("transfers", "abandonos-a-donde-se-transfieren")):
        values = {"abandoned-shown.data": state, "triggered": {"part": part, "ending": "csv"}}
        answer = client.post("/_dash-update-component", json=body_of(app, "abandoned-file.data", values))
        assert answer.status_code == 200
        assert json.loads(answer.text)["response"]["abandoned-file"]["data"]["filename"].startswith(name)

"""What the month's page says, drawn from a small month, and what it says where there is nothing to draw."""

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from dash.development.base_component import Component

from dashboard.context import Context
from dashboard.pages import month
from dashboard.people.accounts import Role
from etl.warehouse import Generation
from reports import terms
from reports.measured import Figure, Recorded, Verdict
from reports.rules import DEFAULTS, Parameter, Rules
from reports.summary import TrendMonth, summarize
from reports.wording import days_text, gap_text
from tests.drawn_calls import warehouse, with_parameter
from tests.people import SignedIn, asking_as
from tests.product import Product
from tests.served import DAY_ONE, find, one_call, texts


@pytest.mark.parametrize(
    ("role", "says"),
    [
        (Role.SUPERVISOR, "Envíe uno en Cargas"),
        (Role.CHIEF, "Envíe uno en Cargas"),
        (Role.OPERATOR, "Pida a su supervisor(a) que lo cargue."),
        (Role.MANAGER, "Pida a su supervisor(a) que lo cargue."),
        (Role.ADMINISTRATOR, "callcenter ingest queue_log"),
    ],
)
def test_an_empty_store_tells_each_what_they_can_do_about_it(empty_context: Context, role: Role, says: str) -> None:
    with asking_as(empty_context, role):
        content, title, shown = month.page_of(empty_context, "")
    told = texts(content)
    assert "Todavía no hay datos" in told and says in told
    assert ("callcenter ingest" in told) == (role is Role.ADMINISTRATOR)
    assert title == terms.HOME and shown is None


@pytest.mark.parametrize(
    ("search", "says"),
    [
        ("?mes=2027-01", "No hay registro de enero de 2027"),
        ("?mes=enero", "«enero» no es un mes"),
        ("?mes=2026-13", "no es un mes"),
        ("?mes=<script>", "«<script>» no es un mes"),
    ],
)
def test_a_month_that_cannot_be_shown_is_no_zero(store_context: Context, search: str, says: str) -> None:
    content, _, _ = month.page_of(store_context, search)
    assert says in texts(content) and "0 %" not in texts(content)


def test_a_damaged_warehouse_is_told(store_context: Context) -> None:
    (store_context.settings.warehouse / "CURRENT").write_text("{", encoding="utf-8")
    content, _, _ = month.page_of(store_context, "")
    assert "callcenter rebuild" in texts(content)


@pytest.mark.parametrize(
    ("days", "first_shown"),
    [
        (["2026-09-30", "2026-10-31"], "2026-10"),
        (["2026-10-31", "2026-11-01"], "2026-10"),
        (["2026-09-30", "2026-10-30"], "2026-09"),
        (["2026-10-05"], "2026-10"),
        ([], None),
    ],
)
def test_the_page_opens_on_the_newest_month_that_is_over_in_the_data(days: list[str], first_shown: str | None) -> None:
    assert Recorded(tuple(map(date.fromisoformat, days))).latest_whole == first_shown


TARGET = Decimal("0.80")


@pytest.mark.parametrize(
    ("figure", "verdict", "says"),
    [
        (Figure(771, 1000, 0.771), Verdict(TARGET, False, 29), "faltaron 29 llamadas"),
        (Figure(799, 1000, 0.799), Verdict(TARGET, False, 1), "faltó 1 llamada"),
        (
            Figure(7996, 10000, 0.7996),
            Verdict(TARGET, False, 4),
            "faltaron 4 llamadas (sin redondear: 79,960 %)",
        ),
        (
            Figure(239_999, 300_000, 239_999 / 300_000),
            Verdict(TARGET, False, 1),
            "faltó 1 llamada (sin redondear: 79,9997 %)",
        ),
        (Figure(800, 1000, 0.8), Verdict(TARGET, True), "justo en la meta"),
        (Figure(2801, 3500, 0.80029), Verdict(TARGET, True, 0, 1), "margen de 1 llamada sobre la meta"),
        (Figure(9000, 10000, 0.9), Verdict(TARGET, True, 0, 1000), "margen de 1.000 llamadas sobre la meta"),
        (Figure(0, 0, None), Verdict(TARGET, None), "Sin llamadas registradas no hay nivel de servicio."),
        (Figure(1, 2, 0.5), Verdict(None, None), ""),
    ],
)
def test_the_gap_is_told_in_calls(figure: Figure, verdict: Verdict, says: str) -> None:
    assert gap_text(figure, verdict) == says


def test_days_are_told_as_spans() -> None:
    days = [date(2026, 10, day) for day in (3, 7, 8, 9, 12)]
    assert days_text(days) == "3, 7 a 9 y 12"
    assert days_text(days[:1]) == "3"


DRAWN = """
entered          | line    | outcome        | wait | talk | many
2026-09-10 08:00 | 101     | answered       | 10   | 60   | 3
2026-09-10 08:00 | 101     | caller_hung_up | 30   | -    | 1
2026-10-05 08:00 | 101     | answered       | 20   | 100  | 7
2026-10-05 09:00 | 101     | answered       | 21   | 100  | 1
2026-10-05 10:00 | 101     | timeout        | 60   | -    | 2
2026-10-06 08:00 | 102     | answered       | 5    | 50   | 9
2026-10-06 08:00 | -       | answered       | 5    | 50   | 1
2026-10-07 08:00 | 103     | open           | -    | -    | 2
"""
LOG = "\n".join(
    ["day", *(f"2026-09-{day:02}" for day in range(1, 31)), *(f"2026-10-{day:02}" for day in range(1, 32) if day != 12)]
)
QUEUES = "day | queue\n" + "\n".join(f"2026-10-01 | {line}" for line in ("101", "102", "103", "104"))
GENERATION = Generation(
    number=1,
    made_at="2026-11-01T12:00:00",
    code="0",
    mapping="",
    rules={},
    loads=(),
    segments=(),
    last_epochs={"pbx": DAY_ONE},
)


@pytest.fixture
def drawn() -> Component:
    return drawn_page()


def drawn_page() -> Component:
    """The page of October as drawn above."""
    cursor = warehouse(calls=DRAWN, log=LOG, queues=QUEUES)
    days = tuple(sorted({date.fromisoformat(text) for text in LOG.splitlines()[1:]}))
    log_days = Recorded(days)
    return month.content(summarize(GENERATION, cursor, Rules.default(), "2026-10", log_days), log_days)


def test_the_headline_says_figure_target_gap_denominator_and_the_month_before(drawn: Component) -> None:
    section = find(drawn, lambda each: "headline" in (getattr(each, "className", None) or ""))
    said = texts(section)
    for text in (
        "85,0 %",
        "Cumple",
        "meta: 80 % o más",
        "margen de 1 llamada sobre la meta",
        "17 llamadas atendidas a tiempo (hasta 20 s de espera) de 20 llamadas registradas",
        "Septiembre de 2026: 75,0 % (3 de 4); subió 10,0 puntos",
        "Manual COM-DSO-P01",
        "sin meta ATT registrada",
        "Unidad: llamada",
    ):
        assert text in said, said


def links_in(part: Any) -> dict[str, str]:
    """The links of a part of a page, by their words."""
    if isinstance(part, list | tuple):
        return {text: href for each in part for text, href in links_in(each).items()}
    if not isinstance(part, Component):
        return {}
    own = {texts(part): part.href} if getattr(part, "href", None) else {}
    return {**own, **links_in(getattr(part, "children", None))}


def test_what_was_not_answered_leads_to_its_calls_by_cause_and_each_cause_is_explained(drawn: Component) -> None:
    causes = find(drawn, lambda each: "split" in (getattr(each, "className", None) or ""))
    (href,) = links_in(causes).values()
    assert href == "/llamadas?desde=2026-10-01&hasta=2026-10-31&causa=tiempo+agotado&cifra=abandoned"
    assert "tiempo agotado: esperó lo máximo" in texts(causes)
    assert terms.CAUSES_EXPLAINED.keys() == {*terms.CAUSES.values()}


@pytest.mark.parametrize(("role", "offered"), [(Role.CHIEF, True), (Role.SUPERVISOR, True), (Role.OPERATOR, False)])
def test_calls_without_a_line_lead_to_where_their_queues_get_one(
    empty_context: Context, role: Role, *, offered: bool
) -> None:
    with asking_as(empty_context, role):
        page = drawn_page()
    found = links_in(page)
    assert (found.get("Asignar sus colas") == "/puesta-en-marcha") is offered
    assert (found.get("Asignarlas en Puesta en marcha") == "/puesta-en-marcha") is offered
    assert "callcenter map" not in texts(page)
    assert any("linea=sin+l" in href for href in found.values()) is offered, "operators do not open lists of calls"


def test_what_is_missing_from_the_record_is_said_in_full(drawn: Component) -> None:
    said = texts(find(drawn, lambda each: "on-record" in (getattr(each, "className", None) or "")))
    for text in (
        "30 de 31 días, 4 de 12 líneas",
        "Días sin registro 12",
        "4200224 Guía Comercial",
        "Líneas sin llamadas 104 Números telefónicos",
        "2 de 103 Instalaciones: todavía en ninguna cifra",
        "Llamadas sin línea 1 , dentro del total",
    ):
        assert text in said, said
    assert "Registro hasta 31/10/2026 08:00" in texts(drawn)


def test_the_other_figures_have_their_denominators_and_causes(drawn: Component) -> None:
    said = texts(find(drawn, lambda each: "others" in (getattr(each, "className", None) or "")))
    for text in (
        "de 20 registradas 17 a tiempo",
        "10,0 % de 20 registradas",
        "tiempo agotado 2",
        "de 18 atendidas con espera conocida",
        "de 18 atendidas con conversación conocida",
        "mes anterior: 00:00:10",
        "00:01:00",
    ):
        assert text in said, said


def test_the_table_tells_no_calls_no_record_and_no_outcome_yet_apart_from_zero(drawn: Component) -> None:
    table = find(drawn, lambda each: getattr(each, "id", None) == "month-lines")
    rows = {row["service_text"]: row for row in table.rowData}
    assert len(rows) == 13 and list(rows)[-1] == terms.NO_LINE
    written = {
        line: [row[f"{name}_text"] for name in ("registered", "service_level", "verdict", "missing", "asa")]
        for line, row in rows.items()
    }
    assert written["101"] == ["10", "70,0 %", "No cumple", "1", "00:00:20"]
    assert written["102"] == ["9", "100,0 %", "Cumple", "0", "00:00:05"]
    assert written["103"] == ["en curso", "—", "—", "—", "—"]
    assert written["104"] == ["sin llamadas", "—", "—", "—", "—"]
    assert written["4639999"] == ["sin registro", "—", "—", "—", "—"]
    assert written[terms.NO_LINE] == ["1", "100,0 %", "—", "—", "00:00:05"]
    (total,) = table.dashGridOptions["pinnedBottomRowData"]
    assert [total[f"{name}_text"] for name in ("service", "name", "registered", "service_level", "missing")] == [
        "Total",
        "4 de 12 líneas",
        "20",
        "85,0 %",
        "0",
    ]


def test_parameters_stand_with_the_rule_they_come_from(drawn: Component) -> None:
    said = texts(find(drawn, lambda each: "rules" in (getattr(each, "className", None) or "").split()))
    for item in DEFAULTS:
        assert terms.PARAMETERS[item.name] in said and item.rule in said
    assert all(text in said for text in (*terms.COUNTING, *terms.NOT_IN_REGISTERED))


def test_a_month_without_a_log_is_a_gap_in_the_columns() -> None:
    cursor = warehouse(calls=DRAWN, log=LOG.replace("2026-09", "2026-07"), queues=QUEUES)
    days = Recorded((date(2026, 7, 1), date(2026, 10, 31)))
    found = summarize(GENERATION, cursor, Rules.default(), "2026-10", days)
    assert found.previous is None
    assert found.trend[0] == TrendMonth("2026-07", Figure(0, 0, None), Verdict(TARGET, None)), (
        "a log, and nobody called"
    )
    assert found.trend[1] == TrendMonth("2026-08", None, Verdict(TARGET, None))
    assert [each.month for each in found.trend] == ["2026-07", "2026-08", "2026-09", "2026-10"]


def test_a_month_without_an_outcome_yet_is_no_month_without_a_log() -> None:
    started = DRAWN + "2026-11-01 00:02 | 101     | open           | -    | -    | 1\n"
    cursor = warehouse(calls=started, log=LOG + "\n2026-11-01", queues=QUEUES)
    days = Recorded((date(2026, 9, 1), date(2026, 10, 31), date(2026, 11, 1)))
    found = summarize(GENERATION, cursor, Rules.default(), "2026-11", days)
    assert found.trend[-1] == TrendMonth("2026-11", Figure(0, 0, None), Verdict(TARGET, None))
    assert "Noviembre de 2026: —, sin llamadas" in texts(month.content(found, days))


def test_a_month_before_its_target_or_threshold_is_shown_without_it(store_context: Context) -> None:
    no_target = with_parameter(Parameter("target", Decimal("0.80"), date(2026, 10, 1), None, ""))
    cursor = warehouse(calls=DRAWN, log=LOG, queues=QUEUES)
    days = Recorded((date(2026, 9, 1), date(2026, 10, 31)))
    found = texts(month.content(summarize(GENERATION, cursor, no_target, "2026-10", days), days))
    assert "Septiembre de 2026: 75,0 %, sin meta" in found
    no_threshold = with_parameter(Parameter("threshold_seconds", 20, date(2026, 10, 1), None, ""))
    summary = summarize(GENERATION, cursor, no_threshold, "2026-10", days)
    assert summary.previous is None and summary.verdict.complies


def test_a_file_is_not_made_of_other_data_than_those_shown(product: Product, store_context: Context) -> None:
    client = SignedIn(store_context)
    callbacks = json.loads(client.get("/_dash-dependencies").text)
    (output,) = [
        each["output"]
        for each in callbacks
        if each["output"].startswith("month-file.data") and "ending" in each["inputs"][0]["id"]
    ]
    shown = {"search": "", "generation": 1, "month": "2026-10"}
    body = {
        "output": output,
        "outputs": {"id": "month-file", "property": output.partition(".")[2]},
        "inputs": [[{"id": {"part": "lines", "ending": "csv"}, "property": "n_clicks", "value": 1}]],
        "state": [{"id": "month-shown", "property": "data", "value": shown}],
        "changedPropIds": ['{"ending":"csv","part":"lines"}.n_clicks'],
    }
    assert "por-linea_2026-10.csv" in client.post("/_dash-update-component", json=body).text
    product.load(one_call("two", 1))
    answer = client.post("/_dash-update-component", json=body).text
    assert "Hay datos nuevos: no se guard" in answer and "por-linea" not in answer

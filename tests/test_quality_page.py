"""The page Calidad de datos: who opens it, what each is shown there, its lists, its files, addresses as they come."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from dash import Dash
from plotly.utils import PlotlyJSONEncoder

from dashboard import freshness
from dashboard.app import create_app
from dashboard.components import table
from dashboard.context import Context
from dashboard.pages import calls, quality, service_level
from dashboard.pages import month as home
from dashboard.pages.quality.tables import PARTS
from dashboard.people.accounts import Role
from dashboard.security.access import PAGE, may
from etl.settings import Settings
from etl.store import DEMO
from reports import terms
from reports.coverage import State
from reports.export import Table, csv_bytes
from reports.figures import LIGHT, coverage_map
from reports.odd_lines import KINDS
from tests.callbacks import body_of
from tests.defects import defective_store
from tests.people import DOOR, SignedIn, token_of
from tests.served import find, texts

pytestmark = pytest.mark.duckdb
OCTOBER = "?mes=2026-10"
TWO_DAYS = "?desde=2026-09-30&hasta=2026-10-01"
CALLER = "77712345"
OUTPUT = "quality-content.children"
Acting = Callable[[Role], AbstractContextManager[Any]]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    with closing(Context(defective_store(tmp_path_factory.mktemp("defects")).settings())) as context:
        yield context


@pytest.fixture(scope="module")
def app(store: Context) -> Dash:
    return create_app(store, DOOR)


@pytest.fixture(scope="module")
def acting(store: Context, app: Dash) -> Acting:
    """Gives a request of somebody of a role: an app made anew for each would take longer than what is tested."""
    cookies = {role: f"{DOOR.cookie}={token_of(store, role)}" for role in Role}
    return lambda role: app.server.test_request_context("/", headers={"Cookie": cookies[role]})


def shown(store: Context, search: str) -> str:
    return texts(quality.page_of(store, search, LIGHT).body)


@pytest.mark.parametrize("role", Role)
def test_the_page_is_drawn_for_its_roles_and_for_no_other(role: Role, store: Context, app: Dash) -> None:
    body = body_of(app, OUTPUT, {"location.search": OCTOBER, "scheme.data": "light"})
    answer = SignedIn(store, role, app).post("/_dash-update-component", json=body)
    assert answer.status_code == (200 if may(role, PAGE, quality.PATH) else 403)
    assert ("5999" in answer.text) is may(role, PAGE, quality.PATH) is (role is not Role.OPERATOR)


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.OPERATOR])
def test_no_caller_is_told_to_anybody_on_the_page_its_lists_and_its_files(
    role: Role, store: Context, acting: Acting
) -> None:
    lists = {"set-aside": f"{OCTOBER}&ver=observadas"} | {kind: f"{OCTOBER}&ver={kind}" for kind in KINDS}
    files = {"events": OCTOBER, "set-aside": OCTOBER, "odd-lines": f"{OCTOBER}&ver=unknown_event"}
    told = []
    with acting(role):
        for search in (OCTOBER, *lists.values()):
            told.append(json.dumps(quality.page_of(store, search, LIGHT).body, cls=PlotlyJSONEncoder))
        told += [csv_bytes(saved_as(store, search, part)).decode() for part, search in files.items()]
    assert not [each for each in told if CALLER in each or "Prueba" in each]
    assert sum("1-queue_log" in each for each in told) > len(lists)


def test_operators_and_texts_are_told_to_whoever_may_know_them(store: Context, acting: Acting) -> None:
    said = {}
    for role in (role for role in Role if role is not Role.OPERATOR):
        with acting(role):
            said[role] = shown(store, OCTOBER), shown(store, f"{OCTOBER}&ver=observadas")
    assert {role for role, (page, _) in said.items() if "SIP/299" in page} == {
        Role.SUPERVISOR, Role.MANAGER, Role.CHIEF, Role.QUALITY,
    }  # fmt: skip
    assert {role for role, (_, lines) in said.items() if "ENTERQUEUE" in lines} == {
        Role.SUPERVISOR, Role.CHIEF, Role.QUALITY,
    }  # fmt: skip
    assert "Su rol no ve el texto de las filas." in said[Role.MANAGER][1]
    assert all("1-queue_log" in lines for _, lines in said.values())


def test_the_page_tells_the_counts_with_their_ways_on(store: Context, acting: Acting) -> None:
    with acting(Role.CHIEF):
        page = quality.page_of(store, OCTOBER, LIGHT).body
    said = texts(page)
    for text in (
        "Qué atender primero, octubre de 2026",
        "Faltan 5 horas de registro en 1 hueco; el mayor, 14/10/2026 10:00 a 15:00 (5 horas).",
        "Filas observadas: 3",
        "5999 4299999 1 28/10/2026 28/10/2026 19 h (1)",
        "SIP/299 1",
        "CRMNOTE 1 1-queue_log",
        "101 Reclamos Técnicos 31 0 0",
        "102 Facturación 0 0 31",
    ):
        assert text in said, text
    hrefs = _hrefs(page)
    for wanted in ("/cargas", "/puesta-en-marcha", f"{_address()}&ver=second_end", f"{_address()}&ver=observadas"):
        assert wanted in hrefs, wanted
    assert f"{_address()}&ver=observadas&motivo=wait_missing" in hrefs


def test_ways_that_somebody_may_not_go_are_not_offered(store: Context, acting: Acting) -> None:
    with acting(Role.MANAGER):
        hrefs = _hrefs(quality.page_of(store, OCTOBER, LIGHT).body)
    assert "/puesta-en-marcha" not in hrefs and "/cargas" in hrefs
    with acting(Role.ADMINISTRATOR):
        listed = quality.page_of(store, f"{OCTOBER}&ver=second_end", LIGHT).body
        page = quality.page_of(store, OCTOBER, LIGHT).body
    assert not any(href.startswith(calls.PATH) for href in _hrefs(listed) | _hrefs(page))
    assert "1-queue_log" in texts(listed)
    assert find(page, lambda each: getattr(each, "id", None) == {"part": "files", "ending": "csv"}) is None


def test_a_number_opens_its_lines_and_each_line_its_call(store: Context, acting: Acting) -> None:
    with acting(Role.CHIEF):
        listed = quality.page_of(store, f"{OCTOBER}&ver=second_end", LIGHT).body
        (to_call,) = [href for href in _hrefs(listed) if href.startswith(calls.PATH)]
        opened = texts(calls.page_of(store, to_call.removeprefix(calls.PATH)))
    assert "Segundos finales: 1" in texts(listed) and "Volver a Calidad de datos" in texts(listed)
    assert "Líneas del registro de la llamada" in opened and opened.count("ABANDON") == 2
    with acting(Role.CHIEF):
        without_call = quality.page_of(store, f"{OCTOBER}&ver=restart", LIGHT).body
    assert not any(href.startswith(calls.PATH) for href in _hrefs(without_call))


def test_a_long_list_has_pages(store: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quality, "PAGE_LINES", 1)
    first, last = (shown(store, f"{OCTOBER}&ver=observadas{page}") for page in ("", "&pagina=99"))
    assert "Página 1 de 3 Siguiente Última" in first and "Primera Anterior Página 3 de 3" in last
    assert shown(store, f"{OCTOBER}&ver=observadas&pagina=x") == first


def test_several_months_are_told_month_by_month(store: Context) -> None:
    page = quality.page_of(store, "?desde=2026-09-01&hasta=2026-10-31", LIGHT).body
    said = texts(page)
    assert "pbx 09/2026" in said and "pbx 10/2026" in said
    assert f"{quality.PATH}?desde=2026-09-01&hasta=2026-09-30" in _hrefs(page)
    drawn = [f"quality-map-pbx-2026-{month}" for month in ("09", "10")]
    assert all(find(page, lambda each, name=name: getattr(each, "id", None) == name) is not None for name in drawn)


@pytest.mark.parametrize(
    ("search", "says"),
    [
        ("?mes=2026-13", "no es un mes"),
        (f"{OCTOBER}&ver=nada", "No hay un listado así"),
        (f"{OCTOBER}&ver=<script>", "No hay un listado así"),
        ("?desde=0001-01-01&hasta=9999-12-31", "a lo más 10 años"),
    ],
)
def test_what_cannot_be_shown_is_told(store: Context, search: str, says: str) -> None:
    assert says in shown(store, search)
    assert quality.saved_table(store, search, "odd-lines", 10) is None


def test_a_store_without_data_says_what_to_do(tmp_path: Path) -> None:
    with closing(Context(Settings(data=tmp_path / "data"))) as context:
        assert "Todavía no hay datos" in shown(context, "")


# Files


def saved_as(store: Context, search: str, part: str) -> Table:
    table = quality.saved_table(store, search, part, 1000)
    assert table is not None, part
    return table


def saved(table: Table | None) -> list[str]:
    assert table is not None
    return csv_bytes(table).decode("utf-8-sig").splitlines()


@pytest.mark.parametrize("part", PARTS)
def test_every_part_is_saved_with_the_rows_that_the_page_shows(part: str, store: Context) -> None:
    table = quality.saved_table(store, OCTOBER, part, 1000)
    assert table is not None
    assert table.says == ("Período: octubre de 2026",) and table.name.endswith("_2026-10-01_2026-10-31")
    assert len(saved(table)) == len(table.rows) + 1
    assert all(len(row) == len(table.columns) for row in table.rows)


def test_lists_are_saved_whole_or_say_how_much_they_hold(store: Context, acting: Acting) -> None:
    with acting(Role.CHIEF):
        table = quality.saved_table(store, f"{OCTOBER}&ver=observadas", "set-aside", 1000)
        assert table is not None and len(table.rows) == 3 and "Texto" in saved(table)[0]
        cut = quality.saved_table(store, OCTOBER, "set-aside", 2)
        assert cut is not None and cut.says[1:] == ("Las primeras 2 de 3",)
        one = quality.saved_table(store, f"{OCTOBER}&motivo=fields", "set-aside", 1000)
        assert one is not None and len(one.rows) == 1
    rows = saved(quality.saved_table(store, f"{OCTOBER}&ver=clock_behind", "odd-lines", 1000))
    assert rows[1].startswith("27/10/2026 09:06:03;") and rows[1].endswith("00:00:02 atrás")


# Freshness and limits on the other pages


def test_every_page_tells_at_its_head_until_when_the_log_reaches(store: Context, app: Dash, acting: Acting) -> None:
    body = body_of(app, "fresh-place.children", {"clock.n_intervals": 0})
    place = SignedIn(store, Role.ADMINISTRATOR, app).post("/_dash-update-component", json=body)
    assert "Registro hasta 31/10/2026 17:50" in place.text.replace("\\u002f", "/")
    with acting(Role.CHIEF):
        fresh = service_level.page_of(store, OCTOBER, LIGHT).fresh
        assert "Registro hasta 31/10/2026 17:50" in texts(fresh)
        assert "Registro hasta 31/10/2026 17:50" in texts(calls.page_of(store, OCTOBER))


def test_old_data_are_marked_and_invented_ones_never(store: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    def kind(days: int) -> str:
        later = datetime(2026, 10, 31, 22, tzinfo=UTC) + timedelta(days=days)
        monkeypatch.setattr(freshness, "time_of", lambda _context: later)
        fresh = quality.page_of(store, OCTOBER, LIGHT).fresh
        return str(find(fresh, lambda each: "fresh" in str(getattr(each, "className", ""))).className)

    assert [kind(days) for days in (1, 2)] == ["fresh", "fresh fresh-old"]
    monkeypatch.undo()
    assert freshness.time_of(store) is not None
    monkeypatch.setattr(store, "kind", DEMO)
    assert freshness.time_of(store) is None


def test_pages_of_figures_say_which_share_a_source_told_that_cannot_tell_all(store: Context, acting: Acting) -> None:
    says = "60 de 120 líneas de este período vienen de: Tabla queue_stats de Asternic"
    with acting(Role.CHIEF):
        for page in (service_level.page_of(store, TWO_DAYS, LIGHT)[0], calls.page_of(store, TWO_DAYS)):
            assert says in texts(page) and f"Afecta: {terms.SUFFERING['cause']}" in texts(page)
            assert any(href.startswith(quality.PATH) for href in _hrefs(page))
        for page in (service_level.page_of(store, OCTOBER, LIGHT)[0], calls.page_of(store, OCTOBER)):
            assert "líneas de este período" not in texts(page)
    assert "60 de 60 líneas de este período" in texts(home.page_of(store, "?mes=2026-09")[0])
    with acting(Role.OPERATOR):
        page = service_level.page_of(store, TWO_DAYS, LIGHT)[0]
    assert says in texts(page) and not any(href.startswith(quality.PATH) for href in _hrefs(page))


# Parts


def test_a_map_marks_what_is_missing_and_tells_the_rest() -> None:
    lines = [[6, None, None, None, *[None] * 20]]
    states = [[State.LOG, State.MISSING, State.QUIET, State.OUTSIDE, *[State.QUIET] * 20]]
    quiet, logged, lacking = coverage_map(["jue 01"], lines, states)["data"]
    assert logged["z"][0][:4] == [1.0, None, None, None]
    assert lacking["z"][0][:4] == [None, 1, None, None] and lacking["text"][0][:2] == ["", "✕"]
    assert quiet["z"][0][:5] == [None, None, 0, None, 0]
    assert logged["customdata"][0][:2] == ["con registro: 6 líneas", "falta el registro"]


def test_a_column_of_numbers_stands_to_the_right() -> None:
    drawn = table(("a", "b"), [["x", "1"]], numbers=["b"])
    cell = find(drawn, lambda each: getattr(each, "className", None) == "number")
    assert texts(cell) == "b"


def _address() -> str:
    return f"{quality.PATH}?desde=2026-10-01&hasta=2026-10-31"


def _hrefs(component: Any) -> set[str]:
    found: set[str] = set()

    def note(each: Any) -> bool:
        href = getattr(each, "href", None)
        if isinstance(href, str):
            found.add(href)
        return False

    find(component, note)
    return found

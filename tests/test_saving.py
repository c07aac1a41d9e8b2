"""A file that is asked for on a page: the file, or a notice that says why there is none."""

import json
from typing import Any

import pytest

from dashboard.context import Context
from dashboard.pages import calls, month, service_level
from tests.people import SignedIn

pytestmark = pytest.mark.duckdb


def book_asked_for(context: Context, text: str) -> dict[str, Any]:
    """What the button for the book of a month answers, by component and property."""
    client = SignedIn(context)
    (output,) = [
        each["output"]
        for each in json.loads(client.get("/_dash-dependencies").text)
        if [asked["id"] for asked in each["inputs"]] == ["month-book"]
    ]
    state = {"search": "", "generation": context.generation_in_service(), "month": text}
    body = {
        "output": output,
        "outputs": {"id": "month-file", "property": output.partition(".")[2]},
        "inputs": [{"id": "month-book", "property": "n_clicks", "value": 1}],
        "state": [{"id": "month-shown", "property": "data", "value": state}],
        "changedPropIds": ["month-book.n_clicks"],
    }
    answer = client.post("/_dash-update-component", json=body)
    assert answer.status_code in (200, 204)
    found: dict[str, Any] = json.loads(answer.text) if answer.text else {}
    return {**found.get("response", {}), **found.get("sideUpdate", {})}


def test_the_button_gives_the_book_of_the_month(store_context: Context) -> None:
    answer = book_asked_for(store_context, "2026-10")
    assert answer["month-file"]["data"]["filename"] == "callcenter-2026-10.xlsx"
    assert answer["failure"] == {"children": None}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("2025-01", "No hay registro de enero de 2025; hay desde octubre de 2026 hasta octubre de 2026."),
        ("enero", "«enero» no es un mes; se escribe como 2026-10."),
    ],
)
def test_a_book_that_cannot_be_made_says_why(store_context: Context, text: str, says: str) -> None:
    answer = book_asked_for(store_context, text)
    assert "month-file" not in answer
    told = json.dumps(answer["failure"], ensure_ascii=False)
    assert "No se hizo el libro del mes" in told and says in told


def test_a_file_of_invented_data_says_so_in_its_name_and_above_its_table(
    store_context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    for demo in (False, True):
        monkeypatch.setattr(Context, "is_demo", demo)
        for table in (
            month.saved_table(store_context, "2026-10", "lines"),
            month.saved_table(store_context, "2026-10", "trend"),
            service_level.saved_table(store_context, "?mes=2026-10", "lines"),
            calls.saved_calls(store_context, "?mes=2026-10", 10),
        ):
            assert table is not None
            assert (table.file_name.endswith("_muestra"), "DATOS DE MUESTRA" in table.heading) == (demo, demo)
    table = month.saved_table(store_context, "2026-10", "trend")
    assert table is not None and table.file_name == "por-mes_2026-10_muestra"

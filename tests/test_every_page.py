"""What every page has to tell, walked over the list of them: until when the log reaches, what sources cannot tell."""

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest
from dash import Dash

from dashboard.app import create_app
from dashboard.context import Context
from dashboard.pages import (
    PAGES,
    Page,
    abandoned,
    accounts,
    audit,
    before_queue,
    bridge,
    calls,
    loads,
    month,
    operators,
    own_account,
    quality,
    service_level,
    setup,
)  # fmt: skip
from reports import terms
from tests.callbacks import body_of
from tests.defects import defective_store
from tests.people import DOOR, SignedIn

pytestmark = pytest.mark.duckdb
#: Pages without figures, whose place for the badge is filled by itself.
WITHOUT_FIGURES = (loads, setup, accounts, audit, own_account)
#: Pages of figures of the log, and one of what each of them shows that Asternic's tables do not tell.
OF_THE_LOG: dict[Any, str] = {
    month: "cause", service_level: "cause", operators: "sessions", abandoned: "transfers", bridge: "transfers",
    calls: "cause",
}  # fmt: skip
SEPTEMBER = "?mes=2026-09"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    with closing(Context(defective_store(tmp_path_factory.mktemp("defects")).settings())) as context:
        yield context


@pytest.fixture(scope="module")
def app(store: Context) -> Dash:
    return create_app(store, DOOR)


def ids_of(page: Page) -> set[str]:
    """The names of the components of a page before it is filled."""
    return {each.id for each in page.layout()._traverse() if isinstance(getattr(each, "id", None), str)}


def filled(store: Context, app: Dash, page: Page, search: str) -> str:
    """What the callbacks answer that fill a page from its address."""
    ids = ids_of(page)
    told = ""
    for key, each in app.callback_map.items():
        outputs = [name.rpartition(".")[0] for name in key.strip(".").split("...")]
        asks = {f"{given['id']}.{given['property']}" for given in each["inputs"]}
        if "location.search" in asks and ids & set(outputs):
            body = body_of(app, key, {"location.search": search, "scheme.data": "light"})
            answer = SignedIn(store, app=app).post("/_dash-update-component", json=body)
            assert answer.status_code == 200
            told += json.dumps(json.loads(answer.text), ensure_ascii=False)
    return told


@pytest.mark.parametrize("module", PAGES, ids=lambda module: module.PATH)
def test_every_page_tells_until_when_the_log_reaches_and_marks_that_it_is_long_ago(
    store: Context, app: Dash, module: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("dashboard.freshness.time_of", "dashboard.pages.month.time_of"):
        monkeypatch.setattr(name, lambda _context: datetime(2026, 11, 2, 22, tzinfo=UTC))
    if module in WITHOUT_FIGURES:
        assert "fresh-place" in ids_of(module)
        return
    told = filled(store, app, module, "?mes=2026-10")
    assert '"fresh fresh-old"' in told and "Registro hasta 31/10/2026 17:50" in told


@pytest.mark.parametrize("module", PAGES, ids=lambda module: module.PATH)
def test_every_page_of_figures_says_what_a_source_of_theirs_cannot_tell(
    store: Context, app: Dash, module: Page
) -> None:  # fmt: skip
    if module in (*WITHOUT_FIGURES, quality, before_queue):  # told in a panel of its own; not of the log
        return
    told = filled(store, app, module, SEPTEMBER)
    assert "60 de 60 líneas de este período vienen de: Tabla queue_stats de Asternic" in told
    assert terms.SUFFERING[OF_THE_LOG[module]] in told
    assert "líneas de este período vienen" not in filled(store, app, module, "?mes=2026-10")

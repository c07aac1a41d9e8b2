"""The strip of figures that nothing was added to for too long: when it is there, and what it tells whom."""

import json
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dashboard import stale_warning
from dashboard.app import create_app
from dashboard.context import Context
from dashboard.people.accounts import Role
from etl.settings import Settings
from etl.store import DEMO
from etl.warehouse import Generation
from reports.freshness import Freshness, freshness
from tests.callbacks import body_of
from tests.people import DOOR, SignedIn

MIDNIGHT = datetime(2026, 11, 1, 3, 59, 59, tzinfo=UTC)  # 31/10/2026 23:59:59 in La Paz


def of(**last_epochs: int) -> Generation:
    return Generation(
        number=1, made_at="2026-11-01T12:00:00", code="0", mapping="", rules={}, loads=(), segments=(),
        last_epochs=last_epochs,
    )  # fmt: skip


def test_figures_are_old_a_day_and_a_half_after_their_newest_event() -> None:
    one = of(pbx=int(MIDNIGHT.timestamp()))
    assert freshness(one, MIDNIGHT + timedelta(hours=36)).old_text == ""
    late = freshness(one, MIDNIGHT + timedelta(hours=36, seconds=1))
    assert late.old_text == "Los datos llegan hasta el 31/10/2026 23:59."
    assert freshness(of(), MIDNIGHT).old == ()


def test_one_exchange_that_stopped_is_named_though_the_other_goes_on() -> None:
    newest = int(MIDNIGHT.timestamp())
    found = freshness(of(centro=newest, sur=newest - 30 * 86_400), MIDNIGHT)
    assert found.old_text == "Los datos de la central «sur» llegan hasta el 01/10/2026 23:59."


def test_an_exchange_that_was_replaced_long_ago_is_no_longer_named() -> None:
    newest = int(MIDNIGHT.timestamp())
    assert freshness(of(centro=newest, sur=newest - 60 * 86_400), MIDNIGHT).old == ("sur",)
    both = of(centro=newest, sur=newest - 60 * 86_400 - 1)
    assert freshness(both, MIDNIGHT).old == ()
    assert freshness(both, MIDNIGHT + timedelta(days=90)).old == ("centro",), "and all that is left has stopped"
    assert "sur" in freshness(both, MIDNIGHT).text


def told(context: Context, role: Role) -> str:
    app = create_app(context, DOOR)
    client = SignedIn(context, role, app)
    assert '"stale-warning"' in client.get("/_dash-layout").text
    answer = client.post("/_dash-update-component", json=body_of(app, "stale-warning.children", {}))
    return answer.text


def test_everybody_is_told_and_who_may_load_is_led_to_where(
    store_context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert json.loads(told(store_context, Role.CHIEF)), "whatever the clock says, the callback answers"
    until = {"pbx": datetime(2026, 10, 31, 8)}
    monkeypatch.setattr(
        stale_warning, "freshness", lambda _generation, now: Freshness(until, ("pbx",) if now is not None else ())
    )
    for role in Role:
        says = told(store_context, role)
        assert "2026 08:00." in says
        assert ("cargas" in says) is (role in (Role.SUPERVISOR, Role.CHIEF))
        assert ("Avise a su supervisor(a)" in says) is (role not in (Role.SUPERVISOR, Role.CHIEF))
    monkeypatch.setattr(store_context, "kind", DEMO)
    assert "Los datos" not in told(store_context, Role.CHIEF)


def test_where_nothing_was_loaded_there_is_no_strip(tmp_path: Path) -> None:
    with closing(Context(Settings(data=tmp_path / "data"))) as context:
        assert json.loads(told(context, Role.OPERATOR))["response"]["stale-warning"]["children"] is None

"""The strip of a site without a good backup: who sees it, when, and that a demonstration has none."""

import json
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from threading import Event

import pytest

from dashboard import backup_warning
from dashboard.app import create_app
from dashboard.context import Context
from dashboard.people.accounts import Role
from etl import store as stores
from etl.safekeeping.backup import back_up
from etl.settings import Settings
from etl.store import now
from tests.callbacks import body_of
from tests.people import DOOR, SignedIn


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first look is waited for, however slow the machine is."""
    monkeypatch.setattr(backup_warning, "_FIRST_SECONDS", 30.0)


def told(settings: Settings, role: Role = Role.CHIEF) -> str | None:
    """What the strip says to somebody, None where there is none."""
    with closing(Context(settings)) as context:
        app = create_app(context, DOOR)
        body = body_of(app, "backup-warning.children", {})
        answer = SignedIn(context, role, app).post("/_dash-update-component", json=body)
        if answer.status_code == 403:
            return "refused"
        strip = json.loads(answer.text)["response"]["backup-warning"]["children"]
        return strip and str(strip["props"]["children"][1]["props"]["children"])


def test_a_site_is_warned_until_a_backup_is_there_and_again_when_it_is_old(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "data", backup=tmp_path / "backups")
    store = stores.open_store(settings)
    try:
        assert told(settings) == "Sin respaldo: avise a quien administra el sistema."
        back_up(store, tmp_path / "backups", now() - timedelta(hours=27))
        old = told(settings, Role.ADMINISTRATOR)
        assert old is not None and old.startswith("Sin respaldo desde ")
        back_up(store, tmp_path / "backups", now() - timedelta(hours=25))
        assert told(settings, Role.SUPERVISOR) is None
    finally:
        store.records.dispose()


def test_only_who_has_to_see_to_it_is_told_and_a_demonstration_is_not_warned(tmp_path: Path) -> None:
    site = Settings(data=tmp_path / "site")
    assert [told(site, role) for role in (Role.OPERATOR, Role.MANAGER, Role.QUALITY)] == ["refused"] * 3
    with closing(Context(site)) as context:
        app = create_app(context, DOOR)
        for role, sees in ((Role.CHIEF, True), (Role.MANAGER, False)):
            layout = SignedIn(context, role, app).get("/_dash-layout").text
            assert ('"backup-warning"' in layout) is sees
    demo = Settings(data=tmp_path / "demo")
    stores.open_store(demo, kind=stores.DEMO).records.dispose()
    assert told(demo) is None


def test_a_folder_of_backups_that_does_not_answer_holds_nobody_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a network disk that hangs: one look is under way, whoever asks is told the last that is known."""
    hanging, looks = Event(), []

    def hang(_settings: Settings, _now: object) -> str:
        looks.append(1)
        hanging.wait(60)
        return "Sin respaldo"

    monkeypatch.setattr("etl.safekeeping.rotation.backup_warning", hang)
    monkeypatch.setattr(backup_warning, "_FIRST_SECONDS", 0.05)
    with closing(Context(Settings(data=tmp_path / "data"))) as context:
        known = backup_warning._Known(context)
        try:
            assert [known.text() for _ in range(20)] == [None] * 20
            monkeypatch.setattr(backup_warning, "_SILENT_SECONDS", 0.0)
            assert known.text() == "La carpeta de respaldos no responde: avise a quien administra el sistema."
            assert looks == [1]
        finally:
            hanging.set()
        assert known._asked.wait(30)
        assert known.text() == "Sin respaldo: avise a quien administra el sistema."
        assert looks == [1], "known for a while"


def test_a_folder_of_backups_that_cannot_be_read_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(_settings: Settings, _now: object) -> str:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("etl.safekeeping.rotation.backup_warning", gone)
    assert told(Settings(data=tmp_path / "data")) == (
        "La carpeta de respaldos no responde: avise a quien administra el sistema."
    )

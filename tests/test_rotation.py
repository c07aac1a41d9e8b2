"""Which backups are kept, and what is told of the newest."""

import shutil
from datetime import datetime, timedelta

import pytest

from dashboard.site.doctor import Verdict, examine
from etl.landing import raw_path
from etl.records.engine import transaction
from etl.records.models import Load
from etl.safekeeping import rotation
from etl.safekeeping.manifest import MANIFEST
from etl.safekeeping.rotation import backup_warning, damaged_backups, kept, last_backup
from tests.saved_sites import AT, NAME, Site


def made_daily(days: int) -> list[datetime]:
    return [AT - timedelta(days=k) for k in range(days)]


def test_fourteen_days_and_eight_weeks_are_kept_and_nothing_over_sixty_days() -> None:
    found = sorted(kept(made_daily(200), AT))
    days = [at.date().isoformat() for at in found]
    assert days[-14:] == [f"2026-11-{day:02}" for day in range(7, 21)]
    assert days[:-14] == ["2026-10-04", "2026-10-11", "2026-10-18", "2026-10-25", "2026-11-01"]  # Sundays
    assert AT - found[0] < timedelta(days=60)


def test_of_a_day_the_last_is_kept_and_of_the_last_24_hours_all() -> None:
    made = [AT - timedelta(minutes=15 * k) for k in range(4 * 24 * 3)]
    found = kept(made, AT)
    assert found >= {at for at in made if AT - at < timedelta(days=1)}
    assert len(found) == 96 + 3 - 1 + (1 if AT.hour < 4 else 0)


def test_backups_seldom_made_are_kept_until_they_are_sixty_days_old_and_fourteen_newer_are_there() -> None:
    made = [AT - timedelta(days=20 * k) for k in range(6)]
    assert kept(made, AT) == set(made)
    assert kept([*made, *made_daily(14)], AT) == {*made_daily(14), AT - timedelta(days=20), AT - timedelta(days=40)}


def test_a_clock_that_is_wrong_for_one_night_takes_at_most_one_backup() -> None:
    ahead = AT + timedelta(days=61)
    found = kept([ahead, *made_daily(14)], ahead)
    assert found == {ahead, *made_daily(13)}
    later = [AT + timedelta(days=k) for k in range(1, 30)]
    assert kept([*found, *later], later[-1]) >= {ahead, *later[-13:]}


def test_a_backup_from_the_future_hides_from_nobody_that_there_is_no_new_one(small: Site) -> None:
    settings = small.settings.model_copy(update={"backup": small.backups})
    small.back_up(AT + timedelta(days=61))
    assert backup_warning(settings, AT) == "Sin respaldo"
    found = {each.subject: each for each in examine(settings, AT)}
    assert found["Respaldo"].verdict is Verdict.BAD
    small.back_up(AT)
    assert last_backup(settings, AT) == AT and backup_warning(settings, AT) is None
    assert backup_warning(settings, AT + timedelta(days=2)) == "Sin respaldo desde 20/11/2026 03:15"
    assert backup_warning(settings, AT + timedelta(days=61)) is None, "it is no more in the future"


def test_pieces_that_no_backup_names_are_dropped_with_the_last_that_did(
    small: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotation, "FEWEST", 1)
    first = small.back_up(AT)
    (old,) = [path for path in (small.backups / "pieces").rglob("*") if path.is_file()]
    store = small.open()
    with transaction(store.records) as session:
        session.get_one(Load, 1).state = "refused"
    raw_path(small.settings, old.name).unlink()
    store.records.dispose()
    second = small.back_up(AT + timedelta(days=59))
    assert old.exists()
    assert first.exists()
    shutil.copytree(second, small.backups / "callcenter-2027-01-01-000000")  # damaged: nobody knows which pieces it has
    (small.backups / "callcenter-2027-01-01-000000" / MANIFEST).write_text("{")
    small.back_up(AT + timedelta(days=60))
    assert not first.exists()
    assert old.exists()
    shutil.rmtree(small.backups / "callcenter-2027-01-01-000000")
    small.back_up(AT + timedelta(days=61))
    assert not old.exists()


def test_the_last_backup_is_known_from_where_it_lies(small: Site) -> None:
    settings = small.settings.model_copy(update={"backup": small.backups})
    assert last_backup(small.settings, AT) is None
    assert last_backup(settings, AT) is None
    assert backup_warning(settings, AT) == "Sin respaldo"
    small.back_up(AT)
    second = small.back_up(AT + timedelta(days=1))
    assert last_backup(settings, AT + timedelta(days=1)) == AT + timedelta(days=1)
    assert backup_warning(settings, AT + timedelta(days=2, hours=2)) is None
    assert backup_warning(settings, AT + timedelta(days=2, hours=3)) == "Sin respaldo desde 21/11/2026 03:15"
    (second / MANIFEST).unlink()  # half copied
    assert last_backup(settings, AT + timedelta(days=2)) == AT


def test_a_damaged_backup_keeps_every_piece_for_sixty_days_is_told_meanwhile_and_then_goes(small: Site) -> None:
    first = small.back_up(AT)
    (old,) = [path for path in (small.backups / "pieces").rglob("*") if path.is_file()]
    (first / MANIFEST).write_text("{")
    (small.backups / "callcenter-otro-nombre").mkdir()
    store = small.open()
    with transaction(store.records) as session:
        session.get_one(Load, 1).state = "refused"
    raw_path(small.settings, old.name).unlink()
    store.records.dispose()
    small.back_up(AT + timedelta(days=59))
    assert first.exists() and old.exists()
    assert [path.name for path in damaged_backups(small.backups)] == [NAME, "callcenter-otro-nombre"]
    found = {each.subject: each for each in examine(small.settings.model_copy(update={"backup": small.backups}), AT)}
    assert (found["Respaldos dañados"].verdict, found["Respaldos dañados"].seen) == (
        Verdict.ATTENTION, f"{NAME}; callcenter-otro-nombre",
    )  # fmt: skip
    small.back_up(AT + timedelta(days=60))
    assert not first.exists()
    assert old.exists(), "nobody knows what the other one needs"
    (small.backups / "callcenter-otro-nombre").rmdir()
    small.back_up(AT + timedelta(days=61))
    assert not old.exists()

"""The draft of a generation knows the place of every load, at a cost that hardly depends on how many there are."""

from pathlib import Path

import pytest

from etl.draft import Draft, LogFileInfo
from etl.settings import GivenSettings
from etl.store import open_store

pytestmark = pytest.mark.duckdb

FILES = {
    1: LogFileInfo(1, "pbx", "later", 50, 90, 9),
    2: LogFileInfo(2, "pbx", "first", 10, 90, 9, rank=3),
    3: LogFileInfo(3, "o'tra, pbx", "tied", 20, 20, 1),
    4: LogFileInfo(4, "o'tra, pbx", "tied too", 20, 20, 1),
}


def _draft(folder: Path, load_files: dict[int, int]) -> Draft:
    settings = GivenSettings(data=folder / "data")
    store = open_store(settings)
    return Draft(settings, store.site(), store.key, folder / "build", None, 1, FILES, load_files)


def test_every_load_has_the_place_of_its_file_and_tied_files_share_one(tmp_path: Path) -> None:
    draft = _draft(tmp_path, {1: 1, 2: 2, 3: 3, 4: 4, 9: 1})
    found = draft.run("SELECT load, file, pbx, place, tied, rank FROM files ORDER BY load").fetchall()
    draft.close()
    assert found == [
        (1, 1, "pbx", 3, False, 0),
        (2, 2, "pbx", 0, False, 3),
        (3, 3, "o'tra, pbx", 1, True, 0),
        (4, 4, "o'tra, pbx", 1, True, 0),
        (9, 1, "pbx", 3, False, 0),
    ]


def test_ten_thousand_loads_are_placed_with_as_many_statements_as_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft = _draft(tmp_path, {1: 1})
    asked: list[str] = []
    run = draft.run

    def noted(sql: str) -> object:
        asked.append(sql)
        return run(sql)

    monkeypatch.setattr(draft, "run", noted)
    draft.place_files()
    assert not asked
    counts = []
    for loads in (2, 10_000):
        draft.load_files = dict.fromkeys(range(1, loads + 1), 1)
        draft.place_files()
        counts.append(len(asked))
        asked.clear()
    held = draft.count("files")
    draft.close()
    assert (held, counts[0]) == (10_000, counts[1])

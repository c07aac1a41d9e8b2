"""`callcenter report`: the book in its place, or a Spanish message, an exit code and nothing left behind."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from dashboard.commands import figures
from reports.workbook.handover import Book, hand_over
from reports.workbook.sheets import SHEETS
from reports.workbook.template import WorkbookError
from tests.commands import DONE, REFUSED, USAGE, call, done

pytestmark = pytest.mark.duckdb


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def test_the_book_of_the_last_whole_month_on_record_is_written(site: Path, tmp_path: Path) -> None:
    path = tmp_path / "libro.xlsx"
    assert done(site, "report", "monthly", "--out", path) == f"{path}: 2024-03\n"
    assert tuple(load_workbook(path).sheetnames) == SHEETS
    assert names(tmp_path) == ["libro.xlsx"]


def test_what_stood_there_is_replaced_by_the_same_bytes_for_the_same_month(site: Path, tmp_path: Path) -> None:
    path, other = tmp_path / "libro.xlsx", tmp_path / "otro.xlsx"
    path.write_bytes(b"before")
    for each in (path, other):
        done(site, "report", "monthly", "--month", "2024-03", "--out", each)
    assert path.read_bytes() == other.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o666 & ~_umask()


@pytest.mark.parametrize(
    ("words", "exit_code", "says"),
    [
        (("monthly", "--month", "2024-3"), USAGE, "«2024-3» no es un mes; se escribe como 2026-10."),
        (("monthly", "--month", ""), USAGE, "«» no es un mes; se escribe como 2026-10."),
        (("monthly", "--month", "2023-01"), REFUSED, "No hay registro de enero de 2023; hay desde marzo de 2024"),
        (("weekly",), USAGE, "no existe el informe «weekly»; hay monthly."),
    ],
)
def test_a_wrong_question_is_told(
    site: Path, tmp_path: Path, words: tuple[str, ...], exit_code: int, says: str
) -> None:
    result = call(site, "report", *words, "--out", tmp_path / "libro.xlsx")
    assert (result.exit_code, result.stdout) == (exit_code, "")
    assert says in result.stderr
    assert not names(tmp_path)


def test_a_file_to_write_to_must_be_named_and_be_one_of_excel(site: Path, tmp_path: Path) -> None:
    for words, says in (((), "falta --out"), (("--out", tmp_path / "libro.pdf"), "termine el nombre en .xlsx")):
        result = call(site, "report", "monthly", *words)
        assert result.exit_code == USAGE
        assert says in result.stderr
    assert not names(tmp_path)


def test_a_place_that_cannot_be_written_to_is_told(site: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    places = {
        tmp_path / "nowhere" / "libro.xlsx": "la carpeta no existe",
        tmp_path / "file" / "libro.xlsx": "la carpeta no existe",
        tmp_path: "es una carpeta: agregue el nombre del archivo",
        tmp_path / f"{'x' * 250}.xlsx": "el nombre es demasiado largo",
    }
    for path, says in places.items():
        result = call(site, "report", "monthly", "--out", path)
        assert (result.exit_code, result.stdout) == (REFUSED, "")
        assert result.stderr == f"No se pudo escribir {path}: {says}.\n"
    assert names(tmp_path) == ["file"]


NO_PERMISSION = "no hay permiso para escribir ahí, o el archivo está abierto en otro programa"


def refuse(monkeypatch: pytest.MonkeyPatch, step: str, folder: Path, number: int) -> None:
    """Let the system refuse one step of writing in a folder: root, whom no permission stops, meets it too."""
    module, name = {"open": (Path, "open"), "fsync": (os, "fsync"), "replace": (Path, "replace")}[step]
    really = getattr(module, name)

    def fail(target: Path | int, *others: Any, **options: Any) -> Any:
        if isinstance(target, int) or target.parent == folder:
            raise OSError(number, os.strerror(number))
        return really(target, *others, **options)

    monkeypatch.setattr(module, name, fail)


@pytest.mark.parametrize(
    ("step", "number", "says"),
    [
        ("open", errno.EACCES, NO_PERMISSION),
        ("fsync", errno.ENOSPC, "no queda espacio en el disco"),
        ("fsync", errno.EACCES, NO_PERMISSION),
        ("fsync", errno.EIO, "el disco falla"),
        ("replace", errno.EACCES, NO_PERMISSION),
    ],
)
def test_a_disk_that_refuses_any_step_leaves_what_was_there(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, number: int, says: str
) -> None:
    path = tmp_path / "libro.xlsx"
    path.write_bytes(b"before")
    with monkeypatch.context() as patch:
        refuse(patch, step, tmp_path, number)
        result = call(site, "report", "monthly", "--out", path)
    assert (result.exit_code, result.stdout) == (REFUSED, "")
    assert result.stderr == f"No se pudo escribir {path}: {says}.\n"
    assert (names(tmp_path), path.read_bytes()) == (["libro.xlsx"], b"before")


@pytest.mark.parametrize(
    ("number", "says"),
    [
        (errno.EACCES, NO_PERMISSION),
        (errno.EPERM, "no hay permiso para escribir ahí"),
        (errno.EROFS, "ese disco es solo de lectura"),
        (errno.ENOSPC, "no queda espacio en el disco"),
        (errno.EDQUOT, "no queda espacio para este usuario en el disco"),
        (errno.EIO, "el disco falla"),
        (errno.EFBIG, "no cabe en el disco"),
        (errno.EMFILE, os.strerror(errno.EMFILE)),
    ],
)
def test_what_the_system_refuses_is_told_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, says: str
) -> None:
    path = tmp_path / "libro.xlsx"
    refuse(monkeypatch, "open", tmp_path, number)
    with pytest.raises(WorkbookError) as told:
        hand_over(Book("libro.xlsx", b"", {}), path)
    assert str(told.value) == f"No se pudo escribir {path}: {says}"
    assert not names(tmp_path)


def test_without_any_figures_the_command_says_what_to_do(tmp_path: Path) -> None:
    result = call(tmp_path / "data", "report", "monthly", "--out", tmp_path / "libro.xlsx")
    assert result.exit_code == REFUSED
    assert result.stderr and "Traceback" not in result.stderr


def test_the_help_names_the_reports() -> None:
    text = call(Path("nowhere"), "report", "--help").stdout
    assert all(name in text for name in figures.REPORTS)
    assert "libro del mes" in text


def test_reports_are_not_imported_before_they_are_asked_for() -> None:
    source = Path(figures.__file__).read_text(encoding="utf-8")
    assert not [line for line in source.splitlines() if line.startswith(("from reports", "import openpyxl"))]
    assert call(Path("nowhere"), "report", "weekly").exit_code not in (DONE, REFUSED)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current

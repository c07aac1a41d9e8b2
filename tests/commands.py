"""The command as a user types it: words in; text, exit code and the store's files out."""

import csv
import hashlib
from io import StringIO
from pathlib import Path

from click.testing import Result
from typer.testing import CliRunner

from dashboard import cli

SAMPLES = Path(__file__).parent / "samples" / "queue_log"
GOOD, AWFUL = SAMPLES / "good.queue_log", SAMPLES / "awful.queue_log"
DAY = ("--from", "2024-03-05", "--to", "2024-03-05")
DONE, REFUSED, USAGE, BUSY = 0, 1, 2, 75
EIGHT = 1709640000  # 2024-03-05 08:00 in La Paz


def call(data: Path, *words: str | Path) -> Result:
    """The result of `callcenter --data DATA WORDS...`; a crash is no result."""
    result = CliRunner().invoke(cli.app, ["--data", str(data), *map(str, words)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def done(data: Path, *words: str | Path) -> str:
    """What a command that must succeed prints."""
    result = call(data, *words)
    assert result.exit_code == DONE, result.output
    return result.stdout


def table(text: str, delimiter: str = ",") -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(text), delimiter=delimiter))


def files_of(data: Path) -> dict[str, str]:
    """Every file of a store with its digest; SQLite's empty journal is none."""
    return {
        path.relative_to(data).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(data.rglob("*"))
        if path.is_file() and not (path.name.endswith("-journal") and not path.stat().st_size)
    }


def log_of(folder: Path, *lines: str, name: str = "queue_log") -> Path:
    path = folder / name
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path

"""Callers' numbers are pseudonyms wherever calls are kept, and in nothing that is printed."""

import hashlib
import hmac
import os
import random
import stat
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from dashboard.cli import app
from etl import store as stores
from etl.pseudonyms import pseudonym, pseudonym_sql
from etl.settings import Settings
from tests.commands import GOOD as GOOD_FILE
from tests.drawn_log import CALLER, GOOD, answered, complete, enter, ingest, line, log, observed, write
from tests.product import Product

pytestmark = pytest.mark.duckdb

HMAC_VECTORS = (  # RFC 4231, cases 1 and 2
    (b"\x0b" * 20, "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
    (b"Jefe", "what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
)


def pseudonym_by_sql(text: str | None, key: bytes) -> str | None:
    row = duckdb.execute(f"SELECT {pseudonym_sql('clear', key)} FROM (SELECT ? AS clear)", [text]).fetchone()
    assert row is not None
    return None if row[0] is None else str(row[0])


@pytest.mark.parametrize(("key", "text", "expected"), HMAC_VECTORS)
def test_a_pseudonym_is_the_beginning_of_the_published_hmac(key: bytes, text: str, expected: str) -> None:
    assert hmac.new(key, text.encode(), hashlib.sha256).hexdigest() == expected
    assert pseudonym(text, key) == pseudonym_by_sql(text, key) == "~" + expected[:24]


def test_the_pseudonym_of_sql_is_that_of_python() -> None:
    chance = random.Random(7)
    for size in (1, 7, 8, 55, 56, 63, 64, 65, 500):
        key = chance.randbytes(32)
        text = "".join(chance.choices("0123456789+ áñ'\"\\%€😀", k=size))
        assert pseudonym_by_sql(text, key) == pseudonym(text, key)


def test_a_pseudonym_stays_and_so_do_blanks() -> None:
    key = b"k" * 32
    known = pseudonym(CALLER, b"another key")
    assert [pseudonym_by_sql(text, key) for text in (known, "", None)] == [known, "", None]
    assert pseudonym_by_sql("~70712345", key) == pseudonym("~70712345", key)


def test_a_log_of_pseudonyms_counts_as_the_clear_one(product: Product) -> None:
    """So the clear numbers can be forgotten later and no line changes its identity."""
    key = product.store().key
    ingest(product, write(product, "queue_log", log(*GOOD)))
    known = log(*GOOD).replace(CALLER.encode(), pseudonym(CALLER, key).encode())
    assert observed(product, ingest(product, write(product, "otro", known))).duplicates == 3
    assert product.rows("SELECT DISTINCT data FROM raw.queue_log WHERE kind = 1") == [(f"|{pseudonym(CALLER, key)}|1",)]


def texts_of(path: Path) -> list[str]:
    """Every text that a segment holds, of every table."""
    found: list[str] = []
    with duckdb.connect(str(path), read_only=True) as connection:
        columns = connection.execute(
            "SELECT table_schema, table_name, column_name FROM information_schema.columns WHERE data_type = 'VARCHAR'"
        ).fetchall()
        for schema, table, column in columns:
            rows = connection.execute(f'SELECT DISTINCT "{column}" FROM {schema}.{table}').fetchall()
            found += [str(row[0]) for row in rows]
    return found


CALLERS = ("70712345", "59170712345", "4251234", "800131399", "Ana Vargas")
LINES_WITH_CALLERS = (
    enter(0, "1", caller=CALLERS[0]),
    enter(1, "2", caller=CALLERS[1]),
    line(2, "3", "ENTERQUEUE", "", CALLERS[2], 1, CALLERS[4]),
    line(3, "4", "ENTERQUEUE", "-", CALLERS[3], agent="SIP/201"),
    line(4, "NONE", "ENTERQUEUE", "", CALLERS[0], 1),
    complete(5, "1"),
)
BAD_LINES_WITH_CALLERS = (
    enter("abc", "5", caller=CALLERS[0]),
    enter("1709640100000", "6", caller=CALLERS[1]),
    enter("0", "7", caller=CALLERS[2]),
    f"{CALLERS[1]}|1|{CALLERS[0]}.",
    f"{CALLERS[3]}",
    f"x.{CALLERS[0]}.5|+591 707-12345",
)


def test_no_caller_is_in_the_segments_of_calls_nor_in_what_the_command_prints(product: Product) -> None:
    """Numbers in the clear stand in the raw store, in the segment of callers, and in lines set aside: nowhere else."""
    path = write(product, "queue_log", log(*LINES_WITH_CALLERS, *BAD_LINES_WITH_CALLERS))
    data = ["--data", str(product.settings().data)]
    printed = ""
    for words in (["check", str(path)], ["ingest", str(path)], ["ingest", "--json", str(path)], ["load", "list"]):
        result = CliRunner().invoke(app, [*data, *words])
        assert result.exit_code == 0, result.output
        printed += result.output
    printed += CliRunner().invoke(app, [*data, "quarantine"]).output
    warehouse = product.settings().warehouse
    segments = list(warehouse.glob("calls-*.duckdb"))
    assert len(segments) == 1
    stored = "\n".join(text for path in segments for text in texts_of(path))
    binary = b"".join(path.read_bytes() for path in segments)
    for caller in CALLERS:
        assert caller not in printed
        assert caller not in stored
        assert caller.encode() not in binary
    assert "707-12345" not in printed
    assert pseudonym(CALLERS[0], product.store().key) in stored
    (callers,) = warehouse.glob("callers-*.duckdb")
    assert set(CALLERS) <= set(texts_of(callers))


def test_no_caller_is_in_the_segments_when_a_pipe_in_a_name_shifts_the_fields(product: Product) -> None:
    ingest(product, write(product, "queue_log", log(enter(0, "1", queue="soporte|nuevo"))))
    assert product.set_aside() == [("shifted",)]
    assert not list(product.settings().warehouse.glob("calls-*.duckdb"))


def test_what_a_terminal_would_obey_is_not_printed(product: Product) -> None:
    """Q31: a line set aside and a queue's name may hold escapes."""
    escape = "\x1b]0;título\x07\x1b[2J"
    path = write(product, f"queue{escape}_log", log(*answered(0, "1", queue=f"q{escape}"), f"basura{escape}"))
    data = ["--data", str(product.settings().data)]
    for words in (["check", str(path)], ["ingest", str(path)], ["load", "list"], ["quarantine"]):
        result = CliRunner().invoke(app, [*data, *words], color=True)
        assert not any(character < " " and character != "\n" for character in result.output), result.output


def modes(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): stat.S_IMODE(path.lstat().st_mode) for path in [folder, *folder.rglob("*")]}


@pytest.mark.skipif(sys.platform == "win32", reason="there files have no modes")
def test_no_other_user_of_the_machine_reads_what_a_first_trial_loads(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o755)
    words = [sys.executable, "-m", "dashboard", "--data", str(data), "ingest", str(GOOD_FILE)]
    subprocess.run(words, check=True, capture_output=True, umask=0o022, env={**os.environ, "CALLCENTER_DATA": ""})
    found = modes(data)
    assert any("callers-" in name for name in found) and any(name.startswith("raw/") for name in found)
    assert {name: mode for name, mode in found.items() if mode & 0o077} == {}


@pytest.mark.skipif(sys.platform == "win32", reason="there files have no modes")
def test_a_store_that_others_could_open_is_closed_when_it_is_opened_again(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "new" / "data")
    for _ in range(2):
        stores.open_store(settings).records.dispose()
        assert stat.S_IMODE(settings.data.stat().st_mode) == 0o700
        settings.data.chmod(0o755)
    shared = tmp_path / "everybody"
    shared.mkdir()
    shared.chmod(0o1777)  # as /tmp is
    stores.open_store(Settings(data=shared)).records.dispose()
    assert stat.S_IMODE(shared.stat().st_mode) == 0o1777

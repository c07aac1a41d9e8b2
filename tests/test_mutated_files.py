"""Files that came to harm: whatever is changed in one, a reader reads it or says why not, soon, and loses no line.

200 per reader in the ordinary run; 10 000 in `make fuzz`. A seed that fails is named by its test.
"""

import io
import json
import random
import struct
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from etl.exports import read_export
from etl.readers import workbook
from etl.readers.found_table import MOST_COLUMNS, MOST_ROWS, NO_VALUE, FoundTable, UnreadableTable
from etl.readers.lines import LineFeed, blocks
from etl.readers.tables import tables_of
from tests.commands import AWFUL, GOOD
from tests.table_files import csv_of, html_of, spreadsheet_xml_of, xls_of, xlsx_of
from tests.test_exported_reports import DAYS, SAMPLES, TOLD

MUTATIONS, SEEDS = 50, 4
#: How many files a reader meets in `make fuzz` at least.
FUZZED = 10_000
LONGEST_SECONDS = 10
LONG = [*DAYS, *([f"2026-08-{n:02}", str(n), "1.00 %", "1,234", "1.00 %", "0:07", "3"] for n in range(3, 31))]
FILES: dict[str, list[Callable[[], bytes]]] = {
    "delimited": [
        *((lambda name=name: (SAMPLES / name).read_bytes()) for name in (
            "asternic_by_day.good.csv", "asternic_by_agent.awful.csv", "asternic_by_hour.awful.csv",
            "issabel_agents.good.csv", "issabel_sessions.good.csv",
        )),
        lambda: csv_of(LONG, delimiter="\t").decode().encode("utf-16"),
    ],
    "html": [
        lambda: (SAMPLES / "asternic_answered_page.good.html").read_bytes(),
        lambda: (SAMPLES / "asternic_unanswered_page.good.html").read_bytes(),
        lambda: html_of(LONG),
    ],
    "xml of 2003": [lambda: spreadsheet_xml_of(LONG)],
    "xlsx": [lambda: xlsx_of(LONG)],
    "xls": [lambda: xls_of(LONG)],
}  # fmt: skip


def mutated(content: bytes, chance: random.Random) -> bytes:
    """The same with bytes flipped, lines dropped, joined or repeated, a part cut away or put in."""
    changed = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 5))):
        what = chance.randrange(7)
        at = chance.randrange(len(changed)) if changed else 0
        if what == 0 or len(changed) < 4:
            for _ in range(chance.choice((1, 3, 20))):
                if changed:
                    changed[chance.randrange(len(changed))] = chance.randrange(256)
        elif what == 1:
            del changed[at : at + chance.choice((1, 10, 1000))]
        elif what == 2:
            changed[at:at] = chance.randbytes(chance.choice((1, 10, 300)))
        elif what == 3:
            changed[at:at] = changed[at : at + chance.choice((10, 500))] * chance.choice((1, 3, 40))
        else:
            lines = bytes(changed).splitlines(keepends=True)
            place = chance.randrange(len(lines))
            if what == 4:
                del lines[place]
            elif what == 5:
                lines[place] = lines[place].rstrip(b"\r\n")
            else:
                lines.insert(chance.randrange(len(lines)), lines[place])
            changed = bytearray(b"".join(lines))
    return bytes(changed)


def mutated_book(content: bytes, chance: random.Random) -> bytes:
    """A workbook with one of its parts changed, packed anew: the guard sees nothing amiss; or its bytes changed."""
    if chance.random() < 0.3:
        return mutated(content, chance)
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        parts = {name: package.read(name) for name in package.namelist()}
    name = chance.choice(sorted(parts))
    parts[name] = mutated(parts[name], chance)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as package:
        for each, part in parts.items():
            package.writestr(each, part)
    return file.getvalue()


def accounted(tables: tuple[FoundTable, ...]) -> None:
    """Every line of every table is a row's, or blank; rows stand in order."""
    assert tables
    for table in tables:
        assert table.rows and table.blank >= 0
        places = [row.line for row in table.rows]
        assert places == sorted(set(places)) and places[0] >= 1 and places[-1] <= max(table.lines, places[-1])
        assert all(row.cells and (any(row.cells) or row.problem) for row in table.rows)
    try:
        export = read_export(tables, TOLD)
    except UnreadableTable as error:
        assert error.code and error.text
    else:
        assert export.lines == export.loaded + export.blank + len(export.set_aside)
        assert export.lines == sum(table.lines for table in tables) and export.loaded > 0


#: The process of `workbook_child`, kept for many workbooks: a start of Python each would cost a hundred times as much.
KEPT_CHILD = """
import json, runpy, struct, sys
child = runpy.run_path(sys.argv[1])
child["_limit"](int(sys.argv[4]), 600)
while head := sys.stdin.buffer.read(4):
    content = sys.stdin.buffer.read(struct.unpack(">L", head)[0])
    found = child["sheets"](content, int(sys.argv[2]), int(sys.argv[3]), sys.argv[5])
    said = "".join(json.dumps(each) + "\\n" for each in found)
    sys.stdout.write(said + "\\n")
    sys.stdout.flush()
"""


class KeptChild:
    """Answers like `workbook.run_child`; a workbook that ends the process gets what it got to say, and a new one."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None

    def run(self, content: bytes) -> bytes:
        if self.process is None or self.process.poll() is not None:
            memory = str(workbook.limits_for(b"")[0])
            words = (str(workbook._CHILD), str(MOST_ROWS), str(MOST_COLUMNS), memory, NO_VALUE)
            self.process = subprocess.Popen(
                [sys.executable, "-I", "-c", KEPT_CHILD, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL, env=workbook.quiet_environment(),
            )  # fmt: skip
        assert self.process.stdin is not None and self.process.stdout is not None
        with suppress(BrokenPipeError):
            self.process.stdin.write(struct.pack(">L", len(content)) + content)
            self.process.stdin.flush()
        said = b""
        while (line := self.process.stdout.readline()) and line != b"\n":
            said += line
        if not line:
            self.close()
        return said

    def cpu_seconds(self) -> float:
        """The time that it has worked, whatever else the machine does; 0 of one that has ended."""
        if self.process is None:
            return 0
        try:
            times = psutil.Process(self.process.pid).cpu_times()
        except psutil.Error:
            return 0
        return times.user + times.system

    def close(self) -> None:
        if self.process is not None:
            for pipe in (self.process.stdin, self.process.stdout):
                if pipe is not None:
                    with suppress(BrokenPipeError):
                        pipe.close()
            self.process.kill()
            self.process.wait()
            self.process = None


@pytest.fixture(scope="module")
def kept_child() -> Iterator[KeptChild]:
    child = KeptChild()
    yield child
    child.close()


@pytest.mark.drawn(SEEDS, fuzzed=FUZZED // MUTATIONS)
@pytest.mark.parametrize("reader", FILES)
def test_a_file_that_came_to_harm_is_read_or_refused_and_loses_no_line(
    reader: str, seed: int, kept_child: KeptChild, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workbook, "run_child", kept_child.run)
    originals = [make() for make in FILES[reader]]
    change = mutated_book if reader == "xlsx" else mutated
    read = 0
    for number in range(MUTATIONS):
        chance = random.Random(f"{reader} {seed} {number}")
        content = change(chance.choice(originals), chance)
        started = time.process_time() + kept_child.cpu_seconds()
        try:
            tables = tables_of(content)
        except UnreadableTable as error:
            assert error.code and error.text, (seed, number)
        else:
            accounted(tables)
            read += 1
        taken = time.process_time() + kept_child.cpu_seconds() - started
        assert taken < LONGEST_SECONDS, (seed, number)
    assert read > 0 or reader == "xls", "some of them can still be read"


def test_the_kept_child_answers_as_the_real_one_does(kept_child: KeptChild) -> None:
    for content in (xlsx_of(LONG), xls_of(LONG), xls_of(LONG)[:2000]):
        assert [json.loads(line) for line in kept_child.run(content).splitlines()] == [
            json.loads(line) for line in workbook.run_child(content).splitlines()
        ]


@pytest.mark.drawn(SEEDS, fuzzed=FUZZED // MUTATIONS)
def test_a_log_that_came_to_harm_keeps_every_line(seed: int, tmp_path: Path) -> None:
    originals = [GOOD.read_bytes(), AWFUL.read_bytes()]
    for number in range(MUTATIONS):
        chance = random.Random(f"log {seed} {number}")
        content = mutated(chance.choice(originals), chance)
        feed = LineFeed(tmp_path, "log", 1 << 20, 1 << 16)
        started = time.process_time()
        lines = sum(slab.lines for slab in feed.slabs(blocks(io.BytesIO(content))))
        assert lines == content.count(b"\n") and time.process_time() - started < LONGEST_SECONDS, (seed, number)

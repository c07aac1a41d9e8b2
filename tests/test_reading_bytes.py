"""Bytes become lines whatever the pieces they arrive or are read in, in little memory however long a line is."""

import random
import subprocess
import sys
import textwrap
from pathlib import Path

import duckdb
import pytest

from etl import validate
from etl.readers.lines import BLOCK_BYTES, LineFeed, blocks
from tests.drawn_log import GOOD, answered, log

pytestmark = pytest.mark.duckdb

ROOT = Path(__file__).resolve().parent.parent


def test_a_line_of_any_length_is_carried_in_a_few_blocks(tmp_path: Path) -> None:
    """Q14: 200 MB without a line end."""
    feed = LineFeed(tmp_path, "log", slab_bytes=BLOCK_BYTES, line_limit=64 * 1024)
    block = b"x" * BLOCK_BYTES
    feed.feed(b"before\n")
    for _ in range(200):
        feed.feed(block)
        assert len(feed._carry) + len(feed._too_long or b"") <= BLOCK_BYTES
    (slab,) = feed.slabs([b"\nafter\n"])
    assert slab.path.read_text(encoding="utf-8") == "before\n\x02\nafter\n"
    assert [(aside.line, aside.reason, len(aside.text)) for aside in slab.set_aside] == [(2, "line_too_long", 200)]


def test_a_load_stays_small_whatever_the_length_of_a_line(tmp_path: Path) -> None:
    """Q14: a whole load in a process of its own; a hole of 200 MB costs no more memory than a file of three lines."""
    small, huge = tmp_path / "small", tmp_path / "huge"
    small.write_bytes(log(*GOOD))
    with huge.open("wb") as file:
        file.write(log(*answered(100, "2")))
        file.seek(200 * 1024 * 1024, 1)
        file.write(b"\n" + log(*answered(300, "3")))
    program = """
        import resource, sys
        from pathlib import Path
        from etl import pipeline
        from etl import store as stores
        from etl.settings import Settings

        store = stores.open_store(Settings(data=Path(sys.argv[1])))
        for name in sys.argv[2:]:
            (report,) = pipeline.ingest(store, [Path(name)])
            print(report.loaded, report.quarantined, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
    """
    arguments = [sys.executable, "-c", textwrap.dedent(program), str(tmp_path / "data"), str(small), str(huge)]
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=True)
    (*before, small_mb), (*after, huge_mb) = ([int(word) for word in row.split()] for row in done.stdout.splitlines())
    assert (before, after) == ([3, 0], [6, 1])
    assert huge_mb - small_mb < 60


@pytest.mark.parametrize("seed", range(40))
def test_lines_do_not_depend_on_how_the_bytes_arrive(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    limit = 64
    parts = [
        b"\n",
        b"\r\n",
        b"\r",
        b"\0",
        b"\x02",
        b"\x1f",
        b"\xef\xbb\xbf",
        b"\xf1",
        "ñ".encode(),
        b"\x81",
        b"a|b",
        b"x" * (limit - 1),
        b"x" * limit,
        b"x" * (limit + 1),
    ]
    content = b"".join(chance.choices(parts, weights=[9, 5, 1, 1, 1, 1, 1, 1, 1, 1, 5, 1, 1, 1], k=120)) + b"\n"

    def slabs(fed: list[bytes], slab_bytes: int) -> tuple[str, list[object], int]:
        texts, set_aside, encoded = "", [], 0
        for slab in LineFeed(tmp_path, "log", slab_bytes, limit).slabs(fed):
            text = slab.path.read_bytes().decode()
            assert text.count("\n") == slab.lines
            assert slab.first_line == texts.count("\n") + 1
            texts += text
            set_aside += slab.set_aside
            encoded += slab.other_encoding
        return texts, set_aside, encoded

    whole = slabs([content], 10**9)
    assert whole[0].count("\n") == content.count(b"\n")
    places = sorted(chance.choices(range(len(content)), k=chance.randint(1, 60)))
    pieces = [content[start:end] for start, end in zip([0, *places], [*places, len(content)], strict=True)]
    for slab_bytes in (1, 100, 10**9):
        assert slabs(pieces, slab_bytes) == whole


def test_blocks_end_at_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "bytes"
    path.write_bytes(b"x" * (2 * BLOCK_BYTES + 5))
    with path.open("rb") as file:
        assert [len(block) for block in blocks(file, BLOCK_BYTES + 1)] == [BLOCK_BYTES, 1]


def test_every_line_is_read_in_order_whatever_the_parts_it_is_read_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a part of an odd size DuckDB 1.5 refuses the file or, worse, leaves its last line out."""
    monkeypatch.setattr(validate, "_LEAST_BUFFER_BYTES", 1)
    monkeypatch.setattr(validate, "_LINE_BYTES", 64 * 1024)
    chance = random.Random(7)
    slab = tmp_path / "slab"
    with duckdb.connect() as connection:
        for _ in range(12):
            lines = [
                f"{1709640000 + n}|{n}.1|101|NONE|DID|{'x' * chance.randint(0, 90)}"
                for n in range(chance.randint(9000, 12000))
            ]
            slab.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
            threads = chance.randint(2, 9)
            fields = connection.execute(validate.read_fields_sql(slab, threads)).fetchall()
            assert ["|".join(part for part in row if part is not None) for row in fields] == lines
            assert [row[0] for row in connection.execute(validate.read_lines_sql(slab, threads)).fetchall()] == lines

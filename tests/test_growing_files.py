"""A log loaded again and again as it grows, is rotated, copied or cut: nothing lost, nothing doubled.

The numbers are those of the catalogue in test_bad_logs.
"""

import gzip
import random
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import pytest

from etl import pipeline
from etl.landing import logs
from etl.records.audit import SYSTEM
from tests.drawn_log import (
    GOOD,
    answered,
    complete,
    connect,
    counted,
    enter,
    ingest,
    line,
    loaded,
    log,
    observed,
    write,
)
from tests.product import Product, Rows
from tests.test_counting_properties import invented_log

pytestmark = pytest.mark.duckdb


def test_a_held_line_is_loaded_once_it_is_complete(product: Product) -> None:
    """Q03: the offset stays before the unfinished line."""
    whole = log(*GOOD, *answered(100, "2"))
    cut = whole.rindex(b"CONNECT")
    first = observed(product, ingest(product, write(product, "queue_log", whole[:cut])))
    assert (first.loaded, first.held) == (4, 1)
    assert observed(product, ingest(product, write(product, "queue_log", whole))) == replace(counted(2), loaded=2)
    assert product.counted() == loaded(product.folder / "whole", whole).counted()


def test_the_same_file_twice_is_all_known(product: Product) -> None:
    """Q16: under its name, another name, as a gzip, and in one go."""
    content = log(*GOOD, "basura", *[line(70, "1", "RINGNOANSWER", 1000)] * 2, "")
    path = write(product, "queue_log", content)
    ingest(product, path)
    before = product.counted(), product.findings(), product.set_aside()
    again = ingest(product, path, write(product, "copia.txt", content))
    assert [(r.state, r.read, r.loaded, r.duplicates) for r in again] == [("known", 7, 0, 7)] * 2
    packed = write(product, "queue_log.gz", gzip.compress(content))
    assert [(r.state, r.duplicates) for r in ingest(product, packed, packed)] == [("known", 7)] * 2
    assert (product.counted(), product.findings(), product.set_aside()) == before


@pytest.mark.parametrize("cut_at", [70, 130, 200, 400])
def test_a_log_read_in_part_and_then_compressed_goes_on_where_it_stood(cut_at: int, product: Product) -> None:
    rings = [line(70, "1", "RINGNOANSWER", 1000)] * 4
    content = log(*GOOD, "basura", *rings, *answered(100, "2"))
    ingest(product, write(product, "queue_log", content[:cut_at]))
    reports = ingest(product, write(product, "queue_log.1.gz", gzip.compress(content)))
    assert [(r.state, r.read) for r in reports] == [("published", content.count(b"\n") - content[:cut_at].count(b"\n"))]
    assert product.rows("SELECT COUNT(DISTINCT file), SUM(lines), SUM(duplicates) FROM meta.loads") == [(1, 11, 0)]
    assert ingest(product, write(product, "queue_log.1", content))[0].state == "known"
    whole = loaded(product.folder / "whole", content)
    assert (product.counted(), lines_set_aside(product)) == (whole.counted(), lines_set_aside(whole))
    pipeline.rebuild(product.store())
    assert (product.counted(), lines_set_aside(product)) == (whole.counted(), lines_set_aside(whole))


def test_a_compressed_log_that_was_undone_is_not_loaded_by_itself_until_it_is_in_force_again(product: Product) -> None:
    content = log(*GOOD, *answered(100, "2"), *answered(200, "3"))
    ingest(product, write(product, "queue_log", content[:200]))
    packed = write(product, "queue_log.1.gz", gzip.compress(content))
    (report,) = ingest(product, packed)
    pipeline.undo(product.store(), report.load or 0, by=SYSTEM)
    plain = write(product, "queue_log", content + log(*answered(300, "4")))

    def undone() -> list[bool]:
        return [pipeline.was_undone(product.store(), path) for path in (packed, plain)]

    assert undone() == [True, True]
    ingest(product, plain)
    assert undone() == [False, False]
    assert len(product.visits()) == 4


def test_a_log_emptied_while_it_is_copied_mixes_nothing(product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut off after its beginning was read, and grown again past the point reached."""
    first, second = [*GOOD, *answered(100, "2")], [*answered(300, "3"), *answered(400, "4"), *answered(500, "5")]
    path = write(product, "queue_log", log(*GOOD))
    ingest(product, path)
    path.write_bytes(log(*first))
    copy = logs.copy_open

    def cut_first(file: BinaryIO, draft: Path, start: int) -> None:
        if start:
            path.write_bytes(log(*second))
        copy(file, draft, start)

    monkeypatch.setattr(logs, "copy_open", cut_first)
    (report,) = ingest(product, path)
    assert (report.read, report.loaded) == (9, 9)
    assert product.counted() == loaded(product.folder / "whole", log(*GOOD, *second)).counted()


def test_a_rotated_log_and_the_new_one_lose_and_double_nothing(product: Product) -> None:
    """Q17: known by its beginning, not by its name."""
    old = [*GOOD, *answered(100, "2"), enter(200, "3")]
    new = [line(201, "NONE", "CONFIGRELOAD", queue="NONE"), connect(205, "3"), complete(265, "3"), *answered(300, "4")]
    live = write(product, "queue_log", log(*old[:4]))
    ingest(product, live)
    live.rename(live.with_name("queue_log.1"))
    rotated, live = write(product, "queue_log.1", log(*old)), write(product, "queue_log", log(*new[:3]))
    assert [(r.name, r.read, r.loaded) for r in ingest(product, live, rotated)] == [
        ("queue_log", 3, 3),
        ("queue_log.1", 3, 3),
    ]
    write(product, "queue_log", log(*new))
    assert [(r.read, r.loaded, r.duplicates) for r in ingest(product, rotated, live)] == [(7, 0, 7), (3, 3, 0)]
    assert product.rows("SELECT COUNT(DISTINCT file), SUM(loaded), SUM(duplicates) FROM meta.loads") == [(2, 13, 0)]
    assert product.counted() == loaded(product.folder / "whole", log(*old, *new)).counted()


def test_a_log_cut_in_place_is_a_new_file(product: Product) -> None:
    """Q18: smaller than what was landed of it (copytruncate), then grown past the old size."""
    first, second = [*GOOD, *answered(100, "2")], answered(300, "3")
    ingest(product, write(product, "queue_log", log(*first)))
    assert observed(product, ingest(product, write(product, "queue_log", log(*second[:2])))).loaded == 2
    more = [*second, *answered(400, "4"), *answered(500, "5")]
    assert [(r.read, r.loaded) for r in ingest(product, write(product, "queue_log", log(*more)))] == [(7, 7)]
    assert product.rows("SELECT COUNT(DISTINCT file), SUM(loaded) FROM meta.loads") == [(2, 15)]
    assert product.counted() == loaded(product.folder / "whole", log(*first, *more)).counted()


def messy_log(chance: random.Random) -> bytes:
    """Nonsense of every kind: events in any order, Latin-1, NULs, blank lines, CRLF, long lines."""
    lines = [text.encode() for text in invented_log(chance, lines=60, callids=6)]
    for odd in (
        b"",
        b"  ",
        b"\0\0\0",
        "1709640900|x|101|Peña|CONNECT|1".encode("latin-1"),
        b"1709640900|\x81",
        b"y" * 70_000,
    ):
        lines.insert(chance.randrange(1, len(lines)), odd)
    return b"".join(text + chance.choice([b"\n", b"\n", b"\r\n"]) for text in lines)


def cuts(chance: random.Random, content: bytes, pieces: int) -> list[int]:
    """Random places after the first line, the end included; most lie inside a line."""
    after_first = content.index(b"\n") + 1
    return sorted({*(chance.randrange(after_first, len(content)) for _ in range(pieces - 1)), len(content)})


def lines_set_aside(product: Product) -> Rows:
    return product.rows("SELECT line, reasons, text FROM meta.quarantine ORDER BY line")


@pytest.mark.parametrize("seed", range(2))
def test_a_log_landed_as_it_grows_equals_the_whole(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    content = messy_log(chance)
    whole, grown = loaded(tmp_path / "whole", content), Product(tmp_path / "grown", slab_bytes=2000)
    reports = [ingest(grown, write(grown, "queue_log", content[:cut]))[0] for cut in cuts(chance, content, 4)]
    assert grown.counted() == whole.counted()
    assert grown.findings() == whole.findings()
    assert lines_set_aside(grown) == lines_set_aside(whole)
    assert all(report.state in ("published", "known") for report in reports)
    totals = "SELECT SUM(lines), SUM(loaded), SUM(quarantined), SUM(blank), SUM(other_encoding) FROM meta.loads"
    assert grown.rows(totals) == whole.rows(totals)
    assert sum(report.read for report in reports if report.state == "published") == content.count(b"\n")


def test_growth_of_nothing_but_rubbish_is_set_aside_with_its_file(product: Product) -> None:
    ingest(product, write(product, "queue_log", log(*GOOD)))
    (report,) = ingest(product, write(product, "queue_log", log(*GOOD, "basura", "", "más")))
    assert (report.state, report.read, report.quarantined, report.blank) == ("published", 3, 2, 1)
    (report,) = ingest(product, write(product, "queue_log", log(*GOOD, "basura", "", "más", *answered(100, "2"))))
    assert (report.read, report.loaded) == (3, 3)


def test_an_end_of_a_wait_of_months_may_come_before_its_entry(tmp_path: Path) -> None:
    """Q26: the entry lies in a file that is loaded later."""
    first, second = log(enter(0, "1"), connect(5, "1")), log(complete(100, "1", 100 * 86400, 90))
    in_order, reversed_ = Product(tmp_path / "a"), Product(tmp_path / "b")
    ingest(in_order, write(in_order, "1", first), write(in_order, "2", second))
    ingest(reversed_, write(reversed_, "2", second))
    ingest(reversed_, write(reversed_, "1", first))
    assert reversed_.counted() == in_order.counted()

"""Cases 1 to 35 of the worked cases through the whole product: landing, load, visits, calls, publishing."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.cases import CASES, Case, ExpectedCall, ExpectedFigures, halves, instant
from tests.product import load_in
from tests.reference_counter import Call, LogFile, Visit

pytestmark = pytest.mark.duckdb
every_case = pytest.mark.parametrize("case", CASES, ids=str)


def files_of(case: Case) -> list[LogFile]:
    return [LogFile(log.name, log.lines, log.pbx) for log in case.logs]


class Loaded:
    """The case's logs loaded in a store of their own, and what was then read of it."""

    def __init__(self, folder: Path, case: Case) -> None:
        self.product = load_in(folder, files_of(case), case.rules)
        with self.product.one_connection():
            self.visits = self.product.visits()
            self.calls = {unit: self.product.calls(unit) for unit in ("line", "call")}
            self.findings, self.set_aside = self.product.findings(), self.product.set_aside()

    @property
    def counted(self) -> tuple[object, ...]:
        return tuple(self.visits), tuple(self.calls["line"]), tuple(self.calls["call"])


class Stores(dict[str, Loaded]):
    """The cases by name, each loaded when first asked for."""

    def __init__(self, folders: pytest.TempPathFactory) -> None:
        super().__init__()
        self.folders = folders

    def __missing__(self, name: str) -> Loaded:
        (case,) = (case for case in CASES if str(case) == name)
        self[name] = Loaded(self.folders.mktemp("case"), case)
        return self[name]


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Stores:
    return Stores(tmp_path_factory)


@every_case
def test_visits_are_those_of_the_case(case: Case, stores: Stores) -> None:
    found = stores[str(case)].visits
    assert len(found) == len(case.visits)
    for visit, expected in zip(found, case.visits, strict=True):
        assert (visit.queue, visit.answered, visit.cause, visit.wait, visit.talk, visit.open, visit.reconstructed) == (
            expected.queue, expected.answered, expected.cause, expected.wait, expected.talk, expected.open,
            expected.reconstructed,
        )  # fmt: skip
        if expected.service is not None:
            assert visit.service == expected.service
        if expected.entered is not None:
            assert visit.entered_at == instant(expected.entered, case.logs[0].day)


@every_case
def test_calls_are_those_of_the_case(case: Case, stores: Stores) -> None:
    for unit, expected in (("line", case.line_calls), ("call", case.calls)):
        if expected is not None:
            found = stores[str(case)].calls[unit]
            assert (
                tuple(ExpectedCall(c.service, c.answered, c.cause, c.wait, c.talk, c.open) for c in found) == expected
            )


@every_case
def test_findings_and_lines_set_aside_are_those_of_the_case(case: Case, stores: Stores) -> None:
    assert len(stores[str(case)].findings) == len(case.findings)
    assert tuple(stores[str(case)].set_aside) == case.set_aside


def in_figures(expected: ExpectedFigures, row: Visit | Call) -> bool:
    local = row.entered_at - 4 * 3600
    return (
        expected.queue in (None, getattr(row, "queue", None))
        and expected.service in (None, row.service)
        and expected.hour in (None, local // 3600 % 24)
        and (expected.day is None or (expected.day.toordinal() - 719163) == local // 86400)
    )


@every_case
def test_figures_are_those_of_the_case(case: Case, stores: Stores) -> None:
    found = stores[str(case)]
    for expected in case.figures:
        everything: Sequence[Visit | Call] = found.visits if expected.unit == "visit" else found.calls[expected.unit]
        rows = [row for row in everything if in_figures(expected, row)]
        assert sum(row.registered for row in rows) == expected.registered
        assert sum(row.answered for row in rows) == expected.answered
        if expected.in_time is not None:
            assert sum(row.answered and row.wait is not None and row.wait <= 20 for row in rows) == expected.in_time


@every_case
def test_the_same_file_twice_counts_once(case: Case, stores: Stores) -> None:
    found = stores[str(case)]
    for report in found.product.load(*files_of(case)):
        assert (report.loaded, report.duplicates) == (0, report.read)
    assert found.product.counted() == found.counted


@every_case
def test_two_pieces_in_any_order_count_as_the_whole(case: Case, stores: Stores, tmp_path: Path) -> None:
    """Case 8: cut in two files at any line, loaded in either order, at once or one after the other."""
    whole, *others = files_of(case)
    cuts = list(halves(whole.lines))
    # The reference counter takes every cut; here two in each case, and every way of loading them in one of two cases.
    chosen = sorted({len(cuts) // 3, 2 * len(cuts) // 3}) if cuts else []
    for number, (first, second) in enumerate((cuts[place] for place in chosen), start=sum(map(ord, str(case)))):
        pieces = [LogFile("a", first, whole.pbx), LogFile("b", second, whole.pbx), *others]
        if number % 2:
            pieces.reverse()
        product = load_in(tmp_path / str(number), pieces, case.rules, at_once=number % 4 < 2)
        assert product.counted() == stores[str(case)].counted, f"cut after line {len(first)}"

"""The same figure everywhere: pages, month's book, `callcenter kpi` and notebook agree to the last digit.

200 drawn questions: an indicator, a period, lines, a unit, now and then a threshold on trial, which only the page of
the service level and the notebook take. The store's threshold, target and lines change with the date.
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from io import BytesIO
from pathlib import Path
from random import Random
from typing import Any

import pytest
from dash import dcc, html
from dash.development.base_component import Component
from openpyxl import Workbook, load_workbook
from openpyxl.utils.datetime import from_excel

from dashboard.context import Context
from dashboard.filters import Filters, preset
from dashboard.pages import month as month_page
from dashboard.pages import service_level as level_page
from etl import store as stores
from etl.records import site as sites
from etl.records.engine import transaction
from etl.records.site import ParameterRule
from etl.settings import Settings
from reports import terms
from reports.definition import Kind, Period, Unit, ValueUnit, month
from reports.export import Valued, xlsx_bytes
from reports.figures import LIGHT
from reports.format import number_text, value_text
from reports.indicators import BY_NAME, INDICATORS
from reports.measured import Figure, figures_of
from reports.summary import FIGURES
from reports.workbook.sheets import TABLE_FIGURES
from tests.commands import done
from tests.notebooks import FIGURES as FIGURES_CELL
from tests.notebooks import NOTEBOOKS, SETUP, code, run
from tests.served import find, texts
from tests.test_workbook import at

NOTEBOOK = NOTEBOOKS[0]
MONTHS = ("2026-09", "2026-10")
#: Outside the total from October on; without any record.
OUTSIDE, SILENT = "4200400", "4639999"
THRESHOLD_CHANGES = date(2026, 10, 15)
DATED = (
    ParameterRule("threshold_seconds", "20", None, THRESHOLD_CHANGES - timedelta(days=1), "veinte"),
    ParameterRule("threshold_seconds", "30", THRESHOLD_CHANGES, None, "treinta"),
    ParameterRule("target", "0.80", None, date(2026, 9, 30), "ochenta"),
    ParameterRule("target", "0.75", date(2026, 10, 1), None, "setenta y cinco"),
    ParameterRule("counted_lines", " ".join(terms.LINES), None, date(2026, 9, 30), "las doce"),
    ParameterRule(
        "counted_lines", " ".join(line for line in terms.LINES if line != OUTSIDE), date(2026, 10, 1), None, "once"
    ),
)

Figures = Mapping[str, Figure]
#: Where, which indicator, what is found there, what is wanted.
Said = tuple[str, str, object, object]


@dataclass(frozen=True)
class Question:
    """Some indicators of one period, as all surfaces are asked. No `lines` are all of them.

    `in_book`: a month, one of its lines or one of its days, which stand in the month's book too.
    """

    names: tuple[str, ...]
    period: Period
    lines: tuple[str, ...] = ()
    unit: Unit = Unit.LINE
    threshold: int | None = None
    in_book: bool = False

    @property
    def address(self) -> str:
        return Filters(self.period, self.lines, self.unit, self.threshold).address

    @property
    def asked(self) -> tuple[object, ...]:
        return self.period, self.lines, self.unit, self.threshold

    @property
    def text(self) -> str:
        return f"{self.period.first:%Y-%m}"


def questions() -> list[Question]:
    """The draw; a question for the month's book asks for what stands in it."""
    chance = Random(20261031)
    in_line = tuple(TABLE_FIGURES.values())
    asked = [Question(tuple(chance.sample(FIGURES, 8)), month(text), in_book=True) for text in MONTHS]
    lines = (*chance.sample([line for line in terms.LINES if line != OUTSIDE], 2), SILENT, terms.NO_LINE)
    asked += [Question(in_line, month(chance.choice(MONTHS)), (line,), in_book=True) for line in lines]
    days = [drawn_day(chance) for _ in range(3)]
    asked += [Question(in_line, Period(day, day), in_book=True) for day in days]
    asked += [Question(drawn_names(chance, unit), drawn_period(chance), (SILENT,), unit) for unit in Unit]
    asked += [Question(drawn_names(chance, unit), month(MONTHS[-1]), (OUTSIDE,), unit) for unit in Unit]
    while len({(name, *each.asked) for each in asked for name in each.names}) < 200:
        unit, trial = chance.choice(list(Unit)), chance.choice([None, None, chance.randint(10, 60)])
        asked.append(Question(drawn_names(chance, unit), drawn_period(chance), drawn_lines(chance), unit, trial))
    return asked


def drawn_names(chance: Random, unit: Unit) -> tuple[str, ...]:
    return tuple(chance.sample([each.name for each in INDICATORS if unit in each.units and not each.implied], 8))


def drawn_day(chance: Random) -> date:
    first, last = month(MONTHS[0]).first, month(MONTHS[-1]).last
    return first + timedelta(days=chance.randint(0, (last - first).days))


def drawn_period(chance: Random) -> Period:
    day = drawn_day(chance)
    match chance.choice(["hoy", "semana", "mes", "months", "any"]):
        case "hoy" | "semana" | "mes" as word:
            return preset(word, day)
        case "months":
            return Period(month(MONTHS[0]).first, month(MONTHS[-1]).last)
        case _:
            return Period(*sorted((day, drawn_day(chance))))


def drawn_lines(chance: Random) -> tuple[str, ...]:
    lines = [*terms.LINES, terms.NO_LINE]
    match chance.choice(["all", "one", "some", "special"]):
        case "all":
            return ()
        case "one":
            return (chance.choice(lines),)
        case "some":
            return tuple(chance.sample(lines, 3))
        case _:
            return (chance.choice([OUTSIDE, SILENT, terms.NO_LINE]),)


@pytest.fixture(scope="module")
def store(sample: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The sample under parameters that change with the date."""
    data = tmp_path_factory.mktemp("same") / "data"
    shutil.copytree(sample.data, data)
    settings = Settings(data=data)
    opened = stores.open_store(settings, create=False)
    changed = {each.name for each in DATED}
    kept = [each for each in sites.reference_parameters() if each.name not in changed]
    with transaction(opened.records) as session:
        sites.replace_parameters(session, [*kept, *DATED])
    opened.records.dispose()
    return settings


@pytest.fixture(scope="module")
def pages(store: Settings) -> Iterator[Context]:
    """What the pages read from."""
    context = Context(store)
    yield context
    context.close()


@pytest.fixture(scope="module")
def notebook(store: Settings) -> Iterator[dict[str, Any]]:
    """The notebook as far as it opens the store."""
    names = run(NOTEBOOK, "parameters", SETUP, DATA=store.data)
    yield names
    names["connection"].close()


# What each surface says of a question, beside what the notebook says.


def of_notebook(names: dict[str, Any], question: Question) -> Figures:
    """The figures of the notebook, by the very text of its cells."""
    rules = names["RULES"]
    asked = {
        **names,
        "PERIOD": question.period,
        "WHERE": {"service": list(question.lines)} if question.lines else {},
        "UNIT": question.unit,
        "RULES": rules if question.threshold is None else rules.trying_threshold(question.threshold),
    }
    for source in code(NOTEBOOK, FIGURES_CELL):
        exec(compile(source, NOTEBOOK.name, "exec"), asked)
    return figures_of(asked["FIGURES"])


def of_command(data: Path, question: Question, wanted: Figures) -> Iterator[Said]:
    """What `callcenter kpi` prints; it has no threshold on trial."""
    names = list(question.names)
    if question.threshold is not None:
        names = [name for name in names if "threshold_seconds" not in BY_NAME[name].parameters]
    words = ["--from", f"{question.period.first}", "--to", f"{question.period.last}", "--unit", question.unit]
    words += [word for line in question.lines for word in ("--where", f"service={line}")]
    rows = json.loads(done(data, "kpi", *names, *words, "--format", "json")) if names else []
    assert [row["indicator"] for row in rows] == names
    for row in rows:
        found = Figure(row["numerator"], row["denominator"], row["value"])
        yield "kpi", row["indicator"], found, wanted[row["indicator"]]


def of_level_page(context: Context, question: Question, wanted: Figures) -> Iterator[Said]:
    """The page of the service level: its big figure, its table of all figures as drawn, and as its Excel file."""
    table = level_page.saved_table(context, question.address, "all")
    assert table is not None
    rows = {name_of(row[0]): row[1:4] for row in table.rows}
    page = level_page.page_of(context, question.address, LIGHT).body
    drawn = drawn_table(page)
    file = filed_table(xlsx_bytes(table))
    for name in question.names:
        figure, unit = wanted[name], BY_NAME[name].value_unit
        numerator, denominator, value = rows[name]
        assert isinstance(value, Valued)
        yield "page", name, Figure(numerator, denominator, value.value), figure
        yield "page, drawn", name, drawn[name], (printed(name, figure), *printed_sides(figure))
        yield "page, file", name, file[name], (figure.numerator, figure.denominator, stored(figure.value, unit))
    yield "page, headline", "service_level", *headline(page, "sl-value", wanted["service_level"])


def of_start_page(context: Context, question: Question, wanted: Figures) -> Iterator[Said]:
    """Inicio: its big figure, its other figures, and its lines as drawn and as saved."""
    page, _, text = month_page.page_of(context, f"?mes={question.text}")
    assert text == question.text
    line = question.lines[0] if question.lines else terms.TOTAL
    table = month_page.saved_table(context, question.text, "lines")
    assert table is not None
    row = dict(zip(terms.LINE_COLUMNS, next(row for row in table.rows if row[0] == line), strict=True))
    grid = find(page, lambda each: getattr(each, "id", None) == "month-lines")
    drawn = next(
        each for each in [*grid.rowData, *grid.dashGridOptions["pinnedBottomRowData"]] if each["service_text"] == line
    )
    for name in question.names:
        if name in row:
            held = held_in_row(name, wanted, row[name])
            yield "Inicio, lines saved", name, row[name], held
            written = held if isinstance(held, str) else value_text(held, BY_NAME[name].value_unit)
            yield "Inicio, lines drawn", name, drawn[f"{name}_text"], written
    if question.lines:
        return
    stats = {texts(each.children[0].children[0]): texts(each.children[1]) for each in every(page, "stat")}
    for name in question.names:
        if (label := BY_NAME[name].label) in stats:
            yield "Inicio, drawn", name, stats[label], printed(name, wanted[name])
    yield "Inicio, headline", "service_level", *headline(page, "month-service-level", wanted["service_level"])


def of_book(book: Workbook, question: Question, wanted: Figures) -> Iterator[Said]:
    """The month's book: both sides and value of the month's figures, else the values in the row of a line or a day."""
    if question.lines or not question.period.is_month:
        prefix, row = "dia", question.period.first.day - 1
        if question.lines:
            prefix = "linea"
            row = next(row for row in range(20) if str(at(book, "linea_numero", row).value) == question.lines[0])
        for end, name in TABLE_FIGURES.items():
            cell = at(book, f"{prefix}_{end}", row).value
            held = held_in_row(name, wanted, cell)
            yield "book", name, cell, held if isinstance(held, str) else stored(held, BY_NAME[name].value_unit)
        return
    labels = [at(book, "cifra_nombre", row).value for row in range(2 * len(FIGURES))]
    for name in question.names:
        row, figure, indicator = labels.index(BY_NAME[name].label), wanted[name], BY_NAME[name]
        sums_in = ValueUnit.SECONDS if indicator.kind is Kind.MEAN else ValueUnit.COUNT
        yield (
            "book",
            name,
            tuple(at(book, f"cifra_{side}", row).value for side in ("numerador", "denominador", "valor")),
            (
                stored(figure.numerator, sums_in) if indicator.denominator else None,
                figure.denominator,
                stored(figure.value, indicator.value_unit),
            ),
        )


def held_in_row(name: str, wanted: Figures, found: object) -> Any:
    """What the row of a line or day has for a figure: without a call a state for the registered, else nothing."""
    if wanted["registered"].value:
        return wanted[name].value
    return found if name == "registered" and found in (terms.NO_CALLS, terms.NO_RECORD, terms.OPEN) else None


def printed(name: str, figure: Figure) -> str:
    return value_text(figure.value, BY_NAME[name].value_unit)


def printed_sides(figure: Figure) -> tuple[str, str]:
    return number_text(figure.numerator), number_text(figure.denominator)


def stored(value: float | None, unit: ValueUnit) -> Any:
    """What is read back of a cell: both writers keep sixteen digits of a number, a duration is a part of a day."""
    if value is None:
        return None
    if unit is ValueUnit.SECONDS:
        return from_excel(float(f"{value / 86_400:.16g}"), timedelta=True)
    return float(f"{value:.16g}")


def headline(page: Component, identity: str, level: Figure) -> tuple[object, object]:
    """The big figure and the two sides below it, as drawn and as wanted."""
    panel = find(page, lambda each: getattr(each, "className", "") == "panel headline")
    big = find(panel, lambda each: getattr(each, "id", None) == identity)
    said = next(each for each in every_component(panel) if isinstance(each, html.P) and "a tiempo" in texts(each))
    links = tuple(texts(each) for each in every_component(said) if isinstance(each, dcc.Link))
    return (texts(big), *links), (printed("service_level", level), *printed_sides(level))


def drawn_table(page: Component) -> dict[str, tuple[str, ...]]:
    """The texts of all figures as drawn: value, numerator, denominator."""
    panel = find(page, lambda each: getattr(each, "className", "") == "panel all-figures")
    body = find(panel, lambda each: isinstance(each, html.Tbody))
    rows = [row.children for row in body.children]
    return {name_of(row[0].children.children[0]): tuple(texts(cell) for cell in row[1:4]) for row in rows}


def filed_table(content: bytes) -> dict[str, tuple[Any, ...]]:
    """The cells of all figures in the page's Excel file: numerator, denominator, value."""
    rows = [[cell.value for cell in row] for row in load_workbook(BytesIO(content)).worksheets[0].iter_rows()]
    top = next(number for number, row in enumerate(rows) if row[0] == terms.INDICATOR)
    return {name_of(row[0]): tuple(row[1:4]) for row in rows[top + 1 :]}


def name_of(label: object) -> str:
    return next(each.name for each in BY_NAME.values() if each.label == label)


def every_component(component: Any) -> Iterator[Component]:
    for each in component if isinstance(component, list | tuple) else [component]:
        if isinstance(each, Component):
            yield each
            yield from every_component(getattr(each, "children", None))


def every(page: Component, kind: str) -> list[Any]:
    return [each for each in every_component(page) if getattr(each, "className", "") == kind]


# The comparison.


def test_the_draw_reaches_the_corners() -> None:
    asked = questions()
    assert {each.unit for each in asked} == set(Unit)
    assert {name for each in asked for name in each.names} == {each.name for each in INDICATORS if not each.implied}
    assert any(OUTSIDE in each.lines and each.period.last > date(2026, 10, 1) for each in asked)
    assert any(each.threshold for each in asked) and any(len(each.lines) > 1 for each in asked)
    days = {each.period.days for each in asked}
    assert {1, 7, 31, 61} <= days


def test_two_hundred_drawn_figures_are_the_same_everywhere(
    store: Settings, pages: Context, notebook: dict[str, Any]
) -> None:
    books = {text: load_workbook(BytesIO(month_page.book_of(pages, text).content)) for text in MONTHS}
    asked = questions()
    said: list[Said] = []
    blanks = 0
    for question in asked:
        wanted = of_notebook(notebook, question)
        blanks += sum(wanted[name].value is None for name in question.names)
        found = [*of_command(store.data, question, wanted), *of_level_page(pages, question, wanted)]
        if question.in_book:
            found += of_book(books[question.text], question, wanted)
            if question.period.is_month:
                found += of_start_page(pages, question, wanted)
        said += [(f"{place}: {question}", name, got, want) for place, name, got, want in found]
    different = [f"{place}: {name}: {got} instead of {want}" for place, name, got, want in said if got != want]
    assert not different, "\n".join(different)
    assert len({(name, *each.asked) for each in asked for name in each.names}) >= 200
    assert sum(len(each.names) for each in asked if each.in_book) >= 40
    assert blanks >= 8

"""Figures on the command line: every format, dimension, filter and unit; a question without an answer exits 2."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from reports.definition import Dimension, Unit
from reports.indicators import BY_NAME
from tests.commands import DAY, USAGE, call, done, table

pytestmark = pytest.mark.duckdb


def test_figures_as_csv_json_and_table(site: Path) -> None:
    question = ("kpi", "registered", "service_level", "asa", "max_wait", *DAY, "--where", "service=101")
    assert done(site, *question, "--format", "csv").splitlines() == [
        "indicator,numerator,denominator,value",
        "registered,4,,4",
        "service_level,3,4,0.75",
        f"asa,31,3,{31 / 3}",
        "max_wait,,,20",
    ]
    records = json.loads(done(site, *question, "--format", "json"))
    assert records[1] == {"indicator": "service_level", "numerator": 3, "denominator": 4, "value": 0.75}
    shown = done(site, *question)
    assert re.search(r"Nivel de servicio +3 +4 +75,0 %", shown)
    assert "Unidad: llamada" in shown
    assert done(site, *question, "--format", "table") == shown


def test_a_distribution_brings_its_own_dimensions(site: Path) -> None:
    rows = table(done(site, "kpi", "wait_distribution", *DAY, "--format", "csv"))
    assert {row["outcome"] for row in rows} == {"atendida", "abandonada"}
    assert sum(int(row["numerator"]) for row in rows) == 6


def allowed_names(dimension: Dimension) -> list[str]:
    """Indicators that may be split so; one that always brings dimensions of its own is asked for alone."""
    return [item.name for item in BY_NAME.values() if dimension in item.dimensions and not item.implied]


@pytest.mark.parametrize("dimension", Dimension)
def test_figures_by_every_dimension_add_up(dimension: Dimension, site: Path) -> None:
    names = allowed_names(dimension)
    assert names
    rows = table(done(site, "kpi", *names, *DAY, "--by", dimension, "--format", "csv"))
    assert {row["indicator"] for row in rows} == set(names)
    assert all(row[dimension] for row in rows)
    counts = [name for name in ("registered", "answered", "abandoned") if name in names]
    unit = "visit" if dimension in (Dimension.QUEUE, Dimension.AGENT) else "line"
    (*totals,) = table(done(site, "kpi", *counts, *DAY, "--unit", unit, "--format", "csv")) if counts else ()
    for total in totals:
        parts = [int(row["value"]) for row in rows if row["indicator"] == total["indicator"]]
        assert sum(parts) == int(total["value"])


@pytest.mark.parametrize(
    ("by", "first"),
    [
        ("month", "2024-03"),
        ("day", "2024-03-05"),
        ("weekday", "2"),
        ("hour", "08"),
        ("interval", "08:00"),
        ("service,queue", "101,101"),
        ("queue", "101"),
        ("hour,service", "08,101"),
    ],
)
def test_values_of_dimensions_are_written_for_machines(by: str, first: str, site: Path) -> None:
    rows = done(site, "kpi", "registered", *DAY, "--by", by, "--format", "csv").splitlines()
    assert rows[0] == f"indicator,{by},numerator,denominator,value"
    assert rows[1].startswith(f"registered,{first},")


def test_a_filter_narrows_and_may_be_repeated(site: Path) -> None:
    def registered(*where: str) -> int:
        words = [word for text in where for word in ("--where", text)]
        (row,) = table(done(site, "kpi", "registered", *DAY, *words, "--format", "csv"))
        return int(row["value"])

    everything = registered()
    assert everything == 6
    assert registered("service=101") == 4
    assert registered("service=102") == 1
    assert registered("service=101", "service=102") == 5
    assert registered("service=sin línea") == 1
    assert registered("service=101", "hour=09") == 0


@pytest.mark.parametrize("unit", Unit)
def test_every_unit_is_offered(unit: Unit, site: Path) -> None:
    (row,) = table(done(site, "kpi", "answered", *DAY, "--unit", unit, "--format", "csv"))
    assert row["value"] == "4"


def test_without_calls_a_ratio_has_no_value(site: Path) -> None:
    question = ("kpi", "service_level", "asa", "registered", "max_wait", "--from", "2031-01-01", "--to", "2031-01-31")
    assert done(site, *question, "--format", "csv").splitlines()[1:] == [
        "service_level,0,0,",
        "asa,0,0,",
        "registered,0,,0",
        "max_wait,,,",
    ]
    assert json.loads(done(site, *question, "--format", "json"))[0]["value"] is None
    assert "—" in done(site, *question)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("service_level", *DAY, "--by", "cause"), "causa"),
        (("abandoned", *DAY, "--by", "agent"), "operador"),
        (("registered", *DAY, "--by", "queue", "--unit", "line"), "ingresos a cola"),
        (("nivel", *DAY), "nivel"),
        (("registered", *DAY, "--by", "linea"), "no existe la dimensión «linea»"),
        (("registered", *DAY, "--where", "service"), "falta el signo «=»"),
        (("registered", *DAY, "--where", "linea=101"), "no existe la dimensión «linea»"),
        (("registered", *DAY, "--where", "service=105"), "105"),
        (("registered", *DAY, "--where", "hour=25"), "25"),
        (("registered", *DAY, "--where", "month=marzo"), "marzo"),
        (("registered", *DAY, "--unit", "llamada"), "no existe la unidad «llamada»"),
        (("registered", *DAY, "--format", "xml"), "no existe el formato «xml»"),
        (("registered", "--from", "05/03/2024", "--to", "2024-03-05"), "--from 05/03/2024: no es una fecha"),
        (("registered", "--from", "2024-02-30", "--to", "2024-03-05"), "--from 2024-02-30: no es una fecha"),
        (("registered", "--from", "2024-03-05", "--to", "hoy"), "--to hoy: no es una fecha"),
        (("registered", "--from", "2024-03-05", "--to", "2024-03-04"), "antes de empezar"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_question_without_an_answer_exits_2(words: Sequence[str], message: str, site: Path) -> None:
    result = call(site, "kpi", *words)
    assert (result.exit_code, result.stdout) == (USAGE, "")
    assert result.stderr.startswith("Uso: ")
    assert message.lower() in result.stderr.lower()

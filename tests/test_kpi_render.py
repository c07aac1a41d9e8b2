"""The command `kpi` prints a table for people and CSV or JSON for programs."""

import json

import pandas as pd
import pytest

from reports.definition import month
from reports.kpi import render
from reports.query import measure
from reports.rules import Rules
from tests.drawn_calls import warehouse

CALLS = """
    entered          | line | outcome  | wait | talk | many
    2026-10-05 08:10 | 101  | answered | 20   | 100  | 2
    2026-10-05 08:40 | 101  | timeout  | 60   | -    | 1
    2026-10-06 09:00 | 102  | answered | 21   | 1300 | 1
    2026-10-06 09:00 | -    | key      | -    | -    | 1
"""
NAMES = ["registered", "service_level", "asa", "max_wait"]

pytestmark = pytest.mark.duckdb


def frame(names: list[str], **options: object) -> pd.DataFrame:
    return measure(warehouse(CALLS), Rules.default(), names, month("2026-10"), **options)


def test_csv_has_iso_dates_decimal_points_and_blanks() -> None:
    assert render(frame(NAMES, by=["day", "service"]), "csv").splitlines() == [
        "indicator,day,service,numerator,denominator,value",
        "registered,2026-10-05,101,3,,3",
        "registered,2026-10-06,102,1,,1",
        "registered,2026-10-06,sin línea,1,,1",
        "service_level,2026-10-05,101,2,3,0.6666666666666666",
        "service_level,2026-10-06,102,0,1,0.0",
        "service_level,2026-10-06,sin línea,0,1,0.0",
        "asa,2026-10-05,101,40,2,20.0",
        "asa,2026-10-06,102,21,1,21.0",
        "asa,2026-10-06,sin línea,0,0,",
        "max_wait,2026-10-05,101,,,60",
        "max_wait,2026-10-06,102,,,21",
        "max_wait,2026-10-06,sin línea,,,",
    ]


def test_csv_without_dimensions_is_one_row_for_each_indicator() -> None:
    assert render(frame(["answered", "service_level"]), "csv") == (
        "indicator,numerator,denominator,value\nanswered,3,,3\nservice_level,2,5,0.4\n"
    )


def test_csv_quotes_a_comma_in_a_name() -> None:
    calls = "person | wait\nPérez, Ana | 3"
    frame = measure(warehouse(calls), Rules.default(), ["answered"], month("2026-10"), by=["agent"])
    assert render(frame, "csv").splitlines()[1] == 'answered,"Pérez, Ana",1,,1'


def test_json_has_the_same_cells_with_null_for_a_blank() -> None:
    records = json.loads(render(frame(NAMES, by=["service"], total=True), "json"))
    assert records[0] == {"indicator": "registered", "service": "101", "numerator": 3, "denominator": None, "value": 3}
    assert records[10] == {"indicator": "asa", "service": "sin línea", "numerator": 0, "denominator": 0, "value": None}
    assert records[-1] == {
        "indicator": "max_wait",
        "service": None,
        "numerator": None,
        "denominator": None,
        "value": 60,
    }


def test_the_table_is_spanish_and_names_its_unit() -> None:
    text = render(frame(NAMES, by=["month", "service"], total=True))
    lines = [line.split() for line in text.splitlines()]
    assert lines[0] == ["Indicador", "Mes", "Línea", "Numerador", "Denominador", "Valor"]
    assert "Nivel de servicio   octubre de 2026   101 Reclamos Técnicos           2             3     66,7 %" in text
    assert "Espera promedio     octubre de 2026   sin línea                       0             0          —" in text
    assert "Espera máxima       Total             Total                           —             —   00:01:00" in text
    assert text.endswith("Unidad: llamada\n")


def test_the_table_names_each_unit_where_they_differ() -> None:
    lines = render(frame(["service_level", "service_level_asternic"])).splitlines()
    assert lines[0].split()[-1] == "Unidad"
    assert lines[2].endswith("40,0 %   llamada")
    assert lines[3].endswith("0,0 %   ingreso a cola")


def test_an_empty_answer_keeps_its_heading() -> None:
    empty = measure(warehouse(), Rules.default(), ["registered"], month("2026-10"), by=["day"])
    assert render(empty, "csv") == "indicator,day,numerator,denominator,value\n"
    assert render(empty, "json") == "[]\n"
    assert render(empty, "table").startswith("Indicador")


def test_another_format_is_refused() -> None:
    with pytest.raises(ValueError, match="No existe el formato «xml»"):
        render(frame(["answered"]), "xml")

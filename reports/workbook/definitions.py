"""What stands behind the figures of a book, as rows of text: indicators, criteria, parameters in force, origin.

In: declarations, parameters, a month's summary. Out: rows for the sheet of definitions.
"""

from __future__ import annotations

from reports import terms
from reports.definition import Indicator, Kind, Unit
from reports.format import moment_text
from reports.indicators import INDICATORS
from reports.query import resolve_unit
from reports.rules import Parameter
from reports.summary import MonthSummary
from reports.wording import parameter_text, validity_text


def indicator_rows() -> list[tuple[str, str, str, str, str]]:
    """Return one row per indicator: label, what is divided by what, edge case, clause, unit counted in."""
    return [
        (
            indicator.label,
            division_text(indicator),
            indicator.edge_case,
            indicator.clause,
            terms.UNITS[resolve_unit(indicator, (), None)],
        )
        for indicator in INDICATORS
    ]


def division_text(indicator: Indicator) -> str:
    """Return what an indicator divides by what: "atendidas a tiempo / registradas"."""
    if indicator.name in terms.NUMERATORS:
        return f"{terms.NUMERATORS[indicator.name]} / {terms.DENOMINATORS[indicator.name]}"
    return "no se divide: la mayor" if indicator.kind is Kind.MAXIMUM else "no se divide: se cuentan"


def criteria(unit: Unit) -> tuple[str, ...]:
    """Return what the counting in a unit means and what it leaves out, one sentence a row."""
    return (terms.UNITS_EXPLAINED[unit], *terms.COUNTING, *terms.NOT_IN_REGISTERED)


def parameter_rows(parameters: tuple[Parameter, ...]) -> list[tuple[str, str, str, str]]:
    """Return one row per parameter: label, value, validity, source."""
    return [
        (terms.PARAMETERS.get(each.name, each.name), parameter_text(each), validity_text(each), each.rule)
        for each in parameters
    ]


def origin_rows(summary: MonthSummary) -> list[tuple[str, str]]:
    """Return how the book counts, until when the data reach, and which generation it was made from."""
    until = summary.data_until.items()
    return [
        ("Unidad de este libro", f"{terms.UNITS[summary.unit]} a la línea"),
        ("Resolución de la ATT", terms.NO_REGULATOR_TARGET),
        *(
            (f"Datos hasta ({pbx})" if len(until) > 1 else "Datos hasta", moment_text(instant))
            for pbx, instant in until
        ),
        ("Generación de las cifras", f"{summary.generation}, armada el {moment_text(summary.made_at)}"),
    ]

"""The sheets of the monthly book: where in the template each measured figure goes.

In: a template, a month as it was measured. Out: the template filled. Nothing is measured or divided here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal

from reports import terms
from reports.definition import Kind, ValueUnit, month
from reports.format import month_text, target_text, unit_text
from reports.indicators import BY_NAME
from reports.measured import Figure, Figures, Verdict
from reports.on_record import facts_on_record
from reports.summary import MonthSummary
from reports.wording import (
    aim_text,
    aims_text,
    comparison_text,
    fresh_text,
    gap_text,
    no_verdict_text,
    threshold_text,
    verdict_text,
)
from reports.workbook.definitions import (
    criteria,
    division_text,
    indicator_rows,
    origin_rows,
    parameter_rows,
)
from reports.workbook.native_charts import LEAST_TARGET_DRAWN, Rows, bars_beside, trend_columns
from reports.workbook.template import Template, Value, line_number

SUMMARY, BY_LINE, BY_DAY, BY_INTERVAL, DEFINITIONS = "Resumen", "Por línea", "Por día", "Por media hora", "Definiciones"
SHEETS = (SUMMARY, BY_LINE, BY_DAY, BY_INTERVAL, DEFINITIONS)
#: Cell styles of the template for what has a meaning of its own.
GOOD_STYLE, BAD_STYLE, BLANK_STYLE, NOTE_STYLE, DEMO_STYLE = "Cumple", "No cumple", "Sin dato", "Nota", "Muestra"
#: The figures of the month in the order of the sheet; the service level is also its headline.
MONTH_FIGURES = (
    "registered",
    "answered",
    "answered_in_time",
    "abandoned",
    "service_level",
    "abandonment_rate",
    "asa",
    "aht",
    "max_wait",
)
#: The columns that the three tables share: the end of their names -> the indicator.
TABLE_FIGURES = {
    "a_tiempo": "answered_in_time",
    "registradas": "registered",
    "nivel": "service_level",
    "abandonadas": "abandoned",
    "tasa_abandono": "abandonment_rate",
    "atendidas": "answered",
    "espera": "asa",
}
_MARKS = {True: "✓ ", False: "✗ ", None: ""}
_STYLES = {True: GOOD_STYLE, False: BAD_STYLE, None: BLANK_STYLE}


@dataclass(frozen=True)
class TimeRow:
    """A day or a half hour: its figures, or the state that it has instead of figures."""

    key: date | time
    figures: Figures
    state: str


@dataclass(frozen=True)
class MeasuredMonth:
    """Everything the book shows. `days` are all days of the month, `intervals` all half hours of the day."""

    summary: MonthSummary
    days: Sequence[TimeRow]
    total_of_days: Figures
    intervals: Sequence[TimeRow]
    total_of_intervals: Figures


def fill(template: Template, found: MeasuredMonth, *, demo: bool) -> None:
    """Write a month into the template, sheet by sheet. WorkbookError where the template lacks a place."""
    _fill_summary(template, found.summary)
    _fill_lines(template, found.summary)
    _fill_times(template, "dia", BY_DAY, found.days, found.total_of_days, found.summary)
    _fill_times(template, "hora", BY_INTERVAL, found.intervals, found.total_of_intervals, found.summary)
    _fill_definitions(template, found.summary)
    if demo:
        for prefix, title in zip(("resumen", "linea", "dia", "hora", "definicion"), SHEETS, strict=True):
            template.put(f"{prefix}_muestra", terms.DEMO_DATA, style=DEMO_STYLE)
            header = template.sheet(title).oddHeader
            assert header is not None
            header.center.text = terms.DEMO_DATA


def _fill_summary(template: Template, summary: MonthSummary) -> None:
    figure, verdict = summary.figures["service_level"], summary.verdict
    template.put("resumen_mes", month_text(summary.month, capital=True))
    scope = [f"{unit_text(2, summary.unit).capitalize()} entrantes", _until_text(summary)]
    scope += [] if summary.is_over else ["mes en curso: cifras hasta la fecha"]
    template.put("resumen_alcance", " · ".join(scope))
    template.put("nivel_valor", figure.value, ValueUnit.PERCENT)
    _put_verdict(template, "nivel_veredicto", figure, verdict)
    template.put("nivel_meta", f"meta: {aim_text(verdict.target)}" if verdict.target is not None else None)
    template.put("nivel_brecha", gap_text(figure, verdict, summary.unit))
    in_time = f"{unit_text(2, summary.unit, 'atendid').capitalize()} a tiempo"
    template.put("nivel_a_tiempo_texto", f"{in_time}, hasta {threshold_text(summary.threshold_seconds)} de espera")
    template.put("nivel_a_tiempo", figure.numerator, ValueUnit.COUNT)
    template.put("nivel_registradas_texto", unit_text(2, summary.unit, "registrad").capitalize())
    template.put("nivel_registradas", figure.denominator, ValueUnit.COUNT)
    before = summary.previous["service_level"] if summary.previous else None
    template.put("nivel_mes_anterior", _comparison(summary.previous_month, before, figure))
    year_before = f"{int(summary.month[:4]) - 1:04}{summary.month[4:]}"
    then = next((each.figure for each in summary.trend if each.month == year_before), None)
    template.put("nivel_gestion_anterior", _comparison(year_before, then, figure))
    _fill_figures(template, summary)
    _fill_trend(template, summary)
    facts = facts_on_record(summary)
    template.grow(("registro_nombre", "registro_texto"), len(facts))
    for row, (label, text) in enumerate(facts):
        template.put("registro_nombre", label, row=row)
        template.put("registro_texto", text, row=row)
        template.fit_height("registro_texto", text, row=row)


def _comparison(text: str, before: Figure | None, now: Figure) -> str:
    name = month_text(text, capital=True)
    return f"{name}: {terms.NO_RECORD}" if before is None else comparison_text(name, before, now)


def _fill_figures(template: Template, summary: MonthSummary) -> None:
    """Write the figures of the month and of the one before, each ratio with what it divides below its name."""
    template.put("cifras_mes", month_text(summary.month, capital=True))
    before = month_text(summary.previous_month, capital=True)
    template.put("cifras_mes_anterior", before if summary.previous else f"{before}: {terms.NO_RECORD}")
    row = 0
    for name in MONTH_FIGURES:
        indicator = BY_NAME[name]
        template.put("cifra_nombre", indicator.label, row=row)
        for prefix, figures in (("cifra", summary.figures), ("cifra_anterior", summary.previous or {})):
            figure = figures.get(name)
            divided = figure is not None and indicator.denominator is not None
            sum_unit = ValueUnit.SECONDS if indicator.kind is Kind.MEAN else ValueUnit.COUNT
            numerator = figure.numerator if figure and divided else None
            template.put(f"{prefix}_numerador", numerator, sum_unit, row=row)
            template.put(f"{prefix}_denominador", figure.denominator if figure else None, ValueUnit.COUNT, row=row)
            template.put(f"{prefix}_valor", figure.value if figure else None, indicator.value_unit, row=row)
        row += 1
        if indicator.denominator is not None:
            template.put("cifra_nombre", division_text(indicator), row=row, style=NOTE_STYLE)
            row += 1


def _fill_trend(template: Template, summary: MonthSummary) -> None:
    for row, each in enumerate(summary.trend):
        first = month(each.month).first
        template.put("tendencia_mes", f"{terms.MONTHS_SHORT[first.month - 1]} {first.year}", row=row)
        figure = each.figure or Figure(None, None, None)
        template.put("tendencia_a_tiempo", figure.numerator, ValueUnit.COUNT, row=row)
        template.put("tendencia_registradas", figure.denominator, ValueUnit.COUNT, row=row)
        template.put("tendencia_nivel", figure.value, ValueUnit.PERCENT, row=row)
        target = each.verdict.target
        template.put("tendencia_meta", float(target) if target is not None else None, ValueUnit.PERCENT, row=row)
        _put_verdict(template, "tendencia_cumple", each.figure, each.verdict, row=row)
    aims = aims_text([each.verdict.target for each in summary.trend])
    template.put("tendencia_texto", f"% de las registradas; {aims}")
    place = template.place("tendencia_mes")
    rows = Rows(template.sheet(place.sheet), place.row, place.row + len(summary.trend) - 1)
    names, values, targets = (template.place(f"tendencia_{name}").column for name in ("mes", "nivel", "meta"))
    chosen = next(row for row, each in enumerate(summary.trend) if each.month == summary.month)
    trend_columns(rows, names, values, targets, chosen, template.place("tendencia_grafico"))


def _fill_lines(template: Template, summary: MonthSummary) -> None:
    template.put("linea_alcance", _scope_text(summary))
    names = [f"linea_{name}" for name in ("numero", "nombre", "cumple", "faltaron", *TABLE_FIGURES)]
    template.grow(names, len(summary.lines))
    for row, line in enumerate(summary.lines):
        template.put("linea_numero", line_number(line.service) if line.service else terms.NO_LINE, row=row)
        template.put("linea_nombre", terms.LINES.get(line.service) if line.service else "por asignar", row=row)
        _put_figures(template, "linea", line.figures, line.state, row)
        _put_line_verdict(template, line.figures.get("service_level"), line.verdict, row)
    last = max(len(summary.lines), 1)
    found = summary.completeness
    template.put("linea_numero", terms.TOTAL, row=last)
    template.put("linea_nombre", f"{len(found.lines_with_record)} de {len(found.lines)} líneas", row=last)
    _put_figures(template, "linea", summary.figures, terms.WITH_DATA, last)
    _put_line_verdict(template, summary.figures["service_level"], summary.verdict, last)
    _draw_bars(template, "linea", "numero", BY_LINE, last, summary.verdict.target)


def _fill_times(
    template: Template, prefix: str, title: str, times: Sequence[TimeRow], total: Figures, summary: MonthSummary
) -> None:
    """Write days or half hours, each with its figures or its state, and their total."""
    template.put(f"{prefix}_alcance", _scope_text(summary))
    names = [f"{prefix}_{name}" for name in ("desde", *TABLE_FIGURES)]
    template.grow([*names, "dia_nombre"] if title == BY_DAY else names, len(times))
    for row, each in enumerate(times):
        template.put(f"{prefix}_desde", each.key, row=row)
        if isinstance(each.key, date):
            template.put(f"{prefix}_nombre", terms.WEEKDAYS[each.key.weekday()], row=row)
        _put_figures(template, prefix, each.figures, each.state, row)
    template.put(f"{prefix}_desde", terms.TOTAL, row=len(times))
    _put_figures(template, prefix, total, terms.WITH_DATA, len(times))
    _draw_bars(template, prefix, "desde", title, len(times), summary.verdict.target)


def _put_figures(template: Template, prefix: str, figures: Figures, state: str, row: int) -> None:
    """Write the figures of one row; without any, its state stands where the registered would."""
    for column, name in TABLE_FIGURES.items():
        figure = figures.get(name)
        if column == "registradas" and not figures:
            template.put(f"{prefix}_{column}", state, row=row, style=BLANK_STYLE)
        else:
            template.put(f"{prefix}_{column}", figure.value if figure else None, BY_NAME[name].value_unit, row=row)


def _put_line_verdict(template: Template, figure: Figure | None, verdict: Verdict, row: int) -> None:
    if verdict.complies is None:
        template.put("linea_cumple", None, row=row)
        template.put("linea_faltaron", None, ValueUnit.COUNT, row=row)
        return
    _put_verdict(template, "linea_cumple", figure, verdict, row=row)
    template.put("linea_faltaron", verdict.missing, ValueUnit.COUNT, row=row)


def _put_verdict(template: Template, name: str, figure: Figure | None, verdict: Verdict, *, row: int = 0) -> None:
    """Write mark and word of a verdict, or why there is none."""
    if verdict.complies is None:
        template.put(name, no_verdict_text(figure, verdict), row=row, style=BLANK_STYLE)
    else:
        text = _MARKS[verdict.complies] + verdict_text(verdict.complies)
        template.put(name, text, row=row, style=_STYLES[verdict.complies])


def _draw_bars(template: Template, prefix: str, names: str, title: str, rows: int, target: Decimal | None) -> None:
    """Draw the service level and the registered beside the rows of a table; its total has no bar."""
    place = template.place(f"{prefix}_{names}")
    drawn = Rows(template.sheet(title), place.row, place.row + rows - 1)
    share = None if target is None else float(target)
    drawn_target = share is not None and share > LEAST_TARGET_DRAWN
    heading = (
        f"{terms.SERVICE_LEVEL}\nraya: meta {target_text(target)}" if target and drawn_target else terms.SERVICE_LEVEL
    )
    template.put(f"{prefix}_grafico_nivel", heading)
    for column, is_share in (("nivel", True), ("registradas", False)):
        values = template.place(f"{prefix}_{column}").column
        where = template.place(f"{prefix}_grafico_{column}").column
        bars_beside(drawn, place.column, values, where, share=is_share, target=share)


def _fill_definitions(template: Template, summary: MonthSummary) -> None:
    template.put("definicion_alcance", f"{month_text(summary.month, capital=True)} · {_until_text(summary)}")
    _put_rows(template, ("indicador_nombre", "indicador_division", "indicador_caso", "indicador_regla",
                         "indicador_unidad"), indicator_rows())  # fmt: skip
    _put_rows(template, ("criterio_texto",), [(text,) for text in criteria(summary.unit)])
    _put_rows(template, ("parametro_nombre", "parametro_valor", "parametro_vigencia", "parametro_regla"),
              parameter_rows(summary.parameters))  # fmt: skip
    _put_rows(template, ("origen_nombre", "origen_texto"), origin_rows(summary))


def _put_rows(template: Template, names: Sequence[str], rows: Iterable[Sequence[Value]]) -> None:
    found = list(rows)
    template.grow(names, len(found))
    for row, cells in enumerate(found):
        for name, value in zip(names, cells, strict=True):
            template.put(name, value, row=row)
            template.fit_height(name, str(value), row=row)


def _scope_text(summary: MonthSummary) -> str:
    parts = [month_text(summary.month, capital=True)]
    if summary.verdict.target is not None:
        parts.append(f"meta: {aim_text(summary.verdict.target)}")
    threshold = threshold_text(summary.threshold_seconds)
    parts += [f"a tiempo: hasta {threshold} de espera", f"unidad: {terms.UNITS[summary.unit]}", _until_text(summary)]
    return " · ".join(parts)


def _until_text(summary: MonthSummary) -> str:
    return fresh_text(summary.data_until) if summary.data_until else "sin datos"

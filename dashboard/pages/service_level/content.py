"""What the page shows below its controls: the figure, its waits, when it was missed, the lines, the rules.

In: a question and its frames. Out: parts of a page, each a way to the calls it counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
from dash import html
from dash.development.base_component import Component

from dashboard import components, links
from dashboard.components import Children, explained
from dashboard.definitions import rules_panel
from dashboard.exported_panel import exported_panel
from dashboard.headline import headline
from dashboard.lines_table import lines_table
from dashboard.pages.service_level.measured import Measured
from dashboard.question import Question
from reports import figures, terms
from reports.definition import Dimension, Period, Unit
from reports.exported import ExportedTotal
from reports.format import number_text, period_text, unit_text, value_text
from reports.indicators import BY_NAME, INDICATORS
from reports.measured import Figure
from reports.wording import clause_text


def content(
    question: Question, found: Measured, scheme: figures.Scheme, exported: Sequence[ExportedTotal] = ()
) -> Component:
    """Return everything below the controls; `exported` is what other systems say of what is not on record."""
    unit, period = question.filters.unit, question.filters.period
    # A chart saved as a picture bears what was asked.
    asked: dict[str, Any] = {"data-says": " · ".join(question.says)}
    target = None if question.target is None else float(question.target)
    return html.Div(
        [
            html.Div([_headline(question, found), _waits(question, found, target, scheme)], className="half-row"),
            _heat(question, found, target, scheme),
            html.Div(
                [
                    _over(period, found.by_hour, Dimension.HOUR, target, scheme),
                    _over(period, found.by_step, found.step, target, scheme),
                ],
                className="half-row",
            ),
            _by_line(question, found),
            *exported_panel(exported),
            _all_figures(question, found),
            rules_panel(period_text(period), unit, question.rules.in_force(period)),
        ],
        className="month",
        **asked,
    )


def _heat(question: Question, found: Measured, target: float | None, scheme: figures.Scheme) -> Component:
    """Return the week by half hours; on a narrow screen by hours, whose cells a finger can hit."""
    unit = question.filters.unit
    maps: list[Component] = []
    for identity, frame, part, kind in (
        ("sl-heat", found.heat, "media hora", "only-wide-block"),
        ("sl-heat-hours", found.heat_by_hour, "hora", "only-narrow-block"),
    ):
        says = f"% de {_the(unit)} {unit_text(2, unit, 'registrad')} en cada {part}; vacío: nadie llamó."
        few = figures.few_calls(frame)
        faded = f" Más apagado: menos de {number_text(few)}." if few > 1 else ""
        drawn = components.chart(identity, figures.heat_map(frame, target, scheme), terms.HEAT_MAP)
        opens = [html.Span(" Un clic abre sus llamadas.")] if links.calls_href(question.filters, "registered") else []
        told = html.P([says + faded, *opens], className="quiet")
        maps.append(html.Div([told, drawn], className=kind))
    actions = links.saving("heat", picture="sl-heat")
    return components.panel(terms.HEAT_MAP, maps, kind="heat", actions=actions)


def _the(unit: Unit) -> str:
    return "los" if terms.UNIT_ENDINGS[unit] == "o" else "las"


def _headline(question: Question, found: Measured) -> Component:
    asked, whole = question.filters, found.total.figures
    pairs: list[tuple[str, Children]] = [
        *((BY_NAME[name].label, _link(question, name, whole[name])) for name in ("answered", "abandoned")),
        *((BY_NAME[name].label, _value(name, whole[name])) for name in ("asa", "max_wait")),
    ]
    if found.still_open:
        pairs.append(("En curso", f"{number_text(sum(found.still_open.values()))}: todavía en ninguna cifra"))
    trial = (
        [html.P([html.Span("prueba", className="tag"), f" {_trial_text(asked.threshold)}"])] if asked.threshold else []
    )
    covered = html.P(components.covered(found.on_record.text, whole=found.on_record.is_whole), className="of-record")
    return headline(
        "sl-value",
        f"{terms.SERVICE_LEVEL}, {period_text(asked.period)}",
        whole["service_level"],
        found.verdict,
        asked,
        question.thresholds,
        [*trial, components.facts(pairs), covered],
        question.target_says if question.target is None else terms.NO_TARGET,
    )


def _link(question: Question, name: str, figure: Figure) -> Component | str:
    return links.calls_link(number_text(figure.numerator), question.filters, name, "figure-link")


def _value(name: str, figure: Figure) -> str:
    return value_text(figure.value, BY_NAME[name].value_unit)


def _trial_text(threshold: int) -> str:
    return f"con un umbral de {threshold} s; no es la cifra del manual."


def _waits(question: Question, found: Measured, target: float | None, scheme: figures.Scheme) -> Component:
    columns = (found.classes["outcome"], found.classes["wait_class"], found.classes["numerator"])
    counts = {(outcome, label): int(n) for outcome, label, n in zip(*columns, strict=True)}
    parts: list[list[Children]] = []
    for label in terms.WAIT_CLASSES:
        both = [counts.get((outcome, label), 0) for outcome in terms.OUTCOMES.values()]
        if label == terms.WAIT_CLASSES[-1] and not any(both):
            continue
        here = question.filters.narrowed(tramo=label)
        parts.append(
            [
                f"{label} s" if label[-1].isdigit() else label,
                *(
                    links.calls_link(number_text(n), here, name) if n else number_text(n)
                    for name, n in zip(("answered", "abandoned"), both, strict=True)
                ),
            ]
        )
    threshold = question.thresholds[0] if len(question.thresholds) == 1 else None
    curve = figures.wait_curve(found.curve, threshold, target, scheme)
    unit = question.filters.unit
    says = f"% de {_the(unit)} {unit_text(2, unit, 'registrad')} que se atendieron con una espera de hasta ese tiempo"
    ending = terms.UNIT_ENDINGS[unit]
    return components.panel(
        terms.WAITS,
        [
            html.P(says, className="quiet"),
            html.Div(
                [
                    components.chart("sl-curve", curve, terms.WAITS),
                    components.table(("Espera", f"Atendid{ending}s", f"Abandonad{ending}s"), parts),
                ],
                className="with-table",
            ),
        ],
        kind="waits",
        actions=links.saving({"curve": "Curva", "classes": "Tramos"}, picture="sl-curve"),
    )


def _over(
    period: Period, frame: pd.DataFrame, dimension: Dimension, target: float | None, scheme: figures.Scheme
) -> Component:
    keys = list(frame[dimension.value])
    short = None
    match dimension:
        case Dimension.HOUR:
            labels, short = [f"{key} h" for key in keys], keys
        case Dimension.DAY:
            labels = [f"{key[8:]}/{key[5:7]}" for key in keys]
            if (period.first.year, period.first.month) == (period.last.year, period.last.month):
                short = [key[8:] for key in keys]
        case _:
            labels = [f"{terms.MONTHS_SHORT[int(key[5:]) - 1]} {key[:4]}" for key in keys]
    identity, title = f"sl-{dimension.value}", terms.OVER[dimension]
    return components.panel(
        title,
        components.chart(identity, figures.by_time(frame, labels, short, target, scheme), title),
        kind=f"over-{dimension.value}",
        actions=links.saving(dimension.value, picture=identity),
    )


def _by_line(question: Question, found: Measured) -> Component:
    opens = links.calls_href(question.filters, "registered")
    return components.panel(
        terms.BY_LINE,
        [
            lines_table("sl-by-line", found.lines, found.total, found.on_record, question.filters),
            *([html.P("Cada número abre las llamadas que cuenta.", className="quiet")] if opens else []),
        ],
        kind="by-line",
        actions=links.saving("lines"),
    )


def _all_figures(question: Question, found: Measured) -> Component:
    """Return every figure of the period with both its sides and the rule it comes from."""
    rows: list[list[Children]] = []
    for name, figure in found.total.figures.items():
        indicator = BY_NAME[name]
        how = explained(indicator.label, [indicator.edge_case, clause_text(indicator)])
        rows.append(
            [
                html.Span([indicator.label, how], className="with-explanation"),
                _value(name, figure),
                number_text(figure.numerator),
                number_text(figure.denominator),
                indicator.clause,
            ]
        )
    notes = [f"Se cuentan {terms.UNITS_PLURAL[question.filters.unit]}."]
    if without := [each.label for each in INDICATORS if question.filters.unit not in each.units]:
        notes.append(f"Solo por ingreso a cola: {', '.join(without)}.")
    return components.panel(
        terms.ALL_FIGURES,
        [
            html.P(" ".join(notes), className="quiet"),
            components.table((terms.INDICATOR, terms.VALUE, terms.NUMERATOR, terms.DENOMINATOR, terms.RULE), rows),
        ],
        kind="all-figures",
        actions=links.saving("all"),
    )

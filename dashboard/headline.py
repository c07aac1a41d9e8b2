"""The big figure with its target, its gap and both its sides: the same words on every page.

In: a figure, its verdict, what was asked. Out: a part of a page.
"""

from __future__ import annotations

from collections.abc import Sequence

from dash import html
from dash.development.base_component import Component

from dashboard import components, links
from dashboard.components import explained, status
from dashboard.filters import Filters
from reports import terms
from reports.format import number_text, percent_text, period_text, unit_text
from reports.indicators import BY_NAME
from reports.measured import Figure, Verdict
from reports.wording import aim_text, clause_text, gap_text, threshold_text, unrounded_text


def headline(
    identity: str,
    title: str,
    figure: Figure,
    verdict: Verdict,
    asked: Filters,
    thresholds: Sequence[int],
    more: Sequence[Component],
    without: str = terms.NO_TARGET,
) -> Component:
    """Return the service level of what was asked; `identity` names the figure, `more` stands below.

    `without` is said where there is no one target.
    """
    indicator = BY_NAME["service_level"]
    threshold = threshold_text(thresholds)
    monthly = "meta" if asked.period.is_month else "meta mensual"
    target = f"{monthly}: {aim_text(verdict.target)}" if verdict.target is not None else ""
    otherwise = without if verdict.target is None else terms.NO_CALLS
    in_time, registered = number_text(figure.numerator), number_text(figure.denominator)
    how = explained(
        f"{indicator.label}, {period_text(asked.period)}",
        [
            f"{unit_text(2, asked.unit, 'atendid').capitalize()} con espera de hasta {threshold} x 100 / "
            f"{unit_text(2, asked.unit, 'registrad')}: {in_time} / {registered} = "
            f"{unrounded_text(figure, verdict.target)}.",
            clause_text(indicator),
            indicator.edge_case,
            f"Resolución de la ATT: {terms.NO_REGULATOR_TARGET}.",
            f"Unidad: {terms.UNITS[asked.unit]}. Líneas: {', '.join(asked.lines) or 'todas'}. "
            f"Más abajo: {terms.RULES}.",
        ],
    )
    return components.panel(
        title,
        [
            html.Div(
                [
                    html.Span(percent_text(figure.value), id=identity, className="big"),
                    html.Div([status(verdict.complies, otherwise), html.Span(target, className="quiet")]),
                ],
                className="big-row",
            ),
            html.P(gap_text(figure, verdict, asked.unit), className="gap"),
            html.P(
                [
                    links.calls_link(in_time, asked, "answered_in_time", "figure-link"),
                    f" {unit_text(figure.numerator, asked.unit, 'atendid')} a tiempo (hasta {threshold} de espera) de ",
                    links.calls_link(registered, asked, "registered", "figure-link"),
                    f" {unit_text(figure.denominator, asked.unit, 'registrad')}",
                ]
            ),
            *more,
        ],
        kind="headline",
        explanation=how,
    )

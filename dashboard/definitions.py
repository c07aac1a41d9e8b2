"""What stands behind the figures of a page: definition, what is left out, parameters in force.

In: a unit, parameters. Out: a part of a page, closed until somebody asks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from dashboard import components
from reports import terms
from reports.definition import Unit
from reports.indicators import BY_NAME
from reports.rules import Parameter
from reports.wording import parameter_text, validity_text


def rules_panel(period: str, unit: Unit, parameters: Sequence[Parameter]) -> Component:
    """Return what is counted in a unit and how, what is left out, and the parameters in force in a period.

    `period` is named as users say it: "octubre de 2026".
    """

    def item(value: str, heading: str, body: Sequence[Component]) -> Any:
        return dmc.AccordionItem([dmc.AccordionControl(heading), dmc.AccordionPanel(list(body))], value=value)

    indicator = BY_NAME["service_level"]
    definition = [
        html.P(f"{indicator.label} = {indicator.clause.partition(': ')[2]} ({indicator.clause.partition(': ')[0]})."),
        html.P(indicator.edge_case),
        html.Ul([html.Li(text) for text in (terms.UNITS_EXPLAINED[unit], *terms.COUNTING)]),
    ]
    left_out = [html.Ul([html.Li(text) for text in terms.NOT_IN_REGISTERED])]
    in_force: list[Component] = [
        components.table(
            terms.PARAMETER_COLUMNS,
            [
                [terms.PARAMETERS.get(each.name, each.name), parameter_text(each), validity_text(each), each.rule]
                for each in parameters
            ],
        )
    ]
    return components.panel(
        terms.RULES,
        dmc.Accordion(
            [
                item("definition", "Qué se cuenta y cómo", definition),
                item("left-out", "Qué no incluyen las registradas", left_out),
                item("parameters", f"Parámetros vigentes en {period}", in_force),
            ],
            multiple=True,
            order=3,
            variant="default",
            chevronPosition="left",
        ),
        kind="rules",
    )

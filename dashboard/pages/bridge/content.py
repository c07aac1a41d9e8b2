"""What the page shows below its controls: the answer, the ways to measure, the bridge item by item, the exports.

In: a question and what was measured. Out: parts of a page, each number a way to the calls it counts.
"""

from __future__ import annotations

from typing import Any

from dash import html
from dash.development.base_component import Component

from dashboard import components, links
from dashboard.components import Children
from dashboard.pages.bridge.measured import Measured
from dashboard.question import Question
from reports import figures, terms
from reports.bridge import Bridge, Step
from reports.bridge_items import ASTERNIC_ANSWERED, ASTERNIC_UNANSWERED, UNEXPLAINED, Item
from reports.bridge_words import ASTERNIC_NOTES, answer_lines, signed_text
from reports.figures import Fall
from reports.format import number_text, percent_text, period_text, unit_text
from reports.indicators import BY_NAME


def content(question: Question, found: Measured, scheme: figures.Scheme) -> Component:
    """Return everything below the controls."""
    # A chart saved as a picture bears what was asked.
    asked: dict[str, Any] = {"data-says": " · ".join(question.says)}
    return html.Div(
        [
            _answer(question, found),
            _variants(question, found),
            _steps(question, found.bridge, scheme),
            *([_exports(found)] if found.exports else []),
        ],
        className="month",
        **asked,
    )


def _answer(question: Question, found: Measured) -> Component:
    bridge = found.bridge
    first, *others = answer_lines(bridge)
    told: list[Component] = [html.P(html.Strong(first)), *map(html.P, others)]
    if bridge.queues:
        told.append(
            html.P(f"Colas que se leen como las leería Asternic: {', '.join(bridge.queues)}.", className="quiet")
        )
    told.append(html.P(components.covered(found.on_record.text, whole=found.on_record.is_whole), className="of-record"))
    return components.panel(period_text(question.filters.period).capitalize(), told, kind="answered")


def _variants(question: Question, found: Measured) -> Component:
    rows: list[list[Children]] = []
    for name, figure in found.variants.items():
        rows.append(
            [
                BY_NAME[name].label,
                percent_text(figure.value),
                html.Span(number_text(figure.numerator), title=terms.NUMERATORS[name]),
                html.Span(number_text(figure.denominator), title=terms.DENOMINATORS[name]),
                terms.VARIANTS_EXPLAINED[name],
            ]
        )
    for each in found.exports:
        if each.level is not None:
            rows.append(
                [
                    f"{each.report} ({terms.FROM_EXPORT})",
                    percent_text(each.level),
                    number_text(each.answered_within),
                    number_text(each.answered),
                    f"Atendidas hasta {each.within} s entre sus atendidas, {period_text(each.period)}.",
                ]
            )
    counted = f"Se cuentan {terms.UNITS_PLURAL[question.filters.unit]}."
    headings = ("Forma de medir", terms.VALUE, terms.NUMERATOR, terms.DENOMINATOR, "Qué hace")
    return components.panel(
        terms.BRIDGE_VARIANTS,
        [html.P(counted, className="quiet"), components.table(headings, rows)],
        kind="all-figures",
        actions=links.saving("variants"),
    )


def _steps(question: Question, bridge: Bridge, scheme: figures.Scheme) -> Component:
    rows = step_rows(bridge)
    drawn: list[list[Children]] = []
    for item, label, number, running in rows:
        written = number_text(number) if item is None or item.effect == 0 else signed_text(number)
        cell: Children = written
        if item is UNEXPLAINED:
            written = signed_text(number)
            cell = links.bridge_link(written, question.filters, item.code) if bridge.loose else html.Strong(written)
            label = f"{label}: {written}"
        elif item is None:
            cell = links.calls_link(written, question.filters, "registered", "figure-link")
        elif number:
            cell = links.bridge_link(written, question.filters, item.code)
        says = item.says if item is not None else f"{unit_text(2, bridge.unit, 'registrad').capitalize()}."
        kind = "status-bad" if item is UNEXPLAINED else ""
        named: list[str | Component] = [html.Span(_capital(label), className=kind), html.Span(says, className="quiet")]
        drawn.append([named, cell, number_text(running)])
    beside = [step for step in bridge.beside if step.number]
    none = [step.item.label for step in bridge.steps if not step.number]
    notes: list[Component] = [html.P(_beside(question, step), className="quiet") for step in beside]
    if bridge.loose and not bridge.unexplained:
        opened = links.bridge_link(number_text(bridge.loose), question.filters, UNEXPLAINED.code)
        notes.append(html.P(["Líneas que nada explica: ", opened, "."], className="status-bad"))
    if none:
        notes.append(html.P(f"Sin casos en el período: {', '.join(none)}.", className="quiet"))
    fall = figures.waterfall(falls(bridge), scheme)
    from_zero = "" if not fall["layout"]["xaxis"]["range"][0] else " El eje del gráfico no empieza en 0."
    notes.append(html.Ul([html.Li(text) for text in ASTERNIC_NOTES], className="quiet"))
    opens = links.calls_href(question.filters, "registered")
    return components.panel(
        terms.BRIDGE_STEPS,
        [
            html.P(("Cada cantidad abre lo que cuenta." if opens else "") + from_zero, className="quiet"),
            html.Div(
                [
                    html.Div(components.chart("bridge-fall", fall, terms.BRIDGE_STEPS)),
                    components.table(terms.BRIDGE_COLUMNS[:3], drawn),
                ],
                className="bridge-row",
            ),
            *notes,
        ],
        kind="bridge",
        actions=links.saving("steps", picture="bridge-fall"),
    )


def _beside(question: Question, step: Step) -> Children:
    number = links.bridge_link(number_text(step.number), question.filters, step.item.code)
    return [f"{_capital(step.item.label)}: ", number, f". {step.item.says}"]


def step_rows(bridge: Bridge) -> list[tuple[Item | None, str, int, int]]:
    """Return the rows of the bridge: item (None of the registered), label, its number or change, the sum so far."""
    shown = bridge.shown
    running = shown.total
    rows: list[tuple[Item | None, str, int, int]] = [
        (ASTERNIC_ANSWERED, ASTERNIC_ANSWERED.label, shown.answered, shown.answered),
        (ASTERNIC_UNANSWERED, ASTERNIC_UNANSWERED.label, shown.unanswered, running),
    ]
    for step in bridge.steps:
        if step.number:
            running += step.change
            rows.append((step.item, step.item.label, step.change, running))
    if bridge.unexplained:
        running += bridge.unexplained
        rows.append((UNEXPLAINED, UNEXPLAINED.label, bridge.unexplained, running))
    rows.append((None, terms.BRIDGE_REGISTERED, bridge.registered, running))
    return rows


def falls(bridge: Bridge) -> list[Fall]:
    """Return the bars of the bridge."""
    total = bridge.shown.total
    bars = [Fall("Asternic: atendidas y sin atender", 0, total, number_text(total), "total")]
    running = total
    for item, label, number, so_far in step_rows(bridge)[2:]:
        if item is None:
            bars.append(Fall(label, 0, number, number_text(number), "total"))
        else:
            kind = "wrong" if item is UNEXPLAINED else "change"
            bars.append(Fall(_capital(label), running, so_far, signed_text(number), kind))
        running = so_far
    return bars


def left_out_text(found: Measured) -> str:
    """Return how many reports of exports are not compared, "" where all are."""
    if not found.exports_left_out:
        return ""
    return (
        f" Se muestran los últimos cargados; quedan {number_text(found.exports_left_out)} sin comparar: acorte el "
        "período para verlos."
    )


def _exports(found: Measured) -> Component:
    rows: list[list[Children]] = []
    for each in found.exports:
        theirs = (
            ("Atendidas", each.answered, each.shown.answered),
            ("Sin atender", each.unanswered, each.shown.unanswered),
        )
        for (word, number, ours), difference in zip(theirs, each.differences, strict=True):
            if number is not None and difference is not None:
                rows.append(
                    [
                        f"{each.report}", period_text(each.period), word, number_text(number),
                        number_text(ours), signed_text(difference),
                    ]
                )  # fmt: skip
    says = f"{terms.BRIDGE_EXPORTS_SAY}{left_out_text(found)}"
    return components.panel(
        terms.BRIDGE_EXPORTS,
        [html.P(says, className="quiet"), components.table(terms.BRIDGE_EXPORT_COLUMNS, rows)],
        kind="bridge-exports",
        actions=links.saving("exports"),
    )


def _capital(label: str) -> str:
    return label[:1].upper() + label[1:]

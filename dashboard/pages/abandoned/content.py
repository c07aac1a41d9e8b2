"""What the page shows below its filters: how many give up and when, who is answered later, who calls again, transfers.

In: a question and its figures. Out: parts of a page, each a way to the calls it counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dash import dcc, html
from dash.development.base_component import Component

from dashboard import components, links
from dashboard.components import Children, explained
from dashboard.filters import Filters
from dashboard.pages.abandoned import tables
from dashboard.pages.abandoned.listing import address, counts_of
from dashboard.pages.abandoned.measured import AGAIN, ENDS, Found, rows_of
from dashboard.question import Question
from reports import terms
from reports.abandoned import Later
from reports.definition import Dimension, Kind
from reports.format import count_text, dimension_text, number_text, percent_text, period_text, unit_text
from reports.indicators import BY_NAME
from reports.measured import Figure
from reports.wording import clause_text

#: Targets of transfers that the page shows; the file has all.
_TARGETS_SHOWN = 15
#: Ratios whose sides stand in no other column.
_SIDES_APART = ("hung_up_by_operator", "hung_up_by_caller")
#: The line whose work it is to transfer.
SWITCHBOARD = "4251000"


def content(question: Question, found: Found) -> Component:
    """Return everything below the filters."""
    return html.Div(
        [
            html.Div([_headline(question, found), _later(question, found)], className="half-row"),
            html.Div([_waits(question, found), _again(question, found)], className="half-row"),
            html.Div([_transfers(question, found), _ends(question, found)], className="half-row"),
            html.Div(
                [
                    _split(
                        question, "dids", tables.DIDS_TITLE, Dimension.DID, "did",
                        rows_of(found.by_did, Dimension.DID),
                    ),
                    _split(
                        question, "positions", tables.POSITIONS_TITLE, Dimension.POSITION, "lugar",
                        rows_of(found.by_position, Dimension.POSITION),
                    ),
                ],
                className="half-row",
            ),
        ],
        className="month",
    )  # fmt: skip


def _headline(question: Question, found: Found) -> Component:
    asked, rate = question.filters, found.figures["abandonment_rate"]
    rows: list[list[Children]] = []
    for cause, figures in rows_of(found.abandoned.by_cause, Dimension.CAUSE):
        here, later = asked.narrowed(causa=cause), figures.get("abandoned_answered_later")
        rows.append([
            cause,
            _opened(figures["abandoned"], here, "abandoned"),
            _opened(later, here, "abandoned_answered_later") if later else terms.BLANK,
            number_text(later.denominator) if later else terms.BLANK,
        ])  # fmt: skip
    return components.panel(
        f"{BY_NAME['abandonment_rate'].label}, {period_text(asked.period)}",
        [
            html.Div(html.Span(percent_text(rate.value), id="abandoned-value", className="big"), className="big-row"),
            html.P(
                [
                    links.calls_link(number_text(rate.numerator), asked, "abandoned", "figure-link"),
                    f" {unit_text(rate.numerator, asked.unit, 'abandonad')} de ",
                    links.calls_link(number_text(rate.denominator), asked, "registered", "figure-link"),
                    f" {unit_text(rate.denominator, asked.unit, 'registrad')}",
                ],
                className="gap",
            ),
            components.table(("Causa", "Abandonadas", "Atendidas después ese día", "De (número conocido)"), rows)
            if rows
            else html.P("Nadie abandonó.", className="quiet"),
        ],
        kind="numbers abandoned-causes",
        explanation=_how("abandonment_rate"),
        actions=links.saving("causes"),
    )


def _later(question: Question, found: Found) -> Component:
    later = found.abandoned.figures.get("abandoned_answered_later", Figure(0, 0, None))
    facts: list[tuple[str, Children]] = [
        (
            terms.LATER[which.value],
            dcc.Link(number_text(number), href=address(question, which), className="figure-link")
            if number
            else number_text(number),
        )
        for which, number in counts_of(found.abandoned).items()
    ]
    return components.panel(
        "¿Se los atendió después, el mismo día?",
        [
            html.Div(html.Span(percent_text(later.value), className="big"), className="big-row"),
            html.P(
                f"{number_text(later.numerator)} de {number_text(later.denominator)} abandonadas con número conocido.",
                className="gap",
            ),
            components.facts(facts),
            html.P(dcc.Link("Ver a quién devolver la llamada", href=address(question, Later.UNANSWERED))),
            html.P(
                "Lo que se devuelve con una llamada saliente no pasa por la cola: aquí sigue sin respuesta. "
                "El último día con registro todavía puede cambiar.",
                className="quiet",
            ),
        ],
        kind="abandoned-later",
        explanation=_how("abandoned_answered_later"),
    )


def _waits(question: Question, found: Found) -> Component:
    hung_up = terms.CAUSES["caller_hung_up"]
    columns = (found.waits["wait_class"], found.waits["cause"], found.waits["numerator"])
    counts: dict[str, dict[bool, int]] = {label: {True: 0, False: 0} for label in terms.WAIT_CLASSES}
    for label, cause, n in zip(*columns, strict=True):
        counts[str(label)][cause == hung_up] += int(n)
    most = max((sum(both.values()) for both in counts.values()), default=0)
    rows: list[list[Children]] = []
    for label, both in counts.items():
        if label == terms.WAIT_CLASSES[-1] and not any(both.values()):
            continue
        here = question.filters.narrowed(tramo=label)
        rows.append([
            dimension_text(Dimension.WAIT_CLASS, label),
            links.calls_link(number_text(both[True]), here.narrowed(causa=hung_up), "abandoned")
            if both[True] else number_text(0),
            number_text(both[False]),
            links.calls_link(number_text(sum(both.values())), here, "abandoned") if any(both.values())
            else number_text(0),
            _bar(sum(both.values()), most),
        ])  # fmt: skip
    return components.panel(
        tables.WAITS_TITLE,
        [
            html.P("Abandonadas por lo que habían esperado.", className="quiet"),
            components.table(("Espera", "Colgó", "Otras causas", "Abandonadas", ""), rows),
        ],
        kind="numbers abandon-waits",
        actions=links.saving("abandon-waits"),
    )


def _bar(n: int, most: int) -> Component:
    width = f"{100 * n / most:.1f}%" if most else "0"
    bar: Component = html.Span(className="bar", style={"width": width}, **components.aria(hidden="true"))
    return html.Div(bar, className="bar-space")


def _again(question: Question, found: Found) -> Component:
    asked = question.filters
    known = [name for name in AGAIN if name in found.figures]
    if not known:
        body: list[Component] = [_not_in_unit("llamadas")]
    else:
        registered, unknown = (found.figures[name].numerator or 0 for name in ("registered", "caller_unknown"))
        rows: list[list[Children]] = []
        for name in known:
            figure = found.figures[name]
            rows.append([
                html.Span([BY_NAME[name].label.removeprefix("Vuelven a llamar ").capitalize(), _how(name)],
                          className="with-explanation"),
                percent_text(figure.value),
                _opened(figure, asked, name),
                number_text(figure.denominator),
                number_text(registered - unknown - (figure.denominator or 0)),
            ])  # fmt: skip
        unknown_calls = links.calls_link(number_text(unknown), asked, "caller_unknown", "figure-link")
        body = [
            components.table(
                ("Plazo", "Vuelven", "Llamadas cuyo cliente vuelve", "De (plazo completo)", "Todavía no se sabe"), rows
            ),
            html.P(
                "«Todavía no se sabe»: las de los últimos 30 minutos, 24 horas o 7 días del registro, fuera de la "
                "cuenta hasta que haya registro de todo el plazo.",
                className="quiet",
            ),
            html.P(
                "A la misma línea, atendida o no. No es «resuelta en la primera llamada»: quien vuelve puede traer "
                "otro asunto, y quien no vuelve pudo quedar sin solución.",
                className="quiet",
            ),
            html.P(["Fuera por no tener número conocido: ", unknown_calls, "."], className="quiet"),
        ]
    return components.panel(
        tables.AGAIN_TITLE, body, kind="numbers again", actions=links.saving("again") if known else None
    )


def _transfers(question: Question, found: Found) -> Component:
    if found.transfers is None:
        return components.panel(tables.TRANSFERS_TITLE, _not_in_unit("llamadas o ingresos a cola"), kind="transfers")
    asked, rate = question.filters, found.figures["transfer_rate"]
    frame = found.transfers.sort_values("numerator", ascending=False, kind="stable").head(_TARGETS_SHOWN)
    rows: list[list[Children]] = [
        [
            target, kind,
            links.calls_link(number_text(int(n)), asked.narrowed(destino=str(target), modo=str(kind)), "transferred"),
        ]
        for target, kind, n in zip(frame["transfer"], frame["transfer_kind"], frame["numerator"], strict=True)
    ]  # fmt: skip
    more = len(found.transfers) - len(frame)
    left = f" El archivo trae {count_text(more, 'destino', 'destinos')} más, de menos llamadas." if more > 0 else ""
    return components.panel(
        tables.TRANSFERS_TITLE,
        [
            html.P(
                [
                    _opened(found.figures["transferred"], asked, "transferred"), " transferidas de ",
                    links.calls_link(number_text(rate.denominator), asked, "answered", "figure-link"),
                    f" atendidas: {percent_text(rate.value)}.",
                ]
            ),
            components.table(("Destino", "Modo", "Transferidas"), rows) if rows else html.P("No hubo."),
            html.P(
                "Los números de fuera de la central no se muestran. Una transferencia hecha desde el teléfono puede no "
                f"quedar anotada.{left}",
                className="quiet",
            ),
        ],
        kind="numbers transfers",
        explanation=_how("transfer_rate"),
        actions=links.saving("transfers"),
    )  # fmt: skip


def _ends(question: Question, found: Found) -> Component:
    if found.by_line is None:
        return components.panel(tables.LINES_TITLE, _not_in_unit("llamadas o ingresos a cola"), kind="ends")
    asked = question.filters
    rows: list[list[Children]] = []
    # The switchboard stands apart, last: it is held against no other line.
    lines = sorted(rows_of(found.by_line, Dimension.SERVICE), key=lambda row: row[0] == SWITCHBOARD)
    for line, figures in lines:
        here = Filters(asked.period, (line,), asked.unit)
        rows.append([
            f"{terms.line_name(line)} *" if line == SWITCHBOARD else terms.line_name(line),
            *(_cell(figures, name, here) for name in ENDS),
        ])  # fmt: skip
    rows.append(["Total", *(_cell(found.figures, name, asked) for name in ENDS)])
    headings = ("Línea", "Atendidas", "Transferidas", "% de atendidas", "Colgó operador(a)", "Colgó cliente")
    notes = [
        "Quién colgó: de las que terminaron porque alguien colgó. Los Asterisk 1.8 hasta 1.8.19 y 11 hasta 11.1 anotan "
        "siempre al cliente si la central usa la extensión h.",
        f"* {SWITCHBOARD} casi solo transfiere: su tasa y su tiempo de atención no se comparan con los de "
        "otras líneas.",
    ]
    return components.panel(
        tables.LINES_TITLE,
        [components.table(headings, rows), *(html.P(note, className="quiet") for note in notes)],
        kind="numbers ends",
        explanation=_how("hung_up_by_operator"),
        actions=links.saving("ends"),
    )


def _split(
    question: Question, part: str, title: str, dimension: Dimension, word: str,
    found: Sequence[tuple[str, Mapping[str, Figure]]],
) -> Component:  # fmt: skip
    rows: list[list[Children]] = []
    for key, figures in found:
        here = question.filters.narrowed(**{word: key})
        rows.append([key, *(_cell(figures, name, here) for name in ("registered", "abandoned", "abandonment_rate"))])
    notes = {
        Dimension.DID: "El número que marcó quien llama, como lo anota la central justo antes de la cola.",
        Dimension.POSITION: "El lugar que le tocó al entrar a la cola: 1 es no tener a nadie delante.",
    }
    return components.panel(
        title,
        [
            components.table((terms.DIMENSIONS[dimension].capitalize(), "Registradas", "Abandonadas", "Tasa"), rows),
            html.P(notes[dimension], className="quiet"),
        ],
        kind=f"numbers {part}",
        actions=links.saving(part),
    )


def _cell(figures: Mapping[str, Figure], name: str, here: Filters) -> Children:
    figure = figures.get(name)
    if figure is None:
        return terms.BLANK
    if BY_NAME[name].kind is Kind.COUNT:
        return _opened(figure, here, name)
    if name not in _SIDES_APART:  # both stand in the same row
        return percent_text(figure.value)
    of = f" ({number_text(figure.numerator)} de {number_text(figure.denominator)})"
    return [percent_text(figure.value), html.Span(of, className="quiet of")]


def _opened(figure: Figure, asked: Filters, name: str) -> Component | str:
    text = number_text(figure.numerator)
    return links.calls_link(text, asked, name, "figure-link") if figure.numerator else text


def _how(name: str) -> Component:
    indicator = BY_NAME[name]
    return explained(indicator.label, [indicator.edge_case, clause_text(indicator)])


def _not_in_unit(units: str) -> Component:
    said: Component = html.P(f"En esta unidad no se mide: elija {units}.", className="quiet")
    return said

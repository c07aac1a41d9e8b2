"""What the page shows: queues without a line, interfaces without a person, the rules in force, each a row to fill in.

In: what dashboard.work.assignments tells. Out: parts of the page, and what each row is about. The fields of a row bear
the columns of a rule as their names.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import dash_mantine_components as dmc
from dash import dcc, html
from dash.development.base_component import Component

from dashboard import components
from dashboard.components import Children, aria
from dashboard.context import Context
from dashboard.pages import loads
from dashboard.pages.loads.content import said
from dashboard.people.personal import own_mask
from dashboard.work import assignments
from dashboard.work.assignments import REMOVED, Applied, QueueSeen, Rule, Seen
from etl.mapping import AGENTS, QUEUES
from etl.records.site import PersonRule, QueueRule
from reports import terms
from reports.format import date_text, number_text
from reports.personal import Field, Level, Mask

#: What each row is about: queue and DID, or interface; nothing where it is typed.
Keys = list[list[str]]
_DATE = "dd/mm/aaaa"


def queues_part(
    context: Context, rules: Sequence[Rule], *, may_edit: bool, change: Applied | None = None
) -> tuple[Component, Keys]:
    """Return the queues: those without a line, then the rules; `change` is one just applied. WarehouseError."""
    unknown = assignments.unknown_queues(context)
    mapped = [rule for rule in rules if isinstance(rule, QueueRule)]
    if context.is_empty and not mapped:
        return _nothing_loaded(), []
    if not may_edit:
        return _queues_told(unknown, mapped), []
    rows = _Rows(QUEUES)
    cards = [_queue_card(rows, queue) for queue in unknown]
    in_force = [
        rows.row(
            [rule.queue, rule.did or ""], _queue_name(rule.queue, rule.did),
            [
                _line_select(rows, f"Línea de {_queue_name(rule.queue, rule.did)}", rule.service, removable=True),
                *rows.days(_queue_name(rule.queue, rule.did), (rule.valid_from, rule.valid_to)),
            ],
        )
        for rule in mapped
    ]  # fmt: skip
    new = rows.row(
        [],
        [rows.text("queue", "Cola de la regla nueva", "cola"), rows.text("did", "DID de la regla nueva", "DID")],
        [_line_select(rows, "Línea de la regla nueva", None), *rows.days("la regla nueva", (None, None))],
    )
    says = (
        f"Sus llamadas están en el total como «{terms.NO_LINE}» y en ninguna línea. Elija la línea, o «no cuenta» para "
        "una cola interna; las fechas se dejan vacías si vale siempre."
        if unknown
        else "Todas las colas con llamadas tienen su línea."
    )
    body = [
        html.P(says, className="quiet"),
        *cards,
        _rules(f"Reglas en vigor: {len(mapped)}", [*in_force, _adding(), new]),
    ]
    body += _saving(rows, change)
    return components.panel(_title("Colas sin línea", unknown), body, kind=QUEUES), rows.keys


def persons_part(
    context: Context, rules: Sequence[Rule], *, may_edit: bool, change: Applied | None = None
) -> tuple[Component, Keys]:
    """Return the interfaces: those without a person, then the rules; `change` is one just applied. WarehouseError."""
    unknown = assignments.unknown_interfaces(context)
    mapped = [rule for rule in rules if isinstance(rule, PersonRule)]
    if context.is_empty and not mapped:
        return html.Div(), []
    mask = own_mask()
    if mask.level(Field.AGENT) is Level.NONE:
        hidden = html.P("Los operadores no se muestran a su rol.", className="quiet")
        return components.panel(_title("Interfaces sin persona", unknown), [hidden], kind=AGENTS), []
    if not may_edit or mask.level(Field.AGENT) is not Level.FULL:
        return _persons_told(unknown, mapped, mask), []
    rows = _Rows(AGENTS)
    cards = [
        rows.row(
            [seen.name], [html.Strong(seen.name), _weight(seen), *_alike(seen.name, unknown, mapped)],
            [rows.text("person", f"Persona de {seen.name}", "nombre y apellido"), *rows.days(seen.name, seen.free)],
        )
        for seen in unknown
    ]  # fmt: skip
    in_force = [
        rows.row(
            [rule.interface], rule.interface,
            [
                rows.text("person", f"Persona de {rule.interface}", "nombre y apellido", rule.person),
                *rows.days(rule.interface, (rule.valid_from, rule.valid_to)),
            ],
        )
        for rule in mapped
    ]  # fmt: skip
    new = rows.row(
        [],
        [rows.text("interface", "Interfaz de la regla nueva", "interfaz")],
        [rows.text("person", "Persona de la regla nueva", "nombre y apellido"),
         *rows.days("la regla nueva", (None, None))],
    )  # fmt: skip
    says = (
        "Así las escribe la central: ponga el nombre de quien atendió en cada una. Si una extensión cambió de manos, "
        "use las fechas."
        if unknown
        else "Todas las interfaces tienen nombre."
    )
    removing = html.P("Para quitar una regla, borre el nombre.", className="quiet")
    body = [
        html.P(says, className="quiet"),
        *([html.Div(cards, className="rules-of")] if cards else []),
        _rules(f"Reglas en vigor: {len(mapped)}", [removing, *in_force, _adding(), new]),
    ]
    body += _saving(rows, change)
    return components.panel(_title("Interfaces sin persona", unknown), body, kind=AGENTS), rows.keys


def applying(change: Applied) -> Component:
    """Return how far the newest change is."""
    tells = "espera su turno" if change.state == "queued" else (change.tells or "se está aplicando a las cifras")
    name = f"El cambio de {_word(change.what)} que pidió {change.who}"
    bar = dmc.Progress(
        value=100, striped=True, animated=True, transitionDuration=0, **aria(label="Aplicando el cambio")
    )
    return html.Div([html.P(f"{name} {tells[:1].lower()}{tells[1:]}."), bar], className="panel")


def applied(change: Applied) -> Component:
    """Return that the figures apply a change."""
    return html.Div(said(f"{_word(change.what).capitalize()}: {change.tells}"), className="panel")


def not_applied(change: Applied) -> Component:
    """Return that a change was not applied, and why."""
    says = f"El cambio de {_word(change.what)} que pidió {change.who} no se aplicó: {change.tells}"
    return html.Div(said(says, is_good=False), className="panel")


def not_applied_said(change: Applied) -> Component:
    """Return the same in short, for beside the button."""
    return said(f"No se aplicó: {change.tells}", is_good=False)


def news(who: str = "") -> Component:
    """Return that the page is not what it would be now; it is not drawn anew under somebody's hands."""
    what = f"{who} cambió reglas" if who else "Hay datos o reglas nuevos"
    return html.Div(
        said(f"{what}: pulse «Actualizar» para verlos. Lo escrito sin guardar se pierde.", is_good=False),
        className="panel",
    )


def not_shown(error: Exception) -> Component:
    """Return why a part cannot be shown."""
    return components.notice("No se puede mostrar", html.P(f"{error}."))


class _Rows:
    """The rows of a part while they are drawn: their numbers, what each is about, and its fields."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.keys: Keys = []
        #: What the fields hold that are not empty, by row and column.
        self.typed: dict[str, str] = {}

    @property
    def _next(self) -> int:
        return len(self.keys)

    def row(self, key: list[str], head: Children, fields: Sequence[Component]) -> Component:
        """Return a row of fields that were made for it, with a place for what is wrong in it."""
        place = self._next
        self.keys.append(key)
        return html.Div(
            [
                html.Div(head, className="rule-head"),
                html.Div(list(fields), className="rule-fields"),
                html.Div(id={"wrong": self.what, "row": place}, className="field-error", role="alert"),
            ],
            className="rule",
        )

    def field(self, column: str, value: str | None = None) -> dict[str, Any]:
        """Return the name of a field of the row that is drawn next, and note what it holds."""
        if value:
            self.typed[f"{self._next} {column}"] = value
        return {self.what: self._next, "field": column}

    def text(self, column: str, label: str, placeholder: str, value: str = "") -> Component:
        """Return a field for a text."""
        text: Component = dmc.TextInput(
            id=self.field(column, value), value=value, placeholder=placeholder, size="xs", className=f"field-{column}",
            attributes={"input": {"autocomplete": "off", "maxLength": 256}}, **aria(label=label),
        )  # fmt: skip
        return text

    def days(self, name: str, days: tuple[date | None, date | None]) -> list[Component]:
        """Return the fields for the first and the last day."""
        shown = [date_text(day) if day else "" for day in days]
        return [
            self.text("valid_from", f"Desde, {name}", f"desde {_DATE}", shown[0]),
            self.text("valid_to", f"Hasta, {name}", f"hasta {_DATE}", shown[1]),
        ]


def _queue_card(rows: _Rows, queue: QueueSeen) -> Component:
    whole = rows.row(
        [queue.name, ""], [html.Strong(queue.name), _weight(queue), _hours(queue.hours)],
        [_line_select(rows, f"Línea de la cola {queue.name}", None), *rows.days(f"cola {queue.name}", queue.free)],
    )  # fmt: skip
    named = [did for did in queue.dids if did.name]
    if not named:
        return html.Div(whole, className="rules-of")
    parts = [
        rows.row(
            [queue.name, did.name], [html.Span(["DID ", html.Strong(did.name)]), _weight(did)],
            [
                _line_select(rows, f"Línea de {_queue_name(queue.name, did.name)}", None),
                *rows.days(_queue_name(queue.name, did.name), did.free),
            ],
        )
        for did in named
    ]  # fmt: skip
    hint = html.P("La línea de un DID vale más que la de la cola.", className="quiet")
    folded = html.Details([html.Summary(f"Separar por DID ({len(named)})"), hint, *parts], className="fold")
    return html.Div([whole, folded], className="rules-of")


def _line_select(rows: _Rows, label: str, value: str | None, *, removable: bool = False) -> Component:
    choices = [
        {"value": number, "label": terms.line_name(number) if name else number}
        for number, name in assignments.line_choices()
    ]
    if removable:
        choices.append({"value": REMOVED, "label": "quitar la regla"})
    select: Component = dmc.Select(
        id=rows.field("service", value), data=choices, value=value, placeholder="elija la línea",
        clearable=not removable, allowDeselect=not removable, searchable=True, size="xs", className="field-service",
        comboboxProps={"transitionProps": {"duration": 0}}, nothingFoundMessage="ninguna", **aria(label=label),
    )  # fmt: skip
    return select


def _rules(title: str, rows: Sequence[Component]) -> Component:
    return html.Details([html.Summary(title), html.Div(rows, className="rules-of")], className="fold in-force")


def _adding() -> Component:
    return html.P("Para agregar una regla, llene esta fila:", className="quiet rule-new")


def _saving(rows: _Rows, change: Applied | None) -> list[Component]:
    what = rows.what
    return [
        # What was drawn: by it the browser tells what leaving the page would lose.
        dcc.Store(id=f"setup-drawn-{what}", data={"what": what, "typed": rows.typed}),
        html.Div(
            [
                html.Button("Guardar y aplicar", id=f"setup-save-{what}", type="button", className="action strong"),
                html.Div(
                    said(change.tells) if change is not None else None,
                    id=f"setup-said-{what}",
                    role="status",
                ),
            ],
            className="buttons saving",
        ),
    ]


def _queues_told(unknown: Sequence[QueueSeen], mapped: Sequence[QueueRule]) -> Component:
    """Return the queues for who may only read."""
    rows: list[list[Children]] = [
        [seen.name, " ".join(did.name for did in seen.dids), number_text(seen.calls), _days(seen), _hours(seen.hours)]
        for seen in unknown
    ]
    rules = [
        [rule.queue, rule.did or "", _line(rule.service), date_text(rule.valid_from), date_text(rule.valid_to)]
        for rule in mapped
    ]
    return components.panel(
        _title("Colas sin línea", unknown),
        [
            components.table(("Cola", "DID", "Llamadas", "Días", "Horas"), rows)
            if rows
            else html.P("Todas las colas con llamadas tienen su línea.", className="quiet"),
            _table_of_rules(("Cola", "DID", "Línea", "Desde", "Hasta"), rules),
        ],
        kind=QUEUES,
    )


def _persons_told(unknown: Sequence[Seen], mapped: Sequence[PersonRule], mask: Mask) -> Component:
    def shown(text: str) -> str:
        return mask.shown(Field.AGENT, text) or terms.BLANK

    rows = [[shown(seen.name), number_text(seen.calls), _days(seen)] for seen in unknown]
    rules = [
        [shown(rule.interface), shown(rule.person), date_text(rule.valid_from), date_text(rule.valid_to)]
        for rule in mapped
    ]
    return components.panel(
        _title("Interfaces sin persona", unknown),
        [
            components.table(("Interfaz", "Llamadas", "Días"), rows)
            if rows
            else html.P("Todas las interfaces tienen nombre.", className="quiet"),
            _table_of_rules(("Interfaz", "Persona", "Desde", "Hasta"), rules),
        ],
        kind=AGENTS,
    )


def _table_of_rules(headings: Sequence[str], rows: Sequence[Sequence[Children]]) -> Component:
    return html.Details(
        [html.Summary(f"Reglas en vigor: {len(rows)}"), components.table(headings, rows)], className="fold in-force"
    )


def _nothing_loaded() -> Component:
    return components.notice(
        "Primero hace falta un registro",
        [
            html.P(["Aquí aparecen las colas y los operadores de los archivos que se carguen. Envíe uno en ",
                    dcc.Link(loads.TITLE, href=loads.PATH), ", o cárguelo en el servidor desde una terminal:"]),
            components.command("callcenter ingest queue_log"),
            html.P("Después, vuelva a esta página y diga qué línea es cada cola."),
        ],
    )  # fmt: skip


def _title(title: str, unknown: Sequence[Seen]) -> str:
    return f"{title}: {number_text(len(unknown))}" if unknown else title


def _weight(seen: Seen) -> Component:
    word = "llamada" if seen.calls == 1 else "llamadas"
    return html.Span(f"{number_text(seen.calls)} {word}, {_days(seen)}", className="quiet")


def _alike(name: str, unknown: Sequence[Seen], mapped: Sequence[PersonRule]) -> list[Component]:
    alike = assignments.spelled_alike(name, unknown, mapped)
    return [html.Span(f"¿La misma persona que {', '.join(alike)}?", className="quiet")] if alike else []


def _days(seen: Seen) -> str:
    if seen.first == seen.last:
        return f"el {date_text(seen.first)}"
    return f"del {date_text(seen.first)} al {date_text(seen.last)}"


def _hours(hours: Sequence[int]) -> Component:
    """Return the calls by hour of the day, as small columns with the same in words beside them."""
    most = max(hours)
    busy = [hour for hour, calls in enumerate(hours) if calls]
    says = f"de {busy[0]:02} a {busy[-1] + 1:02} h, más a las {hours.index(most):02} h"
    bars = [html.Span(style={"height": f"{100 * calls / most:.0f}%"}) for calls in hours]
    return html.Span(
        [html.Span(bars, className="hours", **aria(hidden="true")), html.Span(says, className="quiet")],
        className="hours-of",
    )


def _queue_name(queue: str, did: str | None) -> str:
    return f"{queue}, DID {did}" if did else queue


def _line(service: str) -> str:
    return terms.line_name(service)


def _word(what: str) -> str:
    return "colas" if what == QUEUES else "operadores"

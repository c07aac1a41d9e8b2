"""The audit: who did what, when, from where, with which outcome; only ever read here.

In: ?desde=&hasta=&accion=&cuenta=&resultado=&pagina=. Out: the entries asked for, the state of the chain, and a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, ctx, dcc, html, no_update, set_props
from dash.development.base_component import Component

from dashboard import components, links
from dashboard.components import Children, page_title
from dashboard.context import Context
from dashboard.filters import FilterError
from dashboard.freshness import fresh_place
from dashboard.people import audit_log
from dashboard.people.accounts import Identity
from dashboard.people.audit_log import AuditAsked, Chain, Wrong
from dashboard.saving import Listing, register_listing
from dashboard.work.exports import ExportError
from etl.settings import ZONE
from reports import terms
from reports.export import Column, Table
from reports.format import count_text, date_text, number_text

PATH = "/auditoria"
TITLE = terms.AUDIT
IN_MENU = True

_CHAIN_SAYS = (
    "La auditoría solo se agrega: ninguna página ni orden del sistema la cambia o la borra, y la base de datos lo "
    "rechaza.",
    "Cada día que termina se sella junto con el sello del día anterior. Un cambio hecho por fuera, en la base de "
    "datos, deja de coincidir con su sello y con los que siguen.",
    "Quien administra el servidor y su base de datos puede rehacer todos los sellos después de un cambio: eso no se ve "
    "aquí, sino al comparar con los respaldos, que llevan anotado el último sello de su día.",
)
_AT_ONCE = {"transitionProps": {"duration": 0}}


def layout() -> Component:
    """Return the page before the audit is read."""
    return html.Div(
        [
            dcc.Store(id="audit-shown"),
            dcc.Download(id="audit-file"),
            html.Div(
                [
                    html.H1(TITLE),
                    fresh_place(),
                    html.Div(id="audit-chain", role="status", className="fresh"),
                    html.Button("Comprobar todos los días", id="audit-check", type="button", className="action"),
                    components.explained(terms.AUDIT, _CHAIN_SAYS, asks="Cómo se cuida"),
                ],
                className="page-head",
            ),
            html.Div(id="audit-content"),
        ],
        className="month",
    )


def register_callbacks(app: Dash, context: Context) -> None:
    """Fill the page when the address changes, look at the chain, save what is asked for."""

    @app.callback(
        Output("audit-content", "children"),
        Output("audit-shown", "data"),
        Input("location", "search"),
        State("audit-shown", "data"),
    )
    def show(search: str | None, shown: dict[str, Any] | None) -> tuple[Any, Any]:
        set_props("title", {"data": page_title(TITLE, demo=context.is_demo)})
        return page_of(context, search), {"search": search, "generation": context.generation_in_service()}

    @app.callback(Output("audit-chain", "children"), Input("audit-check", "n_clicks"))
    def check(clicks: int | None) -> Any:
        if ctx.triggered_id is not None and not clicks:
            return no_update
        return _chain(audit_log.chain_of(context, days=None if clicks else audit_log.RECENT_DAYS))

    register_listing(app, context, LISTING, "audit-shown")


def page_of(context: Context, search: str | None) -> Component:
    """Return the controls and the entries for the query of an address."""
    asked, wrong = audit_log.read_typed(search)
    number = audit_log.count_asked(context, asked)
    pages = max(1, -(-number // audit_log.PAGE_ENTRIES))
    asked = asked.on_page(min(asked.page, pages))
    offset = (asked.page - 1) * audit_log.PAGE_ENTRIES
    entries = audit_log.entries_shown(context, asked, limit=audit_log.PAGE_ENTRIES, offset=offset)
    rows: list[list[Children]] = [
        [
            _moment(entry.at), entry.who, entry.role, entry.address, entry.action, entry.about,
            html.Span(entry.result, className=None if entry.result == terms.AUDIT_RESULTS["done"] else "refusal-word"),
            entry.details,
        ]
        for entry in entries
    ]  # fmt: skip
    table = components.table(terms.AUDIT_COLUMNS, rows) if rows else html.P("No hay nada anotado con esos filtros.")
    body = [_not_read(wrong)] if wrong else []
    return html.Div(
        [
            _controls(asked, wrong),
            components.panel(
                f"{count_text(number, 'anotación', 'anotaciones')}, de la más nueva a la más antigua",
                [*body, table, _pages(asked, pages)],
                kind="entries",
                actions=None if wrong else links.saving("entries"),
            ),
        ],
        className="month",
    )


def saved_entries(context: Context, search: str | None, most: int) -> Table | None:
    """Return the entries asked for as a table, at most so many; None for an address that cannot be shown."""
    try:
        asked = audit_log.read_asked(search)
    except FilterError:
        return None  # the page itself says what is the matter
    number = audit_log.count_asked(context, asked)
    entries = audit_log.entries_shown(context, asked, limit=most)
    left = [f"Las {number_text(len(entries))} más nuevas de {number_text(number)}"] if len(entries) < number else []
    return Table(
        name="auditoria",
        title=terms.AUDIT,
        says=(*_says(asked), *left),
        columns=tuple(Column(heading) for heading in terms.AUDIT_COLUMNS),
        rows=[
            [entry.at.replace(microsecond=0), entry.who, entry.role, entry.address, entry.action, entry.about,
             entry.result, entry.details]
            for entry in entries
        ],
        made_at=datetime.now(ZONE).replace(tzinfo=None),
        demo=context.is_demo,
    )  # fmt: skip


def _saved_for(context: Context, _identity: Identity, search: str | None, most: int) -> Table | None:
    return saved_entries(context, search, most)


def _plain_address(_context: Context, search: str | None) -> str:
    """Return an address that asks for the same entries. ExportError.

    An account in it is one of those that the entries name: of no other there are any.
    """
    try:
        return audit_log.read_asked(search).on_page(1).address
    except FilterError as error:
        raise ExportError(f"{error}.") from None


LISTING = Listing(PATH, TITLE, "audit-file", _plain_address, _saved_for, of_figures=False)


def _says(asked: AuditAsked) -> tuple[str, ...]:
    """Return what narrows the entries, for the head of a file."""
    parts = [
        f"Desde {date_text(asked.first)}" if asked.first else "",
        f"Hasta {date_text(asked.last)}" if asked.last else "",
        f"Acción: {terms.AUDIT_ACTIONS[asked.action]}" if asked.action else "",
        f"Cuenta: {asked.account}" if asked.account else "",
        f"Resultado: {terms.AUDIT_RESULTS[asked.result]}" if asked.result else "",
    ]
    return tuple(filter(None, parts)) or ("Toda la auditoría",)


def _not_read(wrong: Mapping[str, Wrong]) -> Component:
    """Return that the list leaves out what cannot be read; what has no field to mark is named here."""
    others = [f"{each.says}." for word, each in wrong.items() if word not in ("desde", "hasta")]
    says = " ".join([*others, "Este listado no tiene en cuenta lo que está mal escrito."])
    return html.P([components.icon("alert-triangle"), html.Span(says)], className="said said-bad", role="alert")


def _controls(asked: AuditAsked, wrong: Mapping[str, Wrong]) -> Component:
    """Return the filters: a plain form, whose fields become the query of the address."""
    return html.Form(
        [
            _day("desde", "Desde", asked.first, wrong.get("desde")),
            _day("hasta", "Hasta", asked.last, wrong.get("hasta")),
            _choice("accion", "Qué hizo", terms.AUDIT_ACTIONS, asked.action, "wide"),
            dmc.TextInput(
                name="cuenta", label="Cuenta", value=asked.account, size="xs", autoComplete="off", className="control",
                placeholder="quien o a quien",
            ),
            _choice("resultado", "Resultado", terms.AUDIT_RESULTS, asked.result),
            html.Div(
                [html.Button("Filtrar", type="submit", className="action strong"),
                 html.A("Quitar filtros", href=PATH, className="action")],
                className="buttons",
            ),
        ],
        action=PATH,
        method="get",
        className="panel controls audit-controls",
        **components.aria(label="Filtros"),
    )  # fmt: skip


def _day(name: str, label: str, day: date | None, wrong: Wrong | None) -> Component:
    field: Component = dmc.TextInput(
        name=name, label=label, value=wrong.typed if wrong else date_text(day) if day else "", size="xs",
        placeholder="dd/mm/aaaa", autoComplete="off", inputProps={"inputMode": "numeric"}, className="control",
        error=f"{wrong.says}." if wrong else None,
    )  # fmt: skip
    return field


def _choice(name: str, label: str, words: dict[str, str], value: str, kind: str = "") -> Component:
    choice: Component = dmc.Select(
        name=name, label=label, size="xs", value=value or None, placeholder="todo", clearable=True,
        data=[{"value": code, "label": word} for code, word in words.items()],
        className=f"control {kind}", comboboxProps=_AT_ONCE,
    )  # fmt: skip
    return choice


def _pages(asked: AuditAsked, pages: int) -> Component:
    """Return where we are, and the way to the entries before and after."""
    newer = dcc.Link("Más nuevas", href=PATH + asked.on_page(asked.page - 1).address) if asked.page > 1 else None
    older = dcc.Link("Más antiguas", href=PATH + asked.on_page(asked.page + 1).address) if asked.page < pages else None
    here = html.Span(f"Página {number_text(asked.page)} de {number_text(pages)}", className="quiet")
    return html.Nav([newer, here, older], className="pages", **components.aria(label="Páginas de la auditoría"))


def _chain(chain: Chain) -> Component:
    if chain.last is None:
        return html.P("Todavía no terminó ningún día: no hay sellos que comprobar.")
    if chain.broken:
        days = ", ".join(date_text(day) for day in chain.broken[:10])
        says = (
            f"Lo anotado no coincide con su sello desde el {date_text(chain.broken[0])} ({days}): "
            "avise a la Jefatura y a quien administra el servidor, y compare con un respaldo."
        )
        return html.P([components.icon("alert-triangle"), html.Span(says)], className="said said-bad")
    which = (
        f"Los {number_text(chain.looked_at)} últimos días sellados coinciden"
        if chain.looked_at < chain.days
        else f"Los {number_text(chain.days)} días sellados coinciden"
    )
    if chain.looked_at == 1:
        which = "El único día sellado coincide" if chain.days == 1 else "El último día sellado coincide"
    says = f"{which} con lo anotado; el último es el {date_text(chain.last)}."
    return html.P([components.icon("circle-check"), html.Span(says)], className="said")


def _moment(at: datetime) -> str:
    return f"{date_text(at.date())} {at:%H:%M:%S}"

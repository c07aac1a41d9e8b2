"""One's own account: who I am here, my password, and where else I am signed in.

In: the session that asks. Out: the sessions of its account, each with a way to end it.
"""

from __future__ import annotations

from secrets import token_hex
from typing import Any

from dash import ALL, Dash, Input, Output, ctx, dcc, html, no_update, set_props
from dash.development.base_component import Component

from dashboard import components
from dashboard.components import page_title
from dashboard.context import Context
from dashboard.freshness import fresh_place
from dashboard.people import administration
from dashboard.people.accounts import Identity
from dashboard.people.administration import SessionShown
from dashboard.people.sessions_table import sessions_table
from dashboard.security.door import PASSWORD
from dashboard.security.identity import current
from reports import terms
from reports.format import number_text

PATH = "/mi-cuenta"
TITLE = terms.OWN_ACCOUNT
IN_MENU = True

_OTHERS = "others"


def layout() -> Component:
    """Return the page before the sessions are read."""
    return html.Div(
        [
            dcc.Store(id="own-changed"),
            html.Div([html.H1(TITLE), fresh_place()], className="page-head"),
            html.Div(id="own-answer", role="status", className="answer"),
            html.Div(id="own-content"),
        ],
        className="month",
    )


def register_callbacks(app: Dash, context: Context) -> None:
    """Show the account, and end the sessions that are asked to be ended."""

    @app.callback(Output("own-content", "children"), Input("own-changed", "data"))
    def show(_changed: str | None) -> Any:
        set_props("title", {"data": page_title(TITLE, demo=context.is_demo)})
        return content(context, current())

    @app.callback(Output("own-answer", "children"), Input({"own-end": ALL}, "n_clicks"), prevent_initial_call=True)
    def end(_clicks: list[int | None]) -> Any:
        # The buttons come with the page, unpressed.
        if not ctx.triggered_id or not ctx.triggered[0]["value"]:
            return no_update
        which = str(ctx.triggered_id["own-end"])
        if which == _OTHERS:
            number = administration.end_other_sessions(context, current())
            says = "Terminó 1 sesión." if number == 1 else f"Terminaron {number_text(number)} sesiones."
        elif which.isascii() and which.isdigit() and len(which) < 10:
            ended = administration.end_own_session(context, current(), int(which))
            says = "Esa sesión terminó." if ended else "Esa sesión no es suya o ya había terminado."
        else:
            return no_update
        set_props("own-changed", {"data": token_hex(8)})
        return html.P([components.icon("circle-check"), html.Span(says)], className="said")


def content(context: Context, me: Identity) -> Component:
    """Return who somebody is here, and their sessions."""
    facts = components.facts([("Cuenta", me.name), ("Nombre", me.full_name), ("Rol", terms.ROLES[me.role])])
    change = html.A("Cambiar la contraseña", href=PASSWORD, className="action strong")
    sessions = administration.sessions_of(context, me, me.account_id)
    parts: list[Component] = [
        html.P(
            "La sesión termina sola después de una hora sin uso, y a las doce horas de haber ingresado.",
            className="quiet",
        ),
        sessions_table(sessions, _end),
    ]
    if len(sessions) > 1:
        ending = html.Button("Cerrar todas las demás", id={"own-end": _OTHERS}, type="button", className="action")
        parts.append(html.Div(ending, className="buttons"))
    return html.Div(
        [
            components.panel(me.full_name, [facts, html.Div(change, className="buttons")], kind="own"),
            components.panel("Dónde ingresó con esta cuenta", parts, kind="own-sessions"),
        ],
        className="people own",
    )


def _end(session: SessionShown) -> Component:
    if session.is_this:
        return html.Span("esta sesión", className="tag")
    return html.Button("Cerrar", id={"own-end": str(session.session)}, type="button", className="action")

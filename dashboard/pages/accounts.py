"""The accounts: who may come in as what. Added one by one or by a CSV, closed, given another role or password.

In: ?cuenta=ID, what is pressed and typed. Out: the accounts that who asks may see, with the acts they may do.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from datetime import datetime
from secrets import token_hex
from typing import Any
from urllib.parse import parse_qs

import dash_mantine_components as dmc
from dash import ALL, Dash, Input, Output, State, ctx, dcc, html, no_update, set_props
from dash.development.base_component import Component

from dashboard import components
from dashboard.components import Children, page_title
from dashboard.context import Context
from dashboard.freshness import fresh_place
from dashboard.people import accounts_csv, administration
from dashboard.people.accounts import AccountError, Identity, Role
from dashboard.people.accounts_csv import AccountsFileError
from dashboard.people.administration import MANAGE, AccountShown, NotAllowed
from dashboard.people.sessions_table import sessions_table
from dashboard.saving import sent_file
from dashboard.security.access import RIGHT
from dashboard.security.callbacks import answer_with
from dashboard.security.identity import allowed, current
from etl.settings import ZONE
from reports import terms
from reports.export import csv_bytes
from reports.format import count_text, moment_text, number_text

PATH = "/cuentas"
TITLE = terms.ACCOUNTS
IN_MENU = True

_WORD = "cuenta"
_MOST_ID = 2**31 - 1
_PAGE_ROWS = 50
_ROLES = [{"value": role.value, "label": terms.ROLES[role]} for role in Role]
_WIDTHS = {"name": 145, "full_name": 165, "role": 124, "state": 145, "last": 158, "sessions": 95}
_AT_ONCE = {"transitionProps": {"duration": 0}}


def layout() -> Component:
    """Return the page before the accounts are read."""
    return html.Div(
        [
            dcc.Store(id="accounts-changed"),
            dcc.Download(id="accounts-file"),
            html.Div([html.H1(TITLE), fresh_place()], className="page-head"),
            html.Div(id="accounts-answer", role="status", className="answer"),
            html.Div(id="accounts-content"),
        ],
        className="month",
    )


def register_callbacks(app: Dash, context: Context) -> None:
    """Fill the page when the address or an account changes, and do what is asked."""

    @app.callback(
        Output("accounts-content", "children"), Input("location", "search"), Input("accounts-changed", "data")
    )
    def show(search: str | None, _changed: str | None) -> Any:
        if ctx.triggered_id == "location":  # what was said of another account
            set_props("accounts-answer", {"children": None})
        set_props("title", {"data": page_title(TITLE, demo=context.is_demo)})
        return content(context, current(), _id_of(search))

    @app.callback(
        Output("accounts-answer", "children"),
        Input({"account-act": ALL}, "n_clicks"),
        State("location", "search"),
        State({"account-field": ALL}, "value"),
        prevent_initial_call=True,
    )
    def act(_clicks: list[int | None], search: str | None, fields: list[Any]) -> Any:
        # The buttons come with the page, unpressed.
        if not ctx.triggered_id or not ctx.triggered[0]["value"]:
            return no_update
        name, account = str(ctx.triggered_id["account-act"]), _id_of(search)
        if name not in _ACTS or account is None:
            return no_update
        return _answered(lambda: _ACTS[name](context, current(), account, fields))

    @app.callback(
        Output("account-name", "error"),
        Output("account-full-name", "error"),
        Output("account-role", "error"),
        Input("account-add", "n_clicks"),
        State("account-name", "value"),
        State("account-full-name", "value"),
        State("account-role", "value"),
        prevent_initial_call=True,
    )
    def add(clicks: int | None, name: Any, full_name: Any, role: Any) -> Any:
        if not clicks:
            return (no_update,) * 3
        name, full_name = (value if isinstance(value, str) else "" for value in (name, full_name))
        errors = accounts_csv.errors_of(name, full_name, role)
        if not any(errors):
            try:
                added, password = administration.add(context, current(), name, full_name, Role(role))
            except NotAllowed as error:
                answer_with(403)
                return str(error), None, None
            except AccountError as error:
                return str(error), None, None
            _changed(_given_password(f"Se agregó la cuenta «{added}».", "Primera contraseña", added, password))
        return tuple(errors)

    @app.callback(
        Output("accounts-file", "data"),
        Input("accounts-csv", "contents"),
        prevent_initial_call=True,
    )
    def add_many(contents: Any) -> Any:
        if contents is None:
            return no_update
        set_props("accounts-csv", {"contents": None})  # the same file may be sent again
        try:
            given = administration.add_file(context, current(), _bytes_of(contents))
        except NotAllowed as error:
            answer_with(403)
            _tell(_said(str(error), is_good=False))
            return no_update
        except AccountsFileError as error:
            _tell(_faults(error))
            return no_update
        _changed(
            _said(
                f"Se agreg{'ó' if len(given) == 1 else 'aron'} {count_text(len(given), 'cuenta', 'cuentas')}. El "
                "archivo que se descarga tiene las primeras contraseñas: no se guardan ni se muestran otra vez, y cada "
                "persona cambia la suya al ingresar."
            )
        )
        made_at = datetime.now(ZONE).replace(tzinfo=None)
        table = accounts_csv.first_passwords(given, made_at=made_at, demo=context.is_demo)
        return sent_file(context, f"{table.file_name}.csv", csv_bytes(table), "csv", rows=len(given))


def content(context: Context, me: Identity, chosen: int | None) -> Component:
    """Return the accounts that somebody may see, one of them opened, and the forms for more."""
    shown = administration.accounts_shown(context, me)
    account = next((each for each in shown if each.account == chosen), None)
    side: list[Component] = []
    if account is not None:
        side.append(_opened(context, me, account))
    elif chosen is not None:
        side.append(components.notice("Esa cuenta no está", html.P("Elija una de la tabla.")))
    if allowed(RIGHT, MANAGE):
        side += [_adding(), _adding_many()]
    grid = _list(shown, chosen)
    return html.Div([grid, html.Div(side, className="stacked")], className="people") if side else grid


Act = Callable[[Context, Identity, int, list[Any]], Component]


def _password(context: Context, me: Identity, account: int, _fields: list[Any]) -> Component:
    name, password = administration.give_password(context, me, account)
    says = f"«{name}» tiene otra contraseña; sus sesiones terminaron."
    return _given_password(says, "Contraseña nueva", name, password)


def _end(context: Context, me: Identity, account: int, _fields: list[Any]) -> Component:
    name, number = administration.end_sessions(context, me, account)
    if not number:
        return _said(f"«{name}» no tenía sesiones abiertas.")
    ended = "Terminó 1 sesión" if number == 1 else f"Terminaron {number_text(number)} sesiones"
    return _said(f"{ended} de «{name}».")


def _close(context: Context, me: Identity, account: int, _fields: list[Any]) -> Component:
    name = administration.close(context, me, account, disabled=True)
    return _said(f"La cuenta «{name}» quedó cerrada y sus sesiones terminaron.")


def _open(context: Context, me: Identity, account: int, _fields: list[Any]) -> Component:
    name = administration.close(context, me, account, disabled=False)
    return _said(f"La cuenta «{name}» está abierta otra vez, con la contraseña que tenía.")


def _role(context: Context, me: Identity, account: int, fields: list[Any]) -> Component:
    if len(fields) != 1 or fields[0] not in list(Role):
        raise AccountError("Elija un rol.")
    role = Role(fields[0])
    name = administration.change_role(context, me, account, role)
    return _said(f"El rol de «{name}» es {terms.ROLES[role]}, desde su próximo pedido.")


_ACTS: dict[str, Act] = {"password": _password, "end": _end, "close": _close, "open": _open, "role": _role}


def _answered(act: Callable[[], Component]) -> Component:
    """Do something and return what is said of it; a refusal answers with its status too."""
    try:
        said = act()
    except NotAllowed as error:
        answer_with(403)
        return _said(str(error), is_good=False)
    except AccountError as error:
        return _said(str(error), is_good=False)
    set_props("accounts-changed", {"data": token_hex(8)})
    return said


def _changed(said: Component) -> None:
    _tell(said)
    set_props("accounts-changed", {"data": token_hex(8)})


def _tell(said: Component) -> None:
    set_props("accounts-answer", {"children": said})


def _said(text: Children, *, is_good: bool = True) -> Component:
    mark = components.icon("circle-check" if is_good else "alert-triangle")
    return html.P([mark, html.Span(text)], className="said" if is_good else "said said-bad")


def _given_password(says: str, word: str, name: str, password: str) -> Component:
    copies: dict[str, Any] = {"data-copies": ".password"}
    copy = html.Button("Copiar", type="button", className="action", **copies)
    shown = html.Span([html.Code(password, className="password"), copy], className="to-copy")
    facts = components.facts([("Cuenta", name), (word, shown)])
    once = "Anótela ahora: no se guarda ni se muestra otra vez. Al ingresar se cambia por otra."
    return html.Div([_said(says), facts, html.P(once, className="quiet")])


def _faults(error: AccountsFileError) -> Component:
    faults = [html.Li(fault.text) for fault in error.faults]
    return html.Div([_said("No se agregó ninguna cuenta. Corrija el archivo y envíelo otra vez:", is_good=False),
                     html.Ul(faults, className="faults")])  # fmt: skip


def _list(shown: list[AccountShown], chosen: int | None) -> Component:
    columns = [
        {
            "field": key,
            "headerName": heading,
            "minWidth": _WIDTHS[key],
            "flex": 1,
            **({"type": "rightAligned"} if key == "sessions" else {}),
            **({"cellRenderer": "CallsLink"} if key == "name" else {}),
        }
        for key, heading in terms.ACCOUNT_COLUMNS.items()
    ]
    rows = [_row(account) for account in shown]
    for row, account in zip(rows, shown, strict=True):
        row["without"], row["chosen"] = account.disabled, account.account == chosen
    number = number_text(len(shown))
    who = "cuenta" if len(shown) == 1 else "cuentas"
    if not allowed(RIGHT, administration.SEE_ALL):
        who += " de operadores"
    return components.panel(
        f"{number} {who}",
        [
            html.P("La cuenta abre sus datos y lo que se puede hacer con ella.", className="quiet"),
            components.grid("accounts-list", columns, rows, None, page_size=_PAGE_ROWS),
        ],
        kind="accounts",
    )


def _row(account: AccountShown) -> dict[str, str | int | float | None]:
    texts = {
        "name": account.name,
        "full_name": account.full_name,
        "role": terms.ROLES[account.role],
        "state": _state(account),
        "last": moment_text(account.last_at) if account.last_at else "nunca",
        "sessions": number_text(account.sessions) if account.sessions else terms.BLANK,
    }
    return {
        **texts,
        "last": account.last_at.isoformat() if account.last_at else None,
        "sessions": account.sessions,
        **{f"{key}_text": text for key, text in texts.items()},
        "name_href": f"{PATH}?{_WORD}={account.account}",
    }


def _state(account: AccountShown) -> str:
    if account.disabled:
        return "cerrada"
    if not account.has_password:
        return "ingreso único"
    return "contraseña inicial" if account.must_change else "abierta"


def _opened(context: Context, me: Identity, account: AccountShown) -> Component:
    """Return one account: what is known of it, what may be done with it, its sessions."""
    facts: list[tuple[str, Children]] = [
        ("Nombre", account.full_name),
        ("Rol", terms.ROLES[account.role]),
        ("Estado", _state(account)),
        ("Último ingreso", moment_text(account.last_at) if account.last_at else "nunca"),
    ]
    parts: list[Component] = [components.facts(facts)]
    if account.account == me.account_id:
        parts.append(html.P(["Es su cuenta: se maneja en ", dcc.Link(terms.OWN_ACCOUNT, href="/mi-cuenta"), "."]))
    if account.may_manage:
        parts.append(
            html.Div(
                [
                    dmc.Select(
                        id={"account-field": "role"},
                        data=_ROLES,
                        value=account.role.value,
                        allowDeselect=False,
                        size="xs",
                        comboboxProps=_AT_ONCE,
                        **components.aria(label="Rol"),
                    ),
                    _button("role", "Cambiar el rol"),
                ],
                className="with-button",
            )
        )
    buttons = []
    if account.may_reset and not account.disabled:
        says = "La que tenía deja de servir y sus sesiones terminan."
        buttons.append(_asking("password", "Dar otra contraseña", says))
        if account.sessions:
            buttons.append(_asking("end", "Terminar sus sesiones", "Tendrá que ingresar otra vez."))
    if account.may_manage:
        if account.disabled:
            buttons.append(_button("open", "Abrir otra vez"))
        else:
            says = "No podrá ingresar y sus sesiones terminan. Se puede abrir otra vez."
            buttons.append(_asking("close", "Cerrar la cuenta", says))
    if buttons:
        parts.append(html.Div(buttons, className="buttons"))
    if account.sessions:
        sessions = administration.sessions_of(context, me, account.account)
        parts += [html.H3("Sesiones abiertas"), sessions_table(sessions, None)]
    return components.panel(f"Cuenta {account.name}", parts, kind="opened-account")


def _button(act: str, text: str, *, strong: bool = False) -> Component:
    return html.Button(
        text, id={"account-act": act}, type="button", className="action strong" if strong else "action"
    )  # fmt: skip


def _asking(act: str, text: str, says: str) -> Component:
    """Return a button that first says what will happen."""
    asking: Component = dmc.Popover(
        [
            dmc.PopoverTarget(
                text, boxWrapperProps={"component": "button", "type": "button", "className": "action"}
            ),
            dmc.PopoverDropdown([html.P(says), _button(act, text, strong=True)], className="asking"),
        ],
        width=280, position="bottom", trapFocus=True, returnFocus=True,
    )  # fmt: skip
    return asking


def _adding() -> Component:
    return components.panel(
        "Agregar una cuenta",
        [
            dmc.TextInput(id="account-name", label="Cuenta", size="xs", autoComplete="off",
                          description="Con lo que ingresa: letras sin tilde, números, punto, guion o arroba."),
            dmc.TextInput(id="account-full-name", label="Nombre completo", size="xs", autoComplete="off"),
            dmc.Select(id="account-role", label="Rol", data=_ROLES, value=Role.OPERATOR.value, allowDeselect=False,
                       size="xs", comboboxProps=_AT_ONCE),
            html.Div(html.Button("Agregar", id="account-add", type="button", className="action strong"),
                     className="buttons"),
            html.P("La primera contraseña la inventa el sistema y se cambia al ingresar.", className="quiet"),
        ],
        kind="adding",
    )  # fmt: skip


def _adding_many() -> Component:
    # The label opens the choice of files: so the field has a name, and a place in the order of the keyboard.
    upload = html.Label(
        dcc.Upload(
            [html.Span("Elegir el archivo CSV", className="action"), html.Span("o suéltelo aquí", className="quiet")],
            id="accounts-csv",
            disable_click=True,
            className="upload",
            className_active="upload upload-over",
            className_reject="upload",
        )
    )
    return components.panel(
        "Agregar muchas",
        [
            html.P(f"Un CSV con estas columnas, hasta {accounts_csv.MOST_ACCOUNTS} cuentas:"),
            components.command(accounts_csv.EXAMPLE.strip()),
            upload,
            html.P(f"Roles: {accounts_csv.roles_text()}. Se agregan todas o ninguna; la respuesta es un archivo con "
                   "sus primeras contraseñas.", className="quiet"),
        ],
        kind="adding-many",
    )  # fmt: skip


def _bytes_of(contents: Any) -> bytes:
    """Return what a data URL holds; an empty file for anything else."""
    head, _, text = contents.partition(",") if isinstance(contents, str) else ("", "", "")
    try:
        return base64.b64decode(text, validate=True) if head.endswith(";base64") else b""
    except (binascii.Error, ValueError):
        return b""


def _id_of(search: str | None) -> int | None:
    """Return the account that an address names, None for none."""
    text = parse_qs((search or "").removeprefix("?")).get(_WORD, [""])[-1]
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 10 and int(text) <= _MOST_ID else None

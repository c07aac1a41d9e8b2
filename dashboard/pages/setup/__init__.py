"""Setting up: queues that have calls and no line, interfaces that are nobody's yet, and the rules in force.

In: calls that no rule covers, the rules, what somebody fills in. Out: the page, and a job that applies what was saved.
"""

from __future__ import annotations

from typing import Any

from dash import ALL, Dash, Input, Output, State, ctx, dcc, html, no_update, set_props
from dash.development.base_component import Component

from dashboard.browser import in_browser
from dashboard.components import page_title
from dashboard.context import Context
from dashboard.freshness import fresh_place
from dashboard.pages.loads.content import said
from dashboard.pages.setup import content
from dashboard.security.access import RIGHT
from dashboard.security.identity import allowed, current
from dashboard.work import assignments
from dashboard.work.assignments import Applied, ChangedMeanwhile, RowErrors
from dashboard.work.intake import IntakeError
from dashboard.work.rights import EDIT_MAPPING
from etl.mapping import AGENTS, COLUMNS, QUEUES, rules_digest
from etl.warehouse import WarehouseError

PATH = "/puesta-en-marcha"
TITLE = "Puesta en marcha"
IN_MENU = True

_TICK_MS = 1500
_PARTS = (QUEUES, AGENTS)
#: Rules that one page holds; more than that come as a file.
_MOST_ROWS = 3000


def layout() -> Component:
    """Return the page before it is filled."""
    return html.Div(
        [
            dcc.Store(id="setup-shown"),
            dcc.Store(id="setup-turn"),
            dcc.Store(id="setup-asked"),
            *(dcc.Store(id=f"setup-wrong-{what}") for what in _PARTS),
            dcc.Interval(id="setup-tick", interval=_TICK_MS),
            html.Div(
                [
                    html.H1(TITLE),
                    fresh_place(),
                    html.Button("Actualizar", id="setup-again", type="button", className="action"),
                ],
                className="page-head",
            ),
            html.Div(id="setup-progress", role="status"),
            *(html.Div(id=f"setup-{what}") for what in _PARTS),
        ],
        className="month",
    )


def register_callbacks(app: Dash, context: Context) -> None:
    """Fill the page once, keep what is typed in it, take in what is saved, and follow its way into the figures."""

    @app.callback(
        *(Output(f"setup-{what}", "children") for what in _PARTS),
        Output("setup-shown", "data"),
        Input("setup-turn", "data"),
        Input("setup-again", "n_clicks"),
        State("setup-shown", "data"),
    )
    def show(turn: Any, _clicks: int | None, shown: Any) -> tuple[Any, ...]:
        set_props("title", {"data": page_title(TITLE, demo=context.is_demo)})
        # After a save only its own part is drawn anew: what is typed in the other stays.
        is_turn = ctx.triggered_id == "setup-turn" and isinstance(turn, dict) and isinstance(shown, dict)
        only = turn.get("what") if is_turn else None
        state: dict[str, Any] = dict(shown) if only else {}
        drawn: list[Any] = []
        newest = assignments.newest_change(context)
        for what in _PARTS:
            if only not in (None, what):
                drawn.append(no_update)
                continue
            part, state[what] = _part(context, what, newest if only else None)
            drawn.append(part)
        state["change"] = newest.job if newest and not newest.is_under_way else state.get("change", 0)
        return *drawn, state

    @app.callback(
        Output("setup-progress", "children"),
        Output("setup-tick", "disabled"),
        Output("setup-turn", "data"),
        Input("setup-tick", "n_intervals"),
        Input("clock", "n_intervals"),
        Input("setup-asked", "data"),
        State("setup-shown", "data"),
    )
    def follow(*asked: Any) -> tuple[Any, ...]:
        shown = asked[-1]
        if not isinstance(shown, dict):
            return no_update, no_update, no_update
        newest = assignments.newest_change(context)
        if newest is not None and newest.is_under_way:
            return content.applying(newest), False, no_update
        if newest is not None and newest.job > int(shown.get("change") or 0):
            if newest.state != "done" and newest.account == current().account_id and allowed(RIGHT, EDIT_MAPPING):
                set_props(f"setup-said-{newest.what}", {"children": content.not_applied_said(newest)})
            return _ended(newest)
        fresh = all(shown.get(what, {}).get("version") == assignments.version_of(context, what) for what in _PARTS)
        return None if fresh else content.news(), True, no_update

    for what in _PARTS:
        _register_saving(app, context, what)
        drawn, fields = Input(f"setup-drawn-{what}", "data"), Input({what: ALL, "field": ALL}, "value")
        in_browser(app, "markUnsaved", drawn, fields)


def _register_saving(app: Dash, context: Context, what: str) -> None:
    @app.callback(
        Output(f"setup-said-{what}", "children"),
        Input(f"setup-save-{what}", "n_clicks"),
        State({what: ALL, "field": ALL}, "value"),
        State("setup-shown", "data"),
        State(f"setup-wrong-{what}", "data"),
        prevent_initial_call=True,
    )
    def save(clicks: int | None, _values: list[Any], shown: Any, wrong: Any) -> Any:
        rows = _rows_sent(what, ctx.states_list[0], shown) if clicks else None
        if rows is None:
            return no_update
        for place in wrong if isinstance(wrong, list) else []:
            set_props({"wrong": what, "row": place}, {"children": None})
        set_props(f"setup-wrong-{what}", {"data": []})
        try:
            job = assignments.save(context, current(), what, str(shown[what].get("digest")), rows)
        except RowErrors as errors:
            for place, text in errors.errors.items():
                set_props({"wrong": what, "row": place}, {"children": f"{text[:1].upper()}{text[1:]}."})
            set_props(f"setup-wrong-{what}", {"data": list(errors.errors)})
            number = len(errors.errors)
            rows_say = f"{number} {'fila' if number == 1 else 'filas'} por corregir: no se guardó nada."
            return said(rows_say, is_good=False)
        except (ChangedMeanwhile, IntakeError) as error:
            return said(str(error), is_good=False)
        set_props("setup-asked", {"data": job})
        # What was saved is what leaving the page does not lose.
        set_props(f"setup-drawn-{what}", {"data": {"what": what, "typed": _typed(what, ctx.states_list[0])}})
        return said("Se guardó: ahora se aplica a las cifras.")


def _part(context: Context, what: str, change: Applied | None) -> tuple[Component, dict[str, Any]]:
    """Return a part of the page, and what is to be known of it when it comes back.

    `change`, one just applied, is told beside its button.
    """
    rules = assignments.rules_of(context, what)
    state: dict[str, Any] = {"digest": rules_digest(rules), "version": assignments.version_of(context, what)}
    may_edit = allowed(RIGHT, EDIT_MAPPING)
    try:
        if what == QUEUES:
            part, state["keys"] = content.queues_part(context, rules, may_edit=may_edit, change=change)
        else:
            part, state["keys"] = content.persons_part(context, rules, may_edit=may_edit, change=change)
    except WarehouseError as error:
        return content.not_shown(error), state
    return part, state


def _ended(newest: Applied) -> tuple[Any, ...]:
    """Return what is told of a change that ended since the page was drawn; our own is drawn, another's is announced."""
    if newest.state != "done":
        return content.not_applied(newest), True, no_update
    if newest.account != current().account_id:
        return content.news(newest.who), True, no_update
    return content.applied(newest), True, {"what": newest.what, "job": newest.job}


def _typed(what: str, fields: Any) -> dict[str, str]:
    """Return what stands in the fields that a page sends, as it notes what was drawn in them."""
    return {f"{each['id'][what]} {each['id']['field']}": each["value"] for each in fields if each.get("value")}


def _rows_sent(what: str, fields: Any, shown: Any) -> list[tuple[int, list[str]]] | None:
    """Return the rows that a page sends, in their order; None for something that is no page of ours.

    A row's queue or interface stands in what the page holds of it, unless it is typed.
    """
    if not isinstance(shown, dict) or not isinstance(shown.get(what), dict) or not isinstance(fields, list):
        return None
    keys = shown[what].get("keys")
    if not isinstance(keys, list) or len(keys) > _MOST_ROWS:
        return None
    rows = [dict.fromkeys(COLUMNS[what], "") for _ in keys]
    for row, key in zip(rows, keys, strict=True):
        if not isinstance(key, list) or not all(isinstance(each, str) for each in key):
            return None
        row.update(zip(COLUMNS[what], key, strict=False))
    for field in fields:
        place, column = field["id"][what], field["id"]["field"]
        if not isinstance(place, int) or not 0 <= place < len(rows) or column not in COLUMNS[what]:
            return None
        value = field.get("value")
        rows[place][column] = value if isinstance(value, str) else ""
    return [(place, list(row.values())) for place, row in enumerate(rows)]

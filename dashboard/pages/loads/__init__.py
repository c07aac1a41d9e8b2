"""The loads: a file is sent, judged and only then loaded; what the worker does; what is in service, and its undo.

In: what people send and press, the worker's jobs, the loads in service. Out: the page, and jobs for the worker.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

from dash import ALL, Dash, Input, Output, State, ctx, dcc, html, no_update, set_props
from dash.development.base_component import Component
from plotly.utils import PlotlyJSONEncoder

from dashboard.components import page_title
from dashboard.context import Context
from dashboard.freshness import fresh_place
from dashboard.pages.loads import content
from dashboard.security.callbacks import answer_with
from dashboard.security.identity import current
from dashboard.work import intake
from dashboard.work.intake import IntakeError
from dashboard.work.uploads import UploadError

PATH = "/cargas"
TITLE = "Cargas"
IN_MENU = True

_TICK_MS = 1500
#: Where is told what came of a request.
_SAID = ("uploads-answer", "loads-said", "loads-undone")
_PARTS = ("worker", "waiting", "jobs")


def layout() -> Component:
    """Return the page before it is filled; whoever may send a file finds where."""
    return html.Div(
        [
            dcc.Store(id="loads-shown"),
            dcc.Interval(id="loads-tick", interval=_TICK_MS, disabled=True),
            html.Div([html.H1(TITLE), fresh_place()], className="page-head"),
            html.Div(id="loads-worker", role="alert"),
            html.Div(id="loads-said", role="status"),
            html.Div(id="loads-undone", role="status"),
            html.Div(id="loads-without-line", role="status"),
            html.Div(
                [
                    html.Div(
                        [content.sending(), html.Div(id="loads-waiting", className="stacked")], className="stacked"
                    ),
                    html.Div(id="loads-jobs"),
                ],
                className="half-row",
            ),
            html.Div(id="loads-history"),
            content.dialog(),
        ],
        className="month",
    )


def register_callbacks(app: Dash, context: Context) -> None:
    """Fill the page, follow what is under way, and do what is asked."""

    @app.callback(
        *(Output(f"loads-{part}", "children") for part in (*_PARTS, "history")),
        Output("loads-tick", "disabled"),
        Output("loads-shown", "data"),
        Input("clock", "n_intervals"),
        Input("loads-tick", "n_intervals"),
        Input("uploads-answer", "children"),
        Input("loads-said", "children"),
        Input("loads-undone", "children"),
        State("loads-shown", "data"),
    )
    def show(*asked: Any) -> tuple[Any, ...]:
        shown: dict[str, Any] = asked[-1] if isinstance(asked[-1], dict) else {}
        if not shown:
            set_props("title", {"data": page_title(TITLE, demo=context.is_demo)})
            if (inbox := content.inbox(context)) is not None:
                set_props("loads-inbox", {"children": inbox})
        under_way = intake.is_under_way(context)
        if shown.get("under_way") and not under_way:
            for place, said in zip(_SAID, asked[2:5], strict=True):
                if content.was_promised(said):  # and has come about
                    set_props(place, {"children": None})
        parts = dict(
            zip(_PARTS, (content.worker(context), content.waiting(context), content.jobs(context)), strict=True)
        )
        state: dict[str, Any] = {part: _digest(children) for part, children in parts.items()}
        # What nobody changed is not drawn anew: it would lose the focus, and what was opened in it.
        drawn = [no_update if shown.get(part) == state[part] else parts[part] for part in _PARTS]
        state["under_way"] = under_way
        state["history"] = _digest(intake.state_of_loads(context))
        if shown.get("history") == state["history"]:
            history: Any = no_update
        else:
            history = content.history(context)
            set_props("loads-without-line", {"children": content.without_line(context)})
        return *drawn, history, not under_way, state

    @app.callback(
        Output("uploads-answer", "children"),
        Input("upload-file", "contents"),
        State("upload-file", "filename"),
        State("upload-first", "value"),
        State("upload-last", "value"),
        State("upload-queue", "value"),
        running=[(Output("upload-sending", "hidden"), False, True)],
        prevent_initial_call=True,
    )
    def receive(contents: Any, name: Any, *said: Any) -> Any:
        if contents is None:
            return no_update
        # So that the same file may be sent again after it was refused or discarded.
        set_props("upload-file", {"contents": None})
        try:
            upload = intake.take_file(context, current(), name, contents, said)
        except (UploadError, IntakeError) as error:
            answer_with(error.status if isinstance(error, UploadError) else 403)
            return content.said(str(error), is_good=False)
        return content.said(f"Llegó «{upload.name}»: ahora se revisa, y después usted decide si se carga.")

    @app.callback(
        Output("loads-said", "children"), Input({"act": ALL, "of": ALL}, "n_clicks"), prevent_initial_call=True
    )
    def act(_clicks: list[int | None]) -> Any:
        pressed = _pressed()
        if pressed is None or pressed["act"] not in _ACTS or not _is_number(pressed["of"]):
            return no_update
        set_props("loads-undone", {"children": None})
        return _told(lambda: _ACTS[pressed["act"]](context, current(), pressed["of"]))

    @app.callback(
        Output("loads-dialog", "children"), Input("loads-list", "cellRendererData"), prevent_initial_call=True
    )
    def open_cell(cell: dict[str, Any] | None) -> Any:
        if not isinstance(cell, dict) or not _is_number(cell.get("value")):
            return no_update
        load = cell["value"]
        size = "md"
        try:
            if cell.get("colId") == "set_aside":
                number, lines = intake.set_aside_lines(context, current(), load)
                title, told, size = f"Filas observadas de la carga {load}", content.lines_set_aside(number, lines), "xl"
            else:
                title = f"Deshacer la carga {load}"
                told = content.undo_asked(intake.undone_with(context, current(), load))
        except IntakeError as error:
            title, told = "No se puede abrir", [html.P(str(error))]
        set_props("loads-modal", {"opened": True, "title": title, "size": size})
        return told

    @app.callback(Output("loads-undone", "children"), Input({"undo": ALL}, "n_clicks"), prevent_initial_call=True)
    def undo(_clicks: list[int | None]) -> Any:
        pressed = _pressed()
        if pressed is None:
            return no_update
        set_props("loads-modal", {"opened": False})
        told = [int(word) for word in str(pressed["undo"]).split() if word.isascii() and word.isdigit()]
        if not told or not all(map(_is_number, told)):  # "No deshacer"
            return None
        set_props("loads-said", {"children": None})
        return _told(lambda: intake.undo_load(context, current(), told))


_ACTS = {
    "load": intake.load_file,
    "discard": intake.discard_file,
    "cancel": intake.cancel_job,
    "retry": intake.retry_job,
}


def _pressed() -> dict[str, Any] | None:
    """Return the parts of the button that was pressed; None where buttons only came with the page."""
    pressed = ctx.triggered_id
    return dict(pressed) if pressed and ctx.triggered[0]["value"] else None


def _is_number(value: object) -> bool:
    """Tell whether a value that a browser sent can be the number of something here."""
    return isinstance(value, int) and 0 < value < 2**31


def _told(act: Callable[[], str]) -> Component:
    try:
        return content.said(act())
    except IntakeError as error:
        return content.said(str(error), is_good=False)


def _digest(part: Any) -> str:
    return hashlib.sha256(json.dumps(part, cls=PlotlyJSONEncoder).encode()).hexdigest()

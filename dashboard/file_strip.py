"""The strip of the files that the worker makes for whoever asks: how far each is, and the way to fetch it.

In: jobs ``export`` of one's own. Out: the strip, which stays while pages change, and the files at /archivos/<number>.
"""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import ALL, Dash, Input, Output, State, ctx, dcc, html, no_update, set_props
from dash.development.base_component import Component
from flask import Flask, Response, abort, send_file

from dashboard.browser import in_browser
from dashboard.components import aria, icon, notice
from dashboard.context import Context
from dashboard.security.access import CALLBACK
from dashboard.security.door import FILES
from dashboard.security.identity import allowed, current
from dashboard.work import exports
from dashboard.work.exports import ExportError, FileShown, MayNotError, NotYoursError
from dashboard.work.intake import is_silent
from reports.format import number_text

_FOLLOW = "..exports.children...exports-tick.disabled...exports-asked.data...exports-ready.data.."
_TICK_MS = 1000


def strip_place() -> list[Component]:
    """Return where the strip stands, for whoever may save anything."""
    if not allowed(CALLBACK, _FOLLOW):
        return []
    return [
        dcc.Interval(id="exports-tick", interval=_TICK_MS, disabled=True),
        dcc.Store(id="exports-pressed"),
        dcc.Store(id="exports-acted"),
        dcc.Store(id="exports-ready"),
        # What this very tab waits for: it alone fetches it by itself, also when it is loaded anew meanwhile.
        dcc.Store(id="exports-asked", storage_type="session"),
        html.Section(id="exports", **aria(label="Archivos pedidos")),
    ]


def register_strip(app: Dash, context: Context) -> None:
    """Follow what is under way, do what is pressed, hand the files out."""

    @app.callback(
        Output("exports", "children"),
        Output("exports-tick", "disabled"),
        Output("exports-asked", "data"),
        Output("exports-ready", "data"),
        Input("exports-pressed", "data"),
        Input("exports-acted", "data"),
        Input("exports-tick", "n_intervals"),
        State("exports-asked", "data"),
    )
    def follow(pressed: Any, acted: Any, _ticks: int | None, asked: Any) -> tuple[Any, ...]:
        files = exports.files_of(context, current())
        under_way = {each.number for each in files if each.is_under_way}
        awaited = {number for number in asked if isinstance(number, int)} if isinstance(asked, list) else set()
        strip = _strip(context, files)
        if ctx.triggered_id is None:  # opened just now: what the tab was waiting for may not be read yet
            return strip, not (under_way or awaited), no_update, no_update
        changed = set(ctx.triggered_prop_ids.values())
        awaited |= {number for name, number in (("exports-pressed", pressed), ("exports-acted", acted))
                    if name in changed and isinstance(number, int)}  # fmt: skip
        ready = [each.number for each in files if each.is_ready and each.number in awaited]
        # One at a time; the next tick fetches the next.
        left = sorted((awaited & under_way) | set(ready[1:]))
        return strip, not (under_way or left), left, ready[0] if ready else no_update

    @app.callback(
        Output("exports-acted", "data"),
        Input({"file": ALL, "act": ALL}, "n_clicks"),
        prevent_initial_call=True,
    )
    def act(_clicks: list[int | None]) -> Any:
        pressed = ctx.triggered_id
        if not pressed or not ctx.triggered[0]["value"]:
            return no_update
        number, what = pressed["file"], pressed["act"]
        if not isinstance(number, int) or not 0 < number < 2**31:
            return no_update
        try:
            match what:
                case "cancel":
                    exports.cancel(context, current(), number)
                case "dismiss":
                    exports.dismiss(context, current(), number)
                case "retry":
                    return exports.retry(context, current(), number)
        except NotYoursError:
            return no_update
        except ExportError as error:
            set_props("failure", {"children": notice("No se puede preparar el archivo", html.P(str(error)))})
            return no_update
        return -number  # anything new, so that the strip looks again

    in_browser(app, "fetchFile", Input("exports-ready", "data"), prevent_initial_call=True)
    server: Flask = app.server

    @server.get(f"{FILES}<int:number>")
    def fetch(number: int) -> Response:
        try:
            found = exports.prepared(context, current(), number)
            answer: Response = send_file(
                found.path, found.media_type, as_attachment=True, download_name=found.file, conditional=False,
                etag=False,
            )  # fmt: skip
        except (NotYoursError, FileNotFoundError):  # the latter: swept in this very moment
            abort(404)
        except MayNotError:
            abort(403)
        return answer


def _strip(context: Context, files: list[FileShown]) -> list[Component]:
    if not files:
        return []
    silent = any(each.is_under_way for each in files) and is_silent(context)
    warned = [
        html.P(
            [icon("alert-triangle"), html.Span("El proceso que prepara los archivos no está en marcha: avise a quien "
             "administra el sistema. Lo pedido no se pierde.")],
            className="said said-bad",
        )
    ] if silent else []  # fmt: skip
    return [*warned, html.Ul([_row(each) for each in files], className="files")]


def _row(each: FileShown) -> Component:
    if each.is_under_way:
        known = each.share is not None
        says = f"Cancelando {each.file}…" if each.is_ending else f"Preparando {each.file}…"
        bar = dmc.Progress(
            value=100 * each.share if each.share is not None else 100, striped=not known, animated=not known,
            transitionDuration=0, className="file-bar", **aria(label=f"Avance: {each.file}"),
        )  # fmt: skip
        buttons = [] if each.is_ending else [_button("Cancelar", "cancel", each)]
        return html.Li([html.Span(says, role="status"), bar, *buttons])
    if each.is_ready:
        size = f"{number_text((each.bytes or 0) / 1_000_000, 1)} MB"
        link = html.A(each.file, href=f"{FILES}{each.number}", download=each.file)
        ready = html.Span([icon("circle-check"), "Listo: ", link, f" ({size})"], role="status", className="said")
        return html.Li([ready, _button("Quitar", "dismiss", each)])
    why = f"No se hizo {each.file}. {each.tells}"
    failed = html.Span([icon("circle-x"), why], role="alert", className="said said-bad")
    return html.Li([failed, _button("Volver a intentar", "retry", each), _button("Quitar", "dismiss", each)])


def _button(text: str, act: str, each: FileShown) -> Component:
    return html.Button(
        text, id={"file": each.number, "act": act}, type="button", className="action",
        **aria(label=f"{text}: {each.file}"),
    )  # fmt: skip

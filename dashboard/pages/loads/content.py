"""What the page of loads shows: where a file is sent, what waits and its verdict, the jobs, the loads in service.

In: frozen values of dashboard.work.intake. Out: parts of the page.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import dcc, html
from dash.development.base_component import Component

from dashboard import components
from dashboard.components import Children, Row, aria, icon
from dashboard.context import Context
from dashboard.filters import SETUP_PATH
from dashboard.people.personal import own_mask
from dashboard.security.access import RIGHT
from dashboard.security.identity import allowed, current
from dashboard.work import assignments, intake, rights
from dashboard.work.intake import JobShown, LoadShown, SentFile, SetAside
from dashboard.work.uploads import MOST_BYTES
from etl.sources import SOURCES
from etl.sources.exports import EXPORTS
from etl.warehouse import WarehouseError
from reports import terms
from reports.format import count_text, date_text, moment_text, number_text
from reports.personal import Field, Level

_WORKS = {
    "check": "Revisar",
    "load": "Cargar",
    "inbox": "Carpeta de entrada",
    "undo": "Deshacer",
    "mapping": "Asignar",
    "backup": "Respaldo",
    "forget": "Borrar textos antiguos",
    "export": "Preparar archivo",
}
_JOB_STATES = {
    "queued": "en espera",
    "running": "en curso",
    "done": "hecho",
    "failed": "falló",
    "cancelled": "cancelado",
}
_GOOD = "said"
#: Jobs that are there without asking for more.
_JOBS_SHOWN = 4
_WRAPPED = {"wrapText": True, "autoHeight": True, "cellClass": "wrapped"}
_LOAD_COLUMNS: dict[str, tuple[str, dict[str, Any]]] = {
    # What can be pressed first: a telephone shows as far as there.
    "load": ("N.º", {"width": 48, "type": "rightAligned"}),
    "name": ("Archivo", {"minWidth": 104, "flex": 3, **_WRAPPED}),
    "set_aside": ("Observadas", {"minWidth": 98, "flex": 1, "type": "rightAligned"}),
    "undo": ("Quitar", {"minWidth": 86, "flex": 1}),
    "span": ("Período", {"minWidth": 202, "flex": 2}),
    "lines": ("Leídas", {"minWidth": 84, "flex": 1, "type": "rightAligned"}),
    "loaded": ("Cargadas", {"minWidth": 92, "flex": 1, "type": "rightAligned"}),
    "duplicates": ("Repetidas", {"minWidth": 94, "flex": 1, "type": "rightAligned"}),
    "state": ("Estado", {"minWidth": 140, "flex": 2, **_WRAPPED}),
    "who": ("Quién", {"minWidth": 120, "flex": 2}),
    "loaded_at": ("Cuándo", {"minWidth": 148, "flex": 1}),
}
#: Cells that open a dialog, and who may: JavaScript draws them as buttons.
_OPENING = {"set_aside": intake.SEE_SET_ASIDE, "undo": rights.UNDO_LOAD}


def said(text: str, *, is_good: bool = True) -> Component:
    """Return what was answered to somebody who asked for something."""
    mark = icon("circle-check" if is_good else "alert-triangle")
    return html.P([mark, html.Span(text)], className=_GOOD if is_good else f"{_GOOD} said-bad")


def was_promised(shown: object) -> bool:
    """Tell whether what a browser shows is what `said` made of something good."""
    props = shown.get("props") if isinstance(shown, dict) else None
    return isinstance(props, dict) and props.get("className") == _GOOD


# --- sending a file, and the files that wait


def sending() -> Component:
    """Return where a file is sent; nothing but the place of the answer for who may send none."""
    answer = html.Div(id="uploads-answer", role="status")
    if not allowed(RIGHT, rights.LOAD_FILES):
        return html.Div(answer, hidden=True)
    most = MOST_BYTES // 1024**2
    # The label opens the choice of files: so the field has a name, and a place in the order of the keyboard.
    field = html.Label(
        dcc.Upload(
            [
                html.Span("Elegir un archivo", className="action strong"),
                html.Span("o suéltelo aquí", className="quiet"),
            ],
            id="upload-file",
            max_size=MOST_BYTES,
            disable_click=True,
            className="upload",
            className_active="upload upload-over",
            className_reject="upload",
        )
    )
    return components.panel(
        "Enviar un archivo",
        [
            html.P(
                f"{SOURCES[0].title}: el archivo tal cual o comprimido (gz), de hasta {most} MB. También un informe "
                "exportado de Asternic o de Elastix/Issabel (CSV, Excel o la página guardada), que sirve para "
                "comparar. Primero se revisa y se muestra lo que trae; nada se carga hasta que usted lo diga.",
                className="quiet",
            ),
            _of_exports(),
            field,
            html.P([html.Span(className="turning"), "Enviando…"], id="upload-sending", hidden=True, role="status"),
            html.Div(id="upload-refused", role="alert"),
            answer,
            html.Div(id="loads-inbox"),
        ],
        kind="sending",
    )


def _of_exports() -> Component:
    """Return where is typed what an exported report may not say of itself."""
    fields = [
        dmc.TextInput(id=f"upload-{name}", label=label, placeholder=placeholder, size="xs", inputProps=more)
        for name, label, placeholder, more in (
            ("first", "Desde", "dd/mm/aaaa", {"inputMode": "numeric"}),
            ("last", "Hasta", "dd/mm/aaaa", {"inputMode": "numeric"}),
            ("queue", "Cola", "101, o todas", {}),
        )
    ]
    says = "Si el informe exportado no dice de qué días o de qué cola es, escríbalo aquí antes de elegir el archivo."
    return _fold_of(
        "Período y cola de un informe exportado", [html.P(says, className="quiet"), html.Div(fields, className="told")]
    )


def inbox(context: Context) -> Component | None:
    """Return where files are loaded from by themselves, for who may load some."""
    if not allowed(RIGHT, rights.LOAD_FILES):
        return None
    return _fold_of(
        "Cargar sin esta página",
        [
            html.P("Lo que se deja en la carpeta de entrada del servidor se carga solo, sin preguntar, un minuto "
                   "después de que el archivo dejó de crecer:"),
            components.command(str(context.settings.inbox.absolute())),
            html.P("El archivo queda ahí y puede seguir creciendo: cada vez se carga solo lo nuevo. Cómo le fue se ve "
                   "en «Trabajos».", className="quiet"),
        ],
    )  # fmt: skip


def without_line(context: Context) -> Component | None:
    """Return how many queues have calls and no line, and where that is mended, for who may."""
    if not allowed(RIGHT, rights.EDIT_MAPPING):
        return None
    try:
        number = assignments.count_unknown_queues(context)
    except WarehouseError:
        return None  # the list of loads tells it
    if not number:
        return None
    word = count_text(number, "cola", "colas")
    link = dcc.Link(f"asígne{'la' if number == 1 else 'las'} en Puesta en marcha", href=SETUP_PATH)
    until = ". Hasta entonces sus llamadas cuentan en el total y en ninguna línea."
    says = html.Span([f"{word} sin línea: ", link, until])
    return html.P([icon("alert-triangle"), says], className="said said-bad")


def waiting(context: Context) -> list[Component]:
    """Return the files that wait, each with its verdict and what may be done with it."""
    may_load = allowed(RIGHT, rights.LOAD_FILES)
    found = intake.sent_files(context)
    if not found and not may_load:
        return [components.panel("Por cargar", html.P("Ningún archivo espera.", className="quiet"), kind="waiting-0")]
    return [_sent_file(sent, may_load=may_load) for sent in found]


def _sent_file(sent: SentFile, *, may_load: bool) -> Component:
    size = f"{number_text(sent.bytes / 1024**2, 1)} MB" if sent.bytes >= 1024**2 else f"{_kilobytes(sent.bytes)} kB"
    head = html.P(f"{size}, enviado por {sent.who} el {moment_text(sent.sent_at)}", className="quiet")
    body: list[Component] = [head]
    buttons: list[Component] = []
    discard = _button("Descartar", "discard", sent.upload)
    match sent.state:
        case "refused":
            why = _sentence(str(sent.verdict.get("refused", "")))
            body += [said("No se acepta.", is_good=False), _fold_of("Por qué", [html.P(f"{why[:1].upper()}{why[1:]}")])]
            buttons = [discard]
        case "received" if sent.check_failed:
            body.append(said(f"No se pudo revisar: {sent.check_failed}", is_good=False))
            buttons = [discard]
        case "received":
            body.append(html.P("Se está revisando: lo que trae se muestra aquí."))
            buttons = [discard]
        case "checked":
            body += _verdict(sent.verdict)
            news = _counts(sent.verdict).get("loaded", 0)
            buttons = [*([_button("Cargar", "load", sent.upload, strong=True)] if news else []), discard]
        case _:
            body += [*_verdict(sent.verdict), html.P("Se está cargando.")]
    if buttons and may_load:
        body.append(html.Div(buttons, className="buttons"))
    return components.panel(sent.name, body, kind=f"waiting-{sent.upload}")


def _kilobytes(size: int) -> str:
    return number_text(max(1, round(size / 1024)))


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _counts(verdict: dict[str, Any]) -> dict[str, Any]:
    files = verdict.get("files") or [{}]
    return dict(files[0])


def _verdict(verdict: dict[str, Any]) -> list[Component]:
    """Return what the check found in a file, as it would be loaded."""
    counts = _counts(verdict)
    loaded, read = counts.get("loaded", 0), counts.get("read", 0)
    is_export = counts.get("source") == EXPORTS.name
    if not loaded:
        parts: list[Component] = [said("No trae nada nuevo: no hay qué cargar.", is_good=False)]
    else:
        one = loaded == 1
        says = f"Se {'cargaría' if one else 'cargarían'} {number_text(loaded)} de {number_text(read)} líneas leídas."
        parts = [html.P(html.Strong(says))]
    if is_export and counts.get("message"):
        told = [html.Li(each) for each in str(counts["message"]).split("; ")]
        parts += [html.P("Se reconoció, de exportación:"), html.Ul(told, className="recognised")]
    pairs: list[tuple[str, Children]] = []
    if counts.get("duplicates"):
        pairs.append(("Repetidas", f"{number_text(counts['duplicates'])} (ya estaban: no se cuentan dos veces)"))
    if counts.get("quarantined"):
        why = [html.Div(f"{number_text(count)}: {reason}") for reason, count in _reasons(verdict)]
        pairs.append(
            ("Observadas", [f"{number_text(counts['quarantined'])} que no se entienden y quedan aparte", *why])
        )
    if counts.get("blank"):
        label = "Encabezados, totales y en blanco" if is_export else "En blanco"
        pairs.append((label, number_text(counts["blank"])))
    if counts.get("held"):
        pairs.append(("Sin terminar", "la última línea: se lee cuando esté completa"))
    if verdict.get("first"):
        pairs.append(("Período", f"{_moment(verdict['first'])} a {_moment(verdict['last'])}"))
        pairs.append(("Huecos", _gaps(verdict.get("gaps", []))))
    parts.append(components.facts(pairs))
    if queues := verdict.get("queues", []):
        parts.append(_queues(queues, verdict.get("unknown_queues", [])))
    if agents := verdict.get("agents", []):
        title = f"Operadores: {number_text(len(agents))}"
        mask = own_mask()
        if mask.level(Field.AGENT) is Level.NONE:
            parts.append(html.P(title))
        else:
            rows = [
                [mask.shown(Field.AGENT, str(each["agent"])) or terms.BLANK, number_text(each["connected"])]
                for each in agents
            ]
            parts.append(_fold(title, ("Como los escribe la central", "Llamadas"), rows))
    return parts


def _reasons(verdict: dict[str, Any]) -> list[tuple[str, int]]:
    return [(intake.reasons_text(code), count) for code, count in verdict.get("reasons", {}).items()]


def _gaps(gaps: Sequence[Sequence[str]]) -> Children:
    if not gaps:
        return "ninguno de más de 12 horas"
    told: list[str | Component] = [html.Div(f"{_moment(start)} a {_moment(end)}") for start, end in gaps[:5]]
    return [*told, *([html.Div(f"y {len(gaps) - 5} más")] if len(gaps) > 5 else [])]


def _queues(queues: Sequence[dict[str, Any]], unknown: Sequence[str]) -> Component:
    rows: list[list[Children]] = [
        [
            str(each["queue"]),
            terms.line_name(each["service"]) if each["service"] else html.Strong(terms.NO_LINE),
            number_text(each["entries"]),
            " ".join(each["dids"]),
            f"{_day(each['first'])} a {_day(each['last'])}",
        ]
        for each in sorted(queues, key=lambda each: (each["service"] is not None, -each["entries"]))
    ]
    title = f"Colas: {number_text(len(queues))}"
    if unknown:
        title += (
            f", {len(unknown)} {terms.NO_LINE} ({', '.join(map(str, unknown[:4]))}{'…' if len(unknown) > 4 else ''})"
        )
    return _fold(title, ("Cola", "Línea", "Ingresos", "DID", "Días"), rows)


def _fold(title: str, headings: Sequence[str], rows: Sequence[Sequence[Children]]) -> Component:
    return _fold_of(title, [components.table(headings, rows)])


def _fold_of(title: str, children: Sequence[Component]) -> Component:
    return html.Details([html.Summary(title), *children], className="fold")


def _moment(text: str) -> str:
    return f"{_day(text)} {text[11:16]}"


def _day(text: str) -> str:
    return f"{text[8:10]}/{text[5:7]}/{text[:4]}"


def _button(text: str, act: str, of: int, *, strong: bool = False) -> Component:
    return html.Button(
        text, id={"act": act, "of": of}, type="button", className="action strong" if strong else "action"
    )


# --- the worker and its jobs


def worker(context: Context) -> Component | None:
    """Return what is said where nobody works the jobs off."""
    if not intake.is_silent(context):
        return None
    says = "Hay trabajos en espera y nadie los atiende: el proceso que carga los archivos no está en marcha."
    remedy = "Avise a quien administra el sistema: se abre junto con «callcenter serve». Nada de lo enviado se pierde."
    return components.notice("El sistema no está cargando", [html.P(says), html.P(remedy)])


def jobs(context: Context) -> Component:
    """Return what is under way and what ended."""
    found = intake.jobs_shown(context, current())
    if not found:
        return components.panel(
            "Trabajos", html.P("Todavía no se pidió ninguno.", className="quiet"), kind="jobs-panel"
        )
    first = max(_JOBS_SHOWN, sum(job.ended_at is None for job in found))
    body: list[Component] = [html.Ul([_job(job) for job in found[:first]], className="jobs")]
    if rest := found[first:]:
        earlier = html.Ul([_job(job) for job in rest], className="jobs")
        body.append(html.Details([html.Summary("Trabajos anteriores"), earlier], className="fold"))
    return components.panel("Trabajos", body, kind="jobs-panel")


def _job(job: JobShown) -> Component:
    name = _WORKS.get(job.work, job.work) + (f": {job.about}" if job.about else "")
    kind = {"done": "status status-good", "failed": "status status-bad"}.get(job.state, "status")
    mark = {"done": [icon("circle-check")], "failed": [icon("circle-x")]}.get(job.state, [])
    state = html.Span([*mark, _JOB_STATES[job.state]], className=kind)
    parts: list[Component] = [html.Div([html.Strong(name), state], className="job-head")]
    if job.tells and job.state != "queued":
        says = job.tells.removeprefix(f"{job.about}: ")
        parts += [html.P(line[:1].upper() + line[1:]) for line in says.split("\n")[:6]]
    if job.state == "running":
        known = job.share is not None
        parts.append(
            dmc.Progress(
                value=100 * job.share if job.share is not None else 100,
                striped=not known,
                animated=not known,
                transitionDuration=0,
                **aria(label=f"Avance: {name}"),
            )
        )
    when = f"{job.who}, {moment_text(job.queued_at)}"
    if job.ended_at is not None:
        when += f"; terminó {moment_text(job.ended_at)}"
    buttons = [_button("Cancelar", "cancel", job.job)] if job.may_cancel else []
    buttons += [_button("Reintentar", "retry", job.job)] if job.may_retry else []
    parts.append(html.Div([html.Span(when, className="quiet"), *buttons], className="job-foot"))
    return html.Li(parts, className="job")


# --- what was loaded


def history(context: Context) -> Component:
    """Return the loads in service, and those that are not any more."""
    try:
        loads = intake.loads_shown(context)
    except WarehouseError as error:
        return components.notice("No se pueden mostrar las cargas", html.P(f"{error}."))
    if not loads:
        sends = "Envíe uno desde aquí." if allowed(RIGHT, "load_files") else "Los envían supervisores y Jefatura."
        empty: list[Component] = [html.P(f"Todavía no se cargó ningún archivo. {sends}")]
        if allowed(RIGHT, "manage_accounts"):
            empty += [
                html.P("En el servidor también se cargan desde una terminal:"),
                components.command("callcenter ingest queue_log"),
            ]
        return components.panel("Archivos cargados", empty, kind="history")
    opening = {field for field, right in _OPENING.items() if allowed(RIGHT, right)}
    columns = [
        {
            "field": field,
            "headerName": heading,
            **shape,
            **(
                {"cellRenderer": "CellButton", "suppressKeyboardEvent": {"function": "pressInside(params)"}}
                if field in opening
                else {}
            ),
        }
        for field, (heading, shape) in _LOAD_COLUMNS.items()
        if field != "undo" or field in opening
    ]
    rows = [_load_row(load, opening) for load in loads]
    note = " El número de observadas abre las líneas y sus motivos." if "set_aside" in opening else ""
    sideways = html.Span("La tabla se desplaza hacia los lados.", className="only-narrow")
    return components.panel(
        "Archivos cargados",
        [
            html.P([sideways, note], className="quiet"),
            # Under another name nothing asks what its cells open.
            components.grid("loads-list" if opening else "loads-read", columns, rows, None, page_size=20),
        ],
        kind="history",
    )


def _load_row(load: LoadShown, opening: set[str]) -> Row:
    in_service = not load.refusal
    first, last = load.first, load.last
    span = f"{date_text(first.date())} a {date_text(last.date())}" if first and last else ""
    texts: dict[str, tuple[str | int | None, str]] = {
        "load": (load.load, str(load.load)),
        "name": (load.name, load.name),
        "span": (f"{first:%Y-%m-%d}" if first else None, span),
        "lines": (load.lines, number_text(load.lines)),
        "loaded": (load.loaded, number_text(load.loaded)),
        "duplicates": (load.duplicates, number_text(load.duplicates)),
        "set_aside": (load.set_aside, number_text(load.set_aside)),
        "who": (load.who, load.who or "consola"),
        "loaded_at": (
            f"{load.loaded_at:%Y-%m-%d %H:%M:%S}" if load.loaded_at else None,
            moment_text(load.loaded_at) if load.loaded_at else terms.BLANK,
        ),
        "state": (int(in_service), load.refusal or "en servicio"),
        "undo": (int(in_service), "Deshacer" if in_service else ""),
    }
    row: dict[str, str | int | float | None] = {"without": not in_service}
    for field, (value, text) in texts.items():
        row[field], row[f"{field}_text"] = value, text
    row["set_aside_opens"] = int("set_aside" in opening and in_service and bool(load.set_aside))
    row["undo_opens"] = int("undo" in opening and in_service)
    return row


def lines_set_aside(number: int, lines: Sequence[SetAside]) -> list[Component]:
    """Return the lines of a load that were set aside, with their reasons."""
    rows: list[list[Children]] = [[number_text(each.line), each.why, html.Code(each.text)] for each in lines]
    left = f" Se muestran las primeras {number_text(len(lines))}." if number > len(lines) else ""
    one = number == 1
    says = f"{number_text(number)} {'línea quedó' if one else 'líneas quedaron'} aparte.{left} Los números que podrían "
    return [
        html.P(says + "ser de un cliente están ocultos.", className="quiet"),
        components.table(("Línea", "Motivo", "Texto"), rows),
    ]


def undo_asked(going: Sequence[tuple[int, str, int]]) -> list[Component]:
    """Return what is asked before loads are undone: which of them go."""
    rows = [[str(load), name, number_text(lines)] for load, name, lines in going]
    several = len(going) > 1
    word = f"Deshacer {len(going)} cargas" if several else "Deshacer la carga"
    return [
            html.P("Con ella se van los trozos posteriores del mismo archivo:" if several else "Se va esta carga:"),
            components.table(("N.º", "Archivo", "Líneas"), rows),
            html.P(
                "Las cifras quedan como si no se hubiera cargado. Una línea que también está en otro archivo cargado "
                "se sigue contando. El archivo recibido no se borra y se puede cargar otra vez."
            ),
            html.Div(
                [
                    html.Button(
                        word, id={"undo": " ".join(str(load) for load, _, _ in going)}, type="button",
                        className="action danger",
                    ),
                    html.Button("No deshacer", id={"undo": ""}, type="button", className="action"),
                ],
                className="buttons",
            ),
    ]  # fmt: skip


def dialog() -> Component:
    """Return the dialog of the page, closed: opened where it stands, it gives the focus back when it is closed."""
    dialog: Component = dmc.Modal(
        html.Div(id="loads-dialog", className="dialog"),
        id="loads-modal",
        opened=False,
        closeButtonProps={**aria(label="Cerrar")},
        transitionProps={"duration": 0},
    )
    return dialog

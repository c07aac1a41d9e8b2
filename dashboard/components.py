"""The parts that pages are made of: nothing here reads data.

In: texts and numbers already written. Out: Dash components.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import dash_ag_grid as dag
import dash_mantine_components as dmc
from dash import dcc, html
from dash.development.base_component import Component

from reports import terms
from reports.figures import Figure

Children = str | Component | Sequence[str | Component]
Row = Mapping[str, str | int | float | None]

ACCENT = (
    "#edf4fb",
    "#d8e6f4",
    "#b0cce9",
    "#84b0dd",
    "#5f97d2",
    "#4380c2",
    "#2f6dae",
    "#1f5a96",
    "#17497c",
    "#0f3862",
)
THEME = {
    "primaryColor": "accent",
    "primaryShade": {"light": 7, "dark": 4},
    "colors": {"accent": ACCENT},
    "fontFamily": "'Inter Variable', system-ui, sans-serif",
    "headings": {"fontFamily": "'Inter Variable', system-ui, sans-serif"},
    "defaultRadius": 4,
    "respectReducedMotion": True,
    "components": {
        "Popover": {"defaultProps": {"transitionProps": {"duration": 0}, "withArrow": True, "shadow": "md"}},
        "Accordion": {"defaultProps": {"transitionDuration": 0}},
    },
}
# Colours come from the style sheet, so that the grid follows light and dark.
_GRID_THEME = """themeQuartz.withParams({
    accentColor: 'var(--accent)', backgroundColor: 'var(--surface)', foregroundColor: 'var(--text)',
    borderColor: 'var(--line)', headerBackgroundColor: 'var(--surface)', headerTextColor: 'var(--quiet)',
    rowHoverColor: 'var(--hover)', oddRowBackgroundColor: 'var(--surface)', pinnedRowBackgroundColor: 'var(--ground)',
    fontFamily: 'inherit', fontSize: 14, headerFontSize: 12.5, headerFontWeight: 500, rowHeight: 34,
    cellHorizontalPadding: 10, wrapperBorder: false, wrapperBorderRadius: 0, columnBorder: false,
    headerColumnResizeHandleDisplay: 'none', headerVerticalPaddingScale: 0.6,
    pinnedColumnBorder: '1px solid var(--line)'
})"""
_GRID_TEXTS = {
    "noRowsToShow": "No hay filas para mostrar",
    "loadingOoo": "Cargando…",
    "ariaSortableColumn": "Pulse Intro para ordenar",
    "ariaLabelColumn": "Columna",
    "ariaRowSelect": "Pulse espacio para elegir esta fila",
    "page": "Página",
    "to": "a",
    "of": "de",
    "firstPage": "Primera página",
    "previousPage": "Página anterior",
    "nextPage": "Página siguiente",
    "lastPage": "Última página",
}


def aria(**said: str) -> dict[str, Any]:
    """Return what a screen reader is told of a component: aria(label="Mes")."""
    return {f"aria-{name}": text for name, text in said.items()}


def icon(name: str) -> Component:
    """Return an icon of assets/icons in the colour of the text around it; it says nothing to a screen reader."""
    return html.Span(className=f"icon icon-{name}", **aria(hidden="true"))


def status(complies: bool | None, otherwise: str = terms.BLANK) -> Component:
    """Return the icon and the word of a verdict; `otherwise` where there is none."""
    if complies is None:
        return html.Span(otherwise, className="status")
    mark, word, kind = (
        ("circle-check", terms.COMPLIES, "good") if complies else ("circle-x", terms.DOES_NOT_COMPLY, "bad")
    )
    return html.Span([icon(mark), word], className=f"status status-{kind}")


def explained(label: str, paragraphs: Sequence[Children], *, asks: str = terms.HOW_IT_COUNTS) -> Component:
    """Return a small button that opens an explanation; `label` names what is explained, `asks` what of it."""
    button: Component = dmc.Popover(
        [
            # Mantine puts what it tells a screen reader on the wrapper: so the wrapper is the button.
            dmc.PopoverTarget(
                icon("info-circle"),
                boxWrapperProps={
                    "component": "button",
                    "type": "button",
                    "className": "explain",
                    **aria(label=f"{asks}: {label}"),
                },
            ),
            dmc.PopoverDropdown(
                [html.P(label, className="explanation-title"), *map(html.P, paragraphs)], className="explanation"
            ),
        ],
        width=340,
        position="bottom",
        trapFocus=True,  # Escape closes it only from inside
        returnFocus=True,
    )
    return button


def panel(
    title: str,
    children: Children,
    *,
    kind: str = "",
    explanation: Component | None = None,
    actions: Component | None = None,
) -> Component:
    """Return a part of a page under its own heading; `actions` stand at the end of the heading's line."""
    identity = f"title-{kind}"
    heading: Component = html.H2([title, *([explanation] if explanation else [])], id=identity)
    if actions is not None:
        heading = html.Div([heading, actions], className="panel-head")
    return html.Section([heading, html.Div(children)], className=f"panel {kind}", **aria(labelledby=identity))


def saving(parts: str | Mapping[str, str], *, picture: str | None = None, drawn: Figure | None = None) -> Component:
    """Return the choice of files in which a part of a page is saved; `picture` names its chart.

    `parts` is the part, or several with a word for each. `drawn` is the picture where no chart of plotly's is on the
    page. dashboard.saving answers the choice.
    """
    named = {parts: ""} if isinstance(parts, str) else parts
    items = [
        dmc.MenuItem(f"{word}: {kind}" if word else kind, id={"part": part, "ending": ending})
        for part, word in named.items()
        for ending, kind in (("xlsx", "Excel"), ("csv", "CSV"))
    ]
    if picture is not None:
        items.append(dmc.MenuItem("Imagen (PNG)", id={"picture": picture}))
    menu: Component = dmc.Menu(
        [
            dmc.MenuTarget(
                [icon("download"), terms.DOWNLOAD],
                boxWrapperProps={"component": "button", "type": "button", "className": "action quiet-action"},
            ),
            dmc.MenuDropdown(items),
        ],
        position="bottom-end",
        transitionProps={"duration": 0},
    )
    if drawn is None:
        return menu
    return html.Div([menu, dcc.Store(id={"drawn": picture}, data=drawn)])


def covered(text: str, *, whole: bool) -> Component:
    """Return how much of a period is on record ("31 de 31 días, 11 de 12 líneas"), marked where it is not all."""
    mark = icon("circle-check" if whole else "alert-triangle")
    return html.Span([mark, text], className="covered" if whole else "covered partly")


def fresh(text: str, *, old: bool, title: str | None = None) -> Component:
    """Return until when the log reaches, marked where that is long ago; `title` tells more to who points at it."""
    said: Children = [icon("alert-triangle"), text] if old else text
    return html.Div(said, className="fresh fresh-old" if old else "fresh", title=title)


def note(children: Children) -> Component:
    """Return a quiet remark above figures."""
    return html.P([icon("info-circle"), html.Span(children)], className="remark", role="note")


def stat(label: str, value: str, lines: Sequence[Children], *, explanation: Component) -> Component:
    """Return one figure: its label, its value, and below what it is divided by and what it was before."""
    return html.Div(
        [
            html.Div([html.Span(label), explanation], className="stat-label"),
            html.Div(value, className="stat-value"),
            *[html.Div(line, className="stat-line") for line in lines],
        ],
        className="stat",
    )


def split(label: str, parts: Sequence[tuple[str, Children]], *, explanation: Component | None = None) -> Component:
    """Return what a figure is made of, beside it: names and counts in two columns."""
    return html.Div(
        [
            html.Div([html.Span(label), *([explanation] if explanation else [])], className="stat-label"),
            html.Dl([html.Div([html.Dt(name), html.Dd(count)]) for name, count in parts]),
        ],
        className="stat split",
    )


def notice(title: str, children: Children, *, heading: int = 2) -> Component:
    """Return a message in the place of figures: what is the matter and what to do."""
    head = html.H1 if heading == 1 else html.H2
    return html.Section([head([icon("alert-triangle"), title]), html.Div(children)], className="panel notice")


def command(text: str) -> Component:
    """Return an order to be typed, set apart."""
    return html.Pre(html.Code(text), className="command", tabIndex=0)


def chart(identity: str, figure: Figure, label: str) -> Component:
    """Return a figure of reports.figures; `label` is what a screen reader is told."""
    return html.Div(
        dcc.Graph(
            id=identity,
            figure=figure,
            config={"displayModeBar": False, "displaylogo": False, "scrollZoom": False, "doubleClick": False},
            responsive=True,
            style={"height": figure["layout"]["height"]},
        ),
        role="img",
        className="chart",
        **aria(label=label),
    )


def columns_chart(columns: Sequence[Component], label: str) -> Component:
    """Return columns side by side on one ground line."""
    return html.Ol(columns, className="columns", **aria(label=label))


def column(
    label: Children, value: str, share: float | None, target: float | None, *, chosen: bool, spoken: str
) -> Component:
    """Return one column: `share` of the full height with its value in its foot, `target` a line across it."""
    height = 100 * (share or 0)
    drawn = [
        html.Span(className="column-bar", style={"height": f"{height:.2f}%"}),
        # A bar too low to hold its value bears it on top.
        html.Span(value, className="column-value")
        if height > 20
        else html.Span(value, className="column-value above", style={"bottom": f"{height:.2f}%"}),
    ]
    if target is not None:
        drawn.append(html.Span(className="column-target", style={"bottom": f"{100 * target:.2f}%"}))
    return html.Li(
        [
            html.Div(drawn, className="column-space", **aria(hidden="true")),
            html.Span(spoken, className="only-spoken"),
            html.Div(label, className="column-label"),
        ],
        className="column chosen" if chosen else "column",
    )


def facts(pairs: Sequence[tuple[str, Children]]) -> Component:
    """Return terms with what is said of each."""
    return html.Dl([part for term, said in pairs for part in (html.Dt(term), html.Dd(said))], className="facts")


def table(
    headings: Sequence[str], rows: Sequence[Sequence[Children]], *, numbers: Collection[str] = ()
) -> Component:  # fmt: skip
    """Return a plain table of texts; `numbers` are the headings of columns that stand to the right."""
    heads = [html.Th(heading, scope="col", className="number" if heading in numbers else None) for heading in headings]
    cells = [[_cell(heading, cell, number=heading in numbers) for heading, cell in zip(headings, row, strict=True)]
             for row in rows]  # fmt: skip
    return html.Div(
        html.Table([html.Thead(html.Tr(heads)), html.Tbody([html.Tr(row) for row in cells])]),
        className="scrolling",
        tabIndex=0,
        role="region",
        **aria(label=", ".join(headings)),
    )


def _cell(heading: str, cell: Children, *, number: bool = False) -> Component:
    """Return a cell that knows its heading: on a narrow screen the two may stand below each other."""
    said: dict[str, Any] = {"data-heading": heading, **({"className": "number"} if number else {})}
    drawn: Component = html.Td(cell, **said)
    return drawn


def grid(
    identity: str,
    columns: Sequence[Mapping[str, Any]],
    rows: Sequence[Row],
    total: Row | None,
    *,
    page_size: int | None = None,
) -> Component:
    """Return a table that sorts by a click on a heading; `total` stays below.

    Where there are more than `page_size` rows, so many are shown at a time. A cell shows the text of its field with
    `_text` and sorts by the field itself, blanks last.
    """
    usual = {
        "sortable": True,
        "cellDataType": False,
        "resizable": False,
        "suppressMovable": True,
        "suppressHeaderMenuButton": True,
        "suppressHeaderContextMenu": True,
        "wrapHeaderText": True,
        "autoHeaderHeight": True,
        "valueFormatter": {"function": "writtenValue(params)"},
        "comparator": {"function": "blanksLast"},
        "sortingOrder": ["asc", "desc", None],
    }
    drawn: Component = dag.AgGrid(
        id=identity,
        columnDefs=list(columns),
        rowData=list(rows),
        defaultColDef=usual,
        className="grid",
        style={"height": None},
        dashGridOptions={
            "theme": {"function": _GRID_THEME},
            "domLayout": "autoHeight",
            "localeText": _GRID_TEXTS,
            "pinnedBottomRowData": [total] if total is not None else [],
            **(
                {"pagination": True, "paginationPageSize": page_size, "paginationPageSizeSelector": False}
                if page_size and len(rows) > page_size
                else {}
            ),
            "animateRows": False,
            "suppressColumnMoveAnimation": True,
            "suppressDragLeaveHidesColumns": True,
            "enableCellTextSelection": True,
            "ensureDomOrder": True,
            "rowClassRules": {
                "row-without": {"function": "params.data.without"},
                "row-chosen": {"function": "params.data.chosen"},
            },
        },
    )
    return drawn


def page_title(title: str, *, demo: bool) -> str:
    """Return the title of a browser tab."""
    return " · ".join([*([terms.DEMO_DATA] if demo else []), title, terms.PRODUCT])


def demo_strip() -> Component:
    """Return the strip that every page of a demo store bears."""
    return html.Div(
        [html.Strong(terms.DEMO_DATA), html.Span(f": {terms.DEMO_DATA_SAYS}")], className="demo", role="note"
    )


def warning_strip(text: str) -> Component:
    """Return the strip above every page while something is wrong that somebody has to mend."""
    return html.Div([icon("alert-triangle"), html.Span(text)], className="warning")


def header(product: str, menu: Sequence[tuple[str, str]], account: Component) -> Component:
    """Return the head of every page; `menu` are title and path of each page that stands in it."""
    return html.Header(
        [
            html.A("Ir al contenido", href="#page", className="skip"),
            html.Div([icon("phone"), html.Span(product)], className="product"),
            html.Nav([dcc.Link(title, href=path) for title, path in menu], id="menu", **aria(label="Páginas")),
            dmc.ColorSchemeToggle(
                lightIcon=icon("sun"),
                darkIcon=icon("moon"),
                variant="subtle",
                color="gray",
                size="md",
                **aria(label=terms.LIGHT_OR_DARK),
            ),
            account,
        ],
        className="top",
    )

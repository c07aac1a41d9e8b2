"""The service level of any period: when it was missed, how long people waited, by line, hour and day.

In: ?desde=&hasta=&linea=&unidad=&umbral= (or ?periodo=mes) and the generation in service. Out: one figure and what
explains it, each part a way to its calls.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

import dash_mantine_components as dmc
import pandas as pd
from dash import Dash, Input, Output, State, dcc, html, no_update, set_props
from dash.development.base_component import Component

from dashboard import components, filters
from dashboard.components import Children, aria, explained, page_title, status
from dashboard.context import Context
from dashboard.definitions import rules_panel
from dashboard.filters import FilterError, Filters
from dashboard.summary import data_until, recorded
from etl.warehouse import WarehouseError
from reports import figures, terms
from reports.completeness import completeness
from reports.definition import Dimension, Period, PeriodError, ValueUnit, month
from reports.export import csv_bytes
from reports.format import date_text, month_text, number_text, percent_text, value_text
from reports.indicators import BY_NAME
from reports.query import QueryError, calls_missing, complies, measure, wait_curve
from reports.rules import Rules, RulesError

PATH = "/nivel-de-servicio"
TITLE = terms.SERVICE_LEVEL
ROLES: tuple[str, ...] = ()  # until accounts exist: whoever sits at this computer
IN_MENU = True

_FIGURES = ("service_level", "registered", "answered", "answered_in_time", "abandoned", "asa", "max_wait")
#: More days than this are shown by month.
_DAYS_SHOWN = 92
_FILTERS = ("sl-preset", "sl-first", "sl-last", "sl-lines", "sl-unit", "sl-threshold")
_PRESETS = [
    *({"value": word, "label": label} for word, label in filters.PRESETS.items()),
    {"value": "", "label": "Otro"},
]


@dataclass(frozen=True)
class Asked:
    """What the page shows: what was asked for, and the rules to count by."""

    filters: Filters
    rules: Rules
    threshold: int
    target: float | None


def layout() -> Component:
    """Return the page with its filters, before its figures are read."""
    return html.Div(
        [
            dcc.Store(id="sl-shown"),
            dcc.Download(id="sl-file"),
            html.Div([html.H1(TITLE), html.Div(id="sl-fresh", className="fresh")], className="page-head"),
            _bar(),
            html.Div(id="sl-content"),
        ],
        className="month",
    )


def register_callbacks(app: Dash, context: Context) -> None:
    """Fill the page when the address, the colours or the data change; keep the address with the filters."""

    @app.callback(
        Output("sl-content", "children"),
        Output("sl-fresh", "children"),
        Output("sl-shown", "data"),
        *(Output(name, "value") for name in _FILTERS),
        Output("sl-lines", "data"),
        Input("location", "search"),
        Input("scheme", "data"),
        Input("clock", "n_intervals"),
        State("sl-shown", "data"),
    )
    def show(
        search: str | None, scheme: str | None, _ticks: int | None, shown: dict[str, Any] | None
    ) -> tuple[Any, ...]:
        state = {"search": search, "scheme": scheme, "generation": context.generation_in_service()}
        if scheme is None or (shown and {name: shown[name] for name in state} == state):
            return (no_update,) * (4 + len(_FILTERS))
        body, fresh, asked = page_of(context, search, figures.SCHEMES.get(scheme, figures.LIGHT))
        values: tuple[Any, ...] = (no_update,) * len(_FILTERS)
        address = None
        if asked is not None:
            values = _values(asked, context)
            address = asked.filters.address
            set_props(
                "title", {"data": page_title(f"{TITLE}, {period_text(asked.filters.period)}", demo=context.is_demo)}
            )
        lines = [{"value": line.number, "label": terms.line_name(line.number)} for line in context.lines]
        lines.append({"value": terms.NO_LINE, "label": terms.NO_LINE})
        return body, fresh, {**state, "address": address}, *values, lines

    @app.callback(
        Output("location", "search", allow_duplicate=True),
        *(Input(name, "value") for name in _FILTERS),
        State("sl-shown", "data"),
        prevent_initial_call=True,
    )
    def choose(
        preset: str | None, first: str | None, last: str | None, lines: list[str] | None, unit: str | None,
        threshold: int | None, shown: dict[str, Any] | None,
    ) -> Any:  # fmt: skip
        if not shown or shown["address"] is None:
            return no_update
        before = filters.read(shown["address"], today=context.today(), usual=month("2000-01"))
        # The controls are filled from the address and then "change" to what is shown already.
        return _chosen(before, context, preset, first, last, lines, unit, threshold) or no_update

    @app.callback(
        Output("sl-file", "data"),
        Input("sl-download", "n_clicks"),
        State("sl-shown", "data"),
        prevent_initial_call=True,
    )
    def download(clicks: int | None, shown: dict[str, Any] | None) -> Any:
        if not clicks or not shown or shown["address"] is None:
            return no_update
        content, name = lines_csv(context, shown["address"])
        return components.file_download(content, name)

    @app.callback(Output("sl-first", "error"), Input("sl-first", "value"))
    def judge_first(text: str | None) -> str | None:
        return _day_error(text)

    @app.callback(Output("sl-last", "error"), Input("sl-last", "value"))
    def judge_last(text: str | None) -> str | None:
        return _day_error(text)

    @app.callback(
        Output("location", "href"), Input("sl-heat", "clickData"), State("sl-shown", "data"), prevent_initial_call=True
    )
    def open_cell(click: dict[str, Any] | None, shown: dict[str, Any] | None) -> Any:
        if not click or not shown or not click["points"][0].get("customdata"):
            return no_update
        asked = filters.read(shown["address"], today=context.today(), usual=month("2000-01"))
        point = click["points"][0]
        weekday = str(terms.WEEKDAYS.index(point["y"]) + 1)
        return filters.calls_address(asked.narrowed(dia_semana=weekday, media_hora=point["x"]), "registered")


def _chosen(
    before: Filters, context: Context, preset: str | None, first: str | None, last: str | None,
    lines: list[str] | None, unit: str | None, threshold: int | None,
) -> str | None:  # fmt: skip
    """Return the address that the controls ask for, None where it is the one shown or cannot be."""
    today = context.today()
    try:
        if preset and preset != filters.preset_of(before.period, today):
            period = filters.preset(preset, today)
        else:
            start = _typed_day(first) or before.period.first
            end = _typed_day(last) or before.period.last
            period = Period(start, end) if start <= end else Period(end, start)
    except ValueError:  # told beside the field
        return None
    usual = _threshold_of(context.rules(), period)
    asked = Filters(
        period,
        tuple(lines or ()),
        filters.UNITS.get(unit or "", before.unit),
        None if threshold is None or threshold == usual else int(threshold),
    )
    return asked.address if asked != replace(before, parts=()) else None


def _typed_day(text: str | None) -> date | None:
    """Return a day typed as 31/10/2026, None for nothing. Raises ValueError."""
    return datetime.strptime(text.strip(), "%d/%m/%Y").date() if text and text.strip() else None


def _day_error(text: str | None) -> str | None:
    try:
        _typed_day(text)
    except ValueError:
        return "se escribe 31/10/2026"
    return None


def page_of(context: Context, search: str | None, scheme: figures.Scheme) -> tuple[Component, Children, Asked | None]:
    """Return the figures for the query of an address, how fresh they are, and what was asked for if it can be read."""
    try:
        if context.is_empty:
            return components.no_data(), "", None
        with context.reading() as (generation, cursor):
            log = recorded(cursor)
            if not log.months:
                return components.no_data(), "", None
            fresh = components.fresh_text(data_until(generation))
            found = filters.read(search, today=context.today(), usual=month(log.latest_whole or log.months[-1]))
            rules = context.rules()
            threshold = found.threshold or _threshold_of(rules, found.period)
            if found.threshold is not None:
                rules = rules.trying_threshold(found.threshold)
            target = rules.target(found.period.first)
            asked = Asked(replace(found, parts=()), rules, threshold, float(target) if target is not None else None)
            if not any(day in found.period for day in log.days):
                return _unrecorded(found.period, log.days[0], log.days[-1]), fresh, asked
            return content(asked, _Measured(cursor, asked), scheme), fresh, asked
    except (FilterError, PeriodError, QueryError, RulesError, WarehouseError) as error:
        says = [html.P(f"{error}."), html.P(dcc.Link("Ver el último mes completo", href=PATH))]
        return components.notice("No se pueden mostrar estas cifras", says), "", None


def lines_csv(context: Context, search: str) -> tuple[bytes, str]:
    """Return the table of the lines for the query of an address as CSV, and the name of its file."""
    with context.reading() as (_, cursor):
        found = filters.read(search, today=context.today(), usual=month("2000-01"))
        rules = context.rules() if found.threshold is None else context.rules().trying_threshold(found.threshold)
        by = [Dimension.SERVICE]
        frame = measure(cursor, rules, _FIGURES, found.period, by, found.where, found.unit, total=True)
    rows = []
    for service, own in frame.groupby("service", dropna=False, sort=False):
        values = own.set_index("indicator")["value"]
        line = terms.TOTAL if pd.isna(service) else str(service)
        rows.append([line, terms.LINES.get(line, ""), *(_plain(name, values[name]) for name in _FIGURES)])
    headings = [terms.LINE_COLUMNS["service"], terms.LINE_COLUMNS["name"], *(_heading(name) for name in _FIGURES)]
    name = f"nivel-de-servicio_{found.period.first:%Y-%m-%d}_{found.period.last:%Y-%m-%d}.csv"
    return csv_bytes(headings, rows), name


def _plain(name: str, value: float) -> float | int:
    """Return a count as a whole number, anything else at full precision."""
    return int(value) if BY_NAME[name].value_unit is ValueUnit.COUNT and not pd.isna(value) else value


def _heading(name: str) -> str:
    unit = {ValueUnit.PERCENT: " (fracción de 1)", ValueUnit.SECONDS: " (segundos)"}.get(BY_NAME[name].value_unit, "")
    return BY_NAME[name].label + unit


class _Measured:
    """Every frame of the page, measured once."""

    def __init__(self, cursor: Any, asked: Asked) -> None:
        def ask(indicators: Sequence[str], *by: Dimension, total: bool = False) -> pd.DataFrame:
            return measure(
                cursor, asked.rules, indicators, asked.filters.period, by=by, where=asked.filters.where,
                unit=asked.filters.unit, total=total,
            )  # fmt: skip

        by_days = asked.filters.period.days <= _DAYS_SHOWN
        self.by_line = ask(_FIGURES, Dimension.SERVICE, total=True)
        self.heat = ask(["service_level"], Dimension.WEEKDAY, Dimension.INTERVAL)
        self.by_hour = ask(["service_level"], Dimension.HOUR)
        self.step = Dimension.DAY if by_days else Dimension.MONTH
        self.by_step = ask(["service_level"], self.step)
        self.classes = ask(["wait_distribution"])
        self.on_record = completeness(cursor, asked.rules, asked.filters.period)
        self.curve = wait_curve(
            cursor, asked.rules, asked.filters.period, asked.filters.where, asked.filters.unit,
            until=max(120, asked.threshold),
        )  # fmt: skip

    def total(self, name: str) -> tuple[int | None, int | None, float | None]:
        """Return numerator, denominator and value of the whole."""
        rows = self.by_line[(self.by_line["indicator"] == name) & self.by_line["service"].isna()]
        if rows.empty:
            return None, None, None
        row = rows.iloc[0]
        return (
            _whole(row["numerator"]),
            _whole(row["denominator"]),
            None if pd.isna(row["value"]) else float(row["value"]),
        )


def _whole(value: Any) -> int | None:
    return None if pd.isna(value) else int(value)


def content(asked: Asked, found: _Measured, scheme: figures.Scheme) -> Component:
    """Return everything below the filters."""
    units = terms.UNITS_PLURAL[asked.filters.unit]
    return html.Div(
        [
            html.Div([_headline(asked, found), _waits(asked, found, scheme)], className="half-row"),
            components.panel(
                terms.HEAT_MAP,
                [
                    html.P(
                        f"% de las {units} registradas en cada media hora; vacío: nadie llamó. "
                        "Un clic abre sus llamadas.",
                        className="quiet",
                    ),
                    components.chart("sl-heat", figures.heat_map(found.heat, asked.target, scheme), terms.HEAT_MAP),
                ],
                kind="heat",
            ),
            html.Div(
                [
                    _over(asked, found.by_hour, Dimension.HOUR, "Por hora", scheme),
                    _over(asked, found.by_step, found.step, terms.OVER[found.step], scheme),
                ],
                className="half-row",
            ),
            _by_line(asked, found),
            rules_panel(period_text(asked.filters.period), asked.rules.in_force(asked.filters.period)),
        ],
        className="month",
    )


def _headline(asked: Asked, found: _Measured) -> Component:
    in_time, registered, value = found.total("service_level")
    target = asked.rules.target(asked.filters.period.first)
    reached = complies(in_time or 0, registered, target) if registered and target is not None else None
    missing = calls_missing(in_time or 0, registered, target) if registered and target is not None else 0
    units = terms.UNITS_PLURAL[asked.filters.unit]
    indicator = BY_NAME["service_level"]
    trial = asked.filters.threshold is not None
    gap = "" if reached is None else f"faltaron {number_text(missing)} {units}" if missing else "meta alcanzada"

    def link(name: str, number: int | None) -> Component:
        return dcc.Link(number_text(number), href=filters.calls_address(asked.filters, name), className="figure-link")

    others: list[tuple[str, Children]] = [
        ("Atendidas", link("answered", found.total("answered")[0])),
        ("Abandonadas", link("abandoned", found.total("abandoned")[0])),
        ("Espera promedio", value_text(found.total("asa")[2], BY_NAME["asa"].value_unit)),
        ("Espera máxima", value_text(found.total("max_wait")[2], BY_NAME["max_wait"].value_unit)),
    ]
    return components.panel(
        f"{indicator.label}, {period_text(asked.filters.period)}",
        [
            html.Div(
                [
                    html.Span(percent_text(value), id="sl-value", className="big"),
                    html.Div(
                        [
                            status(reached, terms.NO_TARGET if target is None else terms.NO_CALLS),
                            html.Span(
                                f"meta mensual: {percent_text(float(target), 0)} o más" if target is not None else "",
                                className="quiet",
                            ),
                        ]
                    ),
                ],
                className="big-row",
            ),
            html.P(gap, className="gap"),
            html.P(
                [
                    link("answered_in_time", in_time),
                    f" atendidas a tiempo (hasta {asked.threshold} s) de ",
                    link("registered", registered),
                    f" {units} registradas",
                ]
            ),
            *([html.P([html.Span("prueba", className="tag"), f" {_trial_text(asked)}"])] if trial else []),
            components.facts(others),
        ],
        kind="headline",
        explanation=explained(
            indicator.label,
            [
                f"{number_text(in_time)} / {number_text(registered)} = {percent_text(value, 3)}.",
                indicator.clause + ".",
                indicator.edge_case,
                f"Unidad: {terms.UNITS[asked.filters.unit]}. Líneas: {', '.join(asked.filters.lines) or 'todas'}.",
            ],
        ),
    )


def _trial_text(asked: Asked) -> str:
    return f"con un umbral de {asked.threshold} s; no es la cifra del manual."


def _waits(asked: Asked, found: _Measured, scheme: figures.Scheme) -> Component:
    counts = {
        (outcome, label): int(n)
        for outcome, label, n in zip(
            found.classes["outcome"], found.classes["wait_class"], found.classes["numerator"], strict=True
        )
    }
    answered, abandoned = terms.OUTCOMES.values()
    parts: list[list[Children]] = []
    for label in terms.WAIT_CLASSES:
        both = [counts.get((outcome, label), 0) for outcome in (answered, abandoned)]
        if label == terms.WAIT_CLASSES[-1] and not any(both):
            continue
        here = asked.filters.narrowed(tramo=label)
        parts.append(
            [
                f"{label} s" if label[-1].isdigit() else label,
                *(
                    dcc.Link(number_text(n), href=filters.calls_address(here, name)) if n else number_text(n)
                    for name, n in zip(("answered", "abandoned"), both, strict=True)
                ),
            ]
        )
    return components.panel(
        terms.WAITS,
        [
            html.P("% de las registradas que se atendieron con una espera de hasta ese tiempo", className="quiet"),
            html.Div(
                [
                    components.chart(
                        "sl-curve", figures.wait_curve(found.curve, asked.threshold, asked.target, scheme), terms.WAITS
                    ),
                    components.table(("Espera", "Atendidas", "Abandonadas"), parts),
                ],
                className="with-table",
            ),
        ],
        kind="waits",
    )


def _over(asked: Asked, frame: pd.DataFrame, dimension: Dimension, title: str, scheme: figures.Scheme) -> Component:
    keys = list(frame[dimension.value])
    short = None
    match dimension:
        case Dimension.HOUR:
            labels, short = [f"{key} h" for key in keys], keys
        case Dimension.DAY:
            labels = [f"{key[8:]}/{key[5:7]}" for key in keys]
            if asked.filters.period.first.month == asked.filters.period.last.month:
                short = [key[8:] for key in keys]
        case _:
            labels = [f"{terms.MONTHS_SHORT[int(key[5:]) - 1]} {key[:4]}" for key in keys]
    return components.panel(
        title,
        components.chart(f"sl-{dimension.value}", figures.by_time(frame, labels, short, asked.target, scheme), title),
        kind=f"over-{dimension.value}",
    )


def _by_line(asked: Asked, found: _Measured) -> Component:
    rows, total = [], {}
    for service, own in found.by_line.groupby("service", dropna=False, sort=False):
        whole = bool(pd.isna(service))
        row = _row(asked, None if whole else str(service), own)
        if whole:
            total = row
        else:
            rows.append(row)
    with_calls = {row["service_text"] for row in rows}
    for line in asked.filters.lines or found.on_record.lines:
        if line in found.on_record.lines and line not in with_calls:
            state = terms.NO_CALLS if line in found.on_record.lines_with_record else terms.NO_RECORD
            rows.append(_row_without(line, state))
    order = [*terms.LINES, terms.NO_LINE]
    rows.sort(key=lambda row: order.index(row["service_text"]) if row["service_text"] in order else len(terms.LINES))
    names = (
        "service",
        "name",
        "registered",
        "answered",
        "answered_in_time",
        "service_level",
        "verdict",
        "missing",
        "abandoned",
        "asa",
    )
    columns = [
        {
            "field": name,
            "headerName": terms.LINE_COLUMNS[name],
            **components.LINE_WIDTHS.get(name, components.USUAL_WIDTH),
            **({} if name in ("service", "name", "verdict") else {"type": "rightAligned"}),
            **({"cellRenderer": "Verdict"} if name == "verdict" else {}),
            **(
                {"cellRenderer": "CallsLink"}
                if name in ("registered", "answered", "answered_in_time", "abandoned")
                else {}
            ),
        }
        for name in names
    ]
    return components.panel(
        terms.BY_LINE,
        [
            components.grid("sl-by-line", columns, rows, total),
            html.Div(
                [
                    html.P("Cada número abre las llamadas que cuenta.", className="quiet"),
                    html.Button("Descargar (CSV)", id="sl-download", type="button", className="action"),
                ],
                className="below-table",
            ),
        ],
        kind="by-line",
    )


def _row(asked: Asked, service: str | None, own: pd.DataFrame) -> dict[str, str | int | float | None]:
    target = asked.rules.target(asked.filters.period.first) if service != terms.NO_LINE else None
    here = asked.filters if service is None else replace(asked.filters, lines=(service,))
    row: dict[str, str | int | float | None] = {
        "service": int(service) if service and service.isdigit() else None,
        "service_text": terms.TOTAL if service is None else service,
        "name": terms.LINES.get(service or ""),
        "name_text": "" if service is None else terms.LINES.get(service, "por asignar"),
        "without": False,
    }
    for name, n, of, value in zip(own["indicator"], own["numerator"], own["denominator"], own["value"], strict=True):
        blank = bool(pd.isna(value))
        row[name] = None if blank else float(value)
        row[f"{name}_text"] = value_text(None if blank else float(value), BY_NAME[name].value_unit)
        row[f"{name}_href"] = filters.calls_address(here, name)
        if name == "service_level":
            reached = complies(int(n), int(of), target) if of and target is not None else None
            row["verdict"] = None if reached is None else int(reached)
            row["verdict_text"] = {True: terms.COMPLIES, False: terms.DOES_NOT_COMPLY, None: terms.BLANK}[reached]
            missing = calls_missing(int(n), int(of), target) if reached is not None and target is not None else None
            row["missing"] = missing
            row["missing_text"] = number_text(missing)
    return row


def _row_without(line: str, state: str) -> dict[str, str | int | float | None]:
    """Return the row of a line without calls: no figure of it is zero, or they are not known."""
    blanks = {f"{name}_text": terms.BLANK for name in (*_FIGURES, "verdict", "missing")}
    return {
        "service": int(line),
        "service_text": line,
        "name": terms.LINES.get(line),
        "name_text": terms.LINES.get(line, ""),
        "without": True,
        **blanks,
        "registered_text": state,
    }


def _values(asked: Asked, context: Context) -> tuple[Any, ...]:
    """Return what the controls show, in the order of _FILTERS."""
    period = asked.filters.period
    return (
        filters.preset_of(period, context.today()), date_text(period.first), date_text(period.last),
        list(asked.filters.lines), filters.word_of(asked.filters.unit), asked.threshold,
    )  # fmt: skip


def _threshold_of(rules: Rules, period: Period) -> int:
    value = rules.pieces("threshold_seconds", period)[-1].value
    assert isinstance(value, int)
    return value


def _unrecorded(period: Period, first: date, last: date) -> Component:
    return components.notice(
        f"No hay registro de {period_text(period)}",
        [
            html.P("Ningún archivo cargado cubre ese período: sus cifras no son cero, no se conocen."),
            html.P(f"Hay registro desde el {date_text(first)} hasta el {date_text(last)}."),
            html.P(dcc.Link("Ver el último mes completo", href=PATH)),
        ],
    )


def period_text(period: Period) -> str:
    """Return a period as users say it: "octubre de 2026", "05/10/2026", "del 01/10/2026 al 15/10/2026"."""
    if period.is_month:
        return month_text(f"{period.first:%Y-%m}")
    if period.days == 1:
        return date_text(period.first)
    if (period.first.month, period.first.day, period.last.month, period.last.day) == (1, 1, 12, 31):
        return f"gestión {period.first.year}" if period.first.year == period.last.year else _span(period)
    return _span(period)


def _span(period: Period) -> str:
    return f"del {date_text(period.first)} al {date_text(period.last)}"


def _day_input(identity: str, label: str) -> Component:
    day: Component = dmc.TextInput(
        id=identity,
        placeholder="dd/mm/aaaa",
        debounce=True,
        size="xs",
        inputProps={"inputMode": "numeric"},
        **aria(label=label),
    )
    return day


def _bar() -> Component:
    """Return the controls; the address fills them."""
    low, high = filters.THRESHOLDS
    units = [{"value": word, "label": terms.UNITS_PLURAL[unit].capitalize()} for word, unit in filters.UNITS.items()]

    def labelled(label: str, control: Component, kind: str = "") -> Component:
        return html.Div([html.Span(label, className="control-label"), control], className=f"control {kind}")

    return html.Section(
        [
            labelled("Período", dmc.SegmentedControl(id="sl-preset", data=_PRESETS, size="xs")),
            labelled("Desde", _day_input("sl-first", "Desde")),
            labelled("Hasta", _day_input("sl-last", "Hasta")),
            labelled(
                "Líneas",
                dmc.MultiSelect(
                    id="sl-lines", data=[], placeholder="todas", size="xs", clearable=True, hidePickedOptions=True,
                    comboboxProps={"transitionProps": {"duration": 0}}, **aria(label="Líneas"),
                ),
                "wide",
            ),
            labelled(
                terms.COUNTED_IN,
                dmc.Select(
                    id="sl-unit", data=units, allowDeselect=False, size="xs",
                    comboboxProps={"transitionProps": {"duration": 0}}, **aria(label=terms.COUNTED_IN),
                ),
            ),
            labelled(
                "Umbral (segundos)",
                dmc.Slider(
                    id="sl-threshold", min=low, max=high, step=1, value=20, size="sm", updatemode="mouseup",
                    marks=[{"value": each, "label": str(each)} for each in (10, 20, 30, 45, 60)],
                    thumbLabel="Umbral en segundos",
                ),
                "wide",
            ),
        ],
        className="panel controls",
        **aria(label="Filtros"),
    )  # fmt: skip

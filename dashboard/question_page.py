"""A page that shows a question: what an address asks, measured over the generation in service, drawn and saved.

In: what is a page's own (controls, what it draws, its tables). Out: its layout, its callbacks, and what they answer.
Every page that asks for a period is one of these, so that all look and act alike: the same head with the badge, the
same controls, the same words where there is nothing to show.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlencode

from dash import Dash, Input, Output, State, dcc, html, no_update, set_props
from dash.development.base_component import Component

from dashboard import components, filters, links
from dashboard.components import Children, page_title
from dashboard.context import Context, Cursor
from dashboard.exported_panel import exported_panel
from dashboard.filters import FilterError, Filters
from dashboard.freshness import fresh_badge
from dashboard.limits_note import limits_notes
from dashboard.period_controls import HIDDEN, SHOWN, PeriodControls, day_error, line_choices, month_choices
from dashboard.question import Question, read_question
from dashboard.saving import Listing, register_listing, register_saving
from etl.warehouse import Generation, WarehouseError
from reports.definition import PeriodError
from reports.export import Table
from reports.exported import exported_instead
from reports.figures import LIGHT, SCHEMES, Scheme
from reports.format import date_text, period_text
from reports.measured import Recorded, local_time, recorded
from reports.query import QueryError
from reports.rules import RulesError

#: What keeps a page from being shown; each says why to users.
ERRORS = (FilterError, PeriodError, QueryError, RulesError, WarehouseError)


@dataclass(frozen=True)
class Asked:
    """What is asked of a page, and what it is read from; good as long as the cursor is."""

    context: Context
    generation: Generation
    cursor: Cursor
    log: Recorded
    search: str
    question: Question

    @property
    def words(self) -> dict[str, str]:
        """The words of the address; of one that stands there twice the last."""
        return {name: values[-1] for name, values in parse_qs(self.search.removeprefix("?")).items()}

    @property
    def whole(self) -> Question:
        """The question of the whole period, not of a part of it."""
        return self.question.whole

    @property
    def made_at(self) -> datetime:
        """When the generation was made, in wall time of La Paz."""
        return local_time(datetime.fromisoformat(self.generation.made_at))


class Answer(NamedTuple):
    """What a page shows: its content, how fresh it is, and the question, None where there is none to be asked.

    `months` are those that may be chosen.
    """

    body: Component
    fresh: Children = ""
    question: Question | None = None
    months: tuple[str, ...] = ()


@dataclass(frozen=True)
class QuestionPage:
    """What is a page's own.

    `draw` returns its content, `table` one of its parts as it is saved, at most so many rows (None for a part that it
    does not have); both may raise what ERRORS lists. `suffers` are the figures shown that a source may not tell
    (dashboard.limits_note), `kept` the words of its addresses that hold for another period too. `needs_log`: without a
    log of the period there is nothing to draw. `refusal` tells why somebody may not see it whatever they ask.
    """

    path: str
    title: str
    controls: PeriodControls
    cannot: str
    draw: Callable[[Asked, Scheme], Component]
    table: Callable[[Asked, str, int], Table | None]
    suffers: Collection[str] = ()
    kept: tuple[str, ...] = ()
    needs_log: bool = True
    refusal: Callable[[], Component | None] = lambda: None

    def name(self, word: str) -> str:
        """Return the id of a part of the page."""
        return self.controls.name(word)

    def layout(self) -> Component:
        """Return the page with its controls, before its figures are read."""
        fresh = html.Div(id=self.name("fresh"), className="fresh")
        return html.Div(
            [
                dcc.Store(id=self.name("shown")),
                dcc.Download(id=self.name("file")),
                html.Div([html.H1(self.title), fresh], className="page-head"),
                self.controls.bar(),
                html.Div(id=self.name("content")),
            ],
            className="month",
        )

    def page_of(self, context: Context, search: str | None, scheme: Scheme = LIGHT) -> Answer:
        """Return what the page shows for the query of an address."""
        if (refusal := self.refusal()) is not None:
            return Answer(refusal)
        try:
            if context.is_empty:
                return Answer(links.no_data())
            with asking(context, search) as asked:
                if self.needs_log and not asked.log.months:
                    return Answer(links.no_data())
                fresh = fresh_badge(context, asked.generation)
                return Answer(self._body(asked, scheme), fresh, asked.question, asked.log.months)
        except ERRORS as error:
            says = [html.P(f"{error}."), html.P(dcc.Link("Ver el último mes completo", href=self.path))]
            return Answer(components.notice(self.cannot, says))

    def saved_table(self, context: Context, search: str | None, part: str, most: int = 1_000_000) -> Table | None:
        """Return what a part of the page shows for an address, at most so many rows; None for what it does not have."""
        if self.refusal() is not None:
            return None
        try:
            with asking(context, search) as asked:
                return self.table(asked, part, most)
        except ERRORS:
            return None  # the page itself says what is the matter

    def address(self, search: str | None, asked: Filters) -> str:
        """Return the address of something else asked for on the same page, with the words that are kept."""
        words = parse_qs((search or "").removeprefix("?"))
        kept = [(word, words[word][-1]) for word in self.kept if word in words]
        return asked.address + "".join(f"&{urlencode([pair])}" for pair in kept)

    def register(self, app: Dash, context: Context, listing: Listing | None = None) -> None:
        """Fill the page when the address, the colours or the data change; keep the address with the controls.

        `listing` is the page's list where it may be long; `table` gives its other parts.
        """
        controls = self.controls
        lines = (self.name("lines"),) if controls.lines else ()

        @app.callback(
            Output(self.name("content"), "children"),
            Output(self.name("fresh"), "children"),
            Output(self.name("shown"), "data"),
            *(Output(name, "value") for name in controls.names),
            *(Output(name, "data") for name in (self.name("month"), *lines)),
            Input("location", "search"),
            Input("scheme", "data"),
            Input("clock", "n_intervals"),
            State(self.name("shown"), "data"),
        )
        def show(
            search: str | None, scheme: str | None, _ticks: int | None, shown: dict[str, Any] | None
        ) -> tuple[Any, ...]:
            state = {"search": search, "scheme": scheme, "generation": context.generation_in_service()}
            if scheme is None or (shown and {name: shown[name] for name in state} == state):
                return (no_update,) * (4 + len(controls.names) + len(lines))
            body, fresh, question, months = self.page_of(context, search, SCHEMES.get(scheme, LIGHT))
            # Controls that nothing fills would seem to ask for something.
            set_props(self.name("controls"), {"className": SHOWN if question is not None else HIDDEN})
            values: tuple[Any, ...] = (no_update,) * len(controls.names)
            title, address = self.title, None
            if question is not None:
                values = controls.values(question, context)
                title = f"{self.title}{'' if self.title.endswith('?') else ','} {period_text(question.filters.period)}"
                address = question.whole.filters.address
            set_props("title", {"data": page_title(title, demo=context.is_demo)})
            choices = (month_choices(months), *([line_choices(context)] if lines else []))
            return body, fresh, {**state, "address": address}, *values, *choices

        @app.callback(
            Output("location", "search", allow_duplicate=True),
            *(Input(name, "value") for name in controls.names),
            State(self.name("shown"), "data"),
            prevent_initial_call=True,
        )
        def choose(*given: Any) -> Any:
            *moved, shown = given
            if not shown or shown["address"] is None:
                return no_update
            before = filters.read(shown["address"], today=context.today())
            # The controls are filled from the address and then "change" to what is shown already.
            asked = controls.chosen(before, context, dict(zip(controls.words, moved, strict=True)))
            return no_update if asked is None else self.address(shown["search"], asked)

        for word in ("first", "last"):
            app.callback(Output(self.name(word), "error"), Input(self.name(word), "value"))(day_error)

        def other(shown: dict[str, Any], part: str, most: int) -> Table | None:
            return self.saved_table(context, shown["search"], part, most)

        if listing is not None:
            register_listing(app, context, listing, self.name("shown"), other)
        else:
            register_saving(app, context, self.name("file"), self.name("shown"), other)

    def _body(self, asked: Asked, scheme: Scheme) -> Component:
        period, lines = asked.question.filters.period, asked.question.filters.lines
        if self.needs_log and not any(day in period for day in asked.log.days):
            return self._unrecorded(asked)
        notes = limits_notes(asked.cursor, period, lines, self.suffers) if self.suffers else []
        drawn = self.draw(asked, scheme)
        return html.Div([*notes, drawn], className="month") if notes else drawn

    def _unrecorded(self, asked: Asked) -> Component:
        """Return what stands in the place of figures for a period that no log covers: what other systems say of it."""
        wanted, days = asked.question.filters, asked.log.days
        notice = components.notice(
            f"No hay registro de {period_text(wanted.period)}",
            [
                html.P("Ningún archivo cargado cubre ese período: sus cifras no son cero, no se conocen."),
                html.P(f"Hay registro desde el {date_text(days[0])} hasta el {date_text(days[-1])}."),
                html.P(dcc.Link("Ver el último mes completo", href=self.path)),
            ],
        )
        exported = exported_instead(asked.cursor, wanted.period, wanted.lines, None)
        return html.Div([notice, *exported_panel(exported)], className="month") if exported else notice


@contextmanager
def asking(context: Context, search: str | None) -> Iterator[Asked]:
    """Read what the query of an address asks for, and hold what answers it. Raises what ERRORS lists."""
    with context.reading() as (generation, cursor):
        log = recorded(cursor)
        yield Asked(context, generation, cursor, log, search or "", read_question(context, search, log))

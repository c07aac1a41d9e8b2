"""What a page's callbacks take beside the queries they need (``make bench``), over five years of calls.

Each draw is asked as the browser asks it, over the server's own way, and then its SQL alone, of DuckDB. Cold: the
generation newly opened and its files out of the machine's memory, opening itself told apart. Warm: asked again.
"""

from __future__ import annotations

import os
import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from dashboard.app import create_app
from dashboard.context import Context
from dashboard.serving.server import leave_imports_uncollected
from etl.settings import Settings
from etl.warehouse import Generation
from reports.definition import Dimension, Unit, month
from reports.query import measure
from reports.terms import LINES, NO_AGENT
from tests.callbacks import body_of
from tests.people import DOOR, SignedIn

DRAWS = 30
#: A callback may take so many times what its queries take, and so much on top; a view of a month, of 13, at most this.
TIMES, MORE_SECONDS = 3, 0.050
MONTH_SECONDS, YEAR_SECONDS = 0.250, 0.500


@dataclass
class Question:
    """A callback of a page by one of its outputs, the values it is asked with, and how long it may take."""

    name: str
    output: str
    values: Callable[[random.Random], dict[str, Any]]
    limit: float | None = None


@dataclass
class Taken:
    """Seconds of each draw."""

    cold: list[float] = field(default_factory=list)
    warm: list[float] = field(default_factory=list)


#: Stands in the place of a statement where a frame was given to a cursor under a name.
_REGISTER = object()


class _Recorder:
    """A cursor that notes what it is asked."""

    def __init__(self, cursor: Any, asked: list[tuple[Any, ...]]) -> None:
        self._cursor, self._asked = cursor, asked

    def execute(self, *arguments: Any) -> Any:
        self._asked.append(arguments)
        return self._cursor.execute(*arguments)

    def register(self, name: str, frame: Any) -> Any:
        self._asked.append((_REGISTER, name, frame))
        return self._cursor.register(name, frame)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)


class _RecordingContext(Context):
    """A context whose cursors note what they are asked, while `asked` is a list."""

    asked: list[tuple[Any, ...]] | None = None

    @contextmanager
    def reading(self) -> Iterator[tuple[Generation, Any]]:
        with super().reading() as (generation, cursor):
            yield generation, cursor if self.asked is None else _Recorder(cursor, self.asked)


def measure_pages(settings: Settings, draws: int = DRAWS) -> None:
    """Print, for each callback, its p95 beside that of its queries, cold and warm, and whether it holds its limits."""
    months, generation, operator = _record(settings)
    print(f"callbacks over {months[0]} to {months[-1]}, p95 of {draws} draws, ms", flush=True)
    print(f"{'':34}{'cold':>7}{'bare':>7}{'limit':>7}{'warm':>8}{'bare':>7}{'limit':>7}", flush=True)
    opened: list[float] = []
    context = _RecordingContext(settings)
    app = create_app(context, DOOR)
    leave_imports_uncollected()
    for question in questions(months, generation, operator):
        chance = random.Random(question.name)
        ours, bare = Taken(), Taken()
        _post(SignedIn(context, app=app), body_of(app, question.output, question.values(chance)))
        for _ in range(draws):
            body = body_of(app, question.output, question.values(chance))
            _ask_bare(settings, _ask(context, SignedIn(context, app=app), body, ours, opened), bare)
        print(_line(question, ours, bare), flush=True)
    context.close()
    print(f"opening a generation: p95 {1000 * p95(opened):.0f} ms, once for all pages", flush=True)


def questions(months: Sequence[str], generation: int, operator: str) -> list[Question]:
    """What is asked: every callback that reads calls, of any month on record; of one operator a day."""
    whole = months[13:-1]

    def sl(search: str) -> dict[str, Any]:
        return {"location.search": search, "scheme.data": "light"}

    def thirteen(chance: random.Random) -> str:
        last = chance.choice(whole)
        return f"?desde={int(last[:4]) - 1}{last[4:]}-01&hasta={last}-28"

    def bridge(chance: random.Random, unit: str) -> dict[str, Any]:
        return sl(f"?mes={chance.choice(whole)}&unidad={unit}")

    def operators_day(chance: random.Random) -> dict[str, Any]:
        day = f"{chance.choice(whole)}-{chance.randint(1, 28):02}"
        return sl(f"?desde={day[:8]}01&hasta={day[:8]}28&{urlencode({'operador': operator, 'dia': day})}")

    def narrowed(chance: random.Random) -> str:
        words = {
            "mes": chance.choice(whole),
            "linea": chance.choice(list(LINES)),
            "unidad": chance.choice(["llamada", "ingreso", "cliente"]),
            "umbral": chance.randint(10, 60),
        }
        return f"?{urlencode(words)}"

    def saved(chance: random.Random, part: str) -> dict[str, Any]:
        address = f"?desde={(month := chance.choice(whole))}-01&hasta={month}-28"
        shown = {"search": address, "scheme": "light", "generation": generation, "address": address}
        return {"sl-shown.data": shown, "triggered": {"part": part, "ending": "csv"}}

    return [
        Question("Inicio", "month-content.children",
                 lambda c: {"location.search": f"?mes={c.choice(whole)}"}, MONTH_SECONDS),
        Question("Nivel de servicio, un mes", "sl-content.children",
                 lambda c: sl(f"?mes={c.choice(whole)}"), MONTH_SECONDS),
        Question("... línea, unidad y umbral", "sl-content.children", lambda c: sl(narrowed(c)), MONTH_SECONDS),
        Question("... trece meses", "sl-content.children", lambda c: sl(thirteen(c)), YEAR_SECONDS),
        Question("... guardar por línea", "sl-file.data", lambda c: saved(c, "lines"), MONTH_SECONDS),
        Question("Llamadas", "calls-content.children",
                 lambda c: {"location.search": f"?mes={c.choice(whole)}&cifra=abandoned&linea={c.choice(list(LINES))}"},
                 MONTH_SECONDS),
        Question("¿Por qué no cuadra?, un mes", "bridge-content.children",
                 lambda c: bridge(c, "llamada"), MONTH_SECONDS),
        Question("... línea, unidad y umbral", "bridge-content.children", lambda c: sl(narrowed(c)), MONTH_SECONDS),
        Question("... trece meses", "bridge-content.children", lambda c: sl(thirteen(c)), YEAR_SECONDS),
        Question("... un paso en Llamadas", "calls-content.children",
                 lambda c: {"location.search": f"?mes={c.choice(whole)}&puente=transferred"}, MONTH_SECONDS),
        Question("Abandonos y rellamadas", "abandoned-content.children",
                 lambda c: sl(f"?mes={c.choice(whole)}"), 4 * MONTH_SECONDS),
        Question("... un listado", "abandoned-content.children",
                 lambda c: sl(f"?mes={c.choice(whole)}&despues=sin-respuesta"), 4 * MONTH_SECONDS),
        Question("Operadores, un mes", "operators-content.children",
                 lambda c: sl(f"?mes={c.choice(whole)}"), MONTH_SECONDS),
        Question("... un día de uno", "operators-content.children", operators_day, 2 * MONTH_SECONDS),
        Question("... trece meses", "operators-content.children", lambda c: sl(thirteen(c)), YEAR_SECONDS),
        Question("Antes de la cola, un mes", "before-content.children",
                 lambda c: sl(f"?mes={c.choice(whole)}"), MONTH_SECONDS),
        Question("... un listado", "before-content.children",
                 lambda c: sl(f"?mes={c.choice(whole)}&que=menu"), MONTH_SECONDS),
        Question("... trece meses", "before-content.children", lambda c: sl(thirteen(c)), YEAR_SECONDS),
        Question("Calidad de datos", "quality-content.children",
                 lambda c: sl(f"?mes={c.choice(whole)}"), MONTH_SECONDS),
        # It reads calls and lines, not counts of them: over a year only held against its queries.
        Question("... trece meses", "quality-content.children", lambda c: sl(thirteen(c))),
        Question("... filas observadas", "quality-content.children",
                 lambda c: sl(f"?mes={c.choice(whole)}&ver=observadas"), MONTH_SECONDS),
    ]  # fmt: skip


def _record(settings: Settings) -> tuple[list[str], int, str]:
    """The months on record, the generation in service, and who answered most."""
    context = Context(settings)
    with context.reading() as (generation, cursor):
        months = list(generation.periods("calls"))
        counted = measure(cursor, context.rules(), ["answered"], month(months[-2]), [Dimension.AGENT], None, Unit.VISIT)
        most = counted.sort_values("numerator", ascending=False)
        operator = next(str(name) for name in most["agent"] if name != NO_AGENT)
        found = months, generation.number, operator
    context.close()
    return found


def _ask(
    context: _RecordingContext, client: SignedIn, body: dict[str, Any], taken: Taken, opened: list[float]
) -> list[tuple[Any, ...]]:
    """Ask cold, then warm, then once more to note the SQL; return it."""
    context.close()
    _forget(context.settings.warehouse)
    started = time.perf_counter()
    with context.reading():
        opened.append(time.perf_counter() - started)
    taken.cold.append(_post(client, body))
    taken.warm.append(_post(client, body))
    context.asked = asked = []
    _post(client, body)
    context.asked = None
    return asked


def _ask_bare(settings: Settings, asked: Sequence[tuple[Any, ...]], taken: Taken) -> None:
    _forget(settings.warehouse)
    context = Context(settings)
    with context.reading() as (_, cursor):
        for seconds in (taken.cold, taken.warm):
            started = time.perf_counter()
            for statement, *values in asked:
                if statement is _REGISTER:
                    cursor.register(*values)
                else:
                    cursor.execute(statement, *values).fetchall()
            seconds.append(time.perf_counter() - started)
    context.close()


def _post(client: SignedIn, body: dict[str, Any]) -> float:
    started = time.perf_counter()
    answer = client.post("/_dash-update-component", json=body)
    seconds = time.perf_counter() - started
    if answer.status_code != 200 or '"failure":{"children":{' in answer.text[:200]:
        raise RuntimeError(f"{body['output']}: {answer.status_code} {answer.text[:300]}")
    return seconds


def _forget(folder: Path) -> None:
    """Ask the machine to drop what it remembers of the files."""
    for path in folder.glob("*.duckdb"):
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def p95(seconds: Sequence[float]) -> float:
    return statistics.quantiles(seconds, n=20)[-1]


def _line(question: Question, ours: Taken, bare: Taken) -> str:
    text = f"{question.name:34}"
    held = True
    for mine, theirs in ((ours.cold, bare.cold), (ours.warm, bare.warm)):
        limit = min(TIMES * p95(theirs) + MORE_SECONDS, question.limit or 1e9)
        held = held and p95(mine) <= limit
        text += f"{1000 * p95(mine):7.0f}{1000 * p95(theirs):7.0f}{1000 * limit:7.0f} "
    return text + ("" if held else "  ABOVE ITS LIMIT")

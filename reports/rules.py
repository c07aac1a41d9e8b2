"""The dated parameters the figures depend on, as one frozen value.

In: parameters (the defaults of the manual, later those a site has recorded). Out: the value in force on a day, and all
those in force in a period, with the rule each comes from, to be shown beside the figures.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from typing import Protocol

from reports import terms
from reports.definition import Period

Value = int | Decimal | tuple[str, ...]


class RulesError(ValueError):
    """Parameters that contradict each other, or none for a day; the message is for users."""


@dataclass(frozen=True)
class Parameter:
    """A value of a rule, in force from `valid_from` to `valid_to`, both included; None is without bound.

    `rule` is the Spanish text it comes from. An `option` changes only figures that name it.
    """

    name: str
    value: Value
    valid_from: date | None
    valid_to: date | None
    rule: str
    option: bool = False

    def holds(self, on: date) -> bool:
        """Tell whether it is in force on a day."""
        return (self.valid_from is None or self.valid_from <= on) and (self.valid_to is None or on <= self.valid_to)

    def meets(self, period: Period) -> bool:
        """Tell whether it is in force on some day of a period."""
        return (self.valid_from is None or self.valid_from <= period.last) and (
            self.valid_to is None or self.valid_to >= period.first
        )


MANUAL = "Manual COM-DSO-P01"
TRIAL = "prueba de otro umbral: no es la cifra del manual"
BY_THE_SYSTEM = "decisión del sistema (D)"
LINES = (
    "101",
    "102",
    "103",
    "104",
    "4200224",
    "4251000",
    "4522222",
    "4200002",
    "800131313",
    "800130001",
    "4639999",
    "4200400",
)
DEFAULTS = (
    Parameter(
        "threshold_seconds",
        20,
        None,
        None,
        f"{MANUAL}, II.2: total de llamadas atendidas dentro de 20 segundos; 20 cuenta como a tiempo",
    ),
    Parameter(
        "target",
        Decimal("0.80"),
        None,
        None,
        f"{MANUAL}, II.2: a implementarse, 80 % de llamadas atendidas en tiempo menor o igual a 20 segundos, mensual",
    ),
    Parameter(
        "counted_lines",
        LINES,
        None,
        None,
        f"{MANUAL}, III: las 12 líneas que atiende el Call Center",
    ),
    Parameter(
        "chain_gap_seconds",
        5,
        None,
        None,
        f"{BY_THE_SYSTEM}: otro ingreso a cola de la misma línea dentro de 5 segundos es la misma llamada",
    ),
    Parameter(
        "open_after_hours",
        4,
        None,
        None,
        f"{BY_THE_SYSTEM}: sin desenlace 4 horas después del ingreso, la llamada no fue atendida, causa desconocida",
    ),
    Parameter(
        "long_hours",
        12,
        None,
        None,
        f"{BY_THE_SYSTEM}: una espera o atención de más de 12 horas se conserva y se muestra en un listado",
    ),
    Parameter(
        "short_abandon_seconds",
        5,
        None,
        None,
        f"{BY_THE_SYSTEM}: opción; colgó dentro de 5 segundos. La cifra del manual no excluye los abandonos cortos",
        option=True,
    ),
)


_OPTIONS = frozenset(parameter.name for parameter in DEFAULTS if parameter.option)
_KNOWN = frozenset(parameter.name for parameter in DEFAULTS)


class ParameterRow(Protocol):
    """A parameter as the records keep it: its value is text."""

    @property
    def name(self) -> str:
        """Return the name of the parameter."""

    @property
    def value(self) -> str:
        """Return the value as text: "20", "0.80", numbers of lines with spaces between."""

    @property
    def valid_from(self) -> date | None:
        """Return the first day in force."""

    @property
    def valid_to(self) -> date | None:
        """Return the last day in force."""

    @property
    def rule(self) -> str:
        """Return the text it comes from."""


@dataclass(frozen=True)
class Rules:
    """All dated parameters. Hashable: a part of the key under which results are remembered."""

    parameters: tuple[Parameter, ...]

    def __post_init__(self) -> None:
        """Refuse impossible values, overlaps, and a target that changes inside a month."""
        by_name: dict[str, list[Parameter]] = defaultdict(list)
        for parameter in self.parameters:
            _check(parameter)
            by_name[parameter.name].append(parameter)
        for name, dated in by_name.items():
            dated.sort(key=lambda parameter: parameter.valid_from or date.min)
            for before, after in pairwise(dated):
                if before.valid_to is None or after.valid_from is None or after.valid_from <= before.valid_to:
                    raise RulesError(f"Dos valores de {name} rigen en la misma fecha")

    @classmethod
    def default(cls) -> Rules:
        """Return the manual's parameters and the system's own, without date bounds."""
        return cls(DEFAULTS)

    @classmethod
    def from_rows(cls, rows: Iterable[ParameterRow]) -> Rules:
        """Return the parameters a site has recorded, their texts read. RulesError names the one that cannot be read."""
        return cls(
            tuple(
                Parameter(
                    row.name, _read(row.name, row.value), row.valid_from, row.valid_to, row.rule, row.name in _OPTIONS
                )
                for row in rows
            )
        )

    def trying_threshold(self, seconds: int) -> Rules:
        """Return the same rules with another threshold on every day, to try it: its rule says that it is a trial."""
        others = tuple(parameter for parameter in self.parameters if parameter.name != "threshold_seconds")
        return Rules((Parameter("threshold_seconds", seconds, None, None, TRIAL), *others))

    def value(self, name: str, on: date) -> Value:
        """Return the value in force on a day. RulesError if there is none."""
        for parameter in self.parameters:
            if parameter.name == name and parameter.holds(on):
                return parameter.value
        raise RulesError(f"No hay valor de «{terms.PARAMETERS.get(name, name)}» para el {on:%d/%m/%Y}")

    def target(self, on: date) -> Decimal | None:
        """Return the target in force on a day as a fraction of one, None where none was set."""
        try:
            value = self.value("target", on)
        except RulesError:
            return None
        assert isinstance(value, Decimal)
        return value

    def in_force(self, period: Period) -> tuple[Parameter, ...]:
        """Return every parameter in force on some day of a period, in the order declared."""
        return tuple(parameter for parameter in self.parameters if parameter.meets(period))

    @property
    def ever_counted(self) -> frozenset[str]:
        """Lines that enter the total on some day of all."""
        values = [each.value for each in self.parameters if each.name == "counted_lines"]
        return frozenset(str(line) for value in values if isinstance(value, tuple) for line in value)

    def pieces(self, name: str, period: Period) -> tuple[Parameter, ...]:
        """Return the values of one parameter over a period, by date, their bounds cut to it, equal neighbours joined.

        RulesError if a day of the period has none.
        """
        dated = [parameter for parameter in self.in_force(period) if parameter.name == name]
        dated.sort(key=lambda parameter: parameter.valid_from or date.min)
        pieces: list[Parameter] = []
        next_day = period.first
        for parameter in dated:
            first = max(parameter.valid_from or period.first, period.first)
            last = min(parameter.valid_to or period.last, period.last)
            if first != next_day:
                break
            if pieces and pieces[-1].value == parameter.value:
                pieces[-1] = replace(pieces[-1], valid_to=last)
            else:
                pieces.append(replace(parameter, valid_from=first, valid_to=last))
            next_day = last + timedelta(days=1)
        if next_day <= period.last:
            raise RulesError(f"No hay valor de «{terms.PARAMETERS.get(name, name)}» para el {next_day:%d/%m/%Y}")
        return tuple(pieces)

    def thresholds(self, period: Period) -> tuple[int, ...]:
        """Return the thresholds in force in a period, in seconds by date: more than one where it changed.

        RulesError if a day of the period has none.
        """
        pieces = self.pieces("threshold_seconds", period)
        return tuple(piece.value for piece in pieces if isinstance(piece.value, int))

    def counted_lines(self, period: Period) -> tuple[str, ...]:
        """Return the lines that enter the total on some day of a period, in the order declared."""
        pieces = self.pieces("counted_lines", period)
        return tuple(dict.fromkeys(line for piece in pieces for line in _lines(piece)))


def _read(name: str, text: str) -> Value:
    """Return the value that a text stands for. RulesError if it is none."""
    if name not in _KNOWN:
        raise RulesError(f"No existe el parámetro «{name}»")
    if name == "counted_lines":
        if not text.strip():
            raise RulesError(f"{name} debe ser un conjunto de números de línea")
        return tuple(text.split())
    try:
        return Decimal(text) if name == "target" else int(text)
    except (InvalidOperation, ValueError):
        raise RulesError(f"«{text}» no es un valor de {name}") from None


def _check(parameter: Parameter) -> None:
    """Refuse a parameter that cannot be. RulesError with the reason."""
    name, value = parameter.name, parameter.value
    if parameter.valid_from and parameter.valid_to and parameter.valid_to < parameter.valid_from:
        raise RulesError(f"La vigencia de {name} termina antes de empezar")
    if name.endswith(("_seconds", "_hours")) and (type(value) is not int or value < 0):
        raise RulesError(f"{name} debe ser un número entero, cero o mayor")
    if name == "counted_lines":
        _lines(parameter)
    if name == "target":
        if not isinstance(value, Decimal) or not 0 < value <= 1:
            raise RulesError("La meta debe ser un decimal mayor que 0 y no mayor que 1 (0.80 es 80 %)")
        next_day = parameter.valid_to + timedelta(days=1) if parameter.valid_to else None
        if any(day is not None and day.day != 1 for day in (parameter.valid_from, next_day)):
            raise RulesError("Una meta cambia el primer día de un mes")


def _lines(parameter: Parameter) -> tuple[str, ...]:
    """Return the value of a parameter that is a tuple of line numbers."""
    if not isinstance(parameter.value, tuple) or not all(isinstance(line, str) and line for line in parameter.value):
        raise RulesError(f"{parameter.name} debe ser un conjunto de números de línea")
    return parameter.value

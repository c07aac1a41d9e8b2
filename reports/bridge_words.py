"""The bridge to Asternic in words, for the page and its files.

In: a bridge. Out: text in Spanish.
"""

from __future__ import annotations

from collections.abc import Sequence

from reports.bridge import Bridge, Step
from reports.bridge_items import Item
from reports.definition import Unit
from reports.format import count_text, number_text, unit_text

#: What the reader has to know of Asternic's own table.
ASTERNIC_NOTES = (
    "La tabla de Asternic Lite guarda un solo evento igual por llamada, cola, operador(a) y segundo, y no guarda los "
    "eventos que no conoce (por ejemplo BLINDTRANSFER, ATTENDEDTRANSFER, EXITEMPTY y WITHDRAW): lo que aquí se lee es "
    "lo que mostraría con el mismo registro completo.",
    "Asternic fecha cada llamada cuando termina; aquí pertenece al momento en que entró.",
    "Las líneas del archivo que el sistema no pudo leer no están en ninguno de los dos números: son filas observadas.",
)


def signed_text(number: int) -> str:
    """Return a change with its sign: "+1.029", "-64", "0"."""
    return f"{'+' if number > 0 else ''}{number_text(number)}"


def listed_text(item: Item, number: int) -> str:
    """Return what a list is of: "Transferidas: 1.029 ingresos a cola"."""
    noun = ("línea del registro" if number == 1 else "líneas del registro") if item.of_lines else (
        "ingreso a cola" if number == 1 else "ingresos a cola"
    )  # fmt: skip
    return f"{item.label[:1].upper()}{item.label[1:]}: {number_text(number)} {noun}"


def answer_lines(bridge: Bridge) -> tuple[str, ...]:
    """Answer why the two numbers differ: first both of them, then what each has that the other has not."""
    shown, registered = bridge.shown, bridge.registered
    more = [step for step in bridge.steps if step.change > 0]
    less = [step for step in bridge.steps if step.change < 0]
    ours = f"{number_text(registered)} {unit_text(registered, bridge.unit, 'registrad')}"
    split = f"{count_text(shown.answered, 'atendida', 'atendidas')} y {number_text(shown.unanswered)} sin atender"
    the = "los" if bridge.unit is Unit.VISIT else "las"
    lines = [f"Asternic muestra {number_text(shown.total)} ({split}) y el sistema {ours}."]
    if more and not less and not bridge.unexplained:
        lines = [f"Asternic muestra {number_text(shown.total)} de {the} {ours} ({split}): {_missing(more)}."]
    else:
        lines += [f"De {the} que cuenta el sistema, {_missing(more)}."] if more else []
        lines += [f"De las que muestra Asternic, {_added(less)}."] if less else []
        lines += [] if more or less or bridge.unexplained else ["Los dos números cuadran."]
    if bridge.unexplained:
        lines.append(f"Quedan {signed_text(bridge.unexplained)} sin explicar.")
    return tuple(lines)


def _missing(steps: Sequence[Step]) -> str:
    number = sum(step.change for step in steps)
    verb = "no aparece" if number == 1 else "no aparecen"
    return f"{number_text(number)} {verb} ni en sus atendidas ni en sus sin atender: {_named(steps)}"


def _added(steps: Sequence[Step]) -> str:
    number = -sum(step.change for step in steps)
    verb = "no se suma aquí" if number == 1 else "no se suman aquí"
    return f"{number_text(number)} {verb}: {_named(steps)}"


def _named(steps: Sequence[Step]) -> str:
    parts = [
        f"{number_text(step.number)} {step.item.named(step.number)}"
        for step in sorted(steps, key=lambda step: -step.number)
    ]
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} y {parts[-1]}"

"""The words of Typer itself, in Spanish: its help, and what it says of an order that cannot be read.

In: what Typer says (its own click knows no translations). Out: the same in Spanish; what is unknown here stays as it
is.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

#: Of the help and of the line of usage: whole words at their places.
_HELP = (
    (re.compile(r"^Usage: ", re.MULTILINE), "Uso: "),
    (re.compile(r"^Arguments:$", re.MULTILINE), "Argumentos:"),
    (re.compile(r"^Options:$", re.MULTILINE), "Opciones:"),
    (re.compile(r"^Commands:$", re.MULTILINE), "Órdenes:"),
    (re.compile(r"Show this message and exit\."), "Muestra esta ayuda."),
    (re.compile(r"\[OPTIONS\]"), "[OPCIONES]"),
    (re.compile(r"COMMAND \[ARGS\]\.\.\."), "ORDEN ..."),
    (re.compile(r"\[required\]"), "[obligatorio]"),
    (re.compile(r"\[default: "), "[por omisión: "),
    (re.compile(r"\[env var: "), "[variable: "),
)
#: Of an order that cannot be read: what Typer says, and how it reads here.
_SAID = (
    (r"Missing command\.", "Falta la orden."),
    (r"Missing argument '(.+?)'\.", r"Falta el argumento «\1»."),
    (r"Missing option '(.+?)'\.", r"Falta la opción «\1»."),
    (r"No such option: (\S+) \(Possible options: (.+)\)", r"No existe la opción \1; ¿quiso decir \2?"),
    (r"No such option: (\S+)", r"No existe la opción \1."),
    (r"No such command '(.+?)'\. Did you mean (.+)\?", r"No existe la orden «\1»; ¿quiso decir \2?"),
    (r"No such command '(.+?)'\.", r"No existe la orden «\1»."),
    (r"Option '(.+?)' requires an argument\.", r"La opción «\1» necesita un valor."),
    (r"Option '(.+?)' does not take a value\.", r"La opción «\1» no lleva un valor."),
    (r"Got unexpected extra argument(?:\(s\)|s)? \((.+)\)\.?", r"Sobra «\1»."),
    (r"Invalid value for '(.+?)': Input should be a valid integer.*", r"«\1» no sirve: se espera un número entero."),
    (r"Invalid value for '(.+?)': (.+)", r"«\1» no sirve: \2"),
)
_DATA_FIRST = "«--data» va antes de la orden: callcenter --data CARPETA {verb}"


class Command(TyperCommand):
    """A verb whose help is in Spanish."""

    def get_help(self, ctx: Any) -> str:
        """Return the help."""
        return in_spanish(super().get_help(ctx))

    def get_usage(self, ctx: Any) -> str:
        """Return the line of usage."""
        return in_spanish(super().get_usage(ctx))


class Group(TyperGroup):
    """Verbs whose help is in Spanish; at the top, also what is said of an order that cannot be read."""

    def get_help(self, ctx: Any) -> str:
        """Return the help."""
        return in_spanish(super().get_help(ctx))

    def get_usage(self, ctx: Any) -> str:
        """Return the line of usage."""
        return in_spanish(super().get_usage(ctx))

    def main(self, args: Sequence[str] | None = None, *others: Any, **options: Any) -> Any:
        """Run the order; where nobody else looks after its end, tell what is the matter and end the process."""
        if not options.get("standalone_mode", True):
            return super().main(args, *others, **options)
        try:
            code = super().main(args, *others, **options | {"standalone_mode": False})
        except typer.Abort:
            typer.echo("Se dejó sin terminar.", err=True)
            sys.exit(1)
        except typer.TyperException as error:
            typer.echo(_refusal(error), err=True)
            sys.exit(error.exit_code)
        sys.exit(code if isinstance(code, int) else 0)


class Verbs(typer.Typer):
    """Verbs of the command, told in Spanish."""

    def __init__(self, **options: Any) -> None:
        """Take what Typer takes."""
        super().__init__(**{"cls": Group, "rich_markup_mode": None} | options)

    def command(self, name: str | None = None, **options: Any) -> Callable[[Any], Any]:
        """Return the decorator of a verb."""
        return super().command(name, **{"cls": Command} | options)


def in_spanish(help_text: str) -> str:
    """Return Typer's help, or its line of usage, in Spanish."""
    for pattern, words in _HELP:
        help_text = pattern.sub(words, help_text)
    return help_text


def said_in_spanish(message: str) -> str:
    """Return what Typer says of an order in Spanish."""
    for pattern, words in _SAID:
        if found := re.fullmatch(pattern, message, re.DOTALL):
            return found.expand(words)
    return message


def _refusal(error: typer.TyperException) -> str:
    """Return how the verb is used and what is the matter; of a group without a verb, its help."""
    message, context = error.format_message(), getattr(error, "ctx", None)
    if context is None:
        return said_in_spanish(message)
    if type(error).__name__ == "NoArgsIsHelpError":
        return message
    says = said_in_spanish(message)
    if getattr(error, "option_name", "") == "--data":
        says = _DATA_FIRST.format(verb=context.command_path.partition(" ")[2])
    return f"{context.get_usage()}\nVea «{context.command_path} --help».\n\n{says}"

"""The words that users must not read are kept out of every text they may read.

User texts are string literals: all of them in reports/terms.py and dashboard/, and in the rest of reports/ and in etl/
those with a space or an accent. No user text: docstrings (but those of the command line's verbs, which are its help),
SQL, and everything that is not Python.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Word as a pattern (whole words; capitals count only in acronyms) -> what to write.
BANNED = {
    r"visitas?": "ingreso a cola, llamada",
    r"pasadas?": "llamada",
    r"tableros?": "el sistema",
    r"libros? de prueba": "Libro de comprobación",
    r"cuarentenas?": "filas observadas",
    r"reexpresi(?:ón|ones)": "rectificación de cifras",
    r"restatements?": "rectificación de cifras",
    r"provisional(?:es)?": "preliminar",
    r"dotaci(?:ón|ones)": "operadores necesarios",
    r"agentes?": "operador(a)",
    r"(?-i:ASA)": "espera promedio",
    r"(?-i:AHT)": "tiempo promedio de atención",
    r"backlogs?": "pendientes",
    r"reclamos?": "daño",
    r"listas?": "listado",
    r"años? fiscal(?:es)?": "gestión",
    r"(?-i:YTD)": "acumulado de la gestión",
    r"mánagers?": "Gerencia",
    r"firmas?": "Elaborado por, Revisado por, Vº Bº",
    r"exportar vistas?": "Descargar lo que veo",
    r"experimentos?": "orden al azar",
    r"grupos? de control": "orden al azar",
    r"Wilson 95": "entre 58 y 66 de cada 100",
    r"(?-i:IC)": "entre 58 y 66 de cada 100",
    r"asociación, no efecto": "Quienes contestan suelen pagar más, aun sin la llamada...",
}
PATTERNS = {re.compile(rf"(?<!\w){word}(?!\w)", re.IGNORECASE): use for word, use in BANNED.items()}
# Where the word is the right one: official names and other meanings.
ALLOWED = re.compile(
    r"Reclamos Varios|Reclamos Técnicos|reclamos? ODECO|Tablero de Control"
    r"|(?:semana|gestión|hora) pasada|se lista|visitas? (?:técnicas?|del técnico)"
    r"|Corto el agente|(?:Ingresos|Egresos) de Agentes|No\. Agente",  # titles of other systems' exports
    re.IGNORECASE,
)
ENGLISH = {"backlog", "backlogs", "provisional", "restatement", "restatements"}  # also names that code may bear
SQL = re.compile(
    r"\s*(?:--|\(?\s*(?:select|insert|update|delete|create|drop|alter|with|attach|detach|pragma|set|copy|begin|checkpoint"
    r"|from|where|group by|order by|left join|join|and|or|case|union)\b)",
    re.IGNORECASE,
)


def verb_help(tree: ast.AST) -> Iterator[ast.expr]:
    """The docstrings of commands, which Typer prints."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and ast.get_docstring(node):
            calls = [item.func if isinstance(item, ast.Call) else item for item in node.decorator_list]
            if any(isinstance(call, ast.Attribute) and call.attr in ("command", "callback") for call in calls):
                yield from (first.value for first in node.body[:1] if isinstance(first, ast.Expr))


def literals(tree: ast.AST, *, help_too: bool) -> Iterator[tuple[int, str]]:
    """Line and text of each string that the code uses; an f-string is one text, its holes written {}."""
    unused = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    if help_too:
        unused -= {id(node) for node in verb_help(tree)}
    todo: list[ast.AST] = [tree]
    while todo:
        node = todo.pop()
        if id(node) in unused and isinstance(node, ast.Constant):
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value
        elif isinstance(node, ast.JoinedStr):
            parts = [str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values]
            yield node.lineno, "".join(parts)
            todo.extend(part.value for part in node.values if isinstance(part, ast.FormattedValue))
        else:
            todo.extend(ast.iter_child_nodes(node))


def banned_words(code: str, *, every_literal: bool, help_too: bool = False, name: str = "") -> list[str]:
    """One line for each banned word: line number, the word, what to write, the text."""
    found = []
    for line, text in literals(ast.parse(code, name), help_too=help_too):
        if text in ENGLISH or SQL.match(text) or not (every_literal or re.search(r"\s|[^\x00-\x7f]", text)):
            continue
        rest = ALLOWED.sub("", text)
        found += [
            f"{line}: «{match[0]}» -> {use}: {text!r}"
            for pattern, use in PATTERNS.items()
            if (match := pattern.search(rest))
        ]
    return found


def test_users_read_only_our_words() -> None:
    found = []
    for room in ("etl", "reports", "dashboard"):
        for path in sorted((ROOT / room).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            every = room == "dashboard" or name == "reports/terms.py"
            text = path.read_text(encoding="utf-8")
            lines = banned_words(text, every_literal=every, help_too=path.name == "cli.py", name=name)
            found += [f"{name}:{line}" for line in lines]
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize(
    "text",
    [
        "Visita",
        "12 visitas en la cola",
        "el tablero",
        "Cuarentena: 3 filas",
        "Libro de prueba",
        "Reexpresión de octubre",
        "cifra provisional",
        "dotación",
        "Agente",
        "los agentes",
        "ASA",
        "AHT (s)",
        "el backlog",
        "un reclamo",
        "la lista de morosos",
        "año fiscal",
        "YTD",
        "mánager",
        "firma:",
        "Exportar vista",
        "grupo de control",
        "Wilson 95 %",
        "IC 95 %",
        "asociación, no efecto",
        "SELECCIONE la lista",
    ],
)
def test_a_banned_word_is_found(text: str) -> None:
    assert banned_words(f"label = {text!r}", every_literal=True)


@pytest.mark.parametrize(
    "text",
    [
        "Reclamos Varios",
        "101 Reclamos Técnicos",
        "reclamo ODECO",
        "listado",
        "listo",
        "la semana pasada",
        "el Tablero de Control de Smartflex",
        "confirma",
        "asa",
        "CLASA",
        "afirmas que no",
        "SELECT visita FROM lista",
        "backlog",
    ],
)
def test_a_right_word_is_left_alone(text: str) -> None:
    assert not banned_words(f"label = {text!r}", every_literal=True)


def test_f_strings_dictionaries_and_arguments_are_read_and_docstrings_are_not() -> None:
    code = '''
"""A lista in a module's docstring."""

def show(n):
    """A lista in a function's docstring."""
    return {"title": f"{n} de la {'lista' if n else 'cuarentena'} abierta", "text": print("una " "lista")}
'''
    assert len(banned_words(code, every_literal=True)) == 3
    assert not banned_words("title = f'Reclamos Varios: {n}'", every_literal=True)


def test_outside_the_labels_only_phrases_are_read() -> None:
    assert not banned_words("column = 'agente'", every_literal=False)
    assert banned_words("message = 'falta el agente'", every_literal=False)
    assert banned_words("message = 'mánager'", every_literal=False)


def test_the_help_of_a_verb_is_read() -> None:
    code = '@app.command()\ndef load():\n    """Muestra la lista."""\n'
    assert banned_words(code, every_literal=True, help_too=True)
    assert not banned_words(code, every_literal=True)

"""The command as a whole: help in Spanish, exit codes, which store takes what, and our words in all it prints."""

import re
from pathlib import Path

import click
import pytest
import typer.main
from typer.testing import CliRunner

from dashboard import cli
from etl import store as stores
from etl.settings import Settings
from reports.definition import Dimension
from tests.commands import AWFUL, DAY, DONE, GOOD, REFUSED, USAGE, call, done, files_of
from tests.test_cli_kpi import allowed_names
from tests.test_words import PATTERNS

pytestmark = pytest.mark.duckdb

ENGLISH = re.compile(r"\b(?:the|and|file|files|load|loads|of|with|without|shows?|prints?|default)\b", re.IGNORECASE)


def commands() -> list[tuple[tuple[str, ...], click.Command]]:
    """Every command and group, with the words that lead to it."""

    def below(words: tuple[str, ...], command: click.Command) -> list[tuple[tuple[str, ...], click.Command]]:
        found = [(words, command)]
        for name, child in sorted(getattr(command, "commands", {}).items()):
            found += below((*words, name), child)
        return found

    return below((), typer.main.get_command(cli.app))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "Uso: callcenter [OPCIONES] ORDEN ..."),
        (("nada",), "No existe la orden «nada»."),
        (("kpi", "--nada"), "No existe la opción --nada."),
        (("kpi", "registered"), "Falta la opción «--from»."),
        (("kpi",), "Falta el argumento"),
        (("load", "undo", "x"), "«number» no sirve: se espera un número entero."),
        (("load", "undo", "1", "2"), "Sobra «2»."),
        (("kpi", "registered", "--from"), "La opción «--from» necesita un valor."),
        (("demo", "--data", "x"), "«--data» va antes de la orden: callcenter --data CARPETA demo"),
    ],
)
def test_an_order_that_cannot_be_read_is_told_in_spanish(words: tuple[str, ...], says: str) -> None:
    result = CliRunner().invoke(cli.app, list(words), prog_name="callcenter")
    assert result.exit_code == USAGE and says in result.output
    assert not re.search(r"Usage|Error|Missing|No such|Try ", result.output)


def test_every_help_is_in_spanish_to_its_last_word() -> None:
    for words, command in commands():
        shown = CliRunner().invoke(cli.app, [*words, "--help"]).output
        assert "Uso: " in shown and "Muestra esta ayuda." in shown, words
        assert not re.search(r"Usage|Options|Arguments|Commands|required|Show this", shown), (words, command)


def test_the_verbs_are_those_that_are_promised() -> None:
    found = {words[0] for words, _ in commands() if words}
    assert found >= {"demo", "ingest", "check", "map", "quarantine", "rebuild", "kpi", "serve", "load"}


@pytest.mark.parametrize(
    ("words", "command"), commands(), ids=lambda value: "-".join(value) if isinstance(value, tuple) else ""
)
def test_every_command_has_help_in_spanish(words: tuple[str, ...], command: click.Command) -> None:
    result = CliRunner().invoke(cli.app, [*words, "--help"])
    assert result.exit_code == DONE
    texts = [command.help or "", *(getattr(parameter, "help", "") or "" for parameter in command.params)]
    own = [parameter for parameter in command.params if parameter.name != "help"]
    assert len(command.help or "") > 10
    for parameter in own:
        assert len(getattr(parameter, "help", "") or "") > 10, f"{parameter.name} has no help"
    for text in texts:
        assert not ENGLISH.search(text), text
        assert not [word.pattern for word in PATTERNS if word.search(text)], text
    shown = " ".join(result.stdout.split())
    assert " ".join((command.help or "").split()) in shown


def test_without_a_verb_the_help_is_shown() -> None:
    result = CliRunner().invoke(cli.app, [])
    assert "Carga archivos" in result.output


@pytest.mark.parametrize(
    "words",
    [
        ["ingest", "--source", "excel"],
        ["quarantine", "--source", "excel"],
        ["map", "colas"],
        ["map", "queues", "--in", "a.csv", "--out", "b.csv"],
        ["kpi", "registered"],
        ["check"],
        ["no-existe"],
        ["ingest", "--no-existe"],
        ["serve", "--port", "ocho"],
    ],
    ids=" ".join,
)
def test_a_wrong_use_exits_2(words: list[str], tmp_path: Path) -> None:
    result = call(tmp_path / "data", *words)
    assert (result.exit_code, result.stdout) == (USAGE, "")
    assert result.stderr
    assert not (tmp_path / "data" / "records.sqlite").exists()


@pytest.mark.parametrize(
    "words",
    [["kpi", "registered", *DAY], ["quarantine"], ["rebuild"], ["map", "queues"], ["load", "list"]],
    ids=lambda words: words[0],
)
def test_a_question_to_no_store_is_answered_in_spanish_and_makes_none(words: list[str], tmp_path: Path) -> None:
    result = call(tmp_path / "data", *words)
    assert (result.exit_code, result.stdout) == (REFUSED, "")
    assert "callcenter ingest" in result.stderr
    assert not (tmp_path / "data").exists()


@pytest.fixture(scope="module")
def sample_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo store without its data, which are another test's."""
    data = tmp_path_factory.mktemp("demo")
    stores.open_store(Settings(data=data), kind=stores.DEMO)
    return data


@pytest.mark.parametrize("words", [["ingest", str(GOOD)], ["serve", "--port", "0"]], ids=lambda words: words[0])
def test_a_demo_store_takes_no_real_data_and_is_not_served_as_a_site(words: list[str], sample_store: Path) -> None:
    before = files_of(sample_store)
    result = call(sample_store, *words)
    assert (result.exit_code, result.stdout) == (REFUSED, "")
    assert "DATOS DE MUESTRA" in result.stderr
    assert files_of(sample_store) == before


def test_a_site_store_takes_no_invented_data(site: Path) -> None:
    before = files_of(site)
    result = call(site, "demo", "--no-serve")
    assert (result.exit_code, result.stdout) == (REFUSED, "")
    assert "es de un sitio" in result.stderr
    assert files_of(site) == before


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "192.168.1.10", "callcenter.comteco.bo", "127.0.0.1.example.com", ""]
)
def test_a_host_that_is_not_this_computer_is_not_served(host: str, site: Path) -> None:
    result = call(site, "serve", "--host", host, "--port", "0")
    assert (result.exit_code, result.stdout) == (REFUSED, "")
    assert f"No se puede servir en «{host}»" in result.stderr


def test_what_is_printed_uses_our_words(site: Path) -> None:
    printed = [done(site, *words) for words in (["quarantine"], ["load", "list"], ["check", str(GOOD), str(AWFUL)])]
    printed += [done(site, "kpi", *allowed_names(Dimension.MONTH), *DAY), done(site, "kpi", "wait_distribution", *DAY)]
    for text in printed:
        assert not [word.pattern for word in PATTERNS if word.search(text)], text

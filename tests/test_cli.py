"""The command as a user types it: help in Spanish, one line per file, exit codes, and nothing changed by a question."""

import csv
import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from io import StringIO
from itertools import pairwise
from pathlib import Path

import click
import pytest
import typer.main
from click.testing import Result
from filelock import FileLock
from typer.testing import CliRunner

from dashboard import cli
from etl import pipeline
from etl.settings import Settings
from reports.definition import Dimension, Unit
from reports.indicators import INDICATORS
from tests.test_words import PATTERNS

pytestmark = pytest.mark.duckdb

SAMPLES = Path(__file__).parent / "samples" / "queue_log"
GOOD, AWFUL = SAMPLES / "good.queue_log", SAMPLES / "awful.queue_log"
DAY = ("--from", "2024-03-05", "--to", "2024-03-05")
DONE, REFUSED, USAGE, BUSY = 0, 1, 2, 75
EIGHT = 1709640000  # 2024-03-05 08:00 in La Paz
ENGLISH = re.compile(r"\b(?:the|and|file|files|load|loads|of|with|without|shows?|prints?|default)\b", re.IGNORECASE)


def call(data: Path, *words: str | Path) -> Result:
    """The result of `callcenter --data DATA WORDS...`; a crash is no result."""
    result = CliRunner().invoke(cli.app, ["--data", str(data), *map(str, words)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def done(data: Path, *words: str | Path) -> str:
    """What a command that must succeed prints."""
    result = call(data, *words)
    assert result.exit_code == DONE, result.output
    return result.stdout


def table(text: str, delimiter: str = ",") -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(text), delimiter=delimiter))


def files_of(data: Path) -> dict[str, str]:
    """Every file of a store with its digest; SQLite's empty journal is none."""
    return {
        path.relative_to(data).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(data.rglob("*"))
        if path.is_file() and not (path.name.endswith("-journal") and not path.stat().st_size)
    }


def log_of(folder: Path, *lines: str, name: str = "queue_log") -> Path:
    path = folder / name
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site store with both samples: only to be read."""
    data = tmp_path_factory.mktemp("site") / "data"
    done(data, "ingest", GOOD, AWFUL)
    return data


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A site store with the good sample, to be changed."""
    data = tmp_path / "data"
    done(data, "ingest", GOOD)
    return data


# --- help ------------------------------------------------------------------------------------------------------------


def commands() -> list[tuple[tuple[str, ...], click.Command]]:
    """Every command and group, with the words that lead to it."""

    def below(words: tuple[str, ...], command: click.Command) -> list[tuple[tuple[str, ...], click.Command]]:
        found = [(words, command)]
        for name, child in sorted(getattr(command, "commands", {}).items()):
            found += below((*words, name), child)
        return found

    return below((), typer.main.get_command(cli.app))


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


# --- ingest ----------------------------------------------------------------------------------------------------------


def test_ingest_prints_one_line_per_file(tmp_path: Path) -> None:
    bad = log_of(tmp_path, "esto no es un registro", name="notas.txt")
    result = call(tmp_path / "data", "ingest", GOOD, AWFUL, bad)
    lines = result.stdout.splitlines()
    shown = [re.sub(r"[0-9]+,[0-9] s$", "0,0 s", line) for line in lines]
    assert shown == [
        "good.queue_log: cargado (queue_log): 15 leídas, 15 cargadas; 0,0 s",
        "awful.queue_log: cargado (queue_log): 17 leídas, 9 cargadas, 7 observadas, 1 en blanco, "
        "1 línea sin terminar, retenida; 0,0 s",
        "notas.txt: rechazado: no es un queue_log: 0 de 1 líneas tienen la forma "
        "«instante|llamada|cola|operador|EVENTO|…»; revise que sea el archivo queue_log de Asterisk",
    ]
    assert result.exit_code == REFUSED
    (again,) = done(tmp_path / "data", "ingest", GOOD).splitlines()
    assert again.startswith(
        "good.queue_log: sin novedad (queue_log): 15 leídas, 0 cargadas, 15 repetidas, sin líneas nuevas"
    )


def test_ingest_prints_one_json_object_per_file(tmp_path: Path) -> None:
    empty = log_of(tmp_path, name="vacio")
    result = call(tmp_path / "data", "ingest", "--json", GOOD, empty, AWFUL)
    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.exit_code == REFUSED
    assert [(row["name"], row["state"], row["source"]) for row in found] == [
        ("good.queue_log", "published", "queue_log"),
        ("vacio", "refused", "queue_log"),
        ("awful.queue_log", "published", "queue_log"),
    ]
    assert {row["generation"] for row in found} == {1, None}
    for row in found:
        assert row["read"] == row["loaded"] + row["duplicates"] + row["quarantined"] + row["blank"]
        assert row["seconds"] >= 0


def test_a_load_imports_nothing_that_only_figures_need(tmp_path: Path) -> None:
    """Pandas alone takes as long to import as a day takes to load."""
    code = "import sys\nfrom dashboard.cli import main\ntry:\n    main()\nfinally:\n    print(*sys.modules)"
    words = ["--data", str(tmp_path / "data"), "ingest", str(GOOD)]
    ran = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
    assert "etl.pipeline" in ran.stdout
    assert not {"pandas", "dash", "plotly", "alembic", "numpy"} & set(ran.stdout.split())


def test_without_a_path_the_inbox_is_taken(tmp_path: Path) -> None:
    data = tmp_path / "data"
    nothing = call(data, "ingest")
    assert (nothing.exit_code, nothing.stdout) == (DONE, "")
    assert "No hay archivos nuevos" in nothing.stderr
    folder = data / "inbox" / "marzo"
    folder.mkdir(parents=True)
    (folder / "queue_log.1").write_bytes(GOOD.read_bytes())
    (folder / ".queue_log.parcial").write_bytes(b"se copia")
    (line,) = done(data, "ingest").splitlines()
    assert line.startswith("queue_log.1: cargado")
    (line,) = done(data, "ingest", data / "inbox").splitlines()
    assert line.startswith("queue_log.1: sin novedad")


def test_a_file_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    for verb in ("ingest", "check"):
        result = call(tmp_path / "data", verb, tmp_path / "no-hay")
        assert (result.exit_code, result.stdout.splitlines()[0]) == (REFUSED, "no-hay: rechazado: no existe el archivo")


def test_another_load_that_runs_is_told_and_exits_75(store: Path) -> None:
    sheet = store.parent / "colas.csv"
    sheet.write_text("queue,did,service,valid_from,valid_to\n101,,103,,\n", encoding="utf-8")
    before = files_of(store)
    with FileLock(store / "warehouse" / ".lock"):
        for words in (["ingest", AWFUL], ["rebuild"], ["map", "queues", "--in", sheet]):
            result = call(store, *words)
            assert (result.exit_code, result.stdout) == (BUSY, "")
            assert result.stderr == "Otra carga está en curso (otro proceso): espere a que termine.\n"
    assert files_of(store) == before
    assert done(store, "ingest", AWFUL).startswith("awful.queue_log: cargado")


def test_the_holder_of_the_lock_is_named_with_its_hour(store: Path) -> None:
    with pipeline.warehouse_lock(Settings(data=store)):
        result = call(store, "ingest", AWFUL)
    assert result.exit_code == BUSY
    assert re.fullmatch(
        r"Otra carga está en curso \(proceso \d+, desde \d\d/\d\d/\d{4} \d\d:\d\d:\d\d UTC\): espere a que termine\.\n",
        result.stderr,
    )


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


def test_rebuild_gives_the_same_figures(store: Path) -> None:
    question = ("kpi", "registered", "answered", "asa", *DAY, "--by", "service", "--format", "csv")
    before = done(store, *question)
    assert done(store, "rebuild") == "Generación 2 en servicio.\n"
    assert done(store, *question) == before


def test_loads_are_listed(site: Path) -> None:
    assert done(site, "load", "list").splitlines() == [
        "1: good.queue_log (PBX pbx): 15 leídas, 15 cargadas, 0 repetidas, 0 observadas, 0 en blanco",
        "2: awful.queue_log (PBX pbx): 17 leídas, 9 cargadas, 0 repetidas, 7 observadas, 1 en blanco, 1 retenida",
    ]


# --- check -----------------------------------------------------------------------------------------------------------


def test_check_tells_span_gaps_queues_and_operators_and_changes_nothing(store: Path, tmp_path: Path) -> None:
    log = log_of(
        tmp_path,
        f"{EIGHT}|{EIGHT}.90|5003|NONE|DID|4200002",
        f"{EIGHT}|{EIGHT}.90|5003|NONE|ENTERQUEUE||70000001|1",
        f"{EIGHT + 9}|{EIGHT}.90|5003|SIP/205|CONNECT|9|x|3",
        f"{EIGHT + 60}|{EIGHT}.90|5003|SIP/205|COMPLETECALLER|9|51|1",
        "basura",
        f"{EIGHT + 80_000}|{EIGHT}.91|101|NONE|ENTERQUEUE||70000002|1",
        f"{EIGHT + 80_020}|{EIGHT}.91|101|NONE|ABANDON|1|1|20",
        f"{EIGHT + 80_030}|NONE|101|PJSIP/8007|PAUSE|",
    )
    before = files_of(store)
    first, *rest = done(store, "check", log).splitlines()
    assert re.sub("[0-9]+,[0-9] s$", "0,0 s", first) == (
        "queue_log: revisado (queue_log): 8 leídas, 7 cargadas, 1 observadas; 0,0 s"
    )
    assert rest == [
        "  1 filas observadas: epoch: el primer campo no es un instante en segundos",
        "  1 filas observadas: fields: tiene menos de 5 campos separados por |: revise si la línea llegó cortada",
        "",
        "Período: 05/03/2024 08:00:00 a 06/03/2024 06:13:50",
        "  sin registro de 05/03/2024 08:01:00 a 06/03/2024 06:13:20",
        "",
        "Colas:",
        "  101: 1 ingresos, línea 101",
        "  5003: 1 ingresos, sin línea: asígnela con «callcenter map queues», DID 4200002",
        "",
        "Operadores, como los escribe el registro:",
        "  PJSIP/8007: 0 llamadas conectadas",
        "  SIP/205: 1 llamadas conectadas",
    ]
    assert files_of(store) == before


def test_check_gives_the_verdict_of_the_load_that_follows(store: Path, tmp_path: Path) -> None:
    overlap = log_of(tmp_path, *GOOD.read_text(encoding="utf-8").splitlines()[4:], "basura", "")
    result = call(store, "check", overlap, GOOD, log_of(tmp_path, name="vacio"))
    assert result.exit_code == REFUSED
    verdict = [re.sub("; [0-9]+,[0-9] s$", "", line) for line in result.stdout.splitlines()[:3]]
    assert verdict == [
        "queue_log: revisado (queue_log): 13 leídas, 0 cargadas, 11 repetidas, 1 observadas, 1 en blanco",
        "good.queue_log: sin novedad (queue_log): 15 leídas, 0 cargadas, 15 repetidas, sin líneas nuevas",
        "vacio: rechazado: el archivo está vacío (0 bytes)",
    ]
    loaded = done(store, "ingest", overlap)
    assert loaded.startswith(verdict[0].replace("revisado", "cargado"))


def test_check_makes_no_store_where_there_is_none(tmp_path: Path) -> None:
    assert "Período: 05/03/2024 07:59:00 a 05/03/2024 08:03:20" in done(tmp_path / "data", "check", GOOD)
    assert not (tmp_path / "data").exists()


def test_check_does_not_replace_a_lost_key(store: Path) -> None:
    key = store / "pseudonyms.key"
    key.unlink()
    result = call(store, "check", AWFUL)
    assert (result.exit_code, result.stdout) == (REFUSED, "")
    assert "Falta" in result.stderr
    assert not key.exists()


# --- map -------------------------------------------------------------------------------------------------------------


def test_what_has_no_line_comes_first_and_the_file_comes_back_in(store: Path, tmp_path: Path) -> None:
    log = log_of(
        tmp_path,
        *(f"{EIGHT + n}|{EIGHT}.9{n}|5003|NONE|ENTERQUEUE||7|1" for n in range(2)),
        f"{EIGHT}|{EIGHT}.99|5004|NONE|ENTERQUEUE||7|1",
    )
    done(store, "ingest", log)
    sheet = tmp_path / "colas.csv"
    assert done(store, "map", "queues", "--out", sheet) == ""
    assert sheet.read_text(encoding="utf-8").splitlines() == [
        "queue,did,service,valid_from,valid_to,calls,first_day,last_day",
        "5003,,,,,2,2024-03-05,2024-03-05",
        "5004,,,,,1,2024-03-05,2024-03-05",
    ]
    assert done(store, "map", "queues", "--in", sheet) == "colas.csv: 0 reglas en vigor; las cifras ya las aplican.\n"
    filled = sheet.read_text(encoding="utf-8").replace("5003,,,", "5003,,102,01/03/2024")
    sheet.write_text(filled + "5004,4200002,no cuenta,,2024-12-31\n", encoding="utf-8")
    assert done(store, "map", "queues", "--in", sheet) == "colas.csv: 2 reglas en vigor; las cifras ya las aplican.\n"
    out = done(store, "map", "queues").splitlines()
    assert out[1:] == [
        "5004,,,,,1,2024-03-05,2024-03-05",
        "5003,,102,2024-03-01,",
        "5004,4200002,no cuenta,,2024-12-31",
    ]
    sheet.write_text("\n".join(out) + "\n", encoding="utf-8")
    done(store, "map", "queues", "--in", sheet)
    assert done(store, "map", "queues").splitlines() == out
    open_too = done(store, "kpi", "registered", *DAY, "--unit", "visit", "--by", "service", "--format", "csv")
    assert "registered,101,2,,2" in open_too.splitlines()


def test_persons_go_out_and_come_in(store: Path, tmp_path: Path) -> None:
    out = done(store, "map", "agents")
    assert [row["interface"] for row in table(out)] == ["SIP/201", "SIP/202"]
    sheet = tmp_path / "personas.csv"
    # As a Spanish spreadsheet saves it: semicolons, the code page of Windows, days first.
    sheet.write_bytes("interface;person;valid_from;valid_to\nSIP/201;María Peña;5/3/2024;\n".encode("cp1252"))
    done(store, "map", "agents", "--in", sheet)
    found = done(store, "kpi", "answered", *DAY, "--by", "agent", "--format", "csv")
    assert [row["agent"] for row in table(found)] == ["María Peña", "SIP/202"]
    assert [row["interface"] for row in table(done(store, "map", "agents"))] == ["SIP/202", "SIP/201"]


BAD_SHEETS = {
    "overlap": (
        "queues",
        "queue,did,service,valid_from,valid_to\n5003,,101,,2024-06-30\n5004,,101,,\n5003,,102,2024-06-30,\n",
        "mapa.csv: líneas 2 y 4: dos reglas para la cola «5003» valen en las mismas fechas; "
        "ajuste valid_from y valid_to para que no se superpongan",
    ),
    "the same DID written otherwise": (
        "queues",
        "queue,did,service,valid_from,valid_to\n5003,4-200002,101,,\n5003,4200002,102,,\n",
        "mapa.csv: líneas 2 y 3: dos reglas para la cola «5003» valen",
    ),
    "unknown line": (
        "queues",
        "queue,did,service,valid_from,valid_to\n5003,,105,,\n",
        "mapa.csv: línea 2, columna service: «105» no es una de las líneas",
    ),
    "no date": (
        "queues",
        "queue,did,service,valid_from,valid_to\n\n5003,,101,31/02/2024,\n",
        "mapa.csv: línea 3, columna valid_from: «31/02/2024» no es una fecha; escriba dd/mm/aaaa o aaaa-mm-dd",
    ),
    "end before beginning": (
        "queues",
        "queue,did,service,valid_from,valid_to\n5003,,101,2024-03-02,2024-03-01\n",
        "mapa.csv: línea 2, columna valid_to: la fecha final es anterior a la inicial",
    ),
    "no queue": (
        "queues",
        "queue,did,service,valid_from,valid_to\n,,101,,\n",
        "mapa.csv: línea 2, columna queue: falta la cola",
    ),
    "no digits": (
        "queues",
        "queue,did,service,valid_from,valid_to\n5003,central,101,,\n",
        "mapa.csv: línea 2, columna did:",
    ),
    "no column": ("queues", "cola,linea\n5003,101\n", "mapa.csv: línea 1: falta la columna queue, did, service"),
    "nothing": ("agents", "", "mapa.csv: línea 1: falta la columna interface, person"),
    "overlapping persons": (
        "agents",
        "interface,person,valid_from,valid_to\nSIP/201,Ana,,\nSIP/201,Eva,2024-01-01,\n",
        "mapa.csv: líneas 2 y 3: dos reglas para la interfaz «SIP/201» valen",
    ),
    "no interface": (
        "agents",
        "interface,person,valid_from,valid_to\n,Ana,,\n",
        "mapa.csv: línea 2, columna interface:",
    ),
    "an open quote": (
        "agents",
        'interface,person,valid_from,valid_to\nSIP/201,"' + "x" * 200_000,
        "mapa.csv: línea 1: no se puede leer como CSV; revise las comillas",
    ),
}


@pytest.mark.parametrize("name", BAD_SHEETS)
def test_a_bad_sheet_is_refused_naming_line_and_remedy_and_changes_nothing(
    name: str, site: Path, tmp_path: Path
) -> None:
    what, text, message = BAD_SHEETS[name]
    sheet = tmp_path / "mapa.csv"
    sheet.write_text(text, encoding="utf-8")
    before = files_of(site)
    result = call(site, "map", what, "--in", sheet)
    assert (result.exit_code, result.stdout) == (REFUSED, "")
    assert result.stderr.startswith(message)
    assert files_of(site) == before


# --- kpi -------------------------------------------------------------------------------------------------------------


def test_figures_as_csv_json_and_table(site: Path) -> None:
    question = ("kpi", "registered", "service_level", "asa", "max_wait", *DAY, "--where", "service=101")
    assert done(site, *question, "--format", "csv").splitlines() == [
        "indicator,numerator,denominator,value",
        "registered,4,,4",
        "service_level,3,4,0.75",
        f"asa,31,3,{31 / 3}",
        "max_wait,,,20",
    ]
    records = json.loads(done(site, *question, "--format", "json"))
    assert records[1] == {"indicator": "service_level", "numerator": 3, "denominator": 4, "value": 0.75}
    shown = done(site, *question)
    assert re.search(r"Nivel de servicio +3 +4 +75,0 %", shown)
    assert "Unidad: llamada" in shown
    assert done(site, *question, "--format", "table") == shown


def test_a_distribution_brings_its_own_dimensions(site: Path) -> None:
    rows = table(done(site, "kpi", "wait_distribution", *DAY, "--format", "csv"))
    assert {row["outcome"] for row in rows} == {"atendida", "abandonada"}
    assert sum(int(row["numerator"]) for row in rows) == 6


def allowed_names(dimension: Dimension) -> list[str]:
    """Indicators that may be split so; one that always brings dimensions of its own is asked for alone."""
    return [item.name for item in INDICATORS if dimension in item.dimensions and not item.implied]


@pytest.mark.parametrize("dimension", Dimension)
def test_figures_by_every_dimension_add_up(dimension: Dimension, site: Path) -> None:
    names = allowed_names(dimension)
    assert names
    rows = table(done(site, "kpi", *names, *DAY, "--by", dimension, "--format", "csv"))
    assert {row["indicator"] for row in rows} == set(names)
    assert all(row[dimension] for row in rows)
    counts = [name for name in ("registered", "answered", "abandoned") if name in names]
    unit = "visit" if dimension in (Dimension.QUEUE, Dimension.AGENT) else "line"
    (*totals,) = table(done(site, "kpi", *counts, *DAY, "--unit", unit, "--format", "csv")) if counts else ()
    for total in totals:
        parts = [int(row["value"]) for row in rows if row["indicator"] == total["indicator"]]
        assert sum(parts) == int(total["value"])


@pytest.mark.parametrize(
    ("by", "first"),
    [
        ("month", "2024-03"),
        ("day", "2024-03-05"),
        ("weekday", "2"),
        ("hour", "08"),
        ("interval", "08:00"),
        ("service,queue", "101,101"),
        ("queue", "101"),
        ("hour,service", "08,101"),
    ],
)
def test_values_of_dimensions_are_written_for_machines(by: str, first: str, site: Path) -> None:
    rows = done(site, "kpi", "registered", *DAY, "--by", by, "--format", "csv").splitlines()
    assert rows[0] == f"indicator,{by},numerator,denominator,value"
    assert rows[1].startswith(f"registered,{first},")


def test_a_filter_narrows_and_may_be_repeated(site: Path) -> None:
    def registered(*where: str) -> int:
        words = [word for text in where for word in ("--where", text)]
        (row,) = table(done(site, "kpi", "registered", *DAY, *words, "--format", "csv"))
        return int(row["value"])

    everything = registered()
    assert everything == 6
    assert registered("service=101") == 4
    assert registered("service=102") == 1
    assert registered("service=101", "service=102") == 5
    assert registered("service=sin línea") == 1
    assert registered("service=101", "hour=09") == 0


@pytest.mark.parametrize("unit", Unit)
def test_every_unit_is_offered(unit: Unit, site: Path) -> None:
    (row,) = table(done(site, "kpi", "answered", *DAY, "--unit", unit, "--format", "csv"))
    assert row["value"] == "4"


def test_without_calls_a_ratio_has_no_value(site: Path) -> None:
    question = ("kpi", "service_level", "asa", "registered", "max_wait", "--from", "2031-01-01", "--to", "2031-01-31")
    assert done(site, *question, "--format", "csv").splitlines()[1:] == [
        "service_level,0,0,",
        "asa,0,0,",
        "registered,0,,0",
        "max_wait,,,",
    ]
    assert json.loads(done(site, *question, "--format", "json"))[0]["value"] is None
    assert "—" in done(site, *question)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("service_level", *DAY, "--by", "cause"), "causa"),
        (("abandoned", *DAY, "--by", "agent"), "operador"),
        (("registered", *DAY, "--by", "queue", "--unit", "line"), "ingresos a cola"),
        (("nivel", *DAY), "nivel"),
        (("registered", *DAY, "--by", "linea"), "no existe la dimensión «linea»"),
        (("registered", *DAY, "--where", "service"), "falta el signo «=»"),
        (("registered", *DAY, "--where", "linea=101"), "no existe la dimensión «linea»"),
        (("registered", *DAY, "--where", "service=105"), "105"),
        (("registered", *DAY, "--where", "hour=25"), "25"),
        (("registered", *DAY, "--where", "month=marzo"), "marzo"),
        (("registered", *DAY, "--unit", "llamada"), "no existe la unidad «llamada»"),
        (("registered", *DAY, "--format", "xml"), "no existe el formato «xml»"),
        (("registered", "--from", "05/03/2024", "--to", "2024-03-05"), "--from 05/03/2024: no es una fecha"),
        (("registered", "--from", "2024-02-30", "--to", "2024-03-05"), "--from 2024-02-30: no es una fecha"),
        (("registered", "--from", "2024-03-05", "--to", "hoy"), "--to hoy: no es una fecha"),
        (("registered", "--from", "2024-03-05", "--to", "2024-03-04"), "antes de empezar"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_question_without_an_answer_exits_2(words: Sequence[str], message: str, site: Path) -> None:
    result = call(site, "kpi", *words)
    assert (result.exit_code, result.stdout) == (USAGE, "")
    assert result.stderr.startswith("Uso: ")
    assert message.lower() in result.stderr.lower()


# --- kinds of store, server ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sample_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo store without its data, which are another test's."""
    data = tmp_path_factory.mktemp("demo")
    pipeline.open_store(Settings(data=data), kind=pipeline.DEMO)
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


# --- lines set aside -------------------------------------------------------------------------------------------------


def test_lines_set_aside_are_shown_with_their_reasons_and_hidden_numbers(site: Path) -> None:
    shown = done(site, "quarantine")
    assert shown.splitlines()[2:4] == [
        "awful.queue_log, línea 3: epoch: el primer campo no es un instante en segundos",
        "    once y media|1•••|101|NONE|ENTERQUEUE||7•••|1",
    ]
    assert shown.splitlines()[-1] == "7 filas observadas"
    assert "70000004" not in shown
    assert re.findall("línea ([0-9]+):", shown) == ["1", "3", "4", "5", "10", "12", "17"]
    assert done(site, "quarantine", "--load", "2", "--source", "queue_log") == shown
    assert done(site, "quarantine", "--load", "1") == "No hay filas observadas.\n"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "1709640000|1709640000.20|101|NONE|ENTERQUEUE||70712345|1",
            "1709640000|1709640000.20|101|NONE|ENTERQUEUE||7•••|1",
        ),
        ("1709640000|pbx1-1709640000.20|101", "1709640000|pbx1-1709640000.20|101"),
        ("1709640000000|1709640000.20|101", "1709640000000|1709640000.20|101"),
        ("59170712345|1|Ana", "5•••|1|Ana"),
        ("70712345", "7•••"),
        ("x|70712345.|70712345.5|.70712345", "x|7•••.|7•••|.7•••"),
        ("llamar al 707-12345 o al +591 4 4251234", "llamar al 7••• o al +5•••"),
        ("101|4200|123456", "101|4200|123456"),
    ],
)
def test_a_number_is_hidden_wherever_it_stands(text: str, shown: str) -> None:
    from dashboard.console import hidden

    assert hidden(text) == shown


def test_what_is_printed_uses_our_words(site: Path) -> None:
    printed = [done(site, *words) for words in (["quarantine"], ["load", "list"], ["check", str(GOOD), str(AWFUL)])]
    printed += [done(site, "kpi", *allowed_names(Dimension.MONTH), *DAY), done(site, "kpi", "wait_distribution", *DAY)]
    for text in printed:
        assert not [word.pattern for word in PATTERNS if word.search(text)], text


def test_files_are_listed_in_the_order_in_which_they_were_named(tmp_path: Path) -> None:
    names = ["c", "a", "b"]
    files = [log_of(tmp_path, f"{EIGHT + n}|{n}|101|NONE|ENTERQUEUE||7|1", name=name) for n, name in enumerate(names)]
    lines = done(tmp_path / "data", "ingest", *files).splitlines()
    assert [line.partition(":")[0] for line in lines] == names
    assert all(first != second for first, second in pairwise(lines))

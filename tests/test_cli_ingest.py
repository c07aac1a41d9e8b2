"""Loading and looking on the command line: ingest, check, rebuild, the loads and the lines they set aside."""

import json
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from filelock import FileLock

from dashboard.console import hidden
from etl import store as stores
from etl.settings import Settings
from tests.commands import AWFUL, BUSY, DAY, DONE, EIGHT, GOOD, REFUSED, call, done, files_of, log_of

pytestmark = pytest.mark.duckdb


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


def test_a_file_of_another_source_than_the_one_expected_is_refused(tmp_path: Path) -> None:
    result = call(tmp_path / "data", "ingest", "--source", "cdr", GOOD)
    assert result.exit_code == REFUSED
    assert "good.queue_log: rechazado: se esperaba la fuente cdr y el archivo es de queue_log" in result.stdout
    assert "0 cargadas" not in result.stdout
    assert "15 cargadas" in done(tmp_path / "data", "ingest", "--source", "queue_log", GOOD)


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


def test_files_are_listed_in_the_order_in_which_they_were_named(tmp_path: Path) -> None:
    names = ["c", "a", "b"]
    files = [log_of(tmp_path, f"{EIGHT + n}|{n}|101|NONE|ENTERQUEUE||7|1", name=name) for n, name in enumerate(names)]
    lines = done(tmp_path / "data", "ingest", *files).splitlines()
    assert [line.partition(":")[0] for line in lines] == names
    assert all(first != second for first, second in pairwise(lines))


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
    with stores.warehouse_lock(Settings(data=store)):
        result = call(store, "ingest", AWFUL)
    assert result.exit_code == BUSY
    assert re.fullmatch(
        r"Otra carga está en curso \(proceso \d+, desde \d\d/\d\d/\d{4} \d\d:\d\d:\d\d UTC\): espere a que termine\.\n",
        result.stderr,
    )


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
        "queue_log: revisado (queue_log): 8 leídas, se cargarían 7, 1 observada; 0,0 s"
    )
    assert rest == [
        "  1 fila observada: epoch: el primer campo no es un instante en segundos",
        "  1 fila observada: fields: tiene menos de 5 campos separados por |: revise si la línea llegó cortada",
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
        "queue_log: revisado (queue_log): 13 leídas, se cargarían 0, 11 repetidas, 1 observada, 1 en blanco",
        "good.queue_log: sin novedad (queue_log): 15 leídas, 0 cargadas, 15 repetidas, sin líneas nuevas",
        "vacio: rechazado: el archivo está vacío (0 bytes)",
    ]
    loaded = done(store, "ingest", overlap)
    assert loaded.startswith(verdict[0].replace("revisado", "cargado").replace("se cargarían 0", "0 cargadas"))


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


# --- lines set aside -------------------------------------------------------------------------------------------------


def test_lines_set_aside_are_shown_with_their_reasons_and_hidden_numbers(site: Path) -> None:
    shown = done(site, "quarantine")
    assert shown.splitlines()[2:4] == [
        "awful.queue_log, línea 3: epoch: el primer campo no es un instante en segundos",
        "    o••• y m•••|1•••|101|NONE|ENTERQUEUE||7•••|1",
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
        ("59170712345|1|Ana", "5•••|1|A•••"),
        ("70712345", "7•••"),
        ("x|70712345.|70712345.5|.70712345", "x|7•••.|7•••|.7•••"),
        ("llamar al 707-12345 o al +591 4 4251234", "l••• a••• 7••• o a••• +5•••"),
        ("101|4200|123456", "101|4200|123456"),
    ],
)
def test_a_number_or_name_is_hidden_wherever_it_stands(text: str, shown: str) -> None:
    assert hidden(text) == shown

"""Queues and persons mapped by CSV: out, filled in, back in; a bad sheet refused by line and remedy."""

from pathlib import Path

import pytest

from tests.commands import DAY, EIGHT, REFUSED, USAGE, call, done, files_of, log_of, table

pytestmark = pytest.mark.duckdb


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


def test_who_is_called_like_the_interface_is_mapped_by_a_rule_that_says_so_for_its_days(
    store: Path, tmp_path: Path
) -> None:
    done(store, "ingest", log_of(tmp_path, *(f"{EIGHT}|NONE|101|{name}|ADDMEMBER|" for name in ("Ana Paz", "Eva"))))
    sheet = tmp_path / "personas.csv"
    rules = ("Ana Paz,Ana Paz,2024-03-05,2024-03-05", "Eva,Eva,2024-03-06,", "SIP/201,Luz,,", "SIP/202,Sol,,")
    sheet.write_text("interface,person,valid_from,valid_to\n" + "\n".join(rules), encoding="utf-8")
    done(store, "map", "agents", "--in", sheet)
    unmapped = [row["interface"] for row in table(done(store, "map", "agents")) if not row["person"]]
    assert unmapped == ["Eva"]


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


def test_mappings_that_were_saved_are_listed_and_come_out_again(store: Path, tmp_path: Path) -> None:
    sheet, out = tmp_path / "colas.csv", tmp_path / "antes.csv"
    assert done(store, "map", "queues", "--versions") == "No se guardó ninguna todavía.\n"
    for service in ("101", "102"):
        sheet.write_text(f"queue,did,service,valid_from,valid_to\n5003,,{service},,\n", encoding="utf-8")
        done(store, "map", "queues", "--in", sheet)
    listed = done(store, "map", "queues", "--versions").splitlines()
    assert [line.partition(":")[0] for line in listed] == ["1", "2"]
    assert all("1 reglas, " in line for line in listed)
    assert done(store, "map", "queues", "--version", "1", "--out", out) == ""
    assert "5003,,101,," in out.read_text(encoding="utf-8")
    done(store, "map", "queues", "--in", out)
    assert "5003,,101,," in done(store, "map", "queues")
    missing = call(store, "map", "queues", "--version", "9")
    assert (missing.exit_code, "ninguna versión 9" in missing.stderr) == (REFUSED, True)
    assert call(store, "map", "queues", "--versions", "--in", sheet).exit_code == USAGE

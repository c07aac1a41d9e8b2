"""Benchmarks, as ratios within one run (``make bench``): never a timed test.

Printed: the whole ``callcenter ingest`` process against the bare load of the same file into DuckDB, at 1 and 5 million
lines; a table of a database against the driver's bare fetch of it; a day of 30 000 lines into an empty store and after
one and five years; and, over the ten million calls of those years, each callback of the pages against the queries it
needs. ``--quick`` leaves out the years.
"""

import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

from etl.settings import Settings
from etl.simulation.volume import write_day, write_volume
from tests.bench_database import measure_database_reads
from tests.bench_pages import measure_pages
from tests.drawn_log import EIGHT
from tests.records_log import Leg, master

ROOT = Path(__file__).resolve().parents[1]
DAY_LINES = 30_000
RECORDS_A_DAY = 400
LA_PAZ = timezone(timedelta(hours=-4))
_COLUMNS = "{'t': 'BIGINT', " + ", ".join(f"'c{n}': 'VARCHAR'" for n in range(10)) + "}"
BARE = f"""
import sys, duckdb
connection = duckdb.connect(sys.argv[2])
connection.execute("CREATE TABLE ev AS SELECT * FROM read_csv('" + sys.argv[1] + "', delim='|', header=false, "
    "quote='', escape='', null_padding=true, auto_detect=false, columns={_COLUMNS})")
connection.execute("CHECKPOINT")
"""
INGEST = "from dashboard.cli import main; main()"


@dataclass(frozen=True)
class Run:
    """One process: seconds from start to end, peak memory in MB."""

    seconds: float
    peak_mb: float


def run(arguments: Sequence[str]) -> Run:
    """Run a Python process to its end. Raises CalledProcessError when it fails."""
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, *arguments], cwd=ROOT, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, process.args)
    return Run(seconds, usage.ru_maxrss / 1024)


def bare(log: Path, folder: Path) -> Run:
    database = folder / "bare.duckdb"
    database.unlink(missing_ok=True)
    try:
        return run(["-c", BARE, str(log), str(database)])
    finally:
        database.unlink(missing_ok=True)


def ingest(log: Path, store: Path) -> Run:
    return run(["-c", INGEST, "--data", str(store), "ingest", str(log)])


def load_against_bare(folder: Path, lines: int, rounds: int) -> None:
    log = folder / "volume.log"
    write_volume(log, lines=lines)
    bares: list[Run] = []
    loads: list[Run] = []
    for _ in range(rounds):
        bares.append(bare(log, folder))
        shutil.rmtree(folder / "store", ignore_errors=True)
        loads.append(ingest(log, folder / "store"))
    ratio = statistics.median(load.seconds / bare.seconds for load, bare in zip(loads, bares, strict=True))
    print(
        f"{lines:>9,} lines: ingest {statistics.median(r.seconds for r in loads):6.2f} s, "
        f"{max(r.peak_mb for r in loads):5.0f} MB; bare load {statistics.median(r.seconds for r in bares):6.2f} s, "
        f"{max(r.peak_mb for r in bares):5.0f} MB; ratio {ratio:.2f} (at most 3, aim 2)",
        flush=True,
    )
    shutil.rmtree(folder / "store", ignore_errors=True)
    log.unlink()


def add_a_day(folder: Path, years: Sequence[int], rounds: int) -> None:
    """Add the same day to an empty store and to stores that hold years before it."""
    day = folder / "day.log"
    write_day(day, date="2025-01-01", lines=DAY_LINES)
    found: dict[int, list[tuple[Run, int]]] = {}
    store = folder / "years"
    held = 0
    for wanted in [0, *years]:
        while held < wanted:
            held += 1
            log = folder / "year.log"
            write_volume(log, lines=DAY_LINES * 365, seed=held, start=f"{2025 - held}-01-02", calls_per_day=6100)
            ingest(log, store)
            log.unlink()
        for _ in range(rounds):
            # Always from the very same store: a copy, by hard links, that is thrown away.
            copy = folder / "copy"
            shutil.rmtree(copy, ignore_errors=True)
            if wanted:
                shutil.copytree(store, copy, copy_function=os.link)
                (copy / "records.sqlite").unlink()
                shutil.copyfile(store / "records.sqlite", copy / "records.sqlite")
            before = _sizes(copy)
            done = ingest(day, copy)
            written = sum(size for name, size in _sizes(copy).items() if name not in before)
            found.setdefault(wanted, []).append((done, written))
        shutil.rmtree(folder / "copy", ignore_errors=True)
    empty = statistics.median(run.seconds for run, _ in found[0])
    for wanted, runs in found.items():
        seconds = statistics.median(run.seconds for run, _ in runs)
        print(
            f"a day of {DAY_LINES:,} lines after {wanted} years: {seconds:5.2f} s, "
            f"{max(r.peak_mb for r, _ in runs):4.0f} MB, "
            f"{runs[0][1] / 1e6:6.1f} MB written; {seconds / empty:.2f} times the empty store (at most 5)",
            flush=True,
        )
    if len(years) > 1:
        first, last = (statistics.median(run.seconds for run, _ in found[y]) for y in (years[0], years[-1]))
        print(f"after {years[-1]} years against {years[0]}: {last / first:.2f} times (at most 1.3)", flush=True)


def _sizes(folder: Path) -> dict[str, int]:
    return (
        {str(p.relative_to(folder)): p.stat().st_size for p in folder.rglob("*") if p.is_file()}
        if folder.exists()
        else {}
    )


def add_call_records(folder: Path, store: Path) -> None:
    """Add a record of calls (CDR) to five years of log, for the page of what no queue log tells."""
    chance = random.Random(6)
    legs = []
    for day in range(365 * 5):
        begin = int(datetime(2020, 1, 2, 8, tzinfo=LA_PAZ).timestamp()) - EIGHT + 86_400 * day
        for at in sorted(chance.randrange(36_000) for _ in range(RECORDS_A_DAY)):
            app, billed = chance.choice((("Dial", 50), ("WaitExten", 4), ("Queue", 0), ("Queue", 50)))
            disposition = "ANSWERED" if billed else "NO ANSWER"
            dst = chance.choice(("101", "102", "4200400", "4251000"))
            legs.append(Leg(begin + at, len(legs), dst=dst, app=app, billed=billed, disposition=disposition))
    path = folder / "Master.csv"
    path.write_text("\n".join(master(legs)) + "\n", encoding="utf-8")
    os.environ["CALLCENTER_TABLE_ZONE"] = "local"
    done = ingest(path, store)
    print(f"a record of {len(legs):,} calls: {done.seconds:5.2f} s, {done.peak_mb:4.0f} MB", flush=True)


def main(arguments: Sequence[str]) -> None:
    random.seed(0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with tempfile.TemporaryDirectory(prefix="callcenter-bench-") as name:
        folder = Path(name)
        load_against_bare(folder, 1_000_000, rounds=5)
        load_against_bare(folder, 5_000_000, rounds=3)
        measure_database_reads(folder)
        if "--quick" not in arguments:
            add_a_day(folder, (1, 5), rounds=5)
            add_call_records(folder, folder / "years")
            measure_pages(Settings(data=folder / "years"))


if __name__ == "__main__":
    main(sys.argv[1:])

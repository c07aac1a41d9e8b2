"""A queue log drawn line by line, loaded into a product, and what came of it.

Times are seconds after 08:00 of 5 March 2024 in La Paz.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from etl import pipeline
from tests.product import Product

EIGHT = 1709640000  # 2024-03-05 08:00 in La Paz
CALLER = "70712345"


def line(at: int | str, call: str, event: str, *data: object, queue: str = "101", agent: str = "NONE") -> str:
    """A line; `at` in seconds after eight, or the text of its first field; `call` a number, or a callid as it is."""
    stamp = EIGHT + at if isinstance(at, int) else at
    callid = f"{EIGHT}.{call}" if call.isdigit() else call
    return f"{stamp}|{callid}|{queue}|{agent}|{event}|{'|'.join(map(str, data))}"


def enter(at: int | str, call: str, *, queue: str = "101", caller: str = CALLER) -> str:
    return line(at, call, "ENTERQUEUE", "", caller, 1, queue=queue)


def connect(at: int, call: str, wait: object = 5, *, queue: str = "101", agent: str = "SIP/201") -> str:
    return line(at, call, "CONNECT", wait, f"{EIGHT}.999", 3, queue=queue, agent=agent)


def complete(at: int, call: str, wait: object = 5, talk: object = 60, *, queue: str = "101") -> str:
    return line(at, call, "COMPLETECALLER", wait, talk, 1, queue=queue, agent="SIP/201")


def answered(at: int, call: str, *, queue: str = "101") -> list[str]:
    """Three lines of a call answered after 5 seconds that talks for 60."""
    return [enter(at, call, queue=queue), connect(at + 5, call, queue=queue), complete(at + 65, call, queue=queue)]


GOOD = answered(0, "1")


def log(*lines: str, end: str = "\n") -> bytes:
    return "".join(text + end for text in lines).encode()


@dataclass(frozen=True)
class Outcome:
    """What came of one file: line counts, the lines set aside with their reasons, the refusal, what was counted."""

    loaded: int = 0
    duplicates: int = 0
    quarantined: tuple[tuple[int, str], ...] = ()
    blank: int = 0
    held: int = 0
    refused: str = ""
    findings: tuple[str, ...] = ()
    registered: int = 0
    answered: int = 0
    still_open: int = 0
    reconstructed: int = 0
    other_encoding: int = 0
    clock_steps: int = 0

    @property
    def lines(self) -> int:
        """Lines read, the held one left out."""
        return self.loaded + self.duplicates + len(self.quarantined) + self.blank


#: The one good call alone.
ONE_CALL = Outcome(loaded=3, registered=1, answered=1)


def refused(why: str) -> Outcome:
    return Outcome(refused=why)


def counted(lines: int, **changes: object) -> Outcome:
    """The good call and that many lines more, all loaded, one call more in them."""
    return replace(ONE_CALL, **{"loaded": 3 + lines, "registered": 2, "answered": 2, **changes})


def observed(product: Product, reports: list[pipeline.FileReport]) -> Outcome:
    """What came of the one file loaded, read from its report and from the generation in service."""
    (report,) = reports
    if report.state == "refused":
        name, _, why = report.message.partition(": rechazado: ")
        assert name == report.name
        assert (report.read, report.loaded, report.load) == (0, 0, None)
        return refused(why)
    if report.load is None:
        return Outcome(duplicates=report.duplicates, held=report.held)
    with product.one_connection():
        visits, findings = product.visits(), product.findings()
        ((lines, *stored, other_encoding, steps),) = product.rows(
            f"""SELECT lines, loaded, duplicates, quarantined, blank, held, other_encoding, clock_steps FROM meta.loads
            WHERE load = {report.load}"""
        )
        rows = product.rows(f"SELECT line, reasons FROM meta.quarantine WHERE load = {report.load} ORDER BY line")
    told = [report.loaded, report.duplicates, report.quarantined, report.blank, report.held]
    assert told == stored, "the report and the warehouse disagree"
    assert report.read == lines == sum(told[:4]), "the lines do not add up"
    assert len(rows) == report.quarantined
    return Outcome(
        loaded=report.loaded,
        duplicates=report.duplicates,
        quarantined=tuple((int(str(row[0])), str(row[1])) for row in rows),
        blank=report.blank,
        held=report.held,
        findings=tuple(findings),
        registered=sum(visit.registered for visit in visits),
        answered=sum(visit.answered for visit in visits),
        still_open=sum(visit.open for visit in visits),
        reconstructed=sum(visit.reconstructed for visit in visits),
        other_encoding=int(str(other_encoding)),
        clock_steps=int(str(steps)),
    )


def write(product: Product, name: str, content: bytes) -> Path:
    path = product.folder / "in" / name
    path.write_bytes(content)
    return path


def ingest(product: Product, *paths: Path) -> list[pipeline.FileReport]:
    return pipeline.ingest(product.store(), paths)


def loaded(folder: Path, content: bytes) -> Product:
    product = Product(folder)
    ingest(product, write(product, "queue_log", content))
    return product

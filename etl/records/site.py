"""What a site knows and decides: its mappings and its dated parameters, as frozen values; seeds and CSV exchange."""

import csv
import hashlib
import io
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, field
from datetime import date
from itertools import pairwise
from pathlib import Path

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from etl.model import NOT_COUNTED
from etl.records.models import AgentPerson, Parameter, QueueLine

REFERENCE = Path(__file__).resolve().parents[2] / "data" / "reference"


class MappingError(Exception):
    """A mapping file cannot be taken in; the message names line, column and remedy.

    ``lines`` and ``reason`` are the same apart, for whoever shows it beside the rules themselves.
    """

    def __init__(self, reason: str, *lines: int, column: str = "") -> None:
        """Say why, and where: none, one or several lines of the file, and the column."""
        where = f"línea{'s' if len(lines) > 1 else ''} {' y '.join(map(str, lines))}" if lines else ""
        column = f", columna {column}" if column else ""
        super().__init__(f"{where}{column}: {reason}" if where else reason)
        self.lines, self.reason = lines, reason


@dataclass(frozen=True)
class Line:
    """One of the lines of the manual: number and name."""

    number: str
    name: str


@dataclass(frozen=True)
class QueueRule:
    """A queue (told apart by a DID, or any) belongs to a line between two dates, both inclusive; None is open."""

    queue: str
    did: str | None
    service: str
    valid_from: date | None = None
    valid_to: date | None = None


@dataclass(frozen=True)
class PersonRule:
    """An interface or member name is a person between two dates, both inclusive; None is open."""

    interface: str
    person: str
    valid_from: date | None = None
    valid_to: date | None = None


@dataclass(frozen=True)
class ParameterRule:
    """A parameter's value between two dates and the rule it comes from."""

    name: str
    value: str
    valid_from: date | None
    valid_to: date | None
    rule: str


@dataclass(frozen=True)
class Site:
    """Everything of a site that the counting depends on."""

    lines: tuple[Line, ...]
    queues: tuple[QueueRule, ...] = ()
    persons: tuple[PersonRule, ...] = ()
    parameters: tuple[ParameterRule, ...] = field(default=())

    def parameter(self, name: str) -> str:
        """Return the value in force without an end date (the counting of the build takes the newest one)."""
        rules = [rule for rule in self.parameters if rule.name == name]
        if not rules:
            raise KeyError(name)
        return max(rules, key=lambda rule: (rule.valid_from or date.min, rule.valid_to is None)).value

    @property
    def mapping_digest(self) -> str:
        """Digest of what the lines and persons of visits depend on."""
        text = repr((self.queues, self.persons, [line.number for line in self.lines]))
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def build_rules(self) -> dict[str, str]:
        """The parameters that the stored visits and calls were built by: another value needs a rebuild."""
        return {name: self.parameter(name) for name in ("chain_gap_seconds", "long_hours", "open_after_hours")}


def reference_lines() -> tuple[Line, ...]:
    """Return the lines that every site starts from (data/reference/lines.csv)."""
    with (REFERENCE / "lines.csv").open(encoding="utf-8", newline="") as file:
        return tuple(Line(row["number"], row["name"]) for row in csv.DictReader(file))


def reference_parameters() -> tuple[ParameterRule, ...]:
    """Return the parameters that every site starts from (data/reference/parameters.csv)."""
    with (REFERENCE / "parameters.csv").open(encoding="utf-8", newline="") as file:
        return tuple(
            ParameterRule(row["name"], row["value"], _date(row["valid_from"]), _date(row["valid_to"]), row["rule"])
            for row in csv.DictReader(file)
        )


def seed(session: Session) -> None:
    """Write the reference parameters into empty records."""
    if session.scalar(select(Parameter.parameter_id).limit(1)) is None:
        replace_parameters(session, reference_parameters())


def read_site(session: Session) -> Site:
    """Read the site from the records."""
    return Site(
        lines=reference_lines(),
        queues=tuple(
            QueueRule(row.queue, row.did or None, row.service, row.valid_from, row.valid_to)
            for row in session.scalars(select(QueueLine).order_by(QueueLine.queue_line_id))
        ),
        persons=tuple(
            PersonRule(row.interface, row.person, row.valid_from, row.valid_to)
            for row in session.scalars(select(AgentPerson).order_by(AgentPerson.agent_person_id))
        ),
        parameters=tuple(
            ParameterRule(row.name, row.value, row.valid_from, row.valid_to, row.rule)
            for row in session.scalars(select(Parameter).order_by(Parameter.parameter_id))
        ),
    )


def replace_queues(session: Session, rules: Sequence[QueueRule]) -> None:
    """Put these rules in the place of the site's queue rules."""
    session.execute(delete(QueueLine))
    session.add_all(
        QueueLine(queue=r.queue, did=r.did, service=r.service, valid_from=r.valid_from, valid_to=r.valid_to)
        for r in rules
    )


def replace_persons(session: Session, rules: Sequence[PersonRule]) -> None:
    """Put these rules in the place of the site's persons."""
    session.execute(delete(AgentPerson))
    session.add_all(
        AgentPerson(interface=r.interface, person=r.person, valid_from=r.valid_from, valid_to=r.valid_to) for r in rules
    )


def replace_parameters(session: Session, rules: Sequence[ParameterRule]) -> None:
    """Put these parameters in the place of the site's."""
    session.execute(delete(Parameter))
    session.add_all(
        Parameter(name=r.name, value=r.value, valid_from=r.valid_from, valid_to=r.valid_to, rule=r.rule) for r in rules
    )


def queue_rules(text: str, lines: Iterable[Line]) -> tuple[QueueRule, ...]:
    """Read queue rules from CSV (queue, did, service, valid_from, valid_to); rows without a service are left out.

    Raises MappingError naming line, column and remedy: unknown line, bad date, overlapping rules.
    """
    known = {line.number for line in lines} | {NOT_COUNTED}
    rules: dict[int, QueueRule] = {}
    for number, row in _rows(text, ("queue", "did", "service", "valid_from", "valid_to")):
        if not row["service"]:
            continue
        if not row["queue"]:
            raise MappingError("falta la cola", number, column="queue")
        if row["service"] not in known:
            choices = ", ".join(sorted(sorted(known), key=len))
            raise MappingError(
                f"«{row['service']}» no es una de las líneas ({choices}); corrija el número o escriba «{NOT_COUNTED}»",
                number,
                column="service",
            )
        if row["did"] and not any(character.isdigit() for character in row["did"]):
            raise MappingError(f"«{row['did']}» no tiene dígitos; deje vacío para «cualquiera»", number, column="did")
        start, end = _span(number, row)
        rules[number] = QueueRule(row["queue"], row["did"] or None, row["service"], start, end)
    _refuse_overlaps({n: ((r.queue, _digits(r.did)), r.valid_from, r.valid_to) for n, r in rules.items()}, "la cola")
    return tuple(rules.values())


def person_rules(text: str) -> tuple[PersonRule, ...]:
    """Read persons from CSV (interface, person, valid_from, valid_to); rows without a person are left out.

    Raises MappingError naming line, column and remedy.
    """
    rules: dict[int, PersonRule] = {}
    for number, row in _rows(text, ("interface", "person", "valid_from", "valid_to")):
        if not row["person"]:
            continue
        if not row["interface"]:
            raise MappingError("falta la interfaz", number, column="interface")
        start, end = _span(number, row)
        rules[number] = PersonRule(row["interface"], row["person"], start, end)
    _refuse_overlaps({n: ((r.interface,), r.valid_from, r.valid_to) for n, r in rules.items()}, "la interfaz")
    return tuple(rules.values())


def rules_csv(
    header: Sequence[str], rules: Iterable[QueueRule | PersonRule], extra: Iterable[Sequence[str]] = ()
) -> str:
    """Write rules as CSV; ``extra`` rows (what is not mapped yet) come first."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(extra)
    writer.writerows(["" if value is None else str(value) for value in astuple(rule)] for rule in rules)
    return out.getvalue()


def _rows(text: str, columns: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
    text = text.removeprefix("\ufeff")
    first = text.partition("\n")[0]
    reader = csv.DictReader(io.StringIO(text), delimiter=";" if first.count(";") > first.count(",") else ",")
    missing = [column for column in columns if column not in (reader.fieldnames or ())]
    if missing:
        raise MappingError(
            f"falta la columna {', '.join(missing)}; el encabezado debe ser {','.join(columns)} "
            f"y se leyó {','.join(reader.fieldnames or ())}",
            1,
        )
    try:
        return [
            (reader.line_num, {column: (row[column] or "").strip() for column in columns})
            for row in reader
            if any((row[column] or "").strip() for column in columns)
        ]
    except csv.Error as error:
        raise MappingError("no se puede leer como CSV; revise las comillas", reader.line_num) from error


def _span(number: int, row: dict[str, str]) -> tuple[date | None, date | None]:
    found: list[date | None] = []
    for column in ("valid_from", "valid_to"):
        try:
            found.append(_date(row[column]))
        except ValueError:
            raise MappingError(
                f"«{row[column]}» no es una fecha; escriba dd/mm/aaaa o aaaa-mm-dd", number, column=column
            ) from None
    start, end = found
    if start and end and end < start:
        raise MappingError("la fecha final es anterior a la inicial", number, column="valid_to")
    return start, end


def _date(text: str) -> date | None:
    if not text:
        return None
    if "/" in text:
        day, month, year = text.split("/")
        return date(int(year), int(month), int(day))
    return date.fromisoformat(text)


def _digits(text: str | None) -> str:
    return "".join(character for character in text or "" if character.isdigit())


def _refuse_overlaps(spans: dict[int, tuple[tuple[str, ...], date | None, date | None]], what: str) -> None:
    ordered = sorted(spans.items(), key=lambda item: (item[1][0], item[1][1] or date.min))
    for (first, (key, _, end)), (second, (other, start, _)) in pairwise(ordered):
        if key == other and (end or date.max) >= (start or date.min):
            raise MappingError(
                f"dos reglas para {what} «{key[0]}» valen en las mismas fechas; ajuste valid_from y valid_to para que "
                "no se superpongan",
                first,
                second,
            )

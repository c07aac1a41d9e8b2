"""A dump of mysqldump or phpMyAdmin, plain or gz: its text in, the rows of the table that holds a log out.

Only CREATE TABLE and INSERT are read, statement after statement within little memory; nothing is ever executed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from etl.readers.databases import column_named, find_layout, roles_of
from etl.readers.lines import blocks, open_text
from etl.readers.table_rows import RowWriter, columns_of, text_of
from etl.schema import LogSource
from etl.sources import TABLES

_STARTS = (b"-- MySQL dump", b"-- MariaDB dump", b"/*M!999999", b"-- phpMyAdmin SQL Dump", b"-- Adminer")
_BATCH_ROWS = 10_000
#: A row or a statement longer than this is none of a log.
_MOST_BYTES = 4 * 1024 * 1024
_NAME = rb"(?:`((?:[^`]|``)+)`|([A-Za-z0-9_$]+))"
_CREATE = re.compile(
    rb"CREATE\s+(?:TEMPORARY\s+)?TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?(?:" + _NAME + rb"\.)?" + _NAME + rb"\s*\(", re.I
)
_INSERT = re.compile(
    rb"(?:INSERT|REPLACE)\s+(?:(?:IGNORE|DELAYED|LOW_PRIORITY)\s+)*INTO\s+(?:" + _NAME + rb"\.)?" + _NAME
    + rb"\s*(?:\(([^()]*)\)\s*)?VALUES\s*",
    re.I,
)  # fmt: skip
_COLUMN = re.compile(rb"^\s*`((?:[^`]|``)+)`\s", re.M)
_VALUE = re.compile(
    rb"\s*(?:(?P<null>NULL)|(?:_[a-z0-9]+\s*)?(?:'(?P<text>(?:[^'\\]|\\.|'')*+)'|(?:0x|[xX]')(?P<hex>(?:[0-9A-Fa-f]{2})*)'?)"
    rb"|(?P<number>-?[0-9.]+(?:[eE][+-]?[0-9]+)?|[bB]'[01]*'|TRUE|FALSE|DEFAULT))\s*(?P<end>[,)])",
    re.S | re.I,
)
#: What may stand between statements, and any statement that is passed over: quoted texts count as one.
_PASSED = re.compile(rb"(?:\s+|--[^\n]*(?:\n|$)|#[^\n]*\n|/\*.*?\*/)*+", re.S)
_STATEMENT = re.compile(rb"(?:[^;'\"`]|'(?:[^'\\]|\\.|'')*+'|\"(?:[^\"\\]|\\.|\"\")*+\"|`[^`]*+`)*+;", re.S)
_ESCAPED = re.compile(rb"\\(.)|''", re.S)
_ESCAPES = {b"0": b"\0", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"Z": b"\x1a"}
#: Patterns of a statement's beginning: that is no longer than this.
_SHORT, _MOST_START = frozenset({_CREATE, _INSERT}), 16 * 1024
_LOOKUP_TABLES = frozenset(lookup.table for source in TABLES if source.table for _, lookup in source.table.lookups)


class DumpRefused(Exception):
    """A dump is not read; the message says why and what to do."""


@dataclass
class Dump:
    """What a first reading of a dump tells: the table that holds a log, its columns, the texts of its numbers."""

    source: LogSource
    table: str
    columns: tuple[str, ...]
    texts: dict[str, dict[str, str]] = field(default_factory=dict)


def looks_like_dump(start: bytes) -> bool:
    """Tell by its first bytes whether a text is a dump of SQL."""
    start = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    return (
        start.startswith(_STARTS)
        or _CREATE.match(start) is not None
        or _INSERT.match(start) is not None
        or (
            start.startswith((b"--", b"/*!", b"SET ", b"DROP TABLE"))
            and (_CREATE.search(start) or _INSERT.search(start)) is not None
        )
    )


def read_dump(path: Path) -> Dump:
    """Find the table of a dump that holds a log, the one of the most facts first. Raises DumpRefused."""
    columns: dict[str, tuple[str, ...]] = {}
    lookup_rows: dict[str, list[list[str | None]]] = {}
    with_rows: set[str] = set()
    for statement in _statements(path, wanted=None):
        if statement.create is not None:
            columns[statement.table] = statement.create
        elif statement.rows is not None:
            with_rows.add(statement.table)
            if statement.table.casefold() in _LOOKUP_TABLES and statement.rows:
                lookup_rows.setdefault(statement.table.casefold(), []).extend(statement.rows)
        if statement.columns:
            columns.setdefault(statement.table, statement.columns)
    found = [(source, name) for name, each in columns.items() if (source := find_layout(each)) is not None]
    if not found:
        raise DumpRefused(
            "es un volcado de SQL sin ninguna tabla queue_log, queuelog ni queue_stats: vuelque esa tabla con mysqldump"
        )
    source, table = min(found, key=lambda each: (each[1] not in with_rows, each[0].rank, each[1]))
    if table not in with_rows:
        raise DumpRefused(f"el volcado trae la tabla {table} sin filas: vuélquela con sus datos")
    dump = Dump(source, table, columns[table])
    for role, lookup in source.table.lookups if source.table else ():
        names = next((each for name, each in columns.items() if name.casefold() == lookup.table), ())
        key, text = column_named(names, lookup.key), column_named(names, lookup.text)
        if key is None or text is None:
            raise DumpRefused(f"al volcado le falta la tabla {lookup.table}: vuélquela junto con {table}")
        rows = lookup_rows.get(lookup.table, [])
        dump.texts[role] = {row[key] or "": row[text] or "" for row in rows if len(row) == len(names)}
    return dump


def write_rows(path: Path, dump: Dump, draft: Path) -> int:
    """Write the rows of the table into a draft; return how many. Raises DumpRefused for a dump that is cut."""
    if dump.source.table is None:
        raise ValueError(f"{dump.source.name} is no table")
    writer = RowWriter(draft, dump.source.table)
    wanted = columns_of(dump.source.table)
    roles = roles_of(dump.source)
    rows: list[list[str | None]] = []

    def flush() -> None:
        if rows:
            writer.write(list(zip(*rows, strict=True)))
            rows.clear()

    try:
        for statement in _statements(path, wanted=dump.table):
            names = statement.columns or dump.columns
            places = [column_named(names, roles[name]) for name in wanted]
            for row in statement.rows or ():
                if len(row) != len(names):
                    raise DumpRefused("una fila del volcado no tiene tantos valores como columnas: vuélquelo de nuevo")
                values = [None if place is None else row[place] for place in places]
                for role, texts in dump.texts.items():
                    at = wanted.index(role)
                    number = values[at]
                    values[at] = None if number is None else texts.get(number, number)
                rows.append(values)
                if len(rows) >= _BATCH_ROWS:
                    flush()
        flush()
    finally:
        writer.close()
    return writer.rows


@dataclass
class _Statement:
    table: str
    create: tuple[str, ...] | None = None
    columns: tuple[str, ...] = ()
    rows: list[list[str | None]] | None = None


class _Text:
    """The text of a dump as far as it is needed: what is behind is forgotten, what is ahead is read when asked for."""

    def __init__(self, source: Iterator[bytes]) -> None:
        self._source = source
        self.held = b""
        self.at = 0
        self.ended = False

    def more(self) -> bool:
        """Read on; false at the end, or where what is held is longer than anything of a log."""
        if self.ended or len(self.held) - self.at > _MOST_BYTES:
            return False
        block = next(self._source, b"")
        if not block:
            self.ended = True
            return False
        self.held, self.at = self.held[self.at :] + block, 0
        return True


def _statements(path: Path, wanted: str | None) -> Iterator[_Statement]:
    """Yield what creates tables and, a batch at a time, what fills them: one of them, or all."""
    with open_text(path) as file:
        text = _Text(blocks(file))
        while True:
            _skip(text)
            if (create := _matched(text, _CREATE)) is not None:
                body = _matched(text, _STATEMENT)
                if body is None:
                    raise DumpRefused("el volcado está cortado: vuelva a hacerlo o a copiarlo")
                names = tuple(_name(each) for each in _COLUMN.findall(body[0]))
                yield _Statement(_last_name(create), create=names)
            elif (insert := _matched(text, _INSERT)) is not None:
                yield from _inserted(text, insert, wanted)
            elif _matched(text, _STATEMENT) is None:
                if text.held[text.at :].strip() and wanted is None:
                    raise DumpRefused("el volcado está cortado: vuelva a hacerlo o a copiarlo")
                return


def _inserted(text: _Text, insert: re.Match[bytes], wanted: str | None) -> Iterator[_Statement]:
    table = _last_name(insert)
    listed = insert[5]
    columns = tuple(_name(each.strip().strip(b"`")) for each in listed.split(b",")) if listed else ()
    is_wanted = table == wanted or (wanted is None and table.casefold() in _LOOKUP_TABLES)
    rows: list[list[str | None]] = []
    told = False
    while True:
        row = _row(text)
        if is_wanted or not told:
            rows.append(row)
            told = True
        if len(rows) >= _BATCH_ROWS:
            yield _Statement(table, columns=columns, rows=rows)
            rows = []
        sign = _sign(text)
        if sign == b";":
            if wanted is None or is_wanted:
                yield _Statement(table, columns=columns, rows=rows)
            return
        if sign != b",":
            raise DumpRefused("el volcado está cortado o no es de mysqldump: vuelva a hacerlo")


def _row(text: _Text) -> list[str | None]:
    if _sign(text) != b"(":
        raise DumpRefused("el volcado está cortado o no es de mysqldump: vuelva a hacerlo")
    values: list[str | None] = []
    while True:
        value = _matched(text, _VALUE)
        if value is None:
            raise DumpRefused("el volcado está cortado o no es de mysqldump: vuelva a hacerlo")
        values.append(_value(value))
        if value["end"] == b")":
            return values


def _value(found: re.Match[bytes]) -> str | None:
    if found["null"] is not None:
        return None
    if (written := found["text"]) is not None:
        if b"\\" in written or b"''" in written:
            written = _ESCAPED.sub(lambda e: _ESCAPES.get(e[1], e[1]) if e[1] is not None else b"'", written)
        return text_of(written)
    if (digits := found["hex"]) is not None:
        return text_of(bytes.fromhex(digits.decode()))
    return found["number"].decode()


def _sign(text: _Text) -> bytes:
    """The next character that is no space."""
    while True:
        while text.at < len(text.held):
            sign = text.held[text.at : text.at + 1]
            text.at += 1
            if not sign.isspace():
                return sign
        if not text.more():
            return b""


def _skip(text: _Text) -> None:
    """Pass over spaces and remarks; what only some servers read is a remark too."""
    while True:
        found = _PASSED.match(text.held, text.at)
        if found is not None:
            text.at = found.end()
        rest = text.held[text.at :]
        # A semicolon behind a remark ends nothing.
        if rest[:1] == b";":
            text.at += 1
        elif (rest[:2] not in (b"", b"-", b"/", b"--", b"/*") and rest[:1] != b"#") or not text.more():
            return


def _matched(text: _Text, pattern: re.Pattern[bytes]) -> re.Match[bytes] | None:
    """Match here, reading on as long as it takes; None where there is no such thing."""
    while True:
        found = pattern.match(text.held, text.at)
        # At the very end of what is held, more of it may follow.
        if found is not None and (found.end() < len(text.held) or text.ended):
            text.at = found.end()
            return found
        if pattern in _SHORT and len(text.held) - text.at > _MOST_START:
            return None
        if not text.more():
            if found is not None:
                text.at = found.end()
            return found


def _last_name(found: re.Match[bytes]) -> str:
    return _name(found[3] or found[4])


def _name(written: bytes) -> str:
    return written.replace(b"``", b"`").decode("utf-8", "replace")

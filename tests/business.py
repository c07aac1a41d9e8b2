"""Whole stores compared: everything that users count or read, without where it came from."""

from collections.abc import Sequence
from pathlib import Path

from etl.warehouse import read_current
from tests.product import Product, Rows, load_in
from tests.reference_counter import LogFile, QueueRule

_WHENCE = "enter_load, enter_line, connect_load, connect_line, end_load, end_line"
_LINES = "load, line, end_load, end_line"
_TABLES = {
    "core.queue_visits": f"* EXCLUDE ({_WHENCE})",
    "core.line_calls": "*",
    "core.calls": "*",
    **{f"core.{t}_by_{what}": "*" for t in ("queue_visits", "line_calls", "calls") for what in ("wait", "half_hour")},
    "core.agent_spans": f"* EXCLUDE ({_LINES})",
    **{f"core.agent_{name}": "*" for name in ("sessions", "pauses", "rings", "half_hours")},
    "core.log_hours": "*",
    "core.log_queues": "*",
    "core.restarts": "pbx, epoch",
    "core.queue_lines": "*",
    "core.agent_persons": "*",
    "meta.findings": "kind, pbx, callid, queue, found_epoch",
    "meta.strays": "pbx, callid, epoch, reason",
    "meta.quarantine": "reasons, text",
    "raw.queue_log": "pbx, epoch, callid, queue, agent, event, data, kind, hold_seconds, talk_seconds",
}


def store_in(folder: Path, files: Sequence[LogFile], rules: Sequence[QueueRule], *, at_once: bool = True) -> Product:
    """A product whose pseudonyms are those of every other one made here, so that whole tables can be compared."""
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "pseudonyms.key").write_text("5a" * 32)
    return load_in(folder, files, rules, at_once=at_once)


def business(product: Product) -> dict[str, Rows]:
    with product.one_connection():
        return {table: sorted(product.rows(f"SELECT {c} FROM {table}"), key=repr) for table, c in _TABLES.items()}


def segments(product: Product) -> dict[str, str]:
    """The files in service by subject and period."""
    current = read_current(product.settings().warehouse)
    return {f"{s.subject}-{s.period}": s.file for s in current.segments} if current else {}

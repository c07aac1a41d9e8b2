"""What the product can read: one declaration per source, in load order; a table is its log in other clothes."""

from dataclasses import replace

from etl.schema import Lane, LogSource
from etl.sources.call_detail import DETAILS
from etl.sources.cdr import CDR, CDR_TABLE
from etl.sources.queue_log import QUEUE_LOG
from etl.sources.queue_log_tables import BY_COLUMNS, BY_FACTS

_TABLES = {
    source.name: replace(
        QUEUE_LOG, name=source.name, title=source.title, table=source.table, rank=rank, losses=source.losses
    )
    for rank, source in enumerate(BY_FACTS, start=1)
}
#: The tables of databases, in the order in which one is held against them.
TABLES: tuple[LogSource, ...] = (*(_TABLES[source.name] for source in BY_COLUMNS), CDR_TABLE)
SOURCES: tuple[LogSource, ...] = (QUEUE_LOG, *_TABLES.values(), *DETAILS, CDR, CDR_TABLE)
#: The names of those whose lines are records of calls.
RECORD_SOURCES: tuple[str, ...] = tuple(source.name for source in SOURCES if source.lane is Lane.RECORDS)

__all__ = ["CDR", "QUEUE_LOG", "RECORD_SOURCES", "SOURCES", "TABLES"]

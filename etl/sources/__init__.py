"""What the product can read: one declaration per source, in load order; a table is its log in other clothes."""

from dataclasses import replace

from etl.schema import LogSource
from etl.sources.queue_log import QUEUE_LOG
from etl.sources.queue_log_tables import BY_COLUMNS, BY_FACTS

_TABLES = {
    source.name: replace(
        QUEUE_LOG, name=source.name, title=source.title, table=source.table, rank=rank, losses=source.losses
    )
    for rank, source in enumerate(BY_FACTS, start=1)
}
#: The tables of databases, in the order in which one is held against them.
TABLES: tuple[LogSource, ...] = tuple(_TABLES[source.name] for source in BY_COLUMNS)
SOURCES: tuple[LogSource, ...] = (QUEUE_LOG, *_TABLES.values())

__all__ = ["QUEUE_LOG", "SOURCES", "TABLES"]

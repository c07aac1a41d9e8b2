"""What the product can read: one declaration per source, in load order."""

from etl.schema import LogSource
from etl.sources.queue_log import QUEUE_LOG

SOURCES: tuple[LogSource, ...] = (QUEUE_LOG,)

__all__ = ["QUEUE_LOG", "SOURCES"]

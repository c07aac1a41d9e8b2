"""The SQL of etl/models, with what is the same for every build filled in.

In: the name of a file. Out: its text; the caller fills in the segment.
"""

from pathlib import Path

from etl.settings import ZONE_OFFSET_SECONDS
from etl.sources.queue_log import QUEUE_LOG

_MODELS = Path(__file__).parent / "models"
#: A queue mapped to this word is a real queue whose calls enter no figure.
NOT_COUNTED = "no cuenta"
#: Waits for which the calls answered within them are counted by half hour: the thresholds that may be tried.
WITHIN_SECONDS = range(10, 61)
_WITHIN = "CAST(SUM(CASE WHEN answered_wait <= {0} THEN 1 ELSE 0 END) AS INTEGER) AS answered_within_{0}"


def model(name: str) -> str:
    """Return the SQL of a file of etl/models."""
    sql = (_MODELS / f"{name}.sql").read_text(encoding="utf-8")
    filled = {
        ":event_type": QUEUE_LOG.event_type,
        ":zone_offset_seconds": str(ZONE_OFFSET_SECONDS),
        ":within_columns": ", ".join(f"answered_within_{seconds} INTEGER" for seconds in WITHIN_SECONDS),
        ":within_sums": ", ".join(_WITHIN.format(seconds) for seconds in WITHIN_SECONDS),
    }
    for place, text in filled.items():
        sql = sql.replace(place, text)
    return sql

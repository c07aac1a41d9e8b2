"""Who the site has named: the persons behind the interfaces of the exchange.

In: a cursor. Out: names, as the generation in service was built with them.
"""

from __future__ import annotations

import duckdb


def named_persons(cursor: duckdb.DuckDBPyConnection) -> frozenset[str]:
    """Return the names that the site has given to interfaces; whoever else is an operator is an interface by itself."""
    rows = cursor.execute("SELECT DISTINCT person FROM core.agent_persons WHERE person IS NOT NULL").fetchall()
    return frozenset(str(person) for (person,) in rows)

"""The clocks of tables: told by the callids, or by the settings."""

from dataclasses import replace
from pathlib import Path

import pytest

from etl.readers.table_zone import clock_of
from tests.databases import TWENTY, Addresses, database, product_in, pull
from tests.databases import new_mariadb as new_mariadb
from tests.drawn_log import EIGHT, answered
from tests.table_log import (
    ADAPTIVE,
    LA_PAZ,
    table_of,
)

# The module asks for both servers by name, so that the marks are set before a fixture is.
pytestmark = pytest.mark.database


@pytest.mark.parametrize("offset", [0, LA_PAZ, -5 * 3600, -4 * 3600 - 1800])
def test_the_clock_of_a_table_is_told_by_its_callids(offset: int) -> None:
    menus = [(offset + seconds, 3) for seconds in (-1, 0, 4, 30, 200, 900)] + [(offset + 5400, 1)]
    assert clock_of(menus).offset == offset


def test_a_clock_of_too_few_calls_or_of_two_offsets_is_not_told() -> None:
    assert clock_of([(LA_PAZ, 9)]).offset is None
    assert clock_of([(LA_PAZ, 500), (0, 40)]).offset is None
    assert clock_of([(0, 500), (LA_PAZ, 4)]).offset is None  # no menu takes negative time
    assert clock_of([(LA_PAZ, 500), (0, 3)]).offset == LA_PAZ


def test_a_table_of_two_clocks_is_refused_until_the_settings_say_which(new_mariadb: Addresses, tmp_path: Path) -> None:
    url = new_mariadb()
    table = table_of(url, ADAPTIVE, TWENTY)
    table.add([text for n in range(20) for text in answered(9000 + n, f"{n + 100}")], later=(14400,))
    product = product_in(tmp_path / "store")
    (report,) = pull(product, database(url))
    assert report.state == "refused"
    assert "no es una sola" in report.message and "CALLCENTER_DATABASES" in report.message
    (report,) = pull(product, database(url, zone="-04:00"))
    assert report.state == "published"


def test_few_new_rows_are_read_by_the_clock_known(new_mariadb: Addresses, tmp_path: Path) -> None:
    url = new_mariadb()
    table = table_of(url, replace(ADAPTIVE, offset=0), TWENTY)
    product = product_in(tmp_path / "store")
    pull(product, database(url))
    table.add(answered(9000, "77"))
    (report,) = pull(product, database(url, overlap_seconds=0))
    assert report.state == "published"
    assert product.rows("SELECT MAX(epoch) FROM raw.queue_log") == [(EIGHT + 9065,)]
    (first,) = pull(product_in(tmp_path / "few"), database(url, zone="auto", table="queue_log"))
    assert first.state == "published"

"""Records that an earlier version of the product made are brought up to the code, whatever way they came."""

import json
from collections.abc import Callable
from datetime import datetime

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, create_engine, text

from etl.records.engine import open_records, transaction, upgrade
from etl.records.models import Job, Load, LogFile, MappingVersion, Record

pytestmark = pytest.mark.duckdb


def made_before_0003_was_put_in(url: str) -> None:
    """Records at 0004 when that revision followed 0002: the column of its own, nothing of 0003."""
    engine = create_engine(url)
    upgrade(engine, "0002")
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE loads ADD COLUMN utc_offset INTEGER"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0004'"))
        connection.execute(
            text(
                "INSERT INTO log_files (file_id, source, pbx, name, head_bytes, head_sha256) "
                "VALUES (1, 'queue_log', 'default', 'queue_log', 0, '')"
            )
        )
        connection.execute(
            text(
                "INSERT INTO loads (load_id, file_id, sha256, first_byte, bytes, tail_sha256, first_line, lines, held, "
                "first_epoch, last_epoch, landed_at, state) "
                "VALUES (1, 1, '', 0, 0, '', 1, 0, 0, 0, 0, '2026-11-20 12:00:00', 'published')"
            )
        )
    engine.dispose()


@pytest.fixture
def opened(new_records_url: Callable[[], str], request: pytest.FixtureRequest) -> Engine:
    url = new_records_url()
    made_before_0003_was_put_in(url)
    engine = open_records(url)
    request.addfinalizer(engine.dispose)
    return engine


def test_records_that_skipped_a_revision_get_what_it_adds(opened: Engine) -> None:
    with opened.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Record.metadata) == []


def test_records_that_skipped_a_revision_keep_what_is_in_them_and_are_written(opened: Engine) -> None:
    now = datetime(2026, 11, 20, 12)
    with transaction(opened) as session:
        assert session.get_one(Load, 1).landed_by is None
        session.get_one(LogFile, 1)
        session.get_one(Load, 1).landed_by = {"who": "ana"}
        session.add(Job(work="undo", asked={}, state="queued", cancel=False, attempts=0, tells="", queued_at=now))
        session.add(
            MappingVersion(what="queues", number=1, saved_at=now, account_id=None, who="", rules=0, text="", sha256="")
        )
    with transaction(opened) as session:
        assert json.dumps(session.get_one(Load, 1).landed_by) == '{"who": "ana"}'
    with pytest.raises(Exception, match="only added to"), transaction(opened) as session:
        session.execute(text("DELETE FROM mapping_versions"))

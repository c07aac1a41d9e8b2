"""Who received a piece and for which job, what a job's account asked with, and every mapping as it was saved.

Revision: 0003, after 0002.
"""

import sqlalchemy as sa
from alembic import op

from etl.records.models import append_only

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns and the table, and what keeps its rows, and those of the audit, from being changed."""
    op.add_column("loads", sa.Column("landed_by", sa.JSON()))
    op.add_column("loads", sa.Column("job_id", sa.Integer()))
    op.add_column("jobs", sa.Column("role", sa.String(16)))
    op.add_column("jobs", sa.Column("address", sa.String(64)))
    op.create_table(
        "mapping_versions",
        sa.Column("mapping_version_id", sa.Integer(), primary_key=True),
        sa.Column("what", sa.String(16), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("saved_at", sa.DateTime(), nullable=False),
        sa.Column("account_id", sa.Integer(), sa.ForeignKey("accounts.account_id")),
        sa.Column("who", sa.String(64), nullable=False),
        sa.Column("rules", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
    )
    op.create_index("ix_mapping_versions_what", "mapping_versions", ["what", "number"], unique=True)
    connection = op.get_bind()
    for statement in append_only("mapping_versions", connection.dialect.name):
        op.execute(statement)
    if connection.dialect.name == "sqlite":
        # Records of the revision before hold their audit to less than this version does.
        triggers = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :table"
        for table in ("audit_entries", "audit_seals"):
            for name in connection.scalars(sa.text(triggers), {"table": table}).all():
                op.execute(f"DROP TRIGGER {name}")
            for statement in append_only(table, "sqlite"):
                op.execute(statement)

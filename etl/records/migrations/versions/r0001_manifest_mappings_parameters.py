"""Manifest of loads, the site's mappings, the dated parameters.

Revision: 0001, the first.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "store",
        sa.Column("store_id", sa.Integer(), primary_key=True),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.CheckConstraint("kind in ('site', 'demo')", name="kind"),
    )
    op.create_table(
        "log_files",
        sa.Column("file_id", sa.Integer(), primary_key=True),
        sa.Column("source", sa.String(40), nullable=False),
        sa.Column("pbx", sa.String(40), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("head_bytes", sa.BigInteger(), nullable=False),
        sa.Column("head_sha256", sa.String(64), nullable=False),
    )
    op.create_index("ix_log_files_head", "log_files", ["pbx", "head_sha256"])
    op.create_table(
        "loads",
        sa.Column("load_id", sa.Integer(), primary_key=True),
        sa.Column("file_id", sa.Integer(), sa.ForeignKey("log_files.file_id"), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("first_byte", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("tail_sha256", sa.String(64), nullable=False),
        sa.Column("first_line", sa.BigInteger(), nullable=False),
        sa.Column("lines", sa.BigInteger(), nullable=False),
        sa.Column("held", sa.BigInteger(), nullable=False),
        sa.Column("first_epoch", sa.BigInteger(), nullable=False),
        sa.Column("last_epoch", sa.BigInteger(), nullable=False),
        sa.Column("landed_at", sa.DateTime(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("loaded", sa.BigInteger()),
        sa.Column("duplicates", sa.BigInteger()),
        sa.Column("quarantined", sa.BigInteger()),
        sa.Column("blank", sa.BigInteger()),
        sa.Column("published_at", sa.DateTime()),
        sa.Column("generation", sa.BigInteger()),
        sa.Column("refusal", sa.Text()),
        sa.CheckConstraint("state in ('landed', 'published', 'refused')", name="state"),
    )
    op.create_index("ix_loads_sha256", "loads", ["sha256"])
    op.create_table(
        "queue_lines",
        sa.Column("queue_line_id", sa.Integer(), primary_key=True),
        sa.Column("queue", sa.String(256), nullable=False),
        sa.Column("did", sa.String(80)),
        sa.Column("service", sa.String(20), nullable=False),
        sa.Column("valid_from", sa.Date()),
        sa.Column("valid_to", sa.Date()),
    )
    op.create_table(
        "agent_persons",
        sa.Column("agent_person_id", sa.Integer(), primary_key=True),
        sa.Column("interface", sa.String(256), nullable=False),
        sa.Column("person", sa.String(256), nullable=False),
        sa.Column("valid_from", sa.Date()),
        sa.Column("valid_to", sa.Date()),
    )
    op.create_table(
        "parameters",
        sa.Column("parameter_id", sa.Integer(), primary_key=True),
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.Date()),
        sa.Column("valid_to", sa.Date()),
        sa.Column("rule", sa.Text(), nullable=False),
    )
    op.create_index("ix_parameters_name", "parameters", ["name"])


def downgrade() -> None:
    """Drop the tables."""
    for table in ("parameters", "agent_persons", "queue_lines", "loads", "log_files", "store"):
        op.drop_table(table)

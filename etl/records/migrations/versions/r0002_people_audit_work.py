"""Accounts, sign-ins, the audit, jobs and uploads.

Revision: 0002, after 0001.
"""

import sqlalchemy as sa
from alembic import op

from etl.records.models import append_only

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables, and what keeps the audit from being changed."""
    op.create_table(
        "accounts",
        sa.Column("account_id", sa.Integer(), primary_key=True),
        sa.Column("name", sa.String(64), nullable=False, unique=True),
        sa.Column("full_name", sa.String(120), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("password_hash", sa.Text()),
        sa.Column("must_change", sa.Boolean(), nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("subject", sa.String(255), unique=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("password_at", sa.DateTime()),
        sa.CheckConstraint(
            "role in ('operator', 'supervisor', 'manager', 'chief', 'quality', 'administrator')", name="role"
        ),
    )
    op.create_table(
        "sign_ins",
        sa.Column("sign_in_id", sa.Integer(), primary_key=True),
        sa.Column("account_id", sa.Integer(), sa.ForeignKey("accounts.account_id"), nullable=False, index=True),
        sa.Column("token_sha256", sa.String(64), nullable=False, unique=True),
        sa.Column("started_at", sa.DateTime(), nullable=False),
        sa.Column("seen_at", sa.DateTime(), nullable=False),
        sa.Column("ended_at", sa.DateTime()),
        sa.Column("address", sa.String(64), nullable=False),
        sa.Column("browser", sa.String(200), nullable=False),
    )
    op.create_table(
        "audit_entries",
        sa.Column("entry_id", sa.Integer(), primary_key=True),
        sa.Column("entered_at", sa.DateTime(), nullable=False, index=True),
        sa.Column("account_id", sa.Integer(), sa.ForeignKey("accounts.account_id")),
        sa.Column("who", sa.String(64), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("address", sa.String(64), nullable=False),
        sa.Column("action", sa.String(40), nullable=False, index=True),
        sa.Column("object", sa.Text(), nullable=False),
        sa.Column("result", sa.String(16), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
    )
    op.create_table(
        "audit_seals",
        sa.Column("day", sa.Date(), primary_key=True),
        sa.Column("entries", sa.BigInteger(), nullable=False),
        sa.Column("last_entry", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("sealed_at", sa.DateTime(), nullable=False),
    )
    op.create_table(
        "jobs",
        sa.Column("job_id", sa.Integer(), primary_key=True),
        sa.Column("work", sa.String(20), nullable=False),
        sa.Column("asked", sa.JSON(), nullable=False),
        sa.Column("account_id", sa.Integer(), sa.ForeignKey("accounts.account_id")),
        sa.Column("state", sa.String(10), nullable=False, index=True),
        sa.Column("cancel", sa.Boolean(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("share", sa.Float()),
        sa.Column("tells", sa.Text(), nullable=False),
        sa.Column("answer", sa.JSON()),
        sa.Column("queued_at", sa.DateTime(), nullable=False),
        sa.Column("started_at", sa.DateTime()),
        sa.Column("beat_at", sa.DateTime()),
        sa.Column("ended_at", sa.DateTime()),
        sa.Column("retry_of", sa.Integer(), sa.ForeignKey("jobs.job_id")),
        sa.CheckConstraint("state in ('queued', 'running', 'done', 'failed', 'cancelled')", name="state"),
    )
    op.create_table(
        "uploads",
        sa.Column("upload_id", sa.Integer(), primary_key=True),
        sa.Column("account_id", sa.Integer(), sa.ForeignKey("accounts.account_id"), nullable=False, index=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("source", sa.String(40), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False, index=True),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.DateTime(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("verdict", sa.JSON()),
        sa.Column("loads", sa.JSON()),
        sa.CheckConstraint(
            "state in ('received', 'checked', 'loading', 'loaded', 'refused', 'discarded')", name="state"
        ),
    )
    for table in ("audit_entries", "audit_seals"):
        for statement in append_only(table, op.get_bind().dialect.name):
            op.execute(statement)

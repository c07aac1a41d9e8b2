"""The clock of the table that a load's rows come from.

Revision: 0004, after 0003 (once after 0002: r0006 adds what such records lack).
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("loads", sa.Column("utc_offset", sa.Integer()))

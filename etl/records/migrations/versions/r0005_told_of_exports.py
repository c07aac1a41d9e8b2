"""What the sender of an export says of it: its period and its queue, of a file that waits and of a load.

Revision: 0005, after 0004.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    op.add_column("loads", sa.Column("told", sa.JSON()))
    op.add_column("uploads", sa.Column("told", sa.JSON()))

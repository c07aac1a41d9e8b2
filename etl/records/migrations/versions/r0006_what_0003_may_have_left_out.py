"""What revision 0003 adds, in records that were at 0004 when that still followed 0002.

Revision: 0006, after 0005.
"""

import sqlalchemy as sa
from alembic import op

from etl.records.migrations.versions import r0003_who_landed_mapping_versions as r0003

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add it all where it is missing: a revision is one transaction, nothing of it is ever there alone."""
    if not sa.inspect(op.get_bind()).has_table("mapping_versions"):
        r0003.upgrade()

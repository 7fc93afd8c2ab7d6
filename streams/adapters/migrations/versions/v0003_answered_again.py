"""When an event that stands settled was answered once more: eviction counts it as in use."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the column; it is empty where an event was answered once."""
    op.add_column("settlement", sa.Column("answered_again_at", sa.DateTime(timezone=True)))

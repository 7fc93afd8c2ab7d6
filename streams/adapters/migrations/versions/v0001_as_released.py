"""The ledger of version 0.1, which was a SQLite file without a revision."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make both tables."""
    op.create_table(
        "outcome",
        sa.Column("key", sa.String, nullable=False),
        sa.Column("image_id", sa.String, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_outcome_0001"),
    )
    op.create_table(
        "settlement",
        sa.Column("acquisition_id", sa.String, nullable=False),
        sa.Column("stage", sa.String, nullable=False),
        sa.Column("lane", sa.String, nullable=False),
        sa.Column("pipeline", sa.String, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("image_id", sa.String, nullable=False),
        sa.Column("version", sa.String, nullable=False),
        sa.Column("source_name", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("settled_at", sa.DateTime, nullable=False),
        sa.Column("reason", sa.String),
        sa.Column("computed", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("acquisition_id", "stage", "lane", "pipeline", "attempt", name="pk_settlement_0001"),
    )

"""On PostgreSQL rows that come by the hundred thousand are not checked one by one for their build."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

CONSTRAINTS = {
    "commits": "build_id",
    "templates": "build_id",
    "template_values": "build_id",
    "versions": "template_id",
    "removals": "build_id",
    "closures": "build_id",
    "bodies": "build_id",
    "labels": "build_id",
    "label_moves": "build_id",
    "outbox": "repository_id",
    "search_documents": "index_id",
}


def upgrade() -> None:
    """Goes one revision forward."""
    if op.get_bind().dialect.name == "postgresql":
        for table, column in CONSTRAINTS.items():
            op.drop_constraint(f"fk_{table}_{column}", table, type_="foreignkey")

"""Groups, grants, kinds of users, and keys that are limited to places.

Until now the widest scope of a user's keys that hold said what he may do: that becomes a grant on the whole server.
"""

import secrets
import time

import sqlalchemy as sa
from alembic import op

from registry.adapters.sql.column_types import WORDS

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_ROLES = (("admin", "administrator"), ("write", "author"), ("read", "reader"))


def upgrade() -> None:
    """Goes one revision forward."""
    op.add_column("users", sa.Column("is_service", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("users", sa.Column("disabled_at", sa.BigInteger(), nullable=True))
    op.add_column("keys", sa.Column("places", WORDS, nullable=True))
    op.add_column("keys", sa.Column("used_at", sa.BigInteger(), nullable=True))
    op.create_table(
        "groups",
        sa.Column("group", WORDS, nullable=False),
        sa.Column("name", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("group", name=op.f("pk_groups")),
    )
    op.create_table(
        "group_members",
        sa.Column("group", WORDS, nullable=False),
        sa.Column("user", WORDS, nullable=False),
        sa.Column("source", WORDS, nullable=False),
        sa.ForeignKeyConstraint(["group"], ["groups.group"], name=op.f("fk_group_members_group"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user"], ["users.user"], name=op.f("fk_group_members_user"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("group", "user", "source", name=op.f("pk_group_members")),
    )
    op.create_index(op.f("ix_group_members_user"), "group_members", ["user"], unique=False)
    grants = op.create_table(
        "grants",
        sa.Column("id", WORDS, nullable=False),
        sa.Column("user", WORDS, nullable=True),
        sa.Column("group", WORDS, nullable=True),
        sa.Column("role", WORDS, nullable=False),
        sa.Column("repository", WORDS, nullable=False),
        sa.Column("folder", WORDS, nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("made_by", WORDS, nullable=False),
        sa.ForeignKeyConstraint(["user"], ["users.user"], name=op.f("fk_grants_user"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["group"], ["groups.group"], name=op.f("fk_grants_group"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_grants")),
        sa.UniqueConstraint("user", "role", "repository", "folder", name=op.f("uq_grants_user_role_repository_folder")),
        sa.UniqueConstraint(
            "group", "role", "repository", "folder", name=op.f("uq_grants_group_role_repository_folder")
        ),
    )
    op.create_index(op.f("ix_grants_user"), "grants", ["user"], unique=False)
    op.create_index(op.f("ix_grants_group"), "grants", ["group"], unique=False)
    for user, role in _roles_until_now():
        row = {"id": secrets.token_hex(6), "user": user, "role": role, "repository": "", "folder": ""}
        op.bulk_insert(grants, [{**row, "made_at": int(time.time() * 1_000_000), "made_by": user}])


_HELD = """
SELECT u."user", k.scope FROM keys k JOIN users u ON u.id = k.user_id
WHERE k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > :now)
"""


def _roles_until_now() -> list[tuple[str, str]]:
    rows = op.get_bind().execute(sa.text(_HELD), {"now": int(time.time() * 1_000_000)})
    scopes: dict[str, set[str]] = {}
    for user, scope in rows:
        scopes.setdefault(user, set()).add(scope)
    return [(user, next(role for scope, role in _ROLES if scope in some)) for user, some in sorted(scopes.items())]

"""Triggers that keep the audit's entries as they are.

A depth: the owner of the tables can take them away, but then the chain still tells what was done.
"""

from collections.abc import Sequence

_SAYS = "the audit is append-only"
_KEPT = "OLD.number > coalesce((SELECT number FROM audit_marks WHERE mark = 'pruned'), 0)"
"""Whether an entry may not be removed: only what the mark of a pruning stands for may."""

_SQLITE = (
    f"CREATE TRIGGER audit_entries_unchanged BEFORE UPDATE ON audit_entries BEGIN SELECT RAISE(ABORT, '{_SAYS}'); END",
    f"CREATE TRIGGER audit_entries_kept BEFORE DELETE ON audit_entries WHEN {_KEPT} "
    f"BEGIN SELECT RAISE(ABORT, '{_SAYS}'); END",
)
_POSTGRES = (
    f"CREATE FUNCTION promptuary_audit_guard() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
    f"IF TG_OP = 'DELETE' THEN IF NOT ({_KEPT}) THEN RETURN OLD; END IF; END IF; "
    f"RAISE EXCEPTION '{_SAYS}'; END $$",
    "CREATE TRIGGER audit_entries_kept BEFORE UPDATE OR DELETE ON audit_entries "
    "FOR EACH ROW EXECUTE FUNCTION promptuary_audit_guard()",
    "CREATE TRIGGER audit_entries_whole BEFORE TRUNCATE ON audit_entries "
    "FOR EACH STATEMENT EXECUTE FUNCTION promptuary_audit_guard()",
)


def guards_of(dialect: str) -> Sequence[str]:
    """The statements that make them."""
    return _POSTGRES if dialect == "postgresql" else _SQLITE

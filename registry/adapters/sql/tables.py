"""The tables of what is projected (SQLAlchemy Core, no ORM); ``kept_tables`` has the others.

``docs/catalogue.md`` has the picture and says which query uses which index.

Everything that is projected hangs on a *build*: a repository has one live build, and during a full replay a staged one
beside it, so readers never see half a replay. Ids of commits, blobs and digests are stored as bytes, times as
microseconds since 1970 in UTC, lists and mappings as JSON text.

Full-text tables differ between the dialects: ``dialect`` (names) and ``fts5`` (search) make them.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
    func,
    literal_column,
)
from sqlalchemy.sql import ColumnElement

from registry.adapters.sql.column_types import ID, WORDS

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

repositories = Table(
    "repositories",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", WORDS, nullable=False, unique=True),
    Column("live_build", Integer),
    Column("staged_build", Integer),
)

builds = Table(
    "builds",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("repository_id", ForeignKey("repositories.id"), nullable=False, index=True),
    Column("ref", WORDS, nullable=False),
    Column("commit", WORDS, nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("schema", Integer, nullable=False),
    Column("rules", WORDS, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    sqlite_autoincrement=True,  # the number of a dropped build never comes back
)

commits = Table(
    "commits",
    metadata,
    Column("build_id", ForeignKey("builds.id"), nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("commit", LargeBinary, nullable=False),
    Column("author_name", WORDS, nullable=False),
    Column("author_email", WORDS, nullable=False),
    Column("committed_at", BigInteger, nullable=False),
    Column("subject", WORDS, nullable=False),
    Column("authored_at", BigInteger),
    Column("imported_subject", WORDS),
    PrimaryKeyConstraint("build_id", "ordinal"),
    sqlite_with_rowid=False,
)

templates = Table(
    "templates",
    metadata,
    Column("id", ID, primary_key=True),
    Column("build_id", ForeignKey("builds.id"), nullable=False),
    Column("name", WORDS, nullable=False),
    Column("sort_key", LargeBinary, nullable=False),
    Column("version", Integer, nullable=False),
    Column("latest", Integer),
    Column("default_version", Integer),
    Column("blob", LargeBinary),
    Column("latest_blob", LargeBinary),
    Column("includes", WORDS),
    Column("deleted", Boolean, nullable=False),
    Column("moved_to", WORDS),
    Column("commit", LargeBinary),
    Column("age", BigInteger, nullable=False),
    Column("labels", WORDS),
    Column("owners", WORDS),
    Column("facts", WORDS),
    Column("diagnostics", WORDS),
    UniqueConstraint("build_id", "name"),
)
"""``age`` is minus the time of the last commit that counted, so that newest first and by name both ascend."""
Index("ix_templates_by_name", templates.c.build_id, templates.c.deleted, templates.c.sort_key)
Index("ix_templates_by_age", templates.c.build_id, templates.c.deleted, templates.c.age, templates.c.sort_key)

template_values = Table(
    "template_values",
    metadata,
    Column("build_id", ForeignKey("builds.id"), nullable=False),
    Column("facet", WORDS, nullable=False),
    Column("value", WORDS, nullable=False),
    Column("sort_key", LargeBinary, nullable=False),
    Column("template_id", ID, nullable=False),
    PrimaryKeyConstraint("build_id", "facet", "value", "sort_key"),
    sqlite_with_rowid=False,
)
"""What a filter can ask for, of templates that are not deleted; ``folder`` stands there for every folder above."""

versions = Table(
    "versions",
    metadata,
    Column("template_id", ForeignKey("templates.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("blob", LargeBinary, nullable=False),
    Column("status", WORDS),
    Column("cause", WORDS),
    Column("moved_from", WORDS),
    Column("diagnostics", WORDS),
    PrimaryKeyConstraint("template_id", "number"),
    sqlite_with_rowid=False,
)
"""``status`` is null where the version is not valid."""
Index("ix_versions_ordinal", versions.c.ordinal)


def digest_head(digest: ColumnElement[bytes]) -> ColumnElement[bytes]:
    """The first four bytes of a digest: what an index finds versions by, at a third of what all 32 would take."""
    return func.substr(digest, literal_column("1"), literal_column("4"))


Index("ix_versions_digest_head", digest_head(versions.c.digest))

removals = Table(
    "removals",
    metadata,
    Column("build_id", ForeignKey("builds.id"), nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("name", WORDS, nullable=False),
    Column("version", Integer, nullable=False),
    Column("moved_to", WORDS),
    PrimaryKeyConstraint("build_id", "ordinal", "name"),
    sqlite_with_rowid=False,
)
"""Templates that a commit deleted or renamed; ``version`` is the last number they had until then."""

closures = Table(
    "closures",
    metadata,
    Column("build_id", ForeignKey("builds.id"), nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("pairs", WORDS, nullable=False),
    PrimaryKeyConstraint("build_id", "digest"),
    sqlite_with_rowid=False,
)
"""Only closures of more than one template: any other is the version's own name and blob."""

bodies = Table(
    "bodies",
    metadata,
    Column("build_id", ForeignKey("builds.id"), nullable=False),
    Column("blob", LargeBinary, nullable=False),
    Column("body", WORDS, nullable=False),
    PrimaryKeyConstraint("build_id", "blob"),
)

labels = Table(
    "labels",
    metadata,
    Column("build_id", ForeignKey("builds.id"), nullable=False),
    Column("label", WORDS, nullable=False),
    Column("name", WORDS, nullable=False),
    Column("version", Integer, nullable=False),
    PrimaryKeyConstraint("build_id", "label", "name"),
    sqlite_with_rowid=False,
)

label_moves = Table(
    "label_moves",
    metadata,
    Column("build_id", ForeignKey("builds.id"), nullable=False),
    Column("label", WORDS, nullable=False),
    Column("name", WORDS, nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("version", Integer),
    Column("previous", Integer),
    Column("commit", LargeBinary, nullable=False),
    Column("moved_at", BigInteger, nullable=False),
    Column("author_name", WORDS, nullable=False),
    Column("author_email", WORDS, nullable=False),
    Column("subject", WORDS, nullable=False),
    PrimaryKeyConstraint("build_id", "label", "name", "ordinal"),
    sqlite_with_rowid=False,
)
Index("ix_label_moves_build_id_ordinal", label_moves.c.build_id, label_moves.c.ordinal)

refs = Table(
    "refs",
    metadata,
    Column("repository_id", ForeignKey("repositories.id"), nullable=False),
    Column("ref", WORDS, nullable=False),
    Column("commit", WORDS, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("repository_id", "ref"),
    sqlite_with_rowid=False,
)

outbox = Table(
    "outbox",
    metadata,
    Column("sequence", ID, primary_key=True),
    Column("repository_id", ForeignKey("repositories.id"), nullable=False),
    Column("kind", WORDS, nullable=False),
    Column("name", WORDS, nullable=False),
    Column("ordinal", Integer, nullable=False),
    UniqueConstraint("repository_id", "kind", "name"),
    sqlite_autoincrement=True,  # a sequence that was done never comes back, so a late ``done`` drops nothing new
)

search_indexes = Table(
    "search_indexes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("repository", WORDS, nullable=False, index=True),
    Column("role", WORDS, nullable=False),
    sqlite_autoincrement=True,  # the number names the full-text tables, and a dropped one never comes back
)
"""``role`` is live (searches see it), next (being filled to take its place) or dead (being swept away)."""

search_documents = Table(
    "search_documents",
    metadata,
    Column("id", ID, primary_key=True),
    Column("index_id", ForeignKey("search_indexes.id"), nullable=False),
    Column("name", WORDS, nullable=False),
    Column("sort_key", LargeBinary, nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("fingerprint", WORDS, nullable=False),
    Column("facets", WORDS, nullable=False),
    Column("heading", WORDS, nullable=False),
    UniqueConstraint("index_id", "name"),
)
Index("ix_search_documents_by_name", search_documents.c.index_id, search_documents.c.sort_key)

search_bodies = Table(
    "search_bodies",
    metadata,
    Column("document_id", ID, primary_key=True, autoincrement=False),
    Column("folded", WORDS, nullable=False),
    Column("document", WORDS, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
"""The text that was indexed, folded for comparing and compressed for showing; kept apart from the short rows."""

search_counts = Table(
    "search_counts",
    metadata,
    Column("index_id", ForeignKey("search_indexes.id"), nullable=False),
    Column("facet", WORDS, nullable=False),
    Column("value", WORDS, nullable=False),
    Column("documents", Integer, nullable=False),
    PrimaryKeyConstraint("index_id", "facet", "value"),
    sqlite_with_rowid=False,
)
"""How many documents have a facet's value: the counts where nothing is searched or filtered."""

REPLAYED = (commits, templates, template_values, versions, removals, closures, bodies, labels, label_moves)
"""What a replay writes anew."""

for _table in (*REPLAYED, outbox, search_documents):
    for _constraint in _table.foreign_key_constraints:
        # PostgreSQL looks up what each row refers to: more than half of what a replay costs there.
        _constraint.ddl_if(dialect="sqlite")

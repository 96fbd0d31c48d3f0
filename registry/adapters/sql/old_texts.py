"""Texts that templates had: for the search engine by the outbox, and looked through where there is none.

A text is old where its template has another by now, or was deleted. It stands under the newest version that had it.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Text, and_, bindparam, cast, func, insert, literal, or_, select

from registry.adapters.sql import dialect
from registry.adapters.sql.search_ranking import Scorer
from registry.adapters.sql.sights import begins, seen
from registry.adapters.sql.statements import insert_new, write_rows
from registry.adapters.sql.tables import bodies, outbox, templates, versions
from registry.adapters.sql.template_index import live_build
from registry.adapters.sql.values import from_facts
from registry.domain.catalogue import Facts, Fed, OutboxEntry, OutboxKind, SearchDocument, kind_of
from registry.domain.ids import RepositoryName, TemplateName
from registry.domain.rights import Sight
from registry.domain.search import old_text_key
from registry.domain.search_terms import Form, Look, Term
from registry.domain.search_text import folded, searchable
from registry.domain.template import TemplateType

LOOKED_THROUGH = 20_000
"""Old versions that a search looks through, the newest first; a search engine knows all of them."""

FOUND = 300
"""Old texts that a search shows at most."""

_LESS = 0.9
"""An old text is worth less than the same text as it is now."""

_KIND = kind_of(Fed.ENGINE, OutboxKind.TEXT)
_NO_HEADING = " \n \n \n "
_ADD = insert_new(outbox)
_IS_OLD = and_(versions.c.status.is_not(None), or_(templates.c.deleted, versions.c.blob != templates.c.latest_blob))
_VERSIONS = (
    select(templates.c.name, templates.c.facts, versions.c.number, versions.c.blob)
    .join(versions, versions.c.template_id == templates.c.id)
    .where(templates.c.build_id == live_build, dialect.one_of(templates.c.name, "names"))
    .where(dialect.one_of(versions.c.number, "numbers"))
)
_BODIES = select(bodies.c.blob, bodies.c.body).where(
    bodies.c.build_id == live_build, bodies.c.blob.in_(bindparam("blobs", expanding=True))
)
_NEWEST = (
    select(templates.c.build_id, templates.c.name, templates.c.facts, versions.c.number, versions.c.blob)
    .join(versions, versions.c.template_id == templates.c.id)
    .where(templates.c.build_id == live_build, _IS_OLD)
    .order_by(versions.c.ordinal.desc())
    .limit(LOOKED_THROUGH)
)


class OldText(NamedTuple):
    """A text that a template had, with how well it has what is looked for."""

    name: TemplateName
    number: int
    facts: Facts
    body: str
    score: float

    @property
    def key(self) -> bytes:
        """Its place among hits of the same score: behind the template's own."""
        return old_text_key(self.name, self.number)


def ask_old_texts(
    connection: Connection, repository_id: int, old: Iterable[tuple[TemplateName, int]], ordinal: int
) -> None:
    """Asks for the texts of versions that have become old."""
    entry = {"repository_id": repository_id, "kind": _KIND, "ordinal": ordinal}
    write_rows(connection, _ADD, [entry | {"name": f"{number}:{name}"} for name, number in old])


def fill_old_texts(connection: Connection, repository_id: int, build: int, ordinal: int) -> None:
    """Asks for every old text of a build."""
    name = cast(func.max(versions.c.number), Text).concat(":").concat(templates.c.name)
    rows = (
        select(literal(repository_id), literal(_KIND), name, literal(ordinal))
        .join(versions, versions.c.template_id == templates.c.id)
        .where(templates.c.build_id == build, _IS_OLD)
        .group_by(templates.c.name, versions.c.blob)
    )
    connection.execute(insert(outbox).from_select(["repository_id", "kind", "name", "ordinal"], rows))


def old_documents(
    connection: Connection, repository: RepositoryName, entries: Sequence[OutboxEntry]
) -> list[SearchDocument]:
    """The documents of versions as the catalogue has them; others are left out."""
    wanted = {"names": [entry.name for entry in entries], "numbers": [entry.version or 0 for entry in entries]}
    rows = connection.execute(_VERSIONS, {"repository": repository, **wanted})
    ordinals = {(entry.name, entry.version): entry.ordinal for entry in entries}
    asked = [row for row in rows if (row.name, row.number) in ordinals]
    blobs = {"repository": repository, "blobs": list({row.blob for row in asked})}
    texts = {row.blob: searchable(row.body) for row in connection.execute(_BODIES, blobs)}
    return [
        SearchDocument(
            repository=repository,
            name=row.name,
            ordinal=ordinals[row.name, row.number],
            facts=_facts(row.facts),
            body=texts[row.blob],
            version=row.number,
        )
        for row in asked
        if row.blob in texts
    ]


def find_old_texts(
    connection: Connection, repository: RepositoryName, terms: Sequence[Term], folder: str | None, sight: Sight
) -> tuple[list[OldText], bool]:
    """The old texts seen that have every term; and whether all that are seen were looked through."""
    newest = _NEWEST
    wanted: dict[str, Any] = {"repository": repository}
    if not sight.is_whole:
        newest = newest.where(seen(templates.c.name, "begins"))
        wanted["begins"] = begins(sight)
    old = newest.subquery("old")
    statement = (
        select(old.c.name, old.c.facts, func.max(old.c.number).label("number"), bodies.c.body)
        .join(bodies, and_(bodies.c.build_id == old.c.build_id, bodies.c.blob == old.c.blob))
        .where(*(_may_have(term) for term in terms))
        .group_by(old.c.name, old.c.facts, bodies.c.blob, bodies.c.body)
        .limit(FOUND + 1)
    )
    if folder is not None:
        statement = statement.where(old.c.name.startswith(f"{folder}/", autoescape=True))
    rows = connection.execute(statement, wanted).all()
    scorer = Scorer(terms, any_term=False)
    found = []
    for row in rows[:FOUND]:
        text = searchable(row.body)
        score = _LESS * scorer.score(_NO_HEADING, folded(text))
        if score:
            found.append(OldText(row.name, row.number, _facts(row.facts), text, round(score, 3)))
    looked = connection.execute(select(func.count()).select_from(old), wanted).scalar_one()
    return found, len(rows) <= FOUND and looked < LOOKED_THROUGH


def _may_have(term: Term) -> ColumnElement[bool]:
    """Whether a file has what all that match have; what is found is looked at more closely then."""
    return or_(*(bodies.c.body.icontains(piece, autoescape=True) for piece in {_piece(form) for form in term.forms}))


def _piece(form: Form) -> str:
    """The first word of a form without its last letter, which may be half typed."""
    word = form.plain.split(" ")[0]
    if form.look is Look.INITIALS or word.isascii():
        return word
    return word[:-1] if len(word) > 1 else ""


def _facts(text: str | None) -> Facts:
    """What is known of a template now; of one that never was valid as it stands, nothing."""
    return from_facts(text) if text is not None else Facts(TemplateType.TEXT)

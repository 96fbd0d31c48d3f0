"""One statement for one template: its row, the version that is asked for, that one's texts, and the checkpoint.

As one statement it is one way to the server and back, and sees one state of the catalogue.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Join, Select, and_, bindparam, null, select, true

from registry.adapters.sql.column_types import WORDS
from registry.adapters.sql.dialect import each_of, in_closure, pointed
from registry.adapters.sql.engine import NamedStatement
from registry.adapters.sql.tables import bodies, builds, closures, commits, repositories, templates, versions
from registry.adapters.sql.values import from_json, to_time
from registry.adapters.sql.version_rows import VERSION_COLUMNS, version_of
from registry.domain.catalogue import TemplateEntry
from registry.domain.ids import BlobId, CommitId, LabelName
from registry.domain.labels import LATEST
from registry.domain.selected_state import SelectedState


def _selecting(number: ColumnElement[Any], rules: ColumnElement[Any] | None = None) -> NamedStatement:
    """The template of a name with its version of that number, a row for each text of the version's closure."""
    found = repositories.join(builds, builds.c.id == repositories.c.live_build)
    name: ColumnElement[str] = bindparam("name", type_=WORDS)
    wanted = each_of("names")
    several = _joined(found.join(wanted, true()), wanted.c.name, number, rules)
    return NamedStatement(_joined(found, name, number, rules), several.add_columns(wanted.c.name.label("wanted")))


def _joined(
    found: Join, name: ColumnElement[str], number: ColumnElement[Any], rules: ColumnElement[Any] | None
) -> Select[Any]:
    build: ColumnElement[int] = builds.c.id
    found = found.outerjoin(templates, and_(templates.c.build_id == build, templates.c.name == name))
    found = found.outerjoin(versions, and_(versions.c.template_id == templates.c.id, versions.c.number == number))
    found = found.outerjoin(commits, and_(commits.c.build_id == build, commits.c.ordinal == versions.c.ordinal))
    found = found.outerjoin(closures, and_(closures.c.build_id == build, closures.c.digest == versions.c.digest))
    texts = in_closure(bodies.c.blob, closures.c.pairs, versions.c.blob)
    found = found.outerjoin(bodies, and_(bodies.c.build_id == build, texts))
    columns = (
        templates.c.name,
        *VERSION_COLUMNS,
        builds.c.commit.label("indexed"),
        (null() if rules is None else rules).label("rules"),
        *_ENTRY,
        bodies.c.blob.label("body_blob"),
        bodies.c.body,
    )
    return select(*columns).select_from(found).where(repositories.c.name == bindparam("repository"))


_ENTRY = (
    templates.c.version,
    templates.c.latest,
    templates.c.default_version,
    templates.c.labels,
    templates.c.deleted,
    templates.c.moved_to,
    templates.c.age,
)

_OTHERS = 1 + len(VERSION_COLUMNS)
"""Where the columns of ``version_of`` end. Columns are taken by place: by name takes twice as long, in every read."""

_TEXT = _OTHERS + 2 + len(_ENTRY)
"""Where the id of a text stands, and behind it the text."""

_BY_NUMBER = _selecting(bindparam("number"))
_BY_LABEL = _selecting(pointed(templates.c.labels, bindparam("label", type_=WORDS)))
_LATEST = _selecting(templates.c.latest)
_DEFAULT = _selecting(templates.c.default_version, builds.c.rules)


def statement_for(label: LabelName | None, number: int | None) -> NamedStatement:
    """The statement that finds a template's version by its number, by a label, or else the default one."""
    if number is not None:
        return _BY_NUMBER
    if label is None:
        return _DEFAULT
    return _LATEST if label == LATEST else _BY_LABEL


def state_of(rows: Sequence[Sequence[Any]]) -> SelectedState:
    """The state that the rows of such a statement tell."""
    if not rows:
        return SelectedState()
    row = rows[0]
    name, _, found, *_ = row
    indexed, rules, number, latest, default, labels, deleted, moved_to, age, *_ = row[_OTHERS:]
    if name is None:
        return SelectedState(CommitId(indexed))
    entry = TemplateEntry(
        name=name,
        version=number,
        latest=latest,
        default=default,
        facts=None,
        labels=from_json(labels) or {},
        deleted=deleted,
        moved_to=moved_to,
        updated_at=to_time(-age),
    )
    version = version_of(row) if found is not None else None
    texts = {BlobId(each[_TEXT].hex()): each[_TEXT + 1] for each in rows if each[_TEXT + 1] is not None}
    return SelectedState(CommitId(indexed), entry, version, texts, from_json(rules))

"""One template's row while a batch is written: what the row says before, and what the batch makes of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from sqlalchemy import Connection, Insert, bindparam, delete, insert, select

from registry.adapters.sql import dialect
from registry.adapters.sql.statements import insert_new, upsert, write_rows
from registry.adapters.sql.tables import template_values, templates
from registry.adapters.sql.values import from_facts, from_json, to_diagnostics, to_facts, to_json, to_list, to_micros
from registry.domain.catalogue import CommitRow, Facts, LabelMove, Removal, VersionRow
from registry.domain.graph import Change
from registry.domain.ids import LabelName, TemplateName
from registry.domain.korean import sort_key
from registry.domain.search import list_values
from registry.domain.template import Status


class Shown(NamedTuple):
    """What lists and searches find a template by."""

    deleted: bool
    latest_blob: bytes | None
    facts: Facts | None
    owners: tuple[str, ...]
    labels: frozenset[LabelName]

    def values(self, name: TemplateName) -> frozenset[tuple[str, str]]:
        """What filters find it by: nothing once it is deleted."""
        return frozenset() if self.deleted else list_values(name, self.facts, self.owners, self.labels)

    def searched(self) -> tuple[object, ...] | None:
        """All that the search index holds: its own text, and nothing that follows its partials."""
        if self.deleted or self.facts is None:
            return None
        return self.latest_blob, replace(self.facts, tokens=0), self.owners, self.labels


@dataclass(slots=True)
class TemplateState:
    """The columns of a row of ``templates``, as a batch changes them. ``id`` is 0 until the row is first saved."""

    name: TemplateName
    sort_key: bytes
    id: int = 0
    version: int = 0
    latest: int | None = None
    default: int | None = None
    blob: bytes | None = None
    latest_blob: bytes | None = None
    includes: str | None = None
    deleted: bool = False
    moved_to: str | None = None
    commit: bytes | None = None
    age: int = 0
    labels: dict[LabelName, int] = field(default_factory=dict)
    owners: tuple[str, ...] = ()
    facts: Facts | None = None
    diagnostics: str | None = None
    before: Shown | None = None
    replaced: list[int] = field(default_factory=list)
    """The versions whose texts have become old."""

    def add_version(self, row: VersionRow, commit: CommitRow) -> None:
        """The template has a new version."""
        if row.facts is not None and self.latest_blob != bytes.fromhex(row.blob) and not self.deleted:
            self._let_go()
        self.version = row.number
        self.deleted = False
        self.moved_to = None
        self._at(commit)
        self.diagnostics = to_diagnostics(row.diagnostics)
        if row.facts is not None:
            self.latest = row.number
            self.latest_blob = bytes.fromhex(row.blob)
            self.facts = row.facts
            if row.facts.status is not Status.DRAFT:
                self.default = row.number

    def remove(self, removal: Removal, commit: CommitRow) -> None:
        """The template was deleted or renamed."""
        self._let_go()
        self.deleted = True
        self.moved_to = removal.moved_to
        self.blob = None
        self.includes = None
        self.diagnostics = None
        self._at(commit)

    def _let_go(self) -> None:
        if self.latest is not None:
            self.replaced.append(self.latest)

    def _at(self, commit: CommitRow) -> None:
        self.commit = bytes.fromhex(commit.commit)
        self.age = -to_micros(commit.committed_at)

    def change(self, change: Change) -> None:
        """The template's place in the include graph."""
        self.blob = bytes.fromhex(change.blob) if change.blob is not None else None
        self.includes = to_list(sorted(change.includes))

    def move_label(self, move: LabelMove) -> None:
        """A label points to another version, or is dropped."""
        if move.version is None:
            self.labels.pop(move.label, None)
        else:
            self.labels[move.label] = move.version

    def shown(self) -> Shown:
        """What lists and searches find it by, as it is now."""
        return Shown(self.deleted, self.latest_blob, self.facts, self.owners, frozenset(self.labels))

    def is_searched_anew(self) -> bool:
        """Whether anything has changed of what the search index holds."""
        now = self.shown()
        return now != self.before and now.searched() != (self.before.searched() if self.before else None)

    def row(self, build: int) -> dict[str, Any]:
        """The row as it is saved."""
        return {
            "id": self.id,
            "build_id": build,
            "name": self.name,
            "sort_key": self.sort_key,
            "version": self.version,
            "latest": self.latest,
            "default_version": self.default,
            "blob": self.blob,
            "latest_blob": self.latest_blob,
            "includes": self.includes,
            "deleted": self.deleted,
            "moved_to": self.moved_to,
            "commit": self.commit,
            "age": self.age,
            "labels": to_json(self.labels) if self.labels else None,
            "owners": to_list(self.owners),
            "facts": to_facts(self.facts) if self.facts is not None else None,
            "diagnostics": self.diagnostics,
        }


_LOAD = select(templates).where(templates.c.build_id == bindparam("build"), dialect.one_of(templates.c.name, "names"))
_ADD = insert(templates).inline()
_SAVE = upsert(templates)
_ADD_NEW_VALUES = insert(template_values)
_ADD_VALUES = insert_new(template_values)
_DROP_VALUES = delete(template_values).where(
    template_values.c.build_id == bindparam("build"),
    template_values.c.facet == bindparam("of_facet"),
    template_values.c.value == bindparam("of_value"),
    template_values.c.sort_key == bindparam("key"),
)


def load_states(
    connection: Connection, build: int, names: Iterable[TemplateName], new: Iterable[TemplateName]
) -> dict[TemplateName, TemplateState]:
    """The states of ``names`` as they are saved, and fresh ones for those of ``new`` that are not."""
    wanted = {"build": build, "names": list(names)}
    states = {row.name: _state_of(row) for row in connection.execute(_LOAD, wanted)}
    for name in new:
        if name not in states:
            states[name] = TemplateState(name, sort_key(name))
    return states


def _state_of(row: Iterable[Any]) -> TemplateState:
    """By place, in the order of the table: by name is slower."""
    id_, _, name, key, version, latest, default, blob, latest_blob, includes, deleted, moved_to, *rest = row
    commit, age, labels, owners, facts, diagnostics = rest
    state = TemplateState(
        name=name,
        sort_key=key,
        id=id_,
        version=version,
        latest=latest,
        default=default,
        blob=blob,
        latest_blob=latest_blob,
        includes=includes,
        deleted=deleted,
        moved_to=moved_to,
        commit=commit,
        age=age,
        labels=from_json(labels) or {},
        owners=tuple(from_json(owners) or ()),
        facts=from_facts(facts) if facts is not None else None,
        diagnostics=diagnostics,
    )
    state.before = state.shown()
    return state


def save_states(connection: Connection, build: int, states: Sequence[TemplateState]) -> None:
    """Writes the rows, and the values by which filters find them; new rows get their ids."""
    if not states:
        return
    fresh = [state for state in states if not state.id]
    for state, number in zip(fresh, dialect.next_ids(connection, templates, len(fresh)) if fresh else (), strict=True):
        state.id = number
    new = {state.id for state in fresh}
    write_rows(connection, _ADD, [state.row(build) for state in fresh])
    write_rows(connection, _SAVE, [state.row(build) for state in states if state.id not in new])
    dialect.add_names(connection, [(state.id, state.name) for state in fresh])
    _save_values(connection, build, fresh, _ADD_NEW_VALUES)
    _save_values(connection, build, [state for state in states if state.id not in new], _ADD_VALUES)


def _save_values(connection: Connection, build: int, states: Sequence[TemplateState], add: Insert) -> None:
    dropped, added = [], []
    for state in states:
        now, before = state.shown(), state.before
        if now == before:
            continue  # so it is for all that include a changed partial: working out their values would take longest
        values = now.values(state.name)
        saved = before.values(state.name) if before is not None else frozenset()
        for facet, value in saved - values:
            dropped.append({"build": build, "of_facet": facet, "of_value": value, "key": state.sort_key})
        for facet, value in values - saved:
            row = {"build_id": build, "facet": facet, "value": value, "sort_key": state.sort_key}
            added.append(row | {"template_id": state.id})
    write_rows(connection, _DROP_VALUES, dropped)
    write_rows(connection, add, added)

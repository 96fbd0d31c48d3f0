"""From edits of templates to the files that one commit changes."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from registry.domain.errors import BadRequest, Conflict, RevisionNotFound, TemplateNotFound
from registry.domain.graph import TemplateGraph
from registry.domain.ids import BlobId, CommitId, LabelName, RefName, TemplateName
from registry.domain.includes import raw_includes, rename_include
from registry.domain.labels import label_path, read_labels, write_labels
from registry.domain.names import LABELS, template_path
from registry.domain.template_edits import Delete, LabelsLeft, Put, Rename, TemplateEdit
from registry.domain.template_text import write_document
from registry.domain.versions import pair_renames
from registry.ports.git import GitContent
from registry.services.preconditions import check_preconditions, state_at
from registry.services.states import Projected, graph_at
from registry.services.tree_changes import read_file
from registry.services.writes import Base

WriteSource = Callable[[Put, bytes | None], bytes]
"""The bytes that a put makes of the file that is there."""


def write_source(edit: Put, old: bytes | None) -> bytes:
    """The bytes as they are, or the document written into the file; about 7 ms for a document of usual size.

    Raises BadRequest for a document that no file can hold.
    """
    if isinstance(edit.source, bytes):
        return edit.source
    try:
        return write_document(old, edit.source)
    except ValueError:
        raise BadRequest(
            f"{edit.name} holds a number that is too large: at most about 1.8e308 can be stored."
        ) from None
    except RecursionError:
        raise BadRequest(f"{edit.name} is nested too deeply.") from None


@dataclass(frozen=True, slots=True)
class Told:
    """What a commit of edits did besides what they say: who was made anew, and what was changed along with them."""

    created: frozenset[TemplateName]
    includers: tuple[TemplateName, ...]
    dropped: tuple[tuple[LabelName, TemplateName], ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """The files that a commit changes (None: removed)."""

    files: Mapping[str, bytes | None]
    told: Told


def write_beforehand(store: GitContent, tip: CommitId | None, edits: Sequence[TemplateEdit]) -> WriteSource:
    """Writes documents into the files of a tip, so that a turn of writes need not wait for that. Long."""
    known: dict[tuple[TemplateName, bytes | None], bytes] = {}
    for edit in edits:
        if isinstance(edit, Put) and not isinstance(edit.source, bytes):
            old = read_file(store, tip, template_path(edit.name))
            known[edit.name, old] = write_source(edit, old)

    def written(edit: Put, old: bytes | None) -> bytes:
        found = known.get((edit.name, old))
        return found if found is not None else write_source(edit, old)

    return written


def names_of(edit: TemplateEdit) -> tuple[TemplateName, ...]:
    """The names that an edit changes: of a renamed template both."""
    return (edit.name, edit.to) if isinstance(edit, Rename) else (edit.name,)


def check_names(edits: Sequence[TemplateEdit]) -> None:
    """Raises BadRequest where edits of one commit name a template twice: which of them would count?"""
    seen: set[TemplateName] = set()
    for edit in edits:
        for name in names_of(edit):
            if name in seen:
                if isinstance(edit, Rename) and edit.name == edit.to:
                    raise BadRequest(f"{name} has that name already: give another one in `to`.")
                raise BadRequest(f"{name} is named twice in one commit: one change of each template is taken.")
            seen.add(name)


def make_plan(
    base: Base,
    projected: Projected,
    default: RefName,
    edits: Sequence[TemplateEdit],
    write: WriteSource = write_source,
    *,
    checked: bool = True,
) -> Plan:
    """The files that edits change on a branch's tip; all of them or none.

    Without ``checked`` no precondition is looked at: to tell again what a commit did, from the one before it.

    Raises PreconditionRequired, PreconditionFailed, TemplateNotFound, Conflict for a name that is taken, BadRequest,
    Refused for a label file that is broken, RevisionNotFound where the branch was deleted meanwhile.
    """
    if base.commit is None and base.branch != default:
        raise RevisionNotFound(f"There is no branch {_short(base.branch)!r} (any more); nothing was changed.")
    maker = _Maker(base, projected, numbered=base.branch == default, checked=checked)
    for edit in edits:
        if isinstance(edit, Put):
            maker.put(edit, write)
        else:
            maker.remove(edit)
    for edit in edits:
        if isinstance(edit, Rename):
            maker.add(edit)
    maker.drop_labels([each.name for each in edits if not isinstance(each, Put) and each.labels is LabelsLeft.DROP])
    renames = [edit for edit in edits if isinstance(edit, Rename)]
    for rename in renames:
        if rename.update_includes:
            maker.update_includers(rename)
    if renames:
        maker.check_exact(renames)
    told = Told(frozenset(maker.created), tuple(sorted(maker.includers)), tuple(sorted(maker.dropped)))
    return Plan(maker.files, told)


class _Maker:
    """Gathers the files; what is read is read through what was written before."""

    def __init__(self, base: Base, projected: Projected, *, numbered: bool, checked: bool) -> None:
        self._base = base
        self._projected = projected
        self._numbered = numbered
        self._checked = checked
        self._graph: TemplateGraph = graph_at(base.store, projected, base.commit)
        self.files: dict[str, bytes | None] = {}
        self._before: dict[TemplateName, bytes | None] = {}
        self.created: set[TemplateName] = set()
        self.includers: set[TemplateName] = set()
        self.dropped: set[tuple[LabelName, TemplateName]] = set()

    def put(self, edit: Put, write: WriteSource) -> None:
        old = self._old(edit.name)
        self._check(edit.name, old, edit.if_match, edit.if_none_match)
        if old is None:
            self.created.add(edit.name)
        self.files[template_path(edit.name)] = write(edit, old)

    def remove(self, edit: Delete | Rename) -> None:
        old = self._old(edit.name)
        if old is None:
            raise TemplateNotFound(f"There is no template {edit.name!r} on {_short(self._base.branch)}.")
        self._check(edit.name, old, edit.if_match)
        self.files[template_path(edit.name)] = None

    def drop_labels(self, names: Sequence[TemplateName]) -> None:
        """Takes every label off these templates."""
        if self._base.commit is None or not names:
            return
        children = self._base.store.children(self._base.commit, LABELS.rstrip("/"))
        for label in sorted({LabelName(child.removeprefix(LABELS).removesuffix(".yaml")) for child in children}):
            for path in sorted({label_path(label, name) for name in names}):
                data = self._read(path)
                there = read_labels(data, path).entries.keys() & set(names) if data is not None else set()
                if there:
                    self.files[path] = write_labels(data, dict.fromkeys(there))
                    self.dropped.update((label, name) for name in there)

    def add(self, edit: Rename) -> None:
        if self._old(edit.to) is not None:
            raise Conflict(f"{edit.to} exists already: give another name, or delete that template first.")
        self.files[template_path(edit.to)] = self._before[edit.name]

    def update_includers(self, edit: Rename) -> None:
        names = {*self._graph.includers(edit.name), *self._before}
        for name in sorted(names):
            path = template_path(name)
            data = self._read(path)
            if data is None or edit.name not in raw_includes(data):
                continue
            if path in self.files and self._before.get(name) is None and name not in self.created:
                raise BadRequest(
                    f"{name} includes {edit.name} and is renamed in the same commit, so it would not be an exact "
                    f"rename: rename {edit.name} in a commit of its own first."
                )
            self.files[path] = rename_include(data, edit.name, edit.to)
            self.includers.add(name)

    def check_exact(self, renames: Sequence[Rename]) -> None:
        """Git pairs renames by content: where equal files come and go together, it must see those that are meant."""
        after = {name: self._read(template_path(name)) for name in self._before}
        removed = {n: _identity(old) for n, old in self._before.items() if old is not None and after[n] is None}
        added = {n: _identity(new) for n, new in after.items() if new is not None and self._before[n] is None}
        pairs = pair_renames(removed, added)
        for rename in renames:
            if pairs.get(rename.to) != rename.name:
                raise BadRequest(
                    f"{rename.name} is not the only template with its content in this commit, so which one became "
                    f"{rename.to} could not be told from Git: rename it in a commit of its own."
                )

    def _old(self, name: TemplateName) -> bytes | None:
        if name not in self._before:
            self._before[name] = read_file(self._base.store, self._base.commit, template_path(name))
        return self._before[name]

    def _read(self, path: str) -> bytes | None:
        if path in self.files:
            return self.files[path]
        return read_file(self._base.store, self._base.commit, path)

    def _check(
        self, name: TemplateName, old: bytes | None, if_match: str | None, if_none_match: str | None = None
    ) -> None:
        if not self._checked:
            return
        state = state_at(self._graph, self._projected, name, numbered=self._numbered) if old is not None else None
        check_preconditions(name, state, if_match, if_none_match)


def _identity(data: bytes) -> BlobId:
    """Equal for equal contents; which id Git gives them does not matter here."""
    return BlobId(hashlib.sha256(data).hexdigest())


def _short(ref: RefName) -> str:
    return ref.removeprefix("refs/heads/")

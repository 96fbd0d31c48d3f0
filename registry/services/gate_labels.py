"""What a change may do to labels: who moves them, and to which versions."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from registry.domain import label_findings
from registry.domain.access import Actor
from registry.domain.catalogue import Facts
from registry.domain.diagnostics import Diagnostic
from registry.domain.ids import CommitId, Digest, LabelName, RepositoryName, TemplateName
from registry.domain.labels import LabelFile, LabelTarget, label_path, read_labels
from registry.domain.names import LABELS, folder_of, template_path
from registry.domain.refs import Entry
from registry.domain.registry_rules import RegistryRules
from registry.domain.roles import Role
from registry.domain.template import Status
from registry.ports.catalogue import VersionIndex
from registry.ports.git import GitStore
from registry.services.gate_rights import place_of_path
from registry.services.tree_changes import REGULAR, Delta, read_all, read_file


@dataclass(slots=True)
class Known:
    """The versions there are before a commit lands: the last numbers, and those that the same push has just made."""

    numbers: Mapping[TemplateName, int]
    pushed: dict[tuple[TemplateName, int], tuple[Digest, Facts | None]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Version:
    digest: Digest
    valid: bool
    status: Status


class LabelRules:
    """The gate's rules for label files."""

    def __init__(self, *, versions: VersionIndex) -> None:
        self._versions = versions

    async def check_landing(
        self,
        repository: RepositoryName,
        store: GitStore,
        delta: Delta,
        known: Known,
        *,
        actor: Actor,
        rules: RegistryRules,
        rollback: bool,
    ) -> list[Diagnostic]:
        """What is wrong with the labels that one first-parent commit sets; ``known`` is the state before it."""
        found: list[Diagnostic] = []
        for change in delta.labels:
            old, new = _read(store, change.path, change.old), _read(store, change.path, change.new)
            if new is not None:
                found += new.diagnostics
            before = old.entries if old else {}
            after = new.entries if new else {}
            file = new or old
            changed = _changed(before, after)
            if file is None or not changed:
                continue
            if any(_version(before, name) != _version(after, name) for name in changed):
                role = actor.rights.role_at(place_of_path(repository, change.path))
                if role is not None:  # else it is said that nothing there may be changed
                    found += _may_move(file.label, change.path, role, rules, rollback=rollback)
            for name in changed:
                if target := after.get(name):
                    found += await self._fits(repository, known, file.label, change.path, name, target, rules)
        return found

    def check_tip(
        self, store: GitStore, tip: CommitId, delta: Delta, removed: frozenset[TemplateName]
    ) -> list[Diagnostic]:
        """Labels that name no template at the tip: of those that are removed, and in the label files that changed."""
        found = _still_labelled(store, tip, removed) if removed else []
        for change in delta.labels:
            old, new = _read(store, change.path, change.old), _read(store, change.path, change.new)
            after = new.entries if new else {}
            for name in _changed(old.entries if old else {}, after):
                if name in after and name not in removed and not _is_file(store, tip, template_path(name)):
                    found.append(label_findings.unknown_template(change.path, after[name], name))
        return found

    async def _fits(
        self,
        repository: RepositoryName,
        known: Known,
        label: LabelName,
        path: str,
        name: TemplateName,
        target: LabelTarget,
        rules: RegistryRules,
    ) -> list[Diagnostic]:
        last = known.numbers.get(name, 0)
        if last == 0:
            return [label_findings.unknown_template(path, target, name)]
        if target.version > last:
            return [label_findings.unknown_version(path, target, name, last)]
        version = await self._known_version(repository, known, name, target.version)
        if version is None or not version.valid:
            return [label_findings.invalid_version(path, target, name)]
        if target.digest_prefix is not None and not version.digest.startswith(target.digest_prefix):
            return [label_findings.wrong_digest(path, target, name, version.digest)]
        if rules.is_protected(label) and version.status is Status.DRAFT:
            return [label_findings.draft_version(path, target, name, label)]
        return []

    async def _known_version(
        self, repository: RepositoryName, known: Known, name: TemplateName, number: int
    ) -> _Version | None:
        if (name, number) in known.pushed:
            digest, facts = known.pushed[name, number]
            return _Version(digest, facts is not None, facts.status if facts else Status.ACTIVE)
        entry = await self._versions.find_version(repository, name, number)
        return _Version(entry.digest, entry.valid, entry.status) if entry else None


def _may_move(label: LabelName, path: str, role: Role, rules: RegistryRules, *, rollback: bool) -> list[Diagnostic]:
    if rollback:
        allowed, verb = rules.may_roll_back(label, role), "roll back"
    else:
        allowed, verb = rules.may_move(label, role), "move"
    if not allowed:
        message = f"As {role} you may not {verb} the label {label} (labels.{label} in .registry.yaml)."
        return [Diagnostic("label-not-allowed", message, path)]
    if not rollback and rules.needs_review(label):
        message = (
            f"The label {label} moves only by a reviewed merge request (labels.{label}.review in .registry.yaml), "
            "and merge requests are not there yet. Rolling back is allowed."
        )
        return [Diagnostic("label-review", message, path)]
    return []


def _read(store: GitStore, path: str, entry: Entry | None) -> LabelFile | None:
    if entry is None or entry.mode not in REGULAR:
        return None
    return read_labels(read_all(store, [entry.id])[entry.id], path)


def _changed(
    before: Mapping[TemplateName, LabelTarget], after: Mapping[TemplateName, LabelTarget]
) -> list[TemplateName]:
    """The names whose version or digest differs, sorted; where only the lines moved nothing did."""
    return sorted(name for name in before.keys() | after.keys() if _pair(before, name) != _pair(after, name))


def _pair(entries: Mapping[TemplateName, LabelTarget], name: TemplateName) -> tuple[int, str | None] | None:
    target = entries.get(name)
    return (target.version, target.digest_prefix) if target else None


def _version(entries: Mapping[TemplateName, LabelTarget], name: TemplateName) -> int | None:
    target = entries.get(name)
    return target.version if target else None


def _still_labelled(store: GitStore, tip: CommitId, removed: Iterable[TemplateName]) -> list[Diagnostic]:
    """Removed templates that a label of the tip's tree names. The tree is asked: labels may be as new as the tip."""
    labelled = labels_of(store, tip, removed)
    return [label_findings.label_in_use(path, target, name, label) for path, label, name, target in labelled]


def labels_of(
    store: GitStore, commit: CommitId, names: Iterable[TemplateName]
) -> Iterator[tuple[str, LabelName, TemplateName, LabelTarget]]:
    """The labels that some templates carry in a commit's tree, each with its file's path and where it points."""
    by_folder: defaultdict[str, list[TemplateName]] = defaultdict(list)
    for name in sorted(names):
        by_folder[folder_of(name)].append(name)
    children = store.children(commit, LABELS.rstrip("/"))
    words = sorted({LabelName(child.removeprefix(LABELS).removesuffix(".yaml")) for child in children})
    for label in words:
        for folder in by_folder.values():
            path = label_path(label, folder[0])
            data = read_file(store, commit, path)
            entries = read_labels(data, path).entries if data is not None else {}
            for name in folder:
                if name in entries:
                    yield path, label, name, entries[name]


def _is_file(store: GitStore, commit: CommitId, path: str) -> bool:
    entry = store.entry(commit, path)
    return entry is not None and entry.mode in REGULAR

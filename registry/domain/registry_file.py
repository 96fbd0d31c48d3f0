"""Reading ``.registry.yaml``: every field checked, each finding at its place.

A file with any error gives ``closed`` rules, which open nothing. The gate lets no such file onto the default branch,
so only a repository that was written behind its back can have one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

from registry.domain.diagnostics import Diagnostic
from registry.domain.ids import LabelName
from registry.domain.labels import check_label
from registry.domain.limits import MAX_FILE_BYTES, Limits
from registry.domain.names import check_folder, printable
from registry.domain.registry_rules import (
    BranchRule,
    CommitIdentity,
    Compatibility,
    CompatibilityRule,
    LabelRule,
    MergeRule,
    RegistryRules,
    Roles,
    allows,
)
from registry.domain.roles import Role
from registry.domain.template import Json
from registry.domain.wording import listed, shown
from registry.domain.yaml_reader import YamlDocument, read_yaml

PATH = ".registry.yaml"
SCHEMA = "registry/v1"
MAX_APPROVALS = 100
MAX_TOKENS = 10_000_000

T = TypeVar("T")
D = TypeVar("D")
_ROLES = {role.value: role for role in Role}


@dataclass(frozen=True, slots=True)
class RegistryFile:
    """The rules, and what is wrong with the file."""

    rules: RegistryRules
    diagnostics: tuple[Diagnostic, ...] = ()


@lru_cache(maxsize=32)
def read_registry_file(data: bytes | None, path: str = PATH) -> RegistryFile:
    """Reads the rules; never fails. None or an empty file means the defaults, a broken one closed rules."""
    if data is None:
        return RegistryFile(RegistryRules())
    document = read_yaml(data, path)
    if document.diagnostics:
        return RegistryFile(RegistryRules(closed=True), document.diagnostics)
    reader = _Reader(document, path)
    rules = reader.rules({} if document.value is None else document.value)
    if reader.findings:
        return RegistryFile(
            RegistryRules(closed=True), tuple(sorted(reader.findings, key=lambda finding: finding.place))
        )
    return RegistryFile(rules)


class _Reader:
    """Turns a document into rules; what does not fit becomes a finding and its default."""

    def __init__(self, document: YamlDocument, path: str) -> None:
        self.document = document
        self.path = path
        self.findings: list[Diagnostic] = []

    def rules(self, value: Json) -> RegistryRules:
        fields = self.fields(
            value,
            "",
            "schema default_label branches labels compatibility commit_identity limits models",
        )
        if "schema" in fields and fields["schema"] != SCHEMA:
            self.refuse("/schema", f"the schema is {SCHEMA}: write schema: {SCHEMA}")
        label = fields.get("default_label")
        labels = self.table(fields.get("labels"), "/labels", self.label_rule, check_label)
        return RegistryRules(
            default_label=None if label is None else self.label(label, "/default_label"),
            branches=self.table(fields.get("branches"), "/branches", self.branch, _branch_problem),
            labels={LabelName(word): rule for word, rule in labels.items()},
            compatibility=self.compatibility(fields.get("compatibility")),
            commit_identity=self.choice(fields, "", "commit_identity", CommitIdentity.OFF),
            limits=self.limits(fields.get("limits")),
            allowed_models=self.models(fields.get("models")),
        )

    def branch(self, value: Json, pointer: str) -> BranchRule:
        fields = self.fields(value, pointer, "push create force_push delete merge")
        merge = self.fields(fields.get("merge"), f"{pointer}/merge", "approvals owners resolved checks")
        push = self.roles(fields, pointer, "push", BranchRule().push)
        force_push = self.force_push(fields, pointer, push)
        return BranchRule(
            push=push,
            create=self.roles(fields, pointer, "create", push),
            force_push=force_push,
            delete=self.roles(fields, pointer, "delete", force_push),
            merge=MergeRule(
                approvals=self.number(merge, f"{pointer}/merge", "approvals", 0, (0, MAX_APPROVALS)),
                owners=self.flag(merge, f"{pointer}/merge", "owners"),
                resolved=self.flag(merge, f"{pointer}/merge", "resolved"),
                checks=self.words(merge.get("checks"), f"{pointer}/merge/checks"),
            ),
        )

    def force_push(self, fields: Mapping[str, Json], pointer: str, push: Roles) -> Roles | None:
        """True is who may push, false nobody; who is named has to be among those who push."""
        value = fields.get("force_push", False)
        below = f"{pointer}/force_push"
        if isinstance(value, bool):
            return push if value else None
        if not isinstance(value, list):
            self.refuse(below, f"{shown(value)} does not fit: write true, false or a list of roles")
            return None
        for index, word in enumerate(value):
            role = _ROLES.get(word) if isinstance(word, str) else None
            if role is not None and not allows(push, role):
                self.refuse(f"{below}/{index}", f"{role} may not push there, so cannot rewrite it: see push")
        return self.roles(fields, pointer, "force_push", None)

    def label_rule(self, value: Json, pointer: str) -> LabelRule:
        fields = self.fields(value, pointer, "move review rollback")
        return LabelRule(
            move=self.roles(fields, pointer, "move", LabelRule().move),
            review=self.flag(fields, pointer, "review"),
            rollback=self.roles(fields, pointer, "rollback", LabelRule().rollback),
        )

    def compatibility(self, value: Json) -> CompatibilityRule:
        fields = self.fields(value, "/compatibility", "default folders")
        return CompatibilityRule(
            default=self.choice(fields, "/compatibility", "default", Compatibility.BACKWARD),
            folders=self.table(fields.get("folders"), "/compatibility/folders", self.level, _folder_problem),
        )

    def level(self, value: Json, pointer: str) -> Compatibility:
        above, _, key = pointer.rpartition("/")
        return self.choice({key: value}, above, key, Compatibility.BACKWARD)

    def limits(self, value: Json) -> Limits:
        fields = self.fields(value, "/limits", "file_bytes tokens")
        standard = Limits()
        return Limits(
            file_bytes=self.number(fields, "/limits", "file_bytes", standard.file_bytes, (1, MAX_FILE_BYTES)),
            tokens=self.number(fields, "/limits", "tokens", standard.tokens, (1, MAX_TOKENS)),
        )

    def models(self, value: Json) -> tuple[str, ...] | None:
        fields = self.fields(value, "/models", "allow")
        return self.words(fields["allow"], "/models/allow") if fields.get("allow") is not None else None

    def label(self, value: Json, pointer: str) -> LabelName | None:
        problem = check_label(value) if isinstance(value, str) else "write a label such as production"
        if problem:
            self.refuse(pointer, f"{shown(value)} is no label: {problem}")
            return None
        return LabelName(value)

    def refuse(self, pointer: str, message: str, *, key: bool = False) -> None:
        """Adds a finding at a value, or at its key."""
        place = self.document.key_place(pointer) if key else self.document.place_of(pointer)
        self.findings.append(Diagnostic("registry-file", message, self.path, place))

    def fields(self, value: Json, pointer: str, known: str) -> dict[str, Json]:
        """The fields of a mapping whose keys are fixed; null is an empty one."""
        if value is None:
            return {}
        if not isinstance(value, dict):
            self.refuse(pointer, f"{shown(value)} does not fit: write a mapping with {listed(known.split())}")
            return {}
        for key in value:
            if key not in known.split():
                message = f"{printable(key)} is unknown here: use {listed(known.split())}"
                self.refuse(f"{pointer}/{_escaped(key)}", message, key=True)
        return value

    def table(
        self,
        value: Json,
        pointer: str,
        read: Callable[[Json, str], T],
        problem_of: Callable[[str], str | None],
    ) -> dict[str, T]:
        """A mapping with keys of the user's own."""
        if value is None:
            return {}
        if not isinstance(value, dict):
            self.refuse(pointer, f"{shown(value)} does not fit: write a mapping")
            return {}
        found: dict[str, T] = {}
        for key, item in value.items():
            below = f"{pointer}/{_escaped(key)}"
            problem = problem_of(key)
            if problem:
                self.refuse(below, f"{printable(key)} does not fit: {problem}", key=True)
            found[key] = read(item, below)
        return found

    def roles(self, fields: Mapping[str, Json], pointer: str, key: str, default: D) -> Roles | D:
        value = fields.get(key)
        if value is None:
            return default
        below = f"{pointer}/{key}"
        words = self.words(value, below)
        for word in words:
            if word not in _ROLES:
                index = value.index(word)
                self.refuse(f"{below}/{index}", f"{printable(word)} is no role: use {listed(list(_ROLES))}")
        return frozenset(_ROLES[word] for word in words if word in _ROLES)

    def words(self, value: Json, pointer: str) -> tuple[str, ...]:
        """A list of strings; null is an empty one."""
        if value is None:
            return ()
        if not isinstance(value, list):
            self.refuse(pointer, f"{shown(value)} does not fit: write a list, such as [{value}]")
            return ()
        for index, item in enumerate(value):
            if not isinstance(item, str) or not item.strip():
                self.refuse(f"{pointer}/{index}", f"{shown(item)} does not fit: write a string (quote it)")
        return tuple(item for item in value if isinstance(item, str))

    def flag(self, fields: Mapping[str, Json], pointer: str, key: str) -> bool:
        value = fields.get(key, False)
        if not isinstance(value, bool):
            self.refuse(f"{pointer}/{key}", f"{shown(value)} does not fit: write true or false")
        return value is True

    def number(self, fields: Mapping[str, Json], pointer: str, key: str, default: int, bounds: tuple[int, int]) -> int:
        value = fields.get(key, default)
        if type(value) is int and bounds[0] <= value <= bounds[1]:
            return value
        message = f"{shown(value)} does not fit: write a whole number from {bounds[0]} to {bounds[1]}"
        self.refuse(f"{pointer}/{key}", message)
        return default

    def choice(self, fields: Mapping[str, Json], pointer: str, key: str, default: "E") -> "E":
        """One of an enum's words."""
        value = fields.get(key, default)
        kind = type(default)
        try:
            return kind(value)
        except ValueError:
            self.refuse(f"{pointer}/{key}", f"{shown(value)} does not fit: use {listed([e.value for e in kind])}")
            return default


E = TypeVar("E", Compatibility, CommitIdentity)


def _branch_problem(pattern: str) -> str | None:
    if not pattern.strip() or pattern.startswith("refs/"):
        return "write a branch such as main, or a pattern such as release/*, without refs/heads/"
    return None


def _folder_problem(folder: str) -> str | None:
    return check_folder(folder) or (None if folder else "name a folder; default: is for all others")


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")

"""Labels as files on the default branch: where they lie, what they say, and what can be wrong with them.

``labels/production/support.yaml`` holds the label ``production`` of the templates directly in ``prompts/support/``:
last segments of names, each with a version (``triage: 12``), or with a version and the beginning of its digest
(``triage: {version: 12, digest: 3f9ac1d2}``), which then must both fit.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from registry.domain.diagnostics import Diagnostic, Place
from registry.domain.errors import BadRequest, Refused
from registry.domain.ids import LabelName, TemplateName
from registry.domain.label_edits import entry_text, set_entries
from registry.domain.names import LABELS, check_name, check_path, decode_segment, encode_segment, folder_of, printable
from registry.domain.template import Json
from registry.domain.wording import shown
from registry.domain.yaml_reader import YamlDocument, read_yaml

LATEST = LabelName("latest")
"""The built-in label: the newest valid version."""

_WORD = re.compile(r"[a-z][a-z0-9-]{0,62}")
_DIGEST = re.compile(r"[0-9a-f]{8,64}")
_PLAIN_FILE = re.compile(r"(?:[a-z가-힣][a-z0-9가-힣-]{0,62}: [1-9][0-9]{0,8}\n){1,1000}")
_NO_STRINGS = frozenset({"null", "true", "false"})
_ENDING = ".yaml"
_SOME_LABEL = LabelName("label")
_SHAPE = "write a version such as 12, or {version: 12, digest: 3f9ac1d2}"


@dataclass(frozen=True, slots=True)
class LabelTarget:
    """Where a label points: a version, and 8 to 64 digits of its digest where the file says them."""

    version: int
    digest_prefix: str | None
    place: Place


@dataclass(frozen=True, slots=True)
class LabelFile:
    """A label file as read; ``entries`` holds what is well formed, by full name, in the file's order."""

    label: LabelName
    folder: str
    entries: Mapping[TemplateName, LabelTarget] = field(default_factory=dict)
    diagnostics: tuple[Diagnostic, ...] = ()


def parse_label(text: str, *, builtin: bool = False) -> LabelName:
    """The label that somebody typed; ``builtin`` also allows ``latest``. Raises BadRequest."""
    if builtin and text == LATEST:
        return LATEST
    problem = check_label(text)
    if problem:
        raise BadRequest(f"{printable(text)} is no label: {problem}")
    return LabelName(text)


def check_label(text: str) -> str | None:
    """What is wrong with a label word, or None."""
    if text == LATEST:
        return "latest is built in (the newest valid version) and cannot be set: use another word"
    if not _WORD.fullmatch(text):
        return "use a lower-case letter, then up to 62 of a-z, 0-9 and dash"
    return None


def label_path(label: LabelName, name: TemplateName) -> str:
    """The path of the file that holds a template's label."""
    folder = folder_of(name)
    below = "".join(f"/{encode_segment(segment)}" for segment in folder.split("/")) if folder else ""
    return f"{LABELS}{label}{below}{_ENDING}"


def version_before(moves: Sequence[int | None]) -> int | None:
    """The version to roll back to, from what a label was set to, oldest first (None: dropped).

    Going to a version that the label had undoes what came after it, so rolling back twice goes back twice: 1, 2, 3 and
    back to 2 leaves 1 to go back to, not 3. Of a label that is dropped now it is the version before that.
    """
    stack: list[int] = []
    for version in moves:
        if version in stack:
            del stack[stack.index(version) + 1 :]
        elif version is not None:
            stack.append(version)
    kept = stack if moves and moves[-1] is None else stack[:-1]
    return kept[-1] if kept else None


def is_label_path(path: str) -> bool:
    """Whether a path is that of a label file, well formed."""
    return label_of_path(path) is not None


@lru_cache(4096)  # each commit that moves a label asks for its path several times
def label_of_path(path: str) -> tuple[LabelName, str] | None:
    """The label and the templates' folder (empty: the top) that a label file's path names; None for other paths."""
    if not (path.startswith(LABELS) and path.endswith(_ENDING)) or check_path(path) is not None:
        return None
    label, _, encoded = path[len(LABELS) : -len(_ENDING)].partition("/")
    segments = [decode_segment(segment) for segment in encoded.split("/")]
    return LabelName(label), "/".join(segment for segment in segments if segment is not None)


def read_labels(data: bytes, path: str) -> LabelFile:
    """Reads a label file; never fails, whatever the bytes are. A path that is none gives a diagnostic and no entry."""
    where = label_of_path(path)
    if where is None:
        problem = check_path(path) or Diagnostic("path-form", "this is no label file", path)
        return LabelFile(LabelName(""), "", {}, (problem,))
    label, folder = where
    plain = _read_plain(data, folder)
    if plain is not None:
        return LabelFile(label, folder, plain)
    document = read_yaml(data, path)
    if document.diagnostics:
        return LabelFile(label, folder, {}, document.diagnostics)
    if document.value is None:
        return LabelFile(label, folder)
    if not isinstance(document.value, dict):
        problem = _form(path, document.place_of(""), f"a label file maps templates to versions: {_SHAPE}")
        return LabelFile(label, folder, {}, (problem,))
    entries: dict[TemplateName, LabelTarget] = {}
    problems: list[Diagnostic] = []
    for key, value in document.value.items():
        pointer = "/" + key.replace("~", "~0").replace("/", "~1")
        name = f"{folder}/{key}" if folder else key
        wrong_key = _check_key(key, name, label)
        if wrong_key:
            problems.append(_form(path, document.key_place(pointer), wrong_key))
            continue
        target = _target(value, pointer, document, path)
        if isinstance(target, Diagnostic):
            problems.append(target)
        else:
            entries[TemplateName(name)] = target
    return LabelFile(label, folder, entries, tuple(problems))


def _read_plain(data: bytes, folder: str) -> dict[TemplateName, LabelTarget] | None:
    """The entries of a file that is nothing but lines such as ``triage: 12``; None where it is any other.

    That is how label files look nearly always, and a tenth of the time that YAML takes: a replay reads thousands.
    """
    text = data.decode("utf-8", "replace")
    if not _PLAIN_FILE.fullmatch(text):
        return None
    lines = [line.split(": ") for line in text.splitlines()]
    keys = {key for key, _ in lines}
    if len(keys) < len(lines) or not keys.isdisjoint(_NO_STRINGS):
        return None
    before = f"{folder}/" if folder else ""
    if check_name(before + max(keys, key=lambda key: len(key.encode()))):  # only the length can be wrong
        return None
    return {
        TemplateName(before + key): LabelTarget(int(version), None, Place(number, len(key) + 3))
        for number, (key, version) in enumerate(lines, 1)
    }


def write_labels(data: bytes | None, changes: Mapping[TemplateName, int | None]) -> bytes | None:
    """The label file with names of one folder at versions, or without them where None; None where no entry is left.

    ``data`` is the file as it is, None where there is none. Comments, order and layout stay; a new entry goes to its
    place where the entries are sorted, else to the end. Raises Refused where the file is broken.
    """
    path = label_path(_SOME_LABEL, next(iter(changes)))
    before = read_labels(data, path) if data is not None else LabelFile(_SOME_LABEL, "")
    if before.diagnostics:
        raise Refused("The label file is broken as it stands: mend it first", diagnostics=before.diagnostics)
    wanted = {each: (target.version, target.digest_prefix) for each, target in before.entries.items()}
    unlike = {
        name: version
        for name, version in changes.items()
        if wanted.get(name) != ((version, None) if version is not None else None)
    }
    if not unlike:
        return data
    wanted |= {name: (version, None) for name, version in unlike.items() if version is not None}
    wanted = {name: target for name, target in wanted.items() if unlike.get(name, 0) is not None}
    if not wanted:
        return None
    text = data.decode("utf-8") if data is not None else ""
    edited = set_entries(text, {name.rpartition("/")[2]: version for name, version in unlike.items()}).encode()
    after = read_labels(edited, path)
    if not after.diagnostics and _pairs(after) == wanted:
        return edited
    # The layout was too unusual for a splice: better a plain file than a wrong one.
    lines = [entry_text(each.rpartition("/")[2], *wanted[each]) for each in sorted(wanted)]
    return "".join(f"{line}\n" for line in lines).encode()


def _pairs(file: LabelFile) -> dict[TemplateName, tuple[int, str | None]]:
    return {name: (target.version, target.digest_prefix) for name, target in file.entries.items()}


def _check_key(key: str, name: str, label: LabelName) -> str | None:
    if "/" in key:
        own = label_path(label, TemplateName(name))
        return f"{printable(key)} lies in another folder: write its last segment into {own}"
    problem = check_name(name)
    return f"{printable(key)} is no template's last segment: {problem}" if problem else None


def _target(value: Json, pointer: str, document: YamlDocument, path: str) -> LabelTarget | Diagnostic:
    place = document.place_of(pointer)
    if not isinstance(value, dict):
        return LabelTarget(value, None, place) if _is_version(value) else _form(path, place, _not_a_version(value))
    for key in value:
        if key not in {"version", "digest"}:
            return _form(path, document.key_place(f"{pointer}/{key}"), f"{printable(key)} is unknown here: {_SHAPE}")
    version, digest = value.get("version"), value.get("digest")
    if version is None or not _is_version(version):
        return _form(path, document.place_of(f"{pointer}/version"), _not_a_version(version))
    if "digest" in value and not (isinstance(digest, str) and _DIGEST.fullmatch(digest)):
        advice = "a digest is 8 to 64 of 0-9 and a-f as a string: quote it where it is all digits"
        return _form(path, document.place_of(f"{pointer}/digest"), advice)
    return LabelTarget(version, digest, place)


def _is_version(value: Json) -> bool:
    return type(value) is int and 1 <= value <= 2**31 - 1


def _not_a_version(value: Json) -> str:
    return f"{shown(value)} is no version: {_SHAPE}"


def _form(path: str, place: Place, message: str) -> Diagnostic:
    return Diagnostic("label-form", message, path, place)

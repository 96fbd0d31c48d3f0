r"""CODEOWNERS: who must approve what, in the syntax of GitLab and GitHub.

Patterns: ``*`` and ``?`` within one component, ``**`` over any number of components; a slash at the beginning anchors
to the top, otherwise the pattern may begin at any folder; a slash at the end means the folder with everything below.
A pattern that ends in a plain word means the file or the folder of that name; ``docs/*`` only the files directly in
it. ``\#`` and ``\ `` are a literal number sign and space. The last pattern that matches wins, in each section for
itself; a pattern without owners takes the section's, and where it has none, nobody owns the file. ``!pattern`` takes
files out of its section. Both services skip lines that they cannot read, and so do we.

Case counts. Where GitHub and GitLab differ (an inner slash anchors on GitHub), GitLab's reading holds.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

_SECTION = re.compile(r"\^?\[(?P<name>[^\]]+)\](?:\[[0-9]{1,4}\])?(?P<owners>\s.*)?")
_PATTERN = re.compile(r"(?:\\.|[^\s\\]|\\$)+")
_OWNER = re.compile(r"@?@[\w.-]+(?:/[\w.-]+)*|[^\s@]+@[^\s@]+\.[^\s@]+")
_GLOB_TOKEN = re.compile(r"\\(?P<literal>.)|(?P<stars>\*+)|(?P<any>\?)|(?P<plain>.)", re.DOTALL)
_WILD = re.compile(r"(?<!\\)[*?]")
_FOLDERS = r"(?:[^/]+/)*"
_CACHED_FOLDERS = 50_000


@dataclass(frozen=True, slots=True)
class _Matcher:
    """Half a pattern: which folders it is about, and which files in them (None: all, and all below)."""

    folder: re.Pattern[str]
    file: re.Pattern[str] | None


@dataclass(frozen=True, slots=True)
class _Rule:
    matchers: tuple[_Matcher, ...]
    owners: tuple[str, ...]
    excludes: bool


_Candidates = tuple[tuple[re.Pattern[str] | None, _Rule], ...]


@dataclass(slots=True)
class _Section:
    """A section while it is read and asked; ``folders`` caches which rules can say something in a folder."""

    default: tuple[str, ...]
    rules: list[_Rule] = field(default_factory=list)
    folders: dict[str, _Candidates] = field(default_factory=dict)

    def owners_of(self, folder: str, file: str) -> tuple[str, ...]:
        """The owners of a file in a folder (with a slash at its end, empty at the top)."""
        candidates = self.folders.get(folder)
        if candidates is None:
            if len(self.folders) >= _CACHED_FOLDERS:
                self.folders.clear()
            candidates = self.folders[folder] = self._candidates(folder)
        for pattern, rule in candidates:
            if pattern is None or pattern.fullmatch(file):
                return () if rule.excludes else rule.owners
        return ()

    def _candidates(self, folder: str) -> _Candidates:
        """The rules that can match in a folder: exclusions first, then the last of the file first."""
        found: list[tuple[re.Pattern[str] | None, _Rule]] = []
        excluding = [rule for rule in self.rules if rule.excludes]
        for rule in [*excluding, *(rule for rule in reversed(self.rules) if not rule.excludes)]:
            for matcher in rule.matchers:
                whole = matcher.file is None
                if matcher.folder.match(folder) if whole else matcher.folder.fullmatch(folder):
                    found.append((matcher.file, rule))
                    if whole:
                        return tuple(found)
        return tuple(found)


class Owners:
    """A CODEOWNERS file, ready to be asked. Asking for 100,000 paths takes a fraction of a second."""

    def __init__(self, sections: Sequence[_Section] = ()) -> None:
        self._sections = tuple(sections)

    def owners_of(self, path: str) -> tuple[str, ...]:
        """All owners of a file, of every section, in the file's order, each once."""
        folder, slash, file = path.rpartition("/")
        if len(self._sections) == 1:
            return self._sections[0].owners_of(folder + slash, file)
        owners = (owner for section in self._sections for owner in section.owners_of(folder + slash, file))
        return tuple(dict.fromkeys(owners))


def read_codeowners(data: bytes) -> Owners:
    """Reads a CODEOWNERS file; never fails: a line that cannot be read says nothing, no bytes mean no owners."""
    section = _Section(default=())
    sections = {"": section}
    for line in data.decode("utf-8", "replace").removeprefix("\ufeff").splitlines():
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        head = _SECTION.fullmatch(text)
        if head:
            default = _owners(head["owners"] or "")
            section = sections.setdefault(head["name"].strip().casefold(), _Section(default))
            continue
        rule = _rule(text, section.default)
        if rule is not None:
            section.rules.append(rule)
    return Owners([each for each in sections.values() if each.rules])


def _rule(text: str, default: tuple[str, ...]) -> _Rule | None:
    excludes = text.startswith("!")
    found = _PATTERN.match(text, 1 if excludes else 0)
    if not found:
        return None
    matchers = _matchers(found[0])
    return _Rule(matchers, _owners(text[found.end() :]) or default, excludes) if matchers else None


def _owners(text: str) -> tuple[str, ...]:
    """The owners that stand in the rest of a line, up to a comment."""
    owners = []
    for word in text.split():
        if word.startswith("#"):
            break
        if _OWNER.fullmatch(word):
            owners.append(word)
    return tuple(dict.fromkeys(owners))


def _matchers(pattern: str) -> tuple[_Matcher, ...]:
    """A pattern as folder and file halves; a last plain word may be either, so it gives two."""
    components = [part for part in pattern.lstrip("/").split("/") if part]
    if not components:
        return ()
    if not pattern.startswith("/"):
        components.insert(0, "**")
    if pattern.endswith("/") or components[-1] == "**":
        return (_Matcher(_folder(components), None),)
    last = components[-1]
    in_folder = _Matcher(_folder(components[:-1]), re.compile(_glob(last), re.DOTALL))
    if _WILD.search(last):
        return (in_folder,)
    return (in_folder, _Matcher(_folder(components), None))


def _folder(components: Sequence[str]) -> re.Pattern[str]:
    """Matches folders, written with a slash at the end.

    Each ``**`` but the last takes the first place that fits, so that no pattern can make the search long.
    """
    groups: list[list[str]] = [[]]
    for component in components:
        if component == "**":
            if groups[-1] or len(groups) == 1:
                groups.append([])
        else:
            groups[-1].append(_glob(component) + "/")
    first, *rest = ["".join(group) for group in groups]
    parts = [first, *(f"(?>{_FOLDERS}?{group})" for group in rest[:-1])]
    if rest:
        parts.append(_FOLDERS + rest[-1])
    return re.compile("".join(parts), re.DOTALL)


def _glob(component: str) -> str:
    """One component as an expression; linear in time, as each ``*`` but the last takes the first place that fits."""
    pieces = [""]
    for token in _GLOB_TOKEN.finditer(component):
        if token["stars"]:
            pieces.append("")
        else:
            pieces[-1] += "[^/]" if token["any"] else re.escape(token["literal"] or token["plain"])
    first, *rest = pieces
    parts = [first, *(f"(?>[^/]*?{piece})" for piece in rest[:-1])]
    if rest:
        parts.append("[^/]*" + rest[-1])
    return "".join(parts)

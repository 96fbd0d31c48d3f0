"""Files with a history: every state of a prompt becomes a version of it."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from registry.domain.ids import BlobId, LabelName, TemplateName
from registry.domain.importing.files import SourceFile, is_wanted, read_file, read_files, recognise
from registry.domain.importing.imported import Found, Imported, ImportedVersion, LeftOut, SourceUnreadable
from registry.domain.importing.own_numbers import OwnNumbers
from registry.domain.importing.project_files import is_project_file
from registry.domain.importing.templates import is_label_file
from registry.domain.labels import read_labels
from registry.domain.prompt_formats import PromptFormat
from registry.domain.versions import pair_renames
from registry.domain.wording import counted

MOST_BYTES = 256 * 1024 * 1024
"""Bytes of all files that became versions."""


@dataclass(frozen=True, slots=True)
class SourceCommit:
    """One commit: who wrote it and when, and what it changed; None is a file that it removed.

    ``revision`` is what messages call it. ``left_out`` says of files why they are None although they are there.
    """

    revision: str
    author: str
    time: datetime
    message: str
    files: Mapping[str, bytes | None]
    left_out: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Line:
    """The states that one prompt had, and the file that it was in last."""

    path: str
    versions: list[ImportedVersion] = field(default_factory=list)


def read_history(commits: Iterable[SourceCommit], where: str) -> Found:
    """The prompts of the last commit, each with all states that it had, oldest first.

    A file that was moved without a change takes its history along. Prompts that are there no more, states that could
    not be read, and what is no prompt are left out. Times never go back from commit to commit. Raises
    SourceUnreadable where the last commit holds no prompt.
    """
    history = _History(where)
    for commit in commits:
        history.take(commit)
    files = [
        SourceFile(path, data, path) for path, data in sorted(history.files.items()) if recognise(path) is not None
    ]
    unread = [each for _, each in sorted(history.unread.items())]
    if not files:
        why = f": {unread[0].what} is left out: {unread[0].why}" if unread else ""
        raise SourceUnreadable(f"{where} holds no file that can be imported{why}")
    tip = read_files(files, None, history.files)
    prompts = [_with_history(each, history.lines.get(each.name)) for each in tip.prompts]
    labels, problems = history.labels()
    alive = {each.name for each in tip.prompts}
    kept = [each for each in tip.left_out if not is_label_file(each.what)]
    gone = [
        LeftOut(name, f"it is there no more; not taken over: {counted(len(line.versions), 'earlier state')}")
        for name, line in sorted(history.lines.items())
        if name not in alive and line.path not in history.files and line.path not in history.left_out
    ]
    left_out = (*kept, *gone, *history.unreadable, *unread, *problems)
    return Found(tuple(_labelled(each, labels) for each in prompts), left_out)


def _with_history(prompt: Imported, line: _Line | None) -> Imported:
    return prompt if line is None else replace(prompt, versions=tuple(line.versions))


def _labelled(prompt: Imported, labels: Mapping[tuple[str, int], list[LabelName]]) -> Imported:
    if prompt.source != PromptFormat.PROMPTUARY:
        return prompt
    versions = [
        replace(each, labels=tuple(sorted(labels.get((prompt.name, each.number), [])))) for each in prompt.versions
    ]
    return replace(prompt, versions=tuple(versions))


class _History:
    """What came of the commits so far."""

    def __init__(self, where: str) -> None:
        self.files: dict[str, bytes] = {}
        self.lines: dict[str, _Line] = {}
        self.unreadable: list[LeftOut] = []
        self.unread: dict[str, LeftOut] = {}
        self.left_out: set[str] = set()
        self._where = where
        self._bytes = 0
        self._configurations: set[str] = set()
        self._time: datetime | None = None
        self._numbers = OwnNumbers()

    def take(self, commit: SourceCommit) -> None:
        """Goes one commit further."""
        self._time = max(commit.time, self._time or commit.time)
        changed = {path: data for path, data in commit.files.items() if is_wanted(path)}
        self.left_out = self.left_out - changed.keys() | commit.left_out.keys()
        self.unread |= {path: LeftOut(f"{path} at {commit.revision}", why) for path, why in commit.left_out.items()}
        moves = _moves(self.files, changed)
        for path, data in changed.items():
            if data is None:
                self.files.pop(path, None)
                self._configurations.discard(path)
            else:
                self.files[path] = data
                self._configurations |= {path} if recognise(path) is PromptFormat.PROMPTFOO else set()
        touched = dict.fromkeys([*sorted(self._configurations), *(path for path in changed if path in self.files)])
        used: set[str] = set()
        for path in touched if changed else ():
            if recognise(path) is not None and path not in used and not is_project_file(path):
                used |= self._read(path, moves.get(path), commit)
        self._numbers.take(changed, self._state_of)

    def _state_of(self, name: str) -> int:
        line = self.lines.get(name)
        return len(line.versions) if line is not None else 0

    def _read(self, path: str, before: str | None, commit: SourceCommit) -> set[str]:
        """Takes the state of a file; gives the files that belong to it."""
        earlier = [name for name, line in self.lines.items() if line.path == before] if before else []
        try:
            found = read_file(SourceFile(path, self.files[path], path), self.files)
        except SourceUnreadable as error:
            self.unreadable.append(LeftOut(f"{path} at {commit.revision}", str(error)))
            return set()
        taken: set[str] = set()
        for index, prompt in enumerate(found.prompts):
            if len(earlier) == len(found.prompts) and prompt.name not in self.lines:
                self.lines[prompt.name] = self.lines.pop(earlier[index])
            line = self.lines.setdefault(prompt.name, _Line(path))
            line.path = path
            state = replace(prompt.versions[-1], number=1, labels=())
            if not line.versions or replace(line.versions[-1], number=1, author="", time=None, message="") != state:
                state = replace(state, author=commit.author, time=self._time, message=commit.message)
                line.versions.append(replace(state, number=len(line.versions) + 1))
                taken = {path, *found.used}
        self._bytes += sum(len(self.files[each]) for each in taken)
        if self._bytes > MOST_BYTES:
            raise SourceUnreadable(
                f"{self._where} had states of more than {MOST_BYTES:,} bytes together: import a clone of fewer commits "
                "(git clone --depth 1000)"
            )
        return found.used

    def labels(self) -> tuple[dict[tuple[str, int], list[LabelName]], list[LeftOut]]:
        """The labels of each state of a template, by name and number, and those that point to none."""
        found: dict[tuple[str, int], list[LabelName]] = {}
        problems: list[LeftOut] = []
        for path, data in sorted(self.files.items()):
            if not is_label_file(path):
                continue
            read = read_labels(data, path)
            problems += [LeftOut(path, each.message) for each in read.diagnostics[:1]]
            for name, target in read.entries.items():
                state = self._numbers.state_of(name, target.version)
                if state is None:
                    problems.append(LeftOut(path, f"{name} has no version {target.version} in this history"))
                else:
                    found.setdefault((name, state), []).append(read.label)
        return found, problems


def _moves(before: Mapping[str, bytes], changed: Mapping[str, bytes | None]) -> dict[str, str]:
    """New path → old path of the files that a commit moved as they are."""
    removed = {
        _as_name(path): _digest(before[path]) for path, data in changed.items() if data is None and path in before
    }
    added = {_as_name(path): _digest(data) for path, data in changed.items() if data is not None and path not in before}
    return {str(new): str(old) for new, old in pair_renames(removed, added).items()} if removed else {}


def _as_name(path: str) -> TemplateName:
    return TemplateName(path)


def _digest(data: bytes) -> BlobId:
    return BlobId(hashlib.sha256(data).hexdigest())

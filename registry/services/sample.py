"""The sample repository: the files and the history of a plausible company's prompts.

What a reader of the project sees in ``sample-repo/`` is the last commit's tree; ``registry/sample/`` says how it came
to be. The wheel carries ``sample-repo/`` as ``registry/sample/repository``; in a checkout it lies beside the package.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parseaddr
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).resolve().parent.parent
HISTORY = PACKAGE / "sample"


@dataclass(frozen=True, slots=True)
class SampleCommit:
    """One commit of the sample's history.

    ``changes`` maps paths to their new bytes, or to None where the file is removed; ``age`` is how long ago the
    commit was made, seen from the day on which the sample is set up.
    """

    message: str
    author_name: str
    author_email: str
    changes: Mapping[str, bytes | None]
    age: timedelta = timedelta()


def sample_commits() -> list[SampleCommit]:
    """The history, oldest first; applied in order to an empty tree it gives the sample repository."""
    final = _read_tree(_repository_folder())
    history = tomllib.loads((HISTORY / "history.toml").read_text(encoding="utf-8"))
    return [
        _build_commit(entry, history["people"], final, _read_tree(HISTORY / "earlier" / f"{number:02}"))
        for number, entry in enumerate(history["commits"], start=1)
    ]


def _build_commit(
    entry: Mapping[str, Any], people: Mapping[str, str], final: Mapping[str, bytes], earlier: Mapping[str, bytes]
) -> SampleCommit:
    name, email = parseaddr(people[entry["author"]])
    changes: dict[str, bytes | None] = dict.fromkeys(entry.get("remove", []))
    texts = {**final, **earlier}
    for pattern in entry["write"]:
        changes.update({path: texts[path] for path in _matching(pattern, sorted(texts))})
    return SampleCommit(
        message=entry["message"].strip() + "\n",
        author_name=name,
        author_email=email,
        changes=changes,
        age=timedelta(days=entry["days_ago"]),
    )


def _matching(pattern: str, paths: Sequence[str]) -> list[str]:
    """The paths that a line of ``write`` means. Raises ValueError where there is none: the history is wrong."""
    found = [path for path in paths if path == pattern or (pattern.endswith("/") and path.startswith(pattern))]
    if not found:
        raise ValueError(f"history.toml writes {pattern}, which is neither in sample-repo/ nor in earlier/")
    return found


def _repository_folder() -> Path:
    packaged = HISTORY / "repository"
    return packaged if packaged.is_dir() else PACKAGE.parent / "sample-repo"


def _read_tree(folder: Path) -> dict[str, bytes]:
    if not folder.is_dir():
        return {}
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

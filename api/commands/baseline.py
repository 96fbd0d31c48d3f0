"""What a checkout is compared with, asked of the git program: a base revision's files and the commits since then."""

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from api.commands.output import UNUSABLE, fail

if TYPE_CHECKING:
    from registry.services.checkout import Checkout
    from registry.services.checkout_changes import Base

UPSTREAM = "origin/HEAD"
"""What is compared with where nothing is said: the remote's default branch."""

SECONDS = 300
_COMMIT, _NAMES = "\x1e", "\x1f"


@dataclass(frozen=True, slots=True)
class Start:
    """The commit where the work since a revision began, which ``revision`` names as people say it."""

    revision: str
    commit: str


def find_start(root: Path, against: str | None) -> Start:
    """The last commit of a revision that HEAD has too. Ends the program where there is none; reads no files."""
    revision = against or UPSTREAM
    commit = _revision(root, revision, told=against is not None)
    head = _revision(root, "HEAD", told=True)
    shared = _git(root, "merge-base", commit, head)
    if shared is None:
        fail(f"{revision} and HEAD have no commit in common here: fetch more history (git fetch --unshallow)", UNUSABLE)
    return Start(revision, shared.decode().strip())


def read_base(root: Path, start: Start, checkout: "Checkout") -> "Base":
    """What a checkout is compared with."""
    from registry.domain.ids import BlobId
    from registry.domain.names import template_name
    from registry.services.checkout_changes import Base
    from registry.services.tree_changes import RULES_PATH

    listed = _required(root, "ls-tree", "-r", "-z", start.commit)
    entries = [line.split("\t", 1) for line in _text(listed).split("\0") if line]
    blobs = {path: BlobId(said.split(" ")[2]) for said, path in entries}
    differing = [
        path for path, blob in blobs.items() if template_name(path) and checkout.blob(path) not in {None, blob}
    ]
    bodies = _bodies(root, {path: blobs[path] for path in [*differing, RULES_PATH] if path in blobs})
    short = start.commit[:10]
    words = short if start.revision.startswith(short) else f"{start.revision} ({short})"
    return Base(words, blobs, bodies, _announced(root, start.commit))


def _revision(root: Path, revision: str, *, told: bool) -> str:
    found = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if found is None:
        _require_checkout(root)
        if not told:
            fail(f"there is no {revision}: say what to compare with, for example --against main", UNUSABLE)
        fail(f"{revision}: there is no such commit here: fetch it, or correct --against", UNUSABLE)
    return found.decode().strip()


def _require_checkout(root: Path) -> None:
    """Ends the program where Git works in no repository here; it refuses those of other users, as in a container."""
    done = _run(root, "rev-parse", "--git-dir")
    if done.returncode == 0:
        return
    if any((place / ".git").exists() for place in (root, *root.parents)):
        fail(f"git does not work in {root}: {done.stderr.decode('utf-8', 'replace').strip()}", UNUSABLE)
    fail(f"{root}: is no checkout of Git, so there is nothing to compare with: use promptuary validate", UNUSABLE)


def _bodies(root: Path, blobs: Mapping[str, str]) -> dict[str, bytes]:
    """Path → content, by one run of git."""
    if not blobs:
        return {}
    answer = _required(root, "cat-file", "--batch", given="".join(f"{blob}\n" for blob in blobs.values()).encode())
    found: dict[str, bytes] = {}
    at = 0
    for path in blobs:
        line = answer.index(b"\n", at)
        size = int(answer[at:line].rsplit(b" ", 1)[1])
        found[path] = answer[line + 1 : line + 1 + size]
        at = line + 1 + size + 1
    return found


def _announced(root: Path, start: str) -> set[str]:
    """The paths that commits with the trailer change, a merge's against its first parent."""
    from registry.domain.compatibility import announces

    said = _required(
        root,
        *("log", "-z", "--name-only", "--relative", "--diff-merges=first-parent", "--no-renames"),
        *(f"--format={_COMMIT}%B{_NAMES}", f"{start}..HEAD", "--", "."),
    )
    found: set[str] = set()
    for each in _text(said).split(_COMMIT)[1:]:
        message, _, names = each.partition(_NAMES)
        if announces(message):
            found.update(name.lstrip("\n") for name in names.split("\0") if name.strip("\n"))
    return found


def _text(answer: bytes) -> str:
    return answer.decode("utf-8", "surrogateescape")


def _required(root: Path, *arguments: str, given: bytes = b"") -> bytes:
    answer = _git(root, *arguments, given=given)
    if answer is None:
        fail(f"git {arguments[0]} failed in {root}", UNUSABLE)
    return answer


def _git(root: Path, *arguments: str, given: bytes = b"") -> bytes | None:
    done = _run(root, *arguments, given=given)
    return done.stdout if done.returncode == 0 else None


def _run(root: Path, *arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command: Sequence[str] = ["git", "-C", str(root), *arguments]
    try:
        return subprocess.run(command, input=given, capture_output=True, check=False, timeout=SECONDS)  # nosec B603  # git, with a list of our own
    except FileNotFoundError:
        fail("check needs the git program, which is not there: install it", UNUSABLE)
    except subprocess.TimeoutExpired:
        fail(f"git {arguments[0]} did not end within {SECONDS} seconds", UNUSABLE)

"""Repositories as bundles, which plain git can clone from (``registry.ports.backups.RepositoryArchives``)."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from registry.adapters.git.errors import reason_of
from registry.adapters.git.process import environment, run_git
from registry.adapters.git.purge_marks import require_open
from registry.domain.backups import PinnedRepository
from registry.domain.errors import BadRequest, Unavailable
from registry.domain.ids import RefName, RepositoryName
from registry.ports.git import Repositories

LONG_SECONDS = 24 * 3600.0
"""How long packing or unpacking a repository may take: as long as it does, but not for ever."""

_HEADER = b"# v2 git bundle\n"


class GitArchives:
    """Bundles of the repositories of this node."""

    def __init__(self, repositories: Repositories) -> None:
        self._repositories = repositories

    def pin(self, name: RepositoryName) -> PinnedRepository:
        """What the refs point to now. Raises RepositoryNotFound, Unavailable."""
        path = self._repositories.path(name)
        require_open(path)
        return PinnedRepository(name, self._repositories.default_branch(name), _refs(path))

    def write_bundle(self, pinned: PinnedRepository, out: BinaryIO) -> None:
        """Writes what the pinned refs reach: objects never go while the server runs, whatever happens to refs.

        The header is ours, because ``git bundle`` would ask the refs once more. Raises Unavailable.
        """
        path = self._repositories.path(pinned.name)
        out.write(_HEADER)
        refs = dict(pinned.refs)
        if pinned.default_branch in refs:
            refs = {RefName("HEAD"): refs[pinned.default_branch], **refs}  # what a clone checks out
        out.writelines(f"{target} {ref}\n".encode() for ref, target in refs.items())
        out.write(b"\n")
        wanted = "".join(f"{target}\n" for target in sorted(set(refs.values()))).encode()
        arguments = ["pack-objects", "--revs", "--stdout", "--delta-base-offset", "--quiet"]
        _pour(path, arguments, wanted, out)

    def take_bundle(self, name: RepositoryName, bundle: Path) -> dict[RefName, str]:
        """Fills an empty repository with a bundle, and checks that nothing is missing in it.

        Raises RepositoryNotFound, BadRequest for a bundle that is damaged, Unavailable.
        """
        path = self._repositories.path(name)
        fetch = ["-c", "core.fsync=all", "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-gc"]
        try:
            run_git(path, [*fetch, str(bundle), "+refs/*:refs/*"], timeout=LONG_SECONDS)
        except Unavailable as error:
            raise BadRequest(f"The archive's bundle of {name} cannot be taken: {error.message}") from error
        return _refs(path)


def _refs(path: Path) -> dict[RefName, str]:
    listed = run_git(path, ["for-each-ref", "--format=%(objectname) %(refname)"]).decode()
    return {RefName(ref): target for target, _, ref in (line.partition(" ") for line in listed.splitlines())}


def _pour(path: Path, arguments: list[str], stdin: bytes, out: BinaryIO) -> None:
    """Runs git with its output going to a file, which may be no file of the system. Raises Unavailable."""
    with _started(path, arguments) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        with suppress(BrokenPipeError):  # it ended already, and says why below
            process.stdin.write(stdin)
            process.stdin.close()
        while piece := process.stdout.read(1 << 20):
            out.write(piece)
        complaints = process.stderr.read() if process.stderr is not None else b""
        if process.wait(60):
            raise Unavailable(f"git {arguments[0]} failed: {reason_of(complaints.decode(errors='replace'), path)}.")


@contextmanager
def _started(path: Path, arguments: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """A git process, which does not outlive the context."""
    pipe = subprocess.PIPE
    try:
        process = subprocess.Popen(  # nosec B603, B607  # git from the PATH
            ["git", *arguments], cwd=path, env=environment(path), stdin=pipe, stdout=pipe, stderr=pipe
        )
    except FileNotFoundError as error:
        raise Unavailable("The git program is not installed on the server, or not on its PATH.") from error
    with process:
        try:
            yield process
        except BaseException:
            process.kill()
            raise

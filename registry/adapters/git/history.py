"""Commits: one by one, along first parents, between two, and those that changed a path."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone

import pygit2
from pygit2.enums import SortMode

from registry.adapters.git.comparisons import Comparisons
from registry.adapters.git.content import Content
from registry.adapters.git.errors import driver_errors
from registry.adapters.git.process import run_git
from registry.adapters.git.trees import diff_trees
from registry.domain.ids import CommitId
from registry.domain.refs import Commit, Signature, TreeChange

_FEW_TIPS = 8  # above, one `git rev-list` is faster than asking libgit2 tip by tip


class History(Content):
    """The history half of a store (GitHistory)."""

    comparisons: Comparisons

    def commit(self, commit: CommitId) -> Commit:
        """One commit. Raises RevisionNotFound."""
        return _to_domain(self.find_commit(commit))

    def first_parents(self, tip: CommitId, stop: CommitId | None = None) -> list[CommitId] | None:
        """The first-parent chain from after ``stop`` (from the root where None) up to ``tip``, oldest first.

        None where ``stop`` is not on the chain: then the ref was rewritten.
        """
        chain: list[CommitId] = []
        at = self.find_commit(tip)
        while str(at.id) != stop:
            chain.append(CommitId(str(at.id)))
            parents = at.parent_ids
            if not parents:
                if stop is not None:
                    return None
                break
            at = self.find_commit(CommitId(str(parents[0])))
        chain.reverse()
        return chain

    def changes(self, old: CommitId | None, new: CommitId) -> list[TreeChange]:
        """The paths that differ between two commits' trees, descending only where tree ids differ."""
        before = self.tree_of(old).id.raw if old is not None else None
        after = self.tree_of(new).id.raw
        if before == after:
            return []
        known = self.comparisons.find(before, after)
        if known is not None:
            return known
        with driver_errors("compare two trees", self.path):
            found = diff_trees(self.read_tree, before, after)
        self.comparisons.keep(before, after, found)
        return found

    def new_commits(self, tips: Sequence[CommitId], known: Sequence[CommitId]) -> list[CommitId]:
        """The commits reachable from ``tips`` and from none of ``known``, oldest first.

        A tip may be an annotated tag; tips and known ids that lead to no commit are left out.
        """
        starts = [peeled for tip in tips if (peeled := self._by_id(tip))]
        if not starts:
            return []
        with driver_errors("walk the history", self.path):
            walker = self.repo.walk(None, SortMode.TOPOLOGICAL | SortMode.REVERSE)
            for commit in starts:
                walker.push(commit)
            for commit in known:
                if (peeled := self._by_id(commit)) is not None:
                    walker.hide(peeled)
            return [CommitId(str(commit.id)) for commit in walker]

    def is_reachable(self, commit: CommitId, tips: Sequence[CommitId]) -> bool:
        """Whether a commit can be reached from one of the tips."""
        if commit in tips:
            return True
        if self._by_id(commit) != commit:
            return False
        if len(tips) <= _FEW_TIPS:
            return any(self._by_id(tip) and self.repo.descendant_of(tip, commit) for tip in tips)
        asked = "\n".join([commit, *(f"^{tip}" for tip in tips)]) + "\n"
        left = run_git(
            self.path,
            ["rev-list", "--max-count=1", "--ignore-missing", "--stdin"],
            stdin=asked.encode(),
            quarantine=self.quarantine,
        )
        return not left

    def distance(self, tip: CommitId, base: CommitId) -> tuple[int, int]:
        """How many commits only ``tip`` has, and how many only ``base``. Raises RevisionNotFound."""
        first, second = self.find_commit(tip).id, self.find_commit(base).id
        with driver_errors("compare two histories", self.path):
            ahead, behind = self.repo.ahead_behind(first, second)
            return int(ahead), int(behind)

    def parting(self, one: CommitId, other: CommitId) -> CommitId | None:
        """The last commit that both have; None where they share none. Raises RevisionNotFound."""
        first, second = self.find_commit(one).id, self.find_commit(other).id
        with driver_errors("compare two histories", self.path):
            found: pygit2.Oid | None = self.repo.merge_base(first, second)  # the stub promises too much
            return CommitId(str(found)) if found is not None else None

    def log(self, tip: CommitId, path: str, limit: int) -> list[Commit]:
        """The commits on the way to ``tip`` that changed a path, newest first."""
        self.find_commit(tip)
        if limit <= 0 or "\0" in path:
            return []
        command = ["rev-list", f"--max-count={limit}", "--end-of-options", tip, "--", path]
        found = run_git(self.path, command, quarantine=self.quarantine).decode().split()
        return [self.commit(CommitId(commit)) for commit in found]

    def last_change(self, tip: CommitId, paths: Sequence[str]) -> Commit | None:
        """The last commit on the first-parent chain up to ``tip`` that changed one of the paths; None where none did.

        A merge counts where it differs from its first parent.
        """
        self.find_commit(tip)
        if not paths:
            return None
        command = ["rev-list", "--first-parent", "--max-count=1", "--end-of-options", tip, "--", *paths]
        found = run_git(self.path, command, quarantine=self.quarantine).decode().strip()
        return self.commit(CommitId(found)) if found else None


def _to_domain(commit: pygit2.Commit) -> Commit:
    encoding = commit.message_encoding or "utf-8"
    return Commit(
        id=CommitId(str(commit.id)),
        parents=tuple(CommitId(str(parent)) for parent in commit.parent_ids),
        author=_signature(commit.author, encoding),
        committer=_signature(commit.committer, encoding),
        message=_decode(commit.raw_message, encoding),
    )


def _signature(signature: pygit2.Signature, encoding: str) -> Signature:
    name, email = _decode(signature.raw_name, encoding), _decode(signature.raw_email, encoding)
    try:
        zone = timezone(timedelta(minutes=signature.offset))
        time = datetime.fromtimestamp(signature.time, zone)
    except (ValueError, OverflowError, OSError):  # anybody may push a commit of the year 300,000
        time = datetime.fromtimestamp(0, UTC)
    return Signature(name, email, time)


def _decode(raw: bytes, encoding: str) -> str:
    try:
        return raw.decode(encoding, "replace")
    except LookupError:  # an encoding that nobody knows
        return raw.decode("utf-8", "replace")

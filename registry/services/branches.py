"""The branches of a repository: listing, making and deleting them, under the gate's rules for refs."""

import asyncio
import threading
from collections.abc import Mapping
from functools import partial
from typing import NoReturn

from cachetools import LRUCache

from registry.domain.access import Actor
from registry.domain.branches import HEADS, TAGS, Branch, branch_name, parse_branch
from registry.domain.catalogue import Page
from registry.domain.cursors import make_cursor, read_cursor
from registry.domain.diagnostics import Diagnostic, Severity
from registry.domain.errors import Conflict, PreconditionFailed, Refused, RevisionNotFound
from registry.domain.git_needs import REWRITE, require_branch_maker
from registry.domain.ids import ZERO_COMMIT, CommitId, RefName, RepositoryName
from registry.domain.near_names import rank_near
from registry.domain.refs import RefUpdate
from registry.domain.request_keys import RequestKey
from registry.domain.rights import Place
from registry.ports.git import GitStore, Repositories
from registry.services.audit_origin import current_origin
from registry.services.gate import Gate
from registry.services.indexing import Indexing
from registry.services.ref_audit import RefAudit
from registry.services.repeats import Repeats
from registry.services.revisions import find_commit

DISTANCES_KEPT = 10_000
"""Pairs of commits whose distance is remembered: it never changes."""


class Branches:
    """Branches, by short name."""

    def __init__(self, *, git: Repositories, gate: Gate, indexing: Indexing, moves: RefAudit, repeats: Repeats) -> None:
        self._git = git
        self._repeats = repeats
        self._gate = gate
        self._indexing = indexing
        self._moves = moves
        self._distances: LRUCache[tuple[CommitId, CommitId], tuple[int, int]] = LRUCache(DISTANCES_KEPT)
        self._counting = threading.Lock()  # lists are made in threads

    async def list_branches(
        self, repository: RepositoryName, *, limit: int = 50, cursor: str | None = None
    ) -> Page[Branch]:
        """A page of branches, by name. Raises BadRequest for a cursor that is none."""
        after = str(read_cursor(["branches", repository], cursor, (str,))[0]) if cursor is not None else ""
        return await asyncio.to_thread(self._page, repository, limit, after)

    def _page(self, repository: RepositoryName, limit: int, after: str) -> Page[Branch]:
        with self._git.open(repository) as store:
            refs = store.refs()
            names = sorted(name for ref in refs if ref.startswith(HEADS) and (name := branch_name(ref)) > after)
            found = tuple(self._branch(repository, store, refs, RefName(f"{HEADS}{n}")) for n in names[:limit])
        more = len(names) > limit
        return Page(found, make_cursor(["branches", repository], [names[limit - 1]]) if more else None)

    async def read(self, repository: RepositoryName, name: str) -> Branch:
        """One branch. Raises RevisionNotFound with the nearest names."""
        return await asyncio.to_thread(self._read, repository, RefName(f"{HEADS}{name}"))

    def _read(self, repository: RepositoryName, ref: RefName) -> Branch:
        with self._git.open(repository) as store:
            refs = store.refs()
            if ref not in refs:
                raise _absent(ref, refs)
            return self._branch(repository, store, refs, ref)

    def _branch(
        self, repository: RepositoryName, store: GitStore, refs: Mapping[RefName, CommitId], ref: RefName
    ) -> Branch:
        default = self._git.default_branch(repository)
        tip, base = refs[ref], refs.get(default)
        ahead = behind = None
        if base is not None:
            ahead, behind = self._distance(store, tip, base)
        return Branch(branch_name(ref), store.commit(tip), ref == default, ahead, behind)

    def _distance(self, store: GitStore, tip: CommitId, base: CommitId) -> tuple[int, int]:
        with self._counting:
            known = self._distances.get((tip, base))
        if known is None:
            known = store.distance(tip, base)
            with self._counting:
                self._distances[tip, base] = known
        return known

    async def create(
        self,
        repository: RepositoryName,
        name: str,
        start: str | None = None,
        *,
        actor: Actor,
        key: RequestKey | None = None,
    ) -> tuple[Branch, tuple[Diagnostic, ...]]:
        """Makes a branch at a branch, tag or commit (the default branch where None); what the gate warns of besides.

        No commit tells a repeat with a ``key`` after a restart: then a branch that stands where it would be made is
        answered as made.

        Raises BadRequest for a name that is none, Conflict where a branch or tag is called so, RevisionNotFound for the
        start, Refused, Denied, RefMoved where somebody else is quicker, Unavailable.
        """
        require_branch_maker(actor, repository)
        ref = parse_branch(name)

        async def first() -> tuple[Branch, tuple[Diagnostic, ...]]:
            with self._git.open(repository) as store:
                commit = await find_commit(store, start or self._git.default_branch(repository))
                refs = store.refs()
            there = refs.get(ref)
            if there is None and RefName(f"{TAGS}{name}") in refs:
                raise Conflict(
                    f"There is a tag {name!r}, and who asks for it would get the branch instead: choose another name."
                )
            if there is not None and (key is None or there != commit):
                raise Conflict(f"There is a branch {name!r} already: choose another name, or delete it first.")
            update = RefUpdate(ref, ZERO_COMMIT, commit)
            warnings = await self._move(repository, update, actor) if there is None else ()
            return await self.read(repository, name), warnings

        return await self._repeats.once(repository, None, key, first, _no_commit)

    async def delete(
        self,
        repository: RepositoryName,
        name: str,
        *,
        actor: Actor,
        if_match: str | None = None,
        key: RequestKey | None = None,
    ) -> Branch:
        """Deletes a branch, where given only if its tip is still ``if_match``; answers what it was.

        Its commits stay in the repository, but who has their id alone cannot read them any more. Raises
        RevisionNotFound, PreconditionFailed, Refused for the default branch and protected ones, Denied, RefMoved.
        """
        actor.require(REWRITE.role, Place(repository))

        async def first() -> Branch:
            branch = await self.read(repository, name)
            tip = branch.tip.id
            if if_match is not None and if_match.strip() != "*" and tip not in _tags(if_match):
                raise PreconditionFailed(f"{name} is at {tip[:10]} now; nothing was deleted.", etag=f'"{tip}"')
            await self._move(repository, RefUpdate(RefName(f"{HEADS}{name}"), tip, ZERO_COMMIT), actor)
            return branch

        return await self._repeats.once(repository, None, key, first, _no_commit)

    async def _move(self, repository: RepositoryName, update: RefUpdate, actor: Actor) -> tuple[Diagnostic, ...]:
        verdict = await self._gate.judge(repository, [update], actor)
        if not verdict.accepted:
            first = next(d for d in verdict.diagnostics if d.severity is Severity.ERROR)
            raise Refused(f"The change was refused: {first.message}", diagnostics=verdict.diagnostics)
        intents = self._moves.intents(repository, [(update, current_origin(actor))])
        await asyncio.to_thread(self._moves.moving, intents, partial(self._swap, repository, update))
        await self._indexing.poke(repository)
        return verdict.diagnostics

    def _swap(self, repository: RepositoryName, update: RefUpdate) -> None:
        with self._git.open(repository) as store:
            store.move(update)


async def _no_commit(_commit: CommitId) -> NoReturn:
    """What would tell again what a commit did: branches are made and deleted without one."""
    raise AssertionError("no commit is looked for")


def _tags(if_match: str) -> list[str]:
    return [tag.strip().removeprefix("W/").strip('"') for tag in if_match.split(",")]


def _absent(ref: RefName, refs: Mapping[RefName, CommitId]) -> RevisionNotFound:
    name = branch_name(ref)
    known = [branch_name(each) for each in refs if each.startswith(HEADS)]
    return RevisionNotFound(f"There is no branch {name!r}.", nearest=rank_near(name, known, 5))

"""Pushing commits to a registry as git would: gate, move, projection."""

from collections.abc import Mapping
from datetime import UTC, datetime

from registry.bootstrap import Registry
from registry.domain.access import Actor
from registry.domain.ids import ZERO_COMMIT, CommitId, RefName, RepositoryName, UserName
from registry.domain.refs import RefUpdate, Signature
from registry.domain.rights import EVERY_RIGHT, on_server
from registry.domain.roles import Role
from registry.services.gate import Verdict

REPOSITORY = RepositoryName("default")
MAIN = RefName("refs/heads/main")
AUTHOR = Actor(UserName("kim"), "Kim Ji-woo", "kim@example.com", on_server(Role.AUTHOR))
ADMIN = Actor(UserName("admin"), "Administrator", "admin@localhost", EVERY_RIGHT)

Files = Mapping[str, str | bytes | None]


def text_template(text: str = "Hello {{ name }}", *, variables: str = "{name: {type: string}}", more: str = "") -> str:
    """A small valid text template."""
    return f"schema: prompt/v1\ntype: text\nvariables: {variables}\n{more}text: |\n  {text}\n"


class Pusher:
    """Writes commits straight into the repository and lets them pass the gate like a push."""

    def __init__(self, registry: Registry, repository: RepositoryName = REPOSITORY) -> None:
        self.registry = registry
        self.repository = repository

    def tip(self, ref: RefName = MAIN) -> CommitId | None:
        with self.registry.git.open(self.repository) as store:
            return store.refs().get(ref)

    def commit(self, files: Files, *, parent: CommitId | None = None, message: str = "change\n") -> CommitId:
        signature = Signature("Kim Ji-woo", "kim@example.com", datetime.now(UTC))
        changes = {p: t.encode() if isinstance(t, str) else t for p, t in files.items()}
        with self.registry.git.open(self.repository) as store:
            return store.write_commit(parent, changes, signature, signature, message)

    async def judge(self, *updates: RefUpdate, actor: Actor = AUTHOR) -> Verdict:
        """What the gate says of a push; nothing moves."""
        return await self.registry.gate.judge(self.repository, updates, actor)

    async def push_commit(self, commit: CommitId, ref: RefName = MAIN, actor: Actor = AUTHOR) -> Verdict:
        """Judges a ref's move to a commit and moves it where it is accepted."""
        old = self.tip(ref) or ZERO_COMMIT
        update = RefUpdate(ref, old, commit)
        verdict = await self.judge(update, actor=actor)
        if verdict.accepted:
            with self.registry.git.open(self.repository) as store:
                store.flush()
                store.move(update)
            await self.registry.indexing.poke(self.repository)
            await self.registry.indexing.fed()
        return verdict

    async def push(self, files: Files, ref: RefName = MAIN, actor: Actor = AUTHOR) -> Verdict:
        """One commit on the ref's tip (a new ref starts at main's)."""
        return await self.push_commit(self.commit(files, parent=self.tip(ref) or self.tip()), ref, actor)

    async def land(self, files: Files) -> CommitId:
        """A push that has to be accepted; the new tip."""
        verdict = await self.push(files, actor=ADMIN)
        assert verdict.accepted, "\n".join(map(str, verdict.diagnostics))
        tip = self.tip()
        assert tip is not None
        return tip


def rules(verdict: Verdict) -> list[str]:
    """The codes of the findings, in order."""
    return [d.rule for d in verdict.diagnostics]

"""Moves of refs, labels and rules in the audit: from every way in, with who made them, each once."""

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from registry.adapters.local.ref_journal import FileRefJournal
from registry.bootstrap import Registry
from registry.domain.audit import AuditAction, AuditDraft, AuditFilter, AuditOrigin
from registry.domain.errors import RefMoved, Refused, Unavailable
from registry.domain.ids import ZERO_COMMIT, CommitId, RefName
from registry.domain.refs import RefUpdate
from registry.services.audit_origin import acting
from registry.services.ref_audit import LATE, RefAudit
from registry.services.writes import Base
from tests.pushing import ADMIN, AUTHOR, MAIN, REPOSITORY, Pusher, text_template
from tests.running import git

PLACE = AuditOrigin(address="192.0.2.7", request_id="r-1")
TOPIC = RefName("refs/heads/topic")


class Later:
    """A clock that is ahead of the system's."""

    def __init__(self, by: timedelta) -> None:
        self.by = by

    def now(self) -> datetime:
        return datetime.now(UTC) + self.by


async def write(registry: Registry, files: dict[str, str]) -> str:
    changes = {path: text.encode() for path, text in files.items()}

    def edit(_base: Base) -> dict[str, bytes | None]:
        return changes

    with acting(PLACE):
        done = await registry.writes.submit(REPOSITORY, MAIN, edit, actor=AUTHOR, message="write\n")
    return done.commit


async def entered(registry: Registry) -> list[AuditDraft]:
    await registry.ref_audit.drain()
    page = await registry.audit.list_entries(AuditFilter(repository=REPOSITORY), limit=100)
    return [entry.draft for entry in reversed(page.items)]


def told(drafts: list[AuditDraft]) -> list[tuple[str, Any, Any]]:
    return [(str(draft.action), draft.old, draft.new) for draft in drafts]


def commit(of: str) -> dict[str, str]:
    return {"commit": of}


async def test_a_write_is_entered_with_who_and_from_where(registry: Registry) -> None:
    first = await write(registry, {"prompts/a.prompt.yaml": text_template()})
    second = await write(registry, {"prompts/b.prompt.yaml": text_template()})
    drafts = await entered(registry)
    assert told(drafts) == [("ref.created", None, commit(first)), ("ref.updated", commit(first), commit(second))]
    assert {draft.origin for draft in drafts} == {AuditOrigin(AUTHOR.user, None, "192.0.2.7", "r-1")}
    assert {draft.ref for draft in drafts} == {MAIN}
    assert len(await entered(registry)) == 2
    assert registry.ref_audit._journal.waiting() == []


async def test_what_is_refused_is_not_entered(registry: Registry, pusher: Pusher) -> None:
    with pytest.raises(Refused):
        await write(registry, {"prompts/read.me": "no template"})
    tip = await pusher.land({"prompts/a.prompt.yaml": text_template()})
    stale = RefUpdate(MAIN, ZERO_COMMIT, tip)
    intents = registry.ref_audit.intents(REPOSITORY, [(stale, PLACE)])
    with registry.git.open(REPOSITORY) as store, pytest.raises(RefMoved):
        registry.ref_audit.moving(intents, lambda: store.move(stale))
    assert await entered(registry) == []


async def test_branches_that_are_made_and_deleted(registry: Registry, pusher: Pusher) -> None:
    tip = await pusher.land({"prompts/a.prompt.yaml": text_template()})
    await registry.branches.create(REPOSITORY, "topic", actor=AUTHOR)
    await registry.branches.delete(REPOSITORY, "topic", actor=AUTHOR)
    assert told(await entered(registry)) == [("ref.created", None, commit(tip)), ("ref.deleted", commit(tip), None)]


async def test_labels_and_rules_that_a_move_changes_are_entered_with_it(registry: Registry, pusher: Pusher) -> None:
    await pusher.land({f"prompts/s/{name}.prompt.yaml": text_template() for name in "ab"})
    await pusher.land({f"prompts/s/{name}.prompt.yaml": text_template("Bye {{ name }}") for name in "ab"})
    labels = "labels/production/s.yaml"
    first = await write(registry, {labels: "a: 1\nb: 1\n"})
    second = await write(registry, {labels: "a: 2\nb: 1\n"})
    third = await write(registry, {labels: "b: 1\n"})
    drafts = [draft for draft in await entered(registry) if draft.action == AuditAction.LABEL_MOVED]
    one, two = {"version": 1}, {"version": 2}
    assert [(d.name, d.label, d.old, d.new) for d in drafts] == [
        ("s/a", "production", None, one),
        ("s/b", "production", None, one),
        ("s/a", "production", one, two),
        ("s/a", "production", two, None),
    ]
    assert {draft.origin.actor for draft in drafts} == {AUTHOR.user}
    assert len({first, second, third}) == 3
    rules = b"schema: registry/v1\n"

    def edit(_base: Base) -> dict[str, bytes | None]:
        return {".registry.yaml": rules}

    await registry.writes.submit(REPOSITORY, MAIN, edit, actor=ADMIN, message="rules\n")
    changed = (await entered(registry))[-1]
    assert (changed.action, changed.old, changed.new["path"]) == ("settings.changed", None, ".registry.yaml")


async def test_of_very_many_labels_there_is_only_how_many(
    registry: Registry, pusher: Pusher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.services.moves_told.LABELS_AT_MOST", 1)
    await pusher.land({f"prompts/s/{name}.prompt.yaml": text_template() for name in "ab"})
    await write(registry, {"labels/production/s.yaml": "a: 1\nb: 1\n"})
    moved = [(d.label, d.name, d.new) for d in await entered(registry) if d.action == AuditAction.LABEL_MOVED]
    assert moved == [("production", None, {"templates": 2})]


async def push(registry: Registry, *updates: RefUpdate) -> list[Any]:
    with acting(PLACE):
        return await registry.ref_audit.accept(REPOSITORY, updates, AUTHOR)


async def test_of_a_push_counts_what_git_has_moved(registry: Registry, pusher: Pusher) -> None:
    first = await pusher.land({"prompts/a.prompt.yaml": text_template()})
    second = pusher.commit({"prompts/b.prompt.yaml": text_template()}, parent=first)
    other = pusher.commit({"prompts/c.prompt.yaml": text_template()}, parent=first)
    updates = RefUpdate(MAIN, first, second), RefUpdate(TOPIC, ZERO_COMMIT, other)
    intents = await push(registry, *updates)
    assert await entered(registry) == []  # it is under way
    with registry.git.open(REPOSITORY) as store:
        store.move(updates[0])  # Git could not move the other one
    await registry.ref_audit.ended(intents)
    assert told(await entered(registry)) == [("ref.updated", commit(first), commit(second))]
    forced = await push(registry, RefUpdate(MAIN, second, other))
    with registry.git.open(REPOSITORY) as store:
        store.move(RefUpdate(MAIN, second, other))
    await registry.ref_audit.ended(forced)
    assert told(await entered(registry))[1:] == [("ref.forced", commit(second), commit(other))]


async def test_an_annotated_tag_that_did_not_move_is_not_entered(registry: Registry, pusher: Pusher) -> None:
    tip = await pusher.land({"prompts/a.prompt.yaml": text_template()})
    path, who = registry.git.path(REPOSITORY), ("-c", "user.name=a", "-c", "user.email=a@b")
    tag = RefName("refs/tags/v1")
    tags = []
    for message in ("one", "two"):
        git(path, *who, "tag", "-f", "-a", "-m", message, "v1", tip)
        tags.append(CommitId(git(path, "rev-parse", tag).strip()))
    git(path, "update-ref", tag, tags[0])
    for _ in ("Git has not moved it", "Git has"):
        await registry.ref_audit.ended(await push(registry, RefUpdate(tag, *tags)))
        drafts = [draft for draft in await entered(registry) if draft.ref == tag]
        moved = git(path, "rev-parse", tag).strip() == tags[1]
        assert told(drafts) == [("ref.updated", commit(tags[0]), commit(tags[1]))] * moved
        git(path, "update-ref", tag, tags[1])


async def test_a_push_whose_server_died_is_waited_for_and_then_given_up(
    registry: Registry, pusher: Pusher, tmp_path: Path
) -> None:
    first = await pusher.land({"prompts/a.prompt.yaml": text_template()})
    second = pusher.commit({"prompts/b.prompt.yaml": text_template()}, parent=first)
    journal = FileRefJournal(tmp_path / "journal")
    at_once, later = (
        RefAudit(
            git=registry.git,
            journal=journal,
            log=registry.ref_audit._log,
            pushers=registry.ref_audit._pushers,
            clock=Later(by),
        )
        for by in (timedelta(), LATE + timedelta(seconds=1))
    )
    late = at_once.intents(REPOSITORY, [(RefUpdate(MAIN, first, second), PLACE)], pushed=True)
    never = at_once.intents(REPOSITORY, [(RefUpdate(TOPIC, ZERO_COMMIT, second), PLACE)], pushed=True)
    journal.intend([*late, *never])
    assert (await at_once.drain(), len(journal.waiting())) == (0, 2)
    with registry.git.open(REPOSITORY) as store:
        store.move(RefUpdate(MAIN, first, second))  # Git went on without the server
    assert (await at_once.drain(), [each.operation for each in journal.waiting()]) == (1, [never[0].operation])
    assert (await later.drain(), journal.waiting()) == (0, [])
    assert told(await entered(registry)) == [("ref.updated", commit(first), commit(second))]


async def test_what_landed_while_sql_was_away_is_entered_when_it_is_back(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(_drafts: object) -> int:
        raise Unavailable("The database is away.")

    with monkeypatch.context() as patched:
        patched.setattr(registry.ref_audit._log, "append", away)
        first = await write(registry, {"prompts/a.prompt.yaml": text_template()})
        with pytest.raises(Unavailable):
            await registry.ref_audit.drain()
    assert told(await entered(registry)) == [("ref.created", None, commit(first))]


async def test_what_is_being_moved_is_not_judged_before_it_has_moved(registry: Registry, pusher: Pusher) -> None:
    tip = pusher.commit({"prompts/a.prompt.yaml": text_template()})
    update, go = RefUpdate(MAIN, ZERO_COMMIT, tip), threading.Event()
    intents = registry.ref_audit.intents(REPOSITORY, [(update, PLACE)])

    def move() -> None:
        assert go.wait(30)
        with registry.git.open(REPOSITORY) as store:
            store.move(update)

    moving = asyncio.create_task(asyncio.to_thread(registry.ref_audit.moving, intents, move))
    while not registry.ref_audit._journal.waiting():
        await asyncio.sleep(0.01)
    assert await entered(registry) == []
    go.set()
    await moving
    assert told(await entered(registry)) == [("ref.created", None, commit(tip))]


async def test_a_move_that_cannot_be_noted_is_not_made(registry: Registry, pusher: Pusher) -> None:
    registry.settings.data.joinpath("ref-journal").write_text("a file where the folder should be")
    with pytest.raises(Unavailable, match="audited"):
        await write(registry, {"prompts/a.prompt.yaml": text_template()})
    assert pusher.tip() is None

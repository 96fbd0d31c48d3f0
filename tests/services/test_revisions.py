"""Reading as of a revision or a time: the same questions as now, answered as they were then."""

import threading
from datetime import UTC, datetime, timedelta

import pytest

from registry.adapters.git.store import Pygit2Store
from registry.bootstrap import Registry
from registry.domain.errors import LabelNotFound, RevisionNotFound, TemplateNotFound, VersionNotFound
from registry.domain.ids import CommitId, LabelName, RefName, TemplateName
from registry.domain.refs import Signature
from registry.domain.selectors import Selector
from registry.services.templates import TemplateRead
from tests.pushing import ADMIN, REPOSITORY, Files, Pusher, text_template

NAME = TemplateName("a")
PATH = "prompts/a.prompt.yaml"
DRAFT = "status: draft\n"
START = datetime(2025, 1, 1, tzinfo=UTC)


def day(number: int) -> datetime:
    return START + timedelta(days=number)


async def land_on(pusher: Pusher, number: int, files: Files) -> CommitId:
    """One commit of a day, landed."""
    signature = Signature("Kim Ji-woo", "kim@example.com", day(number))
    changes = {p: t.encode() if isinstance(t, str) else t for p, t in files.items()}
    with pusher.registry.git.open(REPOSITORY) as store:
        commit = store.write_commit(pusher.tip(), changes, signature, signature, f"day {number}\n")
    verdict = await pusher.push_commit(commit, actor=ADMIN)
    assert verdict.accepted, "\n".join(map(str, verdict.diagnostics))
    return commit


async def read(registry: Registry, **said: object) -> TemplateRead:
    return await registry.templates.read(REPOSITORY, NAME, Selector(**said))  # type: ignore[arg-type]  # as tests say it


async def test_a_time_alone_means_the_default_as_of_then(registry: Registry, pusher: Pusher) -> None:
    await land_on(pusher, 1, {PATH: text_template("one {{ name }}")})
    await land_on(pusher, 2, {PATH: text_template("two {{ name }}", more=DRAFT)})
    await land_on(pusher, 3, {PATH: text_template("three {{ name }}")})
    found = [(await read(registry, at=day(n))).version for n in (1, 2, 3, 9)]
    assert found == [1, 1, 3, 3]
    then = await read(registry, at=day(2) + timedelta(hours=1))
    assert "one" in then.source
    assert then.reference == f"a@1#{then.digest[:8]}"
    with pytest.raises(RevisionNotFound):
        await read(registry, at=day(0))


async def test_latest_as_of_then_may_be_a_draft(registry: Registry, pusher: Pusher) -> None:
    await land_on(pusher, 1, {PATH: text_template("one {{ name }}")})
    second = await land_on(pusher, 2, {PATH: text_template("two {{ name }}", more=DRAFT)})
    await land_on(pusher, 3, {PATH: text_template("three {{ name }}")})
    assert (await read(registry, label=LabelName("latest"), at=day(2))).version == 2
    assert (await read(registry, label=LabelName("latest"), ref=second)).version == 2
    of_revision = await read(registry, ref=second)
    assert of_revision.version is None
    assert of_revision.reference == f"a@{second[:12]}#{of_revision.digest[:8]}"
    assert "two" in of_revision.source


async def test_only_drafts_then_is_no_default(registry: Registry, pusher: Pusher) -> None:
    await land_on(pusher, 1, {PATH: text_template("one {{ name }}", more=DRAFT)})
    await land_on(pusher, 2, {PATH: text_template("two {{ name }}")})
    with pytest.raises(VersionNotFound, match="not a draft"):
        await read(registry, at=day(1))
    assert (await read(registry, at=day(2))).version == 2


async def test_the_default_label_of_then_counts(registry: Registry, pusher: Pusher) -> None:
    rules = "schema: registry/v1\ndefault_label: production\n"
    await land_on(pusher, 1, {PATH: text_template("one {{ name }}")})
    await land_on(pusher, 2, {PATH: text_template("two {{ name }}")})
    await land_on(pusher, 3, {".registry.yaml": rules})
    await land_on(pusher, 4, {"labels/production.yaml": "a: 1\n"})
    await land_on(pusher, 5, {".registry.yaml": None})
    assert (await read(registry, at=day(2))).version == 2
    with pytest.raises(LabelNotFound):
        await read(registry, at=day(3))
    assert (await read(registry, at=day(4))).version == 1
    assert (await read(registry, at=day(5))).version == 2


async def test_a_deleted_template_is_there_as_of_before(registry: Registry, pusher: Pusher) -> None:
    await land_on(pusher, 1, {PATH: text_template("one {{ name }}")})
    await land_on(pusher, 2, {PATH: None, "prompts/other.prompt.yaml": text_template("other {{ name }}")})
    assert (await read(registry, at=day(1))).version == 1
    with pytest.raises(TemplateNotFound):
        await read(registry, at=day(2))


async def test_latest_of_a_branch_is_that_of_where_it_left(registry: Registry, pusher: Pusher) -> None:
    await land_on(pusher, 1, {PATH: text_template("one {{ name }}")})
    branch = RefName("refs/heads/feature")
    assert (await pusher.push({PATH: text_template("mine {{ name }}")}, branch)).accepted
    await land_on(pusher, 2, {PATH: text_template("two {{ name }}")})
    assert (await read(registry, label=LabelName("latest"), ref="feature")).version == 1
    assert "mine" in (await read(registry, ref="feature")).source


async def test_histories_are_walked_beside_the_event_loop(
    registry: Registry, pusher: Pusher, monkeypatch: pytest.MonkeyPatch
) -> None:
    await land_on(pusher, 1, {PATH: text_template("one {{ name }}")})
    walked_in = set()
    walk = Pygit2Store.first_parents

    def noted(store: Pygit2Store, tip: CommitId, stop: CommitId | None = None) -> list[CommitId] | None:
        walked_in.add(threading.current_thread())
        return walk(store, tip, stop)

    monkeypatch.setattr(Pygit2Store, "first_parents", noted)
    assert (await read(registry, at=day(3))).version == 1
    assert walked_in
    assert threading.current_thread() not in walked_in

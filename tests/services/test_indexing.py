"""The projection follows Git: incrementally, by replay, after rewrites behind its back, and says what is live."""

import asyncio
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.bootstrap import Registry, open_registry
from registry.domain.catalogue import TemplateFilter
from registry.domain.errors import TemplateGone, TemplateMoved, TemplateNotFound, Unavailable
from registry.domain.events import LabelMoved, TemplateChanged
from registry.domain.ids import ZERO_COMMIT
from registry.domain.refs import RefUpdate
from registry.domain.search import Query
from registry.domain.selectors import Selector
from registry.services import projecting
from registry.settings import Settings
from tests.pushing import ADMIN, MAIN, REPOSITORY, Pusher, text_template

T = "prompts/{}.prompt.yaml"
TONE = "schema: prompt/v1\ntype: text\ntext: |\n  Be {}.\n"
INCLUDING = text_template('{% include "partials/tone" %}{{ name }}')


async def names(registry: Registry) -> list[str]:
    page = await registry.templates.list_templates(REPOSITORY, TemplateFilter())
    return [entry.name for entry in page.items]


async def test_what_lands_is_readable_and_searchable(registry: Registry, pusher: Pusher) -> None:
    await pusher.land({T.format("인사"): text_template("환불 안내 {{ name }}")})
    read = await registry.templates.read(REPOSITORY, "인사", Selector())
    assert (read.version, read.commit) == (1, pusher.tip())
    assert read.reference == f"인사@1#{read.digest[:8]}"
    page = await registry.search.search(Query(REPOSITORY, "환불을"))
    assert [hit.name for hit in page.hits] == ["인사"]
    assert await registry.verifying.verify(REPOSITORY) == []


async def test_a_partial_gives_its_includers_new_versions(registry: Registry, pusher: Pusher) -> None:
    await pusher.land({T.format("partials/tone"): TONE.format("kind"), T.format("a"): INCLUDING})
    await pusher.land({T.format("partials/tone"): TONE.format("brief")})
    read = await registry.templates.read(REPOSITORY, "a", Selector())
    assert (read.version, read.cause) == (2, "partials/tone")
    assert read.partials == {"partials/tone": TONE.format("brief")}
    first = await registry.templates.read(REPOSITORY, "a", Selector(version=1))
    assert first.partials == {"partials/tone": TONE.format("kind")}


async def test_renames_and_deletions_say_where_things_went(registry: Registry, pusher: Pusher) -> None:
    await pusher.land({T.format("old"): text_template(), T.format("gone"): text_template("Bye {{ name }}")})
    await pusher.land({T.format("old"): None, T.format("new"): text_template(), T.format("gone"): None})
    with pytest.raises(TemplateMoved) as moved:
        await registry.templates.read(REPOSITORY, "old", Selector())
    assert moved.value.to == "new"
    with pytest.raises(TemplateGone) as gone:
        await registry.templates.read(REPOSITORY, "gone", Selector())
    assert gone.value.last_version == 1
    assert (await registry.templates.read(REPOSITORY, "gone", Selector(version=1))).source.endswith("Bye {{ name }}\n")
    assert (await registry.templates.read(REPOSITORY, "new", Selector())).moved_from == "old"
    with pytest.raises(TemplateNotFound, match="Nearest: new"):
        await registry.templates.read(REPOSITORY, "neww", Selector())


async def test_a_broken_state_never_removes_what_is_live(registry: Registry, pusher: Pusher) -> None:
    await pusher.land({T.format("a"): text_template("one {{ name }}")})
    broken = pusher.commit({T.format("a"): "["}, parent=pusher.tip())
    with registry.git.open(REPOSITORY) as store:
        from registry.domain.refs import RefUpdate

        store.move(RefUpdate(MAIN, pusher.tip(), broken))  # behind the gate's back
    await registry.indexing.poke(REPOSITORY)
    await registry.indexing.fed()
    read = await registry.templates.read(REPOSITORY, "a", Selector())
    assert (read.version, read.source) == (1, text_template("one {{ name }}"))
    page = await registry.templates.list_templates(REPOSITORY, TemplateFilter())
    assert (page.items[0].version, page.items[0].latest) == (2, 1)
    assert page.items[0].diagnostics
    assert await registry.verifying.verify(REPOSITORY) == []


async def test_a_rewritten_branch_is_replayed(registry: Registry, pusher: Pusher) -> None:
    await pusher.land({T.format("a"): text_template()})
    await pusher.land({T.format("b"): text_template("b {{ name }}")})
    other = pusher.commit({T.format("c"): text_template("c {{ name }}")})
    path = registry.git.path(REPOSITORY)
    subprocess.run(["git", "-C", path, "update-ref", "refs/heads/main", other], check=True)
    await registry.indexing.reconcile()
    assert await names(registry) == ["c"]
    assert (await registry.search.search(Query(REPOSITORY, "b"))).total == 0
    assert await registry.verifying.verify(REPOSITORY) == []


async def test_labels_follow_and_events_tell(registry: Registry, pusher: Pusher) -> None:
    async with registry.events.subscribe() as events:
        await pusher.land({T.format("s/a"): text_template()})
        await pusher.land({"labels/production/s.yaml": "a: 1\n"})
        seen = []
        async for event in events:
            seen.append(event)
            if isinstance(event, LabelMoved):
                break
    assert any(isinstance(e, TemplateChanged) and e.name == "s/a" and e.version == 1 for e in seen)
    assert (seen[-1].old, seen[-1].new) == (None, 1)
    read = await registry.templates.read(REPOSITORY, "s/a", Selector(label="production"))
    assert read.labels == ("production",)


async def test_rebuild_gives_the_same_projection(registry: Registry, pusher: Pusher) -> None:
    for number in range(3):
        await pusher.land({T.format("partials/tone"): TONE.format(f"k{number}"), T.format("a"): INCLUDING})
    before = await registry.versions.list_versions(REPOSITORY, "a")
    await registry.indexing.rebuild(REPOSITORY)
    assert await registry.versions.list_versions(REPOSITORY, "a") == before
    assert await registry.verifying.verify(REPOSITORY) == []


async def test_verify_sees_differences(registry: Registry, pusher: Pusher) -> None:
    import sqlite3

    await pusher.land({T.format("a"): text_template(), T.format("b"): text_template("b {{ name }}")})
    database = sqlite3.connect(registry.settings.catalogue)
    database.execute("update versions set digest = zeroblob(32) where number = 1")
    database.commit()
    database.close()
    assert await registry.verifying.verify(REPOSITORY) != []


async def test_another_process_may_project_too(registry: Registry, pusher: Pusher) -> None:
    await pusher.land({T.format("a"): text_template()})
    async with open_registry(registry.settings) as other:
        await Pusher(other).land({T.format("b"): text_template("b {{ name }}")})
    await pusher.land({T.format("c"): text_template("c {{ name }}")})
    assert await names(registry) == ["a", "b", "c"]
    assert await registry.verifying.verify(REPOSITORY) == []


edits = st.lists(
    st.dictionaries(
        st.sampled_from(["a", "b", "partials/tone", "x/한글"]),
        st.sampled_from([None, "[", text_template(), INCLUDING, TONE.format("kind"), TONE.format("brief")]),
        min_size=1,
        max_size=3,
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=edits, pokes=st.sets(st.integers(0, 7)))
async def test_any_history_in_any_batches_projects_to_what_git_says(
    tmp_path_factory: pytest.TempPathFactory, history: list[dict[str, str | None]], pokes: set[int]
) -> None:
    data: Path = tmp_path_factory.mktemp("data")
    async with open_registry(Settings(data=data, render_workers=1)) as registry:
        registry.git.create(REPOSITORY)
        pusher = Pusher(registry)
        tip = None
        for number, files in enumerate(history):
            tip = pusher.commit({T.format(name): text for name, text in files.items()}, parent=tip)
            subprocess.run(
                ["git", "-C", registry.git.path(REPOSITORY), "update-ref", "refs/heads/main", tip], check=True
            )
            if number in pokes:
                await registry.indexing.poke(REPOSITORY)
        await registry.indexing.poke(REPOSITORY)
        await registry.indexing.fed()
        assert await registry.verifying.verify(REPOSITORY) == []


async def test_the_pusher_is_told_what_a_watcher_was_faster_to_project(registry: Registry, pusher: Pusher) -> None:
    await pusher.land({T.format("a"): text_template()})
    commit = pusher.commit({T.format("b"): text_template()}, parent=pusher.tip())
    update = RefUpdate(MAIN, pusher.tip() or ZERO_COMMIT, commit)
    with registry.git.open(REPOSITORY) as store:
        store.move(update)
    await registry.indexing.poke(REPOSITORY)
    (line,) = await registry.reporting.landed(REPOSITORY, [update])
    assert line.startswith("b v1 is live")


async def test_a_pusher_is_told_nothing_of_what_others_pushed_at_the_same_moment(
    registry: Registry, pusher: Pusher
) -> None:
    await pusher.land({T.format("a"): text_template()})
    updates = []
    for name in ("mine", "theirs"):
        before = pusher.tip() or ZERO_COMMIT
        updates.append(RefUpdate(MAIN, before, pusher.commit({T.format(name): text_template()}, parent=before)))
        with registry.git.open(REPOSITORY) as store:
            store.move(updates[-1])
    mine, theirs = [await registry.reporting.landed(REPOSITORY, [update]) for update in updates]
    assert [line.split(" is live")[0] for line in mine] == ["mine v1"]
    assert [line.split(" is live")[0] for line in theirs] == ["theirs v1"]


async def test_a_pusher_is_told_the_last_of_each_template_and_how_many_more(registry: Registry, pusher: Pusher) -> None:
    start = await pusher.land({T.format("a"): text_template()})
    tip = start
    for files in (
        {T.format(f"t{n}"): text_template() for n in range(15)},
        {T.format(f"t{n}"): text_template("again") for n in range(10, 40)},
        {T.format("t0"): None},
    ):
        tip = pusher.commit(files, parent=tip)
    assert tip is not None
    update = RefUpdate(MAIN, start, tip)
    with registry.git.open(REPOSITORY) as store:
        store.move(update)
    lines = await registry.reporting.landed(REPOSITORY, [update])
    assert lines[0] == "t0 is deleted"
    assert any(line.startswith("t12 v2 is live") for line in lines)
    assert (len(lines), lines[-1]) == (21, "and 20 more")


async def test_a_rebuild_beside_a_writing_server_loses_nothing(
    registry: Registry, pusher: Pusher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The replay of another process must not put older rows over what was written meanwhile."""
    for n in range(20):
        await pusher.land({T.format(f"t{n}"): text_template(f"{n} {{{{ name }}}}")})
    monkeypatch.setattr(projecting, "COMMITS_AT_ONCE", 1)
    async with open_registry(registry.settings) as other:
        rebuilding = asyncio.create_task(other.indexing.rebuild(REPOSITORY))
        written = 0
        while not rebuilding.done():
            written += 1
            done = await registry.edits.put(
                REPOSITORY, f"w{written}", text_template().encode(), actor=ADMIN, if_none_match="*"
            )
            assert done.changed
            await asyncio.sleep(0)
        await rebuilding
        for number in range(1, written + 1):
            assert (await registry.templates.read(REPOSITORY, f"w{number}", Selector())).version == 1
    assert await registry.verifying.verify(REPOSITORY) == []


async def test_two_rebuilds_at_once_and_one_that_is_killed(registry: Registry, pusher: Pusher) -> None:
    await pusher.land({T.format(f"t{n}"): text_template(f"{n} {{{{ name }}}}") for n in range(40)})
    async with open_registry(registry.settings) as other:
        killed = asyncio.create_task(other.indexing.rebuild(REPOSITORY))
        await asyncio.sleep(0.01)
        killed.cancel()
        await asyncio.gather(killed, return_exceptions=True)
        done = await asyncio.gather(
            other.indexing.rebuild(REPOSITORY), registry.indexing.rebuild(REPOSITORY), return_exceptions=True
        )
        assert not all(isinstance(each, BaseException) for each in done)
    await registry.indexing.reconcile()
    assert await registry.verifying.verify(REPOSITORY) == []


async def test_a_write_whose_projection_fails_is_durable_and_claims_no_number(
    registry: Registry, pusher: Pusher, monkeypatch: pytest.MonkeyPatch
) -> None:
    await pusher.land({T.format("a"): text_template()})

    async def away(_batch: object) -> None:
        raise Unavailable("The catalogue is away.")

    with monkeypatch.context() as patched:
        patched.setattr(registry.indexing._projection, "apply", away)
        done = await registry.edits.put(
            REPOSITORY, "a", text_template("Hi {{ name }}").encode(), actor=ADMIN, if_match="*"
        )
    assert (done.changed, done.version, done.etag) == (True, None, None)
    assert done.commit == pusher.tip()
    await registry.indexing.reconcile()
    assert (await registry.templates.read(REPOSITORY, "a", Selector())).version == 2

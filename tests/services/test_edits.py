"""Writes over the API: preconditions, joined turns, labels and roll-backs."""

import asyncio

import pytest

from registry.bootstrap import Registry
from registry.domain.errors import (
    BadRequest,
    Denied,
    LabelNotFound,
    PreconditionFailed,
    PreconditionRequired,
    Refused,
    RevisionNotFound,
    TemplateGone,
    TemplateNotFound,
    VersionNotFound,
)
from registry.domain.ids import RefName, TemplateName
from registry.domain.request_keys import make_key
from registry.domain.selectors import Selector
from registry.domain.template_edits import Put
from registry.services.written_states import Written
from tests.pushing import ADMIN, AUTHOR, REPOSITORY, Pusher, text_template

HELLO = text_template().encode()
T = "prompts/{}.prompt.yaml"


async def create(registry: Registry, name: str, source: bytes = HELLO) -> Written:
    return await registry.edits.put(REPOSITORY, name, source, actor=AUTHOR, if_none_match="*")


async def test_a_new_template_is_a_commit_by_its_author(registry: Registry) -> None:
    written = await create(registry, "greet")
    assert (written.version, written.created, written.changed) == (1, True, True)
    read = await registry.templates.read(REPOSITORY, "greet", Selector())
    assert (read.source.encode(), read.author_email, read.commit) == (HELLO, AUTHOR.email, written.commit)
    assert read.etag == written.etag


async def test_a_write_names_the_state_that_it_changes(registry: Registry) -> None:
    with pytest.raises(PreconditionRequired):
        await registry.edits.put(REPOSITORY, "greet", HELLO, actor=AUTHOR)
    first = await create(registry, "greet")
    with pytest.raises(PreconditionRequired):
        await registry.edits.put(REPOSITORY, "greet", HELLO, actor=AUTHOR)
    with pytest.raises(PreconditionFailed):
        await create(registry, "greet")
    second = await registry.edits.put(
        REPOSITORY, "greet", text_template("Hi {{ name }}").encode(), actor=AUTHOR, if_match=first.etag
    )
    assert second.version == 2
    with pytest.raises(PreconditionFailed) as failed:
        await registry.edits.put(REPOSITORY, "greet", HELLO, actor=AUTHOR, if_match=first.etag)
    assert failed.value.version == 2
    reverted = await registry.edits.put(REPOSITORY, "greet", HELLO, actor=AUTHOR, if_match="*")
    assert reverted.version == 3
    assert reverted.etag != first.etag


async def test_writing_what_is_there_makes_no_commit(registry: Registry, pusher: Pusher) -> None:
    first = await create(registry, "greet")
    again = await registry.edits.put(REPOSITORY, "greet", HELLO, actor=AUTHOR, if_match=first.etag)
    assert (again.changed, again.version, again.commit) == (False, 1, pusher.tip())


async def test_a_label_move_does_not_fail_a_write(registry: Registry) -> None:
    first = await create(registry, "greet")
    await registry.labels.move(REPOSITORY, "production", "greet", 1, actor=AUTHOR)
    done = await registry.edits.put(
        REPOSITORY, "greet", text_template("Hi {{ name }}").encode(), actor=AUTHOR, if_match=first.etag
    )
    assert done.version == 2


async def test_a_refused_write_leaves_nothing(registry: Registry, pusher: Pusher) -> None:
    await create(registry, "greet")
    tip = pusher.tip()
    with pytest.raises(Refused) as refused:
        await registry.edits.put(REPOSITORY, "greet", b"[", actor=AUTHOR, if_match="*")
    assert refused.value.diagnostics[0].path == T.format("greet")
    assert pusher.tip() == tip


async def test_writers_on_one_template_one_wins(registry: Registry) -> None:
    first = await create(registry, "greet")
    writes = [
        registry.edits.put(
            REPOSITORY, "greet", text_template(f"Hi {n} {{{{ name }}}}").encode(), actor=AUTHOR, if_match=first.etag
        )
        for n in range(8)
    ]
    done = await asyncio.gather(*writes, return_exceptions=True)
    assert sum(not isinstance(d, BaseException) for d in done) == 1
    assert sum(isinstance(d, PreconditionFailed) for d in done) == 7


async def test_writers_on_different_templates_all_win_and_join(registry: Registry, pusher: Pusher) -> None:
    done = await asyncio.gather(*(create(registry, f"many/t{n}") for n in range(40)))
    assert len({d.commit for d in done}) == 40
    assert all(d.version == 1 for d in done)
    assert await registry.verifying.verify(REPOSITORY) == []


async def test_each_of_a_turn_is_told_the_version_that_it_made(registry: Registry) -> None:
    await create(registry, "greet")
    texts = [text_template(f"Hi {n} {{{{ name }}}}").encode() for n in range(8)]
    done = await asyncio.gather(
        *(registry.edits.put(REPOSITORY, "greet", text, actor=AUTHOR, if_match="*") for text in texts)
    )
    assert sorted(d.version or 0 for d in done) == list(range(2, 10))
    for each, text in zip(done, texts, strict=True):
        read = await registry.templates.read(REPOSITORY, "greet", Selector(version=each.version))
        assert (read.commit, read.digest, read.source) == (each.commit, each.digest, text.decode())
    newest = max(done, key=lambda d: d.version or 0)
    assert (await registry.templates.read(REPOSITORY, "greet", Selector())).etag == newest.etag


@pytest.mark.parametrize("key", [None, "again"])
async def test_what_a_commit_leaves_as_it_is_is_told_with_its_version(registry: Registry, key: str | None) -> None:
    made = await create(registry, "same")
    edits = [
        Put(TemplateName("same"), HELLO, if_match="*"),
        Put(TemplateName("new"), HELLO, if_none_match="*"),
    ]
    given = make_key(AUTHOR.user, key, b"POST", b"/commits") if key else None
    for _ in range(2 if key else 1):
        landed = await registry.edits.commit(REPOSITORY, edits, actor=AUTHOR, message="both", key=given)
        same, new = landed.templates
        assert (same.version, same.digest, same.etag) == (1, made.digest, made.etag)
        assert (new.version, new.commit) == (1, landed.commit)
        await registry.edits.put(REPOSITORY, "same", text_template("later").encode(), actor=AUTHOR, if_match="*")


async def test_one_bad_write_in_a_turn_drops_out_alone(registry: Registry) -> None:
    writes = [create(registry, f"t{n}", b"[" if n == 3 else HELLO) for n in range(6)]
    done = await asyncio.gather(*writes, return_exceptions=True)
    assert [isinstance(d, Refused) for d in done] == [n == 3 for n in range(6)]


async def test_a_json_document_keeps_the_comments(registry: Registry) -> None:
    source = "# who greets\nschema: prompt/v1\ntype: text\ntags: [a]   # kept\nvariables: {}\ntext: |\n  Hello\n"
    await create(registry, "greet", source.encode())
    document = {"schema": "prompt/v1", "type": "text", "tags": ["a", "b"], "variables": {}, "text": "Hello\nKim\n"}
    await registry.edits.put(REPOSITORY, "greet", document, actor=AUTHOR, if_match="*")
    read = await registry.templates.read(REPOSITORY, "greet", Selector())
    assert "# who greets" in read.source
    assert "# kept" in read.source
    assert dict(read.document) == document
    assert "text: |\n  Hello\n  Kim\n" in read.source


async def test_branches_can_be_written_but_must_exist(registry: Registry, pusher: Pusher) -> None:
    await create(registry, "greet")
    with pytest.raises(RevisionNotFound):
        await registry.edits.put(REPOSITORY, "greet", HELLO, actor=AUTHOR, branch="wip", if_match="*")
    await pusher.push({"README.md": "x"}, ref=RefName("refs/heads/wip"))
    other = text_template("Hi {{ name }}").encode()
    done = await registry.edits.put(REPOSITORY, "greet", other, actor=AUTHOR, branch="wip", if_match="*")
    assert done.version is None
    assert (await registry.templates.read(REPOSITORY, "greet", Selector())).source.encode() == HELLO
    read = await registry.templates.read(REPOSITORY, "greet", Selector(ref="wip"))
    assert (read.source.encode(), read.version, read.etag) == (other, None, done.etag)


async def test_deleting(registry: Registry) -> None:
    await create(registry, "s/greet")
    await registry.labels.move(REPOSITORY, "production", "s/greet", 1, actor=AUTHOR)
    with pytest.raises(PreconditionRequired):
        await registry.edits.delete(REPOSITORY, "s/greet", actor=AUTHOR)
    with pytest.raises(Refused, match="production"):
        await registry.edits.delete(REPOSITORY, "s/greet", actor=AUTHOR, if_match="*")
    await registry.edits.delete(REPOSITORY, "s/greet", actor=AUTHOR, if_match="*", drop_labels=True)
    assert await registry.labels.list_labels(REPOSITORY) == {}
    with pytest.raises(TemplateGone):
        await registry.edits.delete(REPOSITORY, "s/greet", actor=AUTHOR, if_match="*")
    with pytest.raises(TemplateNotFound):
        await registry.edits.delete(REPOSITORY, "s/never", actor=AUTHOR, if_match="*")
    assert (await create(registry, "s/greet")).version == 2


async def test_labels_move_and_roll_back(registry: Registry) -> None:
    for n in range(3):
        await registry.edits.put(
            REPOSITORY,
            "greet",
            text_template(f"{n} {{{{ name }}}}").encode(),
            actor=AUTHOR,
            if_match="*" if n else None,
            if_none_match=None if n else "*",
        )
    for version in (1, 2, 3):
        await registry.labels.move(REPOSITORY, "production", "greet", version, actor=AUTHOR)
    back = await registry.labels.roll_back(REPOSITORY, "production", "greet", to=None, reason="bad", actor=AUTHOR)
    assert (back.version, back.previous) == (2, 3)
    again = await registry.labels.roll_back(REPOSITORY, "production", "greet", to=None, reason="bad", actor=AUTHOR)
    assert (again.version, again.previous) == (1, 2)
    with pytest.raises(BadRequest, match="no earlier version"):
        await registry.labels.roll_back(REPOSITORY, "production", "greet", to=None, reason="bad", actor=AUTHOR)
    with pytest.raises(BadRequest, match="never was at version 9"):
        await registry.labels.roll_back(REPOSITORY, "production", "greet", to=9, reason="", actor=AUTHOR)
    history = await registry.labels.history(REPOSITORY, "production", "greet")
    assert [move.version for move in history] == [1, 2, 3, 2, 1]
    with pytest.raises(VersionNotFound):
        await registry.labels.move(REPOSITORY, "production", "greet", 9, actor=AUTHOR)
    with pytest.raises(LabelNotFound):
        await registry.templates.read(REPOSITORY, "greet", Selector(label="staging"))


async def test_roll_back_needs_no_review(registry: Registry, pusher: Pusher) -> None:
    for text in ("one", "two"):
        await pusher.land({T.format("greet"): text_template(f"{text} {{{{ name }}}}")})
    await registry.labels.move(REPOSITORY, "production", "greet", 1, actor=ADMIN)
    await registry.labels.move(REPOSITORY, "production", "greet", 2, actor=ADMIN)
    rules = "schema: registry/v1\nbranches: {main: {push: [administrator]}}\n"
    await pusher.land(
        {".registry.yaml": rules + "labels: {production: {move: [maintainer], review: true, rollback: [author]}}\n"}
    )
    with pytest.raises(Refused, match="merge request"):
        await registry.labels.move(REPOSITORY, "production", "greet", 1, actor=ADMIN)
    back = await registry.labels.roll_back(REPOSITORY, "production", "greet", to=1, reason="x", actor=AUTHOR)
    assert back.version == 1


async def test_a_reader_cannot_write(registry: Registry) -> None:
    from dataclasses import replace

    from registry.domain.rights import on_server
    from registry.domain.roles import Role

    with pytest.raises(Denied, match="role author"):
        await registry.edits.put(
            REPOSITORY, "x", HELLO, actor=replace(AUTHOR, rights=on_server(Role.READER)), if_none_match="*"
        )

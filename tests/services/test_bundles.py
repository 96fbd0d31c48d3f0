"""Bundles are one state: while labels move, while templates change, whatever is kept of them."""

import asyncio

import pytest

from registry.bootstrap import Registry
from registry.domain.errors import LabelNotFound, VersionNotFound
from registry.domain.ids import BlobId, LabelName, TemplateName
from registry.domain.selectors import Selector
from registry.services.bundles import Bundle
from registry.services.template_documents import TemplateDocuments
from registry.services.templates import TemplateRead
from tests.pushing import REPOSITORY, Pusher, text_template

PRODUCTION, LATEST = LabelName("production"), LabelName("latest")
RULES = "schema: registry/v1\ndefault_label: production\n"
NAMES = [f"many/t{n:02}" for n in range(50)]


def files(word: str) -> dict[str, str]:
    return {f"prompts/{name}.prompt.yaml": text_template(f"{word} {name} {{{{ name }}}}") for name in NAMES}


def labels(version: int) -> dict[str, str]:
    return {"labels/production/many.yaml": "".join(f"{name.partition('/')[2]}: {version}\n" for name in NAMES)}


async def bundle(
    registry: Registry, label: LabelName | None = None, folder: str | None = None
) -> tuple[Bundle, list[TemplateRead]]:
    found = await registry.bundles.find(REPOSITORY, label, folder)
    return found, [read async for read in registry.bundles.reads(REPOSITORY, found)]


async def test_each_member_is_what_a_read_gives(registry: Registry, pusher: Pusher) -> None:
    partial = {"prompts/p.prompt.yaml": text_template("part", variables="{}")}
    await pusher.land({**files('{% include "p" %}'), **partial})
    await pusher.land({**labels(1), "prompts/many/t00.prompt.yaml": text_template("newer {{ name }}")})
    for label in (PRODUCTION, LATEST, None):
        found, reads = await bundle(registry, label)
        assert found.commit == pusher.tip()
        assert len(reads) == len(NAMES) + (label != PRODUCTION)
        for read in reads:
            assert read == await registry.templates.read(REPOSITORY, read.name, Selector(label=label))


async def test_bundles_are_of_one_commit_while_labels_move(registry: Registry, pusher: Pusher) -> None:
    await pusher.land(files("one"))
    await pusher.land(files("two"))
    await pusher.land(labels(1))
    seen: set[int | None] = set()
    commits = set()

    async def move() -> None:
        for turn in range(12):
            await pusher.land(labels(2 - turn % 2))

    moving = asyncio.create_task(move())
    while not moving.done():
        found, reads = await bundle(registry, PRODUCTION)
        versions = {read.version for read in reads}
        assert len(versions) == 1, f"{versions} in one bundle"
        assert all(read.labels == (PRODUCTION,) for read in reads)
        seen |= versions
        commits.add(found.commit)
    await moving
    assert seen == {1, 2}
    assert len(commits) > 2


async def test_the_default_label_is_that_of_the_same_commit(registry: Registry, pusher: Pusher) -> None:
    await pusher.land({**files("one")})
    await pusher.land({**files("two"), **labels(1)})
    assert {read.version for read in (await bundle(registry))[1]} == {2}
    await pusher.land({".registry.yaml": RULES})
    found, reads = await bundle(registry)
    assert (found.label, {read.version for read in reads}) == (PRODUCTION, {1})


async def test_the_etag_tells_content_from_commits_elsewhere(registry: Registry, pusher: Pusher) -> None:
    await pusher.land(files("one"))
    await pusher.land({**files("two"), **labels(1)})
    first, _ = await bundle(registry, PRODUCTION)
    await pusher.land({"README.md": "elsewhere\n"})
    second, _ = await bundle(registry, PRODUCTION)
    assert (second.etag, second.commit != first.commit) == (first.etag, True)
    await pusher.land({"labels/staging/many.yaml": "t00: 1\n"})
    third, _ = await bundle(registry, PRODUCTION)
    assert third.etag != first.etag
    assert len({first.etag, (await bundle(registry, LATEST))[0].etag, (await bundle(registry))[0].etag}) == 3


async def test_what_no_template_carries(registry: Registry, pusher: Pusher) -> None:
    assert (await bundle(registry))[0].commit is None
    await pusher.land(files("one"))
    with pytest.raises(LabelNotFound, match="production"):
        await bundle(registry, PRODUCTION)
    await pusher.land(labels(1))
    with pytest.raises(LabelNotFound, match="below elsewhere"):
        await bundle(registry, PRODUCTION, "elsewhere")
    assert (await bundle(registry, LATEST, "elsewhere"))[1] == []


async def test_members_beyond_what_is_kept_in_memory(registry: Registry, pusher: Pusher) -> None:
    await pusher.land(files("one"))
    kept = registry.bundles._documents._kept
    found, reads = await bundle(registry)
    assert len(kept) == len(NAMES)
    for version, _ in found.members[::2]:
        del kept[version.blob]
    assert (await bundle(registry))[1] == reads


async def test_what_stays_is_not_read_again_when_labels_move(registry: Registry, pusher: Pusher) -> None:
    await pusher.land(files("one"))
    await pusher.land(labels(1))
    await bundle(registry, PRODUCTION)
    kept = registry.bundles._documents._kept
    before = dict(kept)
    await pusher.land({"prompts/many/t00.prompt.yaml": text_template("newer {{ name }}")})
    await pusher.land({path: text.replace("t00: 1", "t00: 2") for path, text in labels(1).items()})
    found, reads = await bundle(registry, PRODUCTION)
    read = [version.name for version, _ in found.members if version.blob not in before]
    assert (read, len(reads)) == (["many/t00"], len(NAMES))
    assert all(kept[blob] is document for blob, document in before.items())


def test_documents_are_bounded_by_their_bytes() -> None:
    documents = TemplateDocuments(max_bytes=2_000)
    texts = {BlobId(f"{number:040x}"): text_template(f"{number}" + "x" * 500) for number in range(10)}
    read = {blob: documents.read(TemplateName("a"), blob, text) for blob, text in texts.items()}
    kept = [blob for blob in texts if documents.find(blob) is not None]
    assert kept == list(texts)[-len(kept) :]
    assert 1 < len(kept) < 5
    assert all(documents.find(blob) == read[blob] for blob in kept)
    large = documents.read(TemplateName("a"), BlobId("f" * 40), text_template("y" * 3_000))
    assert "y" * 3_000 in large["text"]
    assert documents.find(BlobId("f" * 40)) is None
    with pytest.raises(VersionNotFound, match="yaml-syntax"):
        documents.read(TemplateName("a"), BlobId("e" * 40), "schema: [")

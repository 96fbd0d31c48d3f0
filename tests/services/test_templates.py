"""States to render: found once while nothing changes, and held within bounds."""

import gc
from typing import Any

import pytest

from registry.bootstrap import Registry
from registry.domain.graph import Closure, closure_digest
from registry.domain.ids import BlobId, TemplateName
from registry.domain.selected_state import SelectedState
from registry.domain.selectors import Selector
from registry.services.template_source import Loaded, TemplateSource
from registry.services.templates import Renderable, TemplateRead
from tests.pushing import REPOSITORY, Pusher, text_template
from tests.stock import DEFAULT, TONE, write_files

NAME = TemplateName("a")
ANY = Selector()


def alive(kind: type[Any]) -> int:
    gc.collect()
    return sum(type(each) is kind for each in gc.get_objects())


async def test_a_state_is_found_anew_when_the_stamp_is_another(registry: Registry, pusher: Pusher) -> None:
    await pusher.land({"prompts/a.prompt.yaml": text_template("one {{ name }}")})
    first = await registry.templates.renderable(REPOSITORY, NAME, ANY, "before")
    await pusher.land({"prompts/a.prompt.yaml": text_template("two {{ name }}")})
    assert await registry.templates.renderable(REPOSITORY, NAME, ANY, "before") == first
    second = await registry.templates.renderable(REPOSITORY, NAME, ANY, "after")
    assert (first.read.version, second.read.version) == (1, 2)
    assert "two" in second.read.source
    by_number = await registry.templates.renderable(REPOSITORY, NAME, Selector(version=1), "after")
    assert by_number.read.version == 1


async def test_states_of_earlier_stamps_are_not_held(registry: Registry, pusher: Pusher) -> None:
    await pusher.land({"prompts/a.prompt.yaml": text_template("one {{ name }}")})
    before = alive(Renderable), alive(TemplateRead)
    for stamp in range(20):
        await registry.templates.renderable(REPOSITORY, NAME, ANY, stamp)
    assert (alive(Renderable), alive(TemplateRead)) == before


def load(source: TemplateSource, number: int, size: int) -> Loaded:
    closure: Closure = ((NAME, BlobId(f"{number:040x}")),)
    return source.load(NAME, closure, {BlobId(f"{number:040x}"): text_template("x" * size + " {{ name }}")})


def test_loaded_states_are_bounded_by_their_bytes() -> None:
    source = TemplateSource(max_bytes=100_000)
    loaded = [load(source, number, 10_000) for number in range(10)]
    kept = [each for each in loaded if source.find(NAME, each.digest) is not None]
    assert kept == loaded[-len(kept) :]
    assert 1 < len(kept) < 5


def test_what_is_larger_than_all_that_is_kept_is_loaded_each_time() -> None:
    source = TemplateSource(max_bytes=20_000)
    small, large = load(source, 1, 10), load(source, 2, 20_000)
    assert large.digest == closure_digest(((NAME, BlobId(f"{2:040x}")),))
    assert source.find(NAME, large.digest) is None
    assert source.find(NAME, small.digest) is small


async def test_a_default_by_a_label_names_no_commit_that_part_of_it_has_not_seen(
    stocked: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    await write_files(stocked, {".registry.yaml": "schema: registry/v1\ndefault_label: production\n"}, "Rules")
    seen = (await stocked.templates.read(DEFAULT, TemplateName("support/triage"), Selector(version=1))).indexed
    versions = stocked.templates._versions
    find = versions.find_selected

    async def find_and_write(*asked: Any, **selector: Any) -> SelectedState:
        found = await find(*asked, **selector)
        if not written:
            written.append(True)
            await write_files(stocked, {"prompts/other.prompt.yaml": TONE}, "Meanwhile")
        return found

    written: list[bool] = []
    monkeypatch.setattr(versions, "find_selected", find_and_write)
    read = await stocked.templates.read(DEFAULT, TemplateName("support/triage"), Selector())
    assert written
    assert (read.version, read.indexed) == (1, seen)

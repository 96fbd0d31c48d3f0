"""The include graph at any commit, as an overlay over the projected one, is the graph of that commit's files."""

import random

import pytest

from registry.bootstrap import Registry
from registry.domain.graph import TemplateGraph
from registry.domain.ids import CommitId
from registry.ports.git import GitStore
from registry.services import states
from registry.services.states import Projected, graph_at
from registry.services.tree_changes import template_changes
from tests.pushing import REPOSITORY, Files, Pusher, text_template

NAMES = [f"t{number}" for number in range(6)]


def some_files(chance: random.Random) -> Files:
    """Some templates in new states, which may include one another; some are deleted."""
    chosen = chance.sample(NAMES, chance.randint(1, 3))
    body = {name: f"{chance.random()} {{% include '{chance.choice(NAMES)}' %}}" for name in chosen}
    return {
        f"prompts/{name}.prompt.yaml": text_template(body[name], variables="{}") if chance.random() < 0.8 else None
        for name in chosen
    }


def shown(graph: TemplateGraph) -> dict[str, object]:
    return {name: (graph.blob(name), graph.includes(name), graph.includers(name)) for name in NAMES}


def same(store: GitStore, projected: Projected, commit: CommitId) -> bool:
    return shown(graph_at(store, projected, commit)) == shown(TemplateGraph(template_changes(store, None, commit)))


@pytest.mark.parametrize("kept", [1_000, 2])
async def test_at_any_commit_it_is_that_of_its_files(
    registry: Registry, pusher: Pusher, monkeypatch: pytest.MonkeyPatch, kept: int
) -> None:
    monkeypatch.setattr(states, "KEPT_CHANGES", kept)
    chance = random.Random(kept)
    first = await pusher.land({f"prompts/{name}.prompt.yaml": text_template() for name in NAMES})
    known = [first]
    for _ in range(40):
        parent = chance.choice([known[-1], known[-1], chance.choice(known)])  # mostly one on the other
        known.append(pusher.commit(some_files(chance), parent=parent))
    projected = Projected(first, 1, await _versions(registry))
    with registry.git.open(REPOSITORY) as store:
        for commit in [*known, *chance.choices(known, k=60)]:
            assert same(store, projected, commit)
        assert same(store, projected, known[1])
        # Others project meanwhile: what was remembered is of another start.
        moved = Projected(known[-1], 2, projected.versions, projected.ahead)
        moved.versions.step(template_changes(store, first, known[-1]))
        for commit in [known[1], *chance.choices(known, k=60)]:
            assert same(store, moved, commit)


async def _versions(registry: Registry) -> states.VersionState:
    return await registry.indexing._projection.load_state(REPOSITORY)

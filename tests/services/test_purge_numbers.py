"""Whatever a history is, a purge moves no number, and changes no digest of what it does not touch."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.adapters.git import LocalRepositories
from registry.adapters.git.purging import GitPurging
from registry.domain.graph import Closure, closure_digest
from registry.domain.ids import ZERO_COMMIT, CommitId, RefName, RepositoryName, TemplateName
from registry.domain.purging import Leak, LeakedText
from registry.domain.refs import RefUpdate, Signature
from registry.services.purge_cleaning import Cleaning
from registry.services.purge_numbers import Numbers, read_numbers
from registry.services.tree_changes import read_all

NAME, MAIN = RepositoryName("prompts"), RefName("refs/heads/main")
SECRET = "Kim Minsu 010-1234-5678"
SALT = b"salt"
NAMES = ("a", "b", "partials/x", "partials/y")
CONTENTS = (
    *("plain one", "plain two", f"with {SECRET}", f"{SECRET} first", "with ***REMOVED***", "***REMOVED*** first"),
    '{% include "partials/x" %}',
    '{% include "partials/y" %} and {% include "partials/x" %}',
    f'{{% include "partials/x" %}} {SECRET}',
    '{% include "partials/x" %} ***REMOVED***',
)
Change = dict[str, str | None]
changes = st.dictionaries(st.sampled_from(NAMES), st.none() | st.sampled_from(CONTENTS), min_size=1, max_size=3)
histories = st.lists(changes, min_size=1, max_size=10)


def silent(_what: str, _done: int, _total: int) -> None:
    """Shows nothing."""


class World:
    """One repository with a history."""

    def __init__(self, repositories: LocalRepositories, history: Sequence[Change]) -> None:
        self.repositories = repositories
        self.purging = GitPurging(repositories, settle=0)
        tip: CommitId | None = None
        who = Signature("a", "a@b", datetime(2026, 1, 1, tzinfo=UTC))
        with repositories.open(NAME) as store:
            for change in history:
                texts = {f"prompts/{name}.prompt.yaml": text for name, text in change.items()}
                files = {path: _file(text) if text is not None else None for path, text in texts.items()}
                tip = store.write_commit(tip, files, who, who, "change")
            assert tip is not None
            store.move(RefUpdate(MAIN, ZERO_COMMIT, tip))

    def numbers(self) -> Numbers:
        with self.repositories.open(NAME) as store:
            return read_numbers(store, MAIN, silent)

    def leaks(self, closure: Closure) -> bool:
        with self.repositories.open(NAME) as store:
            return any(SECRET.encode() in data for data in read_all(store, [b for _, b in closure if b]).values())

    def purge(self, leak: Leak, leaked: LeakedText | None, numbers: Numbers) -> None:
        with self.repositories.open(NAME) as store:
            bodies = read_all(store, leak.blobs)
        cleaning = Cleaning(bodies, leaked, SALT, numbers)
        self.purging.rewrite(NAME, cleaning, silent, remember=leak.ids())


def _file(text: str) -> bytes:
    return f"schema: prompt/v1\ntype: text\ntext: |\n  {text}\n".encode()


def _digests(numbers: Numbers) -> dict[tuple[TemplateName, int], str]:
    return {key: closure_digest(closure) for key, closure in numbers.closures.items()}


def assert_numbers_stay(root: pytest.TempPathFactory, history: Sequence[Change], *, only_version: bool) -> None:
    repositories = LocalRepositories(root.mktemp("repositories"), hook_command="/nowhere")
    repositories.create(NAME)
    world = World(repositories, history)
    before = world.numbers()
    if not before.files:
        return
    if only_version:
        blob = min(before.files.items())[1]
        touched = {key for key, closure in before.closures.items() if blob in {each for _, each in closure}}
        world.purge(Leak(blobs=frozenset({blob})), None, before)
    else:
        leaked = LeakedText(SECRET)
        touched = {key for key, closure in before.closures.items() if world.leaks(closure)}
        world.purge(world.purging.search(NAME, leaked, silent), leaked, before)
    after = world.numbers()
    old, new = _digests(before), _digests(after)
    assert old.keys() == new.keys()
    assert {key for key in new if new[key] != old[key]} == touched
    assert before.newest == after.newest
    if not only_version:
        assert not any(world.leaks(closure) for closure in after.closures.values())


@settings(max_examples=60, deadline=None)
@given(histories, st.booleans())
def test_numbers_stay(tmp_path_factory: pytest.TempPathFactory, history: list[Change], only_version: bool) -> None:
    assert_numbers_stay(tmp_path_factory, history, only_version=only_version)


def test_states_that_would_become_one_stay_two(tmp_path_factory: pytest.TempPathFactory) -> None:
    history: list[Change] = [{"a": "with ***REMOVED***"}, {"a": f"with {SECRET}"}, {"a": "with ***REMOVED***"}]
    assert_numbers_stay(tmp_path_factory, history, only_version=False)


def test_a_tombstone_still_counts_the_changes_of_its_partials(tmp_path_factory: pytest.TempPathFactory) -> None:
    history: list[Change] = [{"a": CONTENTS[6], "partials/x": "one"}, {"partials/x": "two"}, {"a": "plain one"}]
    assert_numbers_stay(tmp_path_factory, history, only_version=True)


@pytest.mark.soak
@settings(max_examples=3_000, deadline=None)
@given(histories, st.booleans())
def test_numbers_stay_in_many_histories(
    tmp_path_factory: pytest.TempPathFactory, history: list[Change], only_version: bool
) -> None:
    assert_numbers_stay(tmp_path_factory, history, only_version=only_version)

"""The sample repository is valid at every commit, and its history has everything worth showing."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from registry.domain.closure_rules import check_closure
from registry.domain.codeowners import read_codeowners
from registry.domain.diagnostics import Diagnostic
from registry.domain.graph import Change
from registry.domain.ids import BlobId, TemplateName
from registry.domain.includes import raw_includes
from registry.domain.labels import is_label_path, read_labels
from registry.domain.names import check_path, find_collisions, template_name
from registry.domain.offline_tests import run_tests
from registry.domain.registry_file import read_registry_file
from registry.domain.secrets import find_secrets
from registry.domain.template import Status, Template, TemplateType
from registry.domain.template_file import read_template
from registry.domain.versions import Step, VersionState
from registry.services.sample import SampleCommit, sample_commits

REPOSITORY = Path(__file__).parents[2] / "sample-repo"
COMMITS = sample_commits()


@dataclass
class State:
    """The repository after one commit of the history."""

    commit: SampleCommit
    step: Step
    files: dict[str, bytes]
    templates: dict[TemplateName, Template | None]
    diagnostics: list[Diagnostic]
    labels: dict[tuple[str, TemplateName], int]
    numbers_before: dict[TemplateName, int]
    existing: set[TemplateName] = field(default_factory=set)


def blob_id(data: bytes) -> BlobId:
    return BlobId(hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest())


def read_all_labels(files: dict[str, bytes], diagnostics: list[Diagnostic]) -> dict[tuple[str, TemplateName], int]:
    labels = {}
    for path in filter(is_label_path, files):
        label_file = read_labels(files[path], path)
        diagnostics.extend(label_file.diagnostics)
        labels |= {(label_file.label, name): target.version for name, target in label_file.entries.items()}
    return labels


def replay() -> Iterator[State]:
    files: dict[str, bytes] = {}
    templates: dict[TemplateName, Template | None] = {}
    numbering = VersionState()
    for commit in COMMITS:
        diagnostics: list[Diagnostic] = []
        changes = []
        before = dict(numbering.numbers)
        for path, data in commit.changes.items():
            name = template_name(path)
            if data is None:
                del files[path]
            else:
                files[path] = data
            if name is None:
                continue
            if data is None:
                del templates[name]
                changes.append(Change(name, None))
                continue
            template_file = read_template(data, path)
            diagnostics.extend(template_file.diagnostics)
            templates[name] = template_file.template
            changes.append(Change(name, blob_id(data), raw_includes(data)))
        step = numbering.step(changes)
        labels = read_all_labels(files, diagnostics)
        yield State(commit, step, dict(files), dict(templates), diagnostics, labels, before, set(numbering.graph.blobs))


@pytest.fixture(scope="module")
def states() -> list[State]:
    return list(replay())


@pytest.fixture(scope="module")
def final(states: list[State]) -> State:
    return states[-1]


def closure_of(name: TemplateName, templates: dict[TemplateName, Template | None], files: dict[str, bytes]) -> set:
    by_name = {template_name(path): data for path, data in files.items()}
    found: set[TemplateName] = set()
    waiting = [name]
    while waiting:
        for included in raw_includes(by_name[waiting.pop()]) - found:
            found.add(included)
            if included in templates:
                waiting.append(included)
    return found - {name}


def partials_of(name: TemplateName, state: State) -> dict[TemplateName, Template | None]:
    return {n: state.templates.get(n) for n in closure_of(name, state.templates, state.files)}


def test_the_last_commits_tree_is_the_sample_repository_byte_for_byte(final: State) -> None:
    on_disk = {p.relative_to(REPOSITORY).as_posix(): p.read_bytes() for p in REPOSITORY.rglob("*") if p.is_file()}
    assert on_disk == final.files


def test_every_commit_changes_something_and_is_older_than_the_next() -> None:
    tree: dict[str, bytes] = {}
    for commit in COMMITS:
        for path, data in commit.changes.items():
            assert tree.get(path) != data, f"{commit.message.splitlines()[0]} does not change {path}"
            if data is not None:
                tree[path] = data
    ages = [commit.age for commit in COMMITS]
    assert ages == sorted(ages, reverse=True)
    assert len(set(ages)) == len(ages)


def test_every_state_passes_the_rules(states: list[State]) -> None:
    found: list[str] = []
    for state in states:
        paths = list(state.files)
        found += map(str, state.diagnostics)
        found += [str(problem) for path in paths if (problem := check_path(path))]
        found += map(str, find_collisions(paths))
        found += map(str, read_registry_file(state.files[".registry.yaml"]).diagnostics)
        changed = {path: data for path, data in state.commit.changes.items() if data is not None}
        found += [str(d) for path, data in changed.items() for d in find_secrets(data.decode(), path)]
    assert found == []


def test_every_closure_of_every_state_is_sound(states: list[State]) -> None:
    found: list[str] = []
    for state in states:
        for version in state.step.versions:
            template = state.templates[version.name]
            assert template is not None
            path = f"prompts/{version.name}.prompt.yaml"
            found += map(str, check_closure(version.name, path, template, partials_of(version.name, state)))
    assert found == []


def test_every_offline_test_passes_at_every_version(states: list[State]) -> None:
    failed: list[str] = []
    for state in states:
        for version in state.step.versions:
            template = state.templates[version.name]
            assert template is not None
            partials = {n: p for n, p in partials_of(version.name, state).items() if p is not None}
            failed += [
                f"{version.name} v{version.number}, {result.name}: {'; '.join(result.problems)}"
                for result in run_tests(template, partials)
                if not result.passed
            ]
    assert failed == []


def test_labels_name_versions_that_existed_before_the_commit_that_sets_them(states: list[State]) -> None:
    for state in states:
        for (label, name), version in state.labels.items():
            newest = state.numbers_before.get(name, 0)
            assert 1 <= version <= newest, f"{label} of {name} is {version}, the newest was {newest}"
            assert name in state.existing, f"{label} names {name}, which is gone"


def test_production_is_created_moved_and_rolled_back(states: list[State]) -> None:
    triage = ("production", TemplateName("support/triage"))
    history = [state.labels.get(triage) for state in states]
    moves = [after for before, after in zip([None, *history], history, strict=False) if before != after]
    assert moves == [1, 3, 1, 4]
    refund = ("production", TemplateName("고객지원/환불-안내"))
    assert [state.labels.get(refund) for state in states][-1] == 2


def test_a_changed_partial_makes_new_versions_of_its_includers(states: list[State]) -> None:
    caused = [v for state in states for v in state.step.versions if v.cause == "partials/tone"]
    assert len(caused) >= 5
    assert {"support/triage", "marketing/newsletter-draft"} <= {v.name for v in caused}


def test_there_is_a_rename_and_a_deletion(states: list[State]) -> None:
    removed = dict(pair for state in states for pair in state.step.removed)
    assert removed == {"marketing/newsletter-draft": "marketing/newsletter", "마케팅/설날-선물전": None}


def test_it_looks_like_a_real_companys(final: State) -> None:
    names = sorted(final.templates)
    korean = [n for n in names if sum("가" <= c <= "힣" for c in text_of(final, n)) > 100]
    assert len(names) >= 36
    assert len({n.rpartition("/")[0] for n in names}) >= 8
    assert len(korean) * 3 >= len(names)
    assert "고객지원/환불-안내" in names
    assert all(250 <= len(text_of(final, n).encode()) <= 4096 for n in names)
    assert len({commit.author_email for commit in COMMITS}) >= 3
    assert {label for label, _ in final.labels} == {"production", "staging"}


def test_it_shows_every_part_of_the_format(final: State) -> None:
    templates = {name: t for name, t in final.templates.items() if t is not None}
    assert {t.type for t in templates.values()} == set(TemplateType)
    assert {t.status for t in templates.values()} == set(Status)
    variables = [v for t in templates.values() for v in t.variables.values()]
    assert {v.type.value for v in variables} >= {
        "string", "integer", "number", "boolean", "array", "object", "messages", "image", "file", "audio",
    }  # fmt: skip
    assert any(v.untrusted for v in variables)
    assert any(v.sensitive for v in variables)
    assert any(v.enum for v in variables)
    assert any(t.tools for t in templates.values())
    assert any(t.output for t in templates.values())
    assert len({t.model.provider for t in templates.values() if t.model}) >= 4
    assert sum(bool(t.tests) for t in templates.values()) * 2 > len(templates)
    deprecated = [t for t in templates.values() if t.status is Status.DEPRECATED]
    assert all(t.replaced_by in templates for t in deprecated)
    included = Counter(p for name in templates for p in closure_of(name, final.templates, final.files))
    assert included["partials/tone"] >= 5
    assert included["partials/존댓말"] >= 5


def test_owners_are_found_for_korean_and_english_folders(final: State) -> None:
    owners = read_codeowners(final.files["CODEOWNERS"])
    assert owners.owners_of("prompts/고객지원/환불-안내.prompt.yaml") == ("@onsaemi/cx",)
    assert owners.owners_of("prompts/translation/ko-to-en.prompt.yaml") == ("@onsaemi/catalogue", "@emma.clarke")
    assert owners.owners_of("prompts/internal/meeting-notes.prompt.yaml") == ("@onsaemi/platform",)


def text_of(state: State, name: str) -> str:
    return state.files[f"prompts/{name}.prompt.yaml"].decode()

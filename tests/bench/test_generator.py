"""Generated repositories are valid, realistic and the same for the same seed."""

import statistics
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from bench.generator import generate, main, read_facts
from registry.domain.closure_rules import check_closure
from registry.domain.codeowners import read_codeowners
from registry.domain.diagnostics import Diagnostic
from registry.domain.graph import Change, TemplateGraph
from registry.domain.ids import BlobId, TemplateName
from registry.domain.includes import raw_includes
from registry.domain.labels import is_label_path, read_labels
from registry.domain.names import check_path, find_collisions, template_name
from registry.domain.offline_tests import run_tests
from registry.domain.registry_file import read_registry_file
from registry.domain.secrets import find_secrets
from registry.domain.template import Template
from registry.domain.template_file import read_template
from registry.domain.versions import VersionState


def git(repository: Path, *arguments: str) -> bytes:
    return subprocess.run(["git", "-C", str(repository), *arguments], check=True, capture_output=True).stdout


def files_at(repository: Path, commit: str) -> dict[str, bytes]:
    listed = git(repository, "ls-tree", "-r", "-z", commit).decode().rstrip("\0").split("\0")
    ids = {path: entry.split()[2] for entry, path in (line.split("\t") for line in listed)}
    done = subprocess.run(
        ["git", "-C", str(repository), "cat-file", "--batch"],
        input="\n".join(ids.values()).encode(),
        check=True,
        capture_output=True,
    ).stdout
    files, at = {}, 0
    for path in ids:
        end = done.index(b"\n", at)
        size = int(done[at:end].split()[2])
        files[path] = done[end + 1 : end + 1 + size]
        at = end + size + 2
    return files


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("generated") / "small.git"
    generate(target, templates=400, versions=900, seed=3)
    return target


@pytest.fixture(scope="module")
def tip(repository: Path) -> dict[str, bytes]:
    return files_at(repository, "main")


def test_every_file_of_the_tip_is_valid(tip: dict[str, bytes]) -> None:
    templates: dict[TemplateName, Template] = {}
    problems: list[Diagnostic] = find_collisions(tip)
    for path, data in tip.items():
        wrong_path = check_path(path)
        problems += [wrong_path] if wrong_path else []
        problems += find_secrets(data.decode(), path)
        name = template_name(path)
        if name is not None:
            file = read_template(data, path)
            problems += file.diagnostics
            assert file.template is not None, file.diagnostics
            templates[name] = file.template
        elif is_label_path(path):
            problems += read_labels(data, path).diagnostics
    problems += read_registry_file(tip[".registry.yaml"]).diagnostics
    assert problems == []
    assert len(templates) == 400
    graph = TemplateGraph(Change(n, BlobId("0" * 40), raw_includes(tip[f"prompts/{n}.prompt.yaml"])) for n in templates)
    for name, template in templates.items():
        partials = {other: templates.get(other) for other, _ in graph.closure(name) if other != name}
        assert check_closure(name, f"prompts/{name}.prompt.yaml", template, partials) == []
        valid = {other: partial for other, partial in partials.items() if partial is not None}
        assert [r for r in run_tests(template, valid) if not r.passed] == []


def test_it_is_varied_as_a_company_would_have_it(tip: dict[str, bytes]) -> None:
    paths = [path for path in tip if path.startswith("prompts/")]
    korean = [path for path in paths if not path.isascii()]
    assert 0.1 < len(korean) / len(paths) < 0.3
    sizes = sorted(len(tip[path]) for path in paths)
    assert 1_400 < statistics.median(sizes) < 2_200
    assert sizes[len(sizes) // 20] < 1_000
    assert sizes[-3] > 4_500
    folders = Counter(path.rpartition("/")[0] for path in paths)
    assert max(folders.values()) <= 60
    text = b"".join(tip[path] for path in paths)
    for word in (b"include", b"type: text", b"placeholder: history", b"tests:", b"status: draft", b"json_schema"):
        assert word in text
    assert read_codeowners(tip["CODEOWNERS"]).owners_of(paths[0]) != ()
    assert any(is_label_path(path) for path in tip)


def test_words_are_as_rare_and_as_frequent_as_searches_need(tip: dict[str, bytes]) -> None:
    bodies = [data.decode() for path, data in tip.items() if path.startswith("prompts/")]
    seen = Counter(word for body in bodies for word in set(body.replace(",", " ").replace(".", " ").split()))
    counts = sorted(seen.values())
    assert counts[len(counts) // 2] == 1
    assert sum(1 for count in counts if count > len(bodies) // 10) > 20


def test_versions_are_as_many_as_asked_for_by_the_products_own_rule(repository: Path) -> None:
    facts = read_facts(repository)
    assert facts is not None
    state, versions = VersionState(), 0
    previous: dict[str, bytes] = {}
    latest: dict[TemplateName, int] = {}
    for commit in git(repository, "rev-list", "--reverse", "--first-parent", "main").decode().split():
        files = files_at(repository, commit)
        changed = [path for path in files if previous.get(path) != files[path] and template_name(path)]
        step = state.step([
            Change(TemplateName(str(template_name(path))), blob_id(files[path]), raw_includes(files[path]))
            for path in changed
        ])  # fmt: skip
        versions += len(step.versions)
        latest.update({version.name: version.number for version in step.versions})
        for path in filter(is_label_path, files):
            for name, target in read_labels(files[path], path).entries.items():
                assert 1 <= target.version <= latest[name]
        previous = files
    assert versions == facts.versions == 900


def blob_id(data: bytes) -> BlobId:
    import hashlib

    return BlobId(hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest())


def test_several_people_wrote_it(repository: Path) -> None:
    assert len(set(git(repository, "log", "--format=%ae", "main").decode().split())) > 3
    assert git(repository, "fsck", "--strict").strip() == b""


def test_the_same_seed_gives_the_same_commit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def tip_of(name: str, seed: int) -> str:
        assert main([str(tmp_path / name), "--templates", "40", "--versions", "60", "--seed", str(seed)]) == 0
        facts = read_facts(tmp_path / name)
        assert facts is not None
        return facts.tip

    assert tip_of("one", 1) == tip_of("two", 1)
    assert tip_of("one", 1) != tip_of("three", 2)
    assert "40 templates, 60 versions" in capsys.readouterr().out

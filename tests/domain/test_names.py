"""Names, paths and collisions."""

import os
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from registry.domain.errors import BadRequest
from registry.domain.ids import TemplateName
from registry.domain.names import (
    MAX_SEGMENT_BYTES,
    SUFFIX,
    check_name,
    check_path,
    find_collisions,
    folder_of,
    parse_name,
    path_key,
    repository_name,
    template_name,
    template_path,
)

SEGMENTS = st.one_of(
    st.text(min_size=1, max_size=40),
    st.text(alphabet="abcXYZ019-_. %:<>|?*가각힣é", min_size=1, max_size=20),
    st.sampled_from(
        ["con", "CON", "con.txt", "nul", "com1", "lpt¹", "aux ", "a.", "a ", "100%", "%41", "conx", "Prn.a.b"]
    ),
)
NAMES = st.lists(SEGMENTS, min_size=1, max_size=4).map("/".join)


@given(NAMES)
@example("a:b/con/x.")
def test_a_well_formed_name_has_one_path_that_gives_it_back(name: str) -> None:
    if check_name(name) is None:
        path = template_path(TemplateName(name))
        assert template_name(path) == name
        assert check_path(path) is None
        assert all(len(part.encode()) <= MAX_SEGMENT_BYTES for part in path.split("/"))
        assert not set('<>:"|?*') & set(path)


@given(NAMES.map(lambda name: f"prompts/{name}{SUFFIX}"))
@example("prompts/a%3ab.prompt.yaml")
@example("prompts/con.prompt.yaml")
def test_a_path_is_a_templates_only_if_it_is_the_one_of_its_name(path: str) -> None:
    name = template_name(path)
    finding = check_path(path)
    assert (name is None) == (finding is not None)
    if name is not None:
        assert check_name(name) is None
        assert template_path(name) == path


@given(NAMES)
def test_every_path_can_be_made_on_this_system(name: str) -> None:
    if check_name(name) is None:
        for part in template_path(TemplateName(name)).split("/"):
            assert len(os.fsencode(part)) <= 255
            assert part not in {".", ".."}
            assert "\0" not in part


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("", "empty"),
        ("/a", "empty"),
        ("a/", "empty"),
        ("a//b", "empty"),
        (".hidden", "dot"),
        ("a/../b", "dot"),
        ("-rf", "dash"),
        (" a", "space"),
        ("12", "digits"),
        ("2024/plan", "digits"),
        ("a\tb", "control"),
        ("a\u202eb", "seen"),
        ("a\\b", "backslash"),
        ('say "hi"', "quote"),
        ("it's", "quote"),
        ("page.html", ".html"),
        ("a.YAML", ".YAML"),
        ("x.json/y", ".json"),
        (unicodedata.normalize("NFD", "각"), "NFC"),
        ("a" * 229, "240 bytes"),
        ("가" * 77, "240 bytes"),
        ("/".join(["a" * 99] * 5), "400 bytes"),
    ],
)
def test_a_bad_name_is_told_what_is_wrong(name: str, word: str) -> None:
    problem = check_name(name)
    assert problem is not None
    assert word in problem
    with pytest.raises(BadRequest):
        parse_name(name if word != "NFC" else "\x00")


def test_longest_segments_fit() -> None:
    assert check_name("a" * 228) is None
    assert check_name("가" * 76) is None
    assert check_name("a" * 240 + "/b") is None
    assert check_name("?" * 77) is not None, "percent-encoding counts"


def test_typed_names_are_composed() -> None:
    assert parse_name(unicodedata.normalize("NFD", "지원/분류")) == "지원/분류"
    assert folder_of(TemplateName("지원/분류")) == "지원"
    assert folder_of(TemplateName("분류")) == ""


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("README.md", None),
        (".gitlab-ci.yml", None),
        (".github/workflows/ci.yml", None),
        ("CODEOWNERS", None),
        (".registry.yaml", None),
        ("-odd-but-harmless", None),
        ("prompts/support/triage.prompt.yaml", None),
        ("prompts/지원/분류.prompt.yaml", None),
        ("prompts/%63on.prompt.yaml", None),
        ("labels/production.yaml", None),
        ("labels/production/support/kr.yaml", None),
        ("labels/production/%63on.yaml", None),
        ("prompts/con.prompt.yaml", "name-encoding"),
        ("prompts/a%3ab.prompt.yaml", "name-encoding"),
        ("prompts/%61.prompt.yaml", "name-encoding"),
        ("prompts/a:b.prompt.yaml", "name-encoding"),
        ("prompts/a .prompt.yaml", "name-encoding"),
        ("labels/production/con.yaml", "name-encoding"),
        ("prompts/-a.prompt.yaml", "name-form"),
        ("prompts/12.prompt.yaml", "name-form"),
        ("prompts/a.html.prompt.yaml", "name-form"),
        ("prompts/.prompt.yaml", "name-form"),
        ("labels/production/12.yaml", "name-form"),
        ("labels/Production.yaml", "label-word"),
        ("labels/latest/support.yaml", "label-word"),
        ("labels/a_b.yaml", "label-word"),
        ("labels/production", "path-form"),
        ("labels/production/a.yml", "path-form"),
        ("prompts/README.md", "path-form"),
        ("prompts/a.yaml", "path-form"),
        ("prompts", "path-form"),
        ("Prompts/a.prompt.yaml", "path-form"),
        ("LABELS/x.yaml", "path-form"),
        ("a/../b", "path-form"),
        ("./a", "path-form"),
        ("/etc/passwd", "path-form"),
        ("a//b", "path-form"),
        ("a\\b", "path-form"),
        ("a\nb", "path-form"),
        ("a/.git/config", "path-form"),
        ("a/.GiT/config", "path-form"),
        (".g\u200cit/config", "path-form"),
        ("GIT~1/config", "path-form"),
        ("x" * 256, "path-form"),
        ("a/" * 2048 + "b", "path-form"),
        (b"caf\xe9.md".decode("utf-8", "surrogateescape"), "path-not-utf8"),
        (b"prompts/\xff.prompt.yaml".decode("utf-8", "surrogateescape"), "path-not-utf8"),
    ],
)
def test_paths(path: str, rule: str | None) -> None:
    finding = check_path(path)
    assert (finding.rule if finding else None) == rule
    if finding:
        assert finding.path == path
        finding.message.encode()


def test_a_wrong_encoding_is_told_the_right_path() -> None:
    finding = check_path("prompts/support/a%3ab.prompt.yaml")
    assert finding is not None
    assert '"prompts/support/a%3Ab.prompt.yaml"' in finding.message


def test_collisions_by_case_and_form_at_every_component() -> None:
    nfd = unicodedata.normalize("NFD", "각")
    paths = [
        "prompts/A/x",
        "prompts/a/y",
        "prompts/a/z/w",
        "prompts/각",
        f"prompts/{nfd}",
        "README",
        "readme/x",
        "ok/a",
        "ok/b",
    ]
    found = find_collisions(paths)
    assert {each.path for each in found} == {"prompts/a", "prompts/각", "readme"}
    assert all(each.rule == "name-collision" for each in found)
    assert find_collisions(reversed(paths)) == found
    assert find_collisions(["a/b", "a/c", "b/a"]) == []


@given(st.lists(st.text(alphabet="aAbB/é\u0301eßẞſsK\u212a", max_size=6), max_size=8))
def test_collisions_are_found_exactly_where_two_prefixes_have_one_key(paths: list[str]) -> None:
    prefixes = {"/".join(p.split("/")[: n + 1]) for p in paths for n in range(p.count("/") + 1)}
    expected = len({path_key(prefix) for prefix in prefixes}) != len(prefixes)
    assert bool(find_collisions(paths)) == expected


@pytest.mark.parametrize("text", ["Default", "-a", "a.git", "a/b", "", "a..b", "a" * 101, "a.lock", "a\n"])
def test_bad_repository_names(text: str) -> None:
    with pytest.raises(BadRequest, match="repository name"):
        repository_name(text)


def test_good_repository_names() -> None:
    assert repository_name("team-a.prompts_2") == "team-a.prompts_2"

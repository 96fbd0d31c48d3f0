"""CODEOWNERS."""

import time

import pytest

from registry.domain.codeowners import read_codeowners


def owners(text: str, path: str) -> tuple[str, ...]:
    return read_codeowners(text.encode()).owners_of(path)


@pytest.mark.parametrize(
    ("pattern", "matches", "others"),
    [
        ("*", ["a", "a/b/c.md"], []),
        ("*.md", ["a.md", "x/y/b.md"], ["a.mdx", "md"]),
        ("/*.md", ["a.md"], ["x/a.md"]),
        ("/docs/", ["docs/a", "docs/x/y"], ["docs", "x/docs/a", "docs2/a"]),
        ("docs/", ["docs/a", "x/docs/a/b"], ["docs", "mydocs/a"]),
        ("docs", ["docs", "docs/a/b", "x/docs", "x/docs/a"], ["docs2", "docs.md"]),
        ("/docs", ["docs", "docs/a"], ["x/docs"]),
        ("docs/*", ["docs/a", "x/docs/a"], ["docs/a/b"]),
        ("/docs/*.md", ["docs/a.md"], ["docs/x/a.md"]),
        ("/docs/**", ["docs/a", "docs/x/y"], ["docs", "x/docs/a"]),
        ("/docs/**/a.md", ["docs/a.md", "docs/x/y/a.md"], ["docs/a.mdx", "x/docs/a.md"]),
        ("/a/**/b/**/c", ["a/b/c", "a/x/b/y/z/c", "a/b/c/d"], ["a/c", "b/c"]),
        ("**/x/", ["x/a", "y/x/a"], ["xx/a"]),
        ("/prompts/support/*", ["prompts/support/a.prompt.yaml"], ["prompts/support/kr/a.prompt.yaml"]),
        ("/prompts/지원/", ["prompts/지원/분류.prompt.yaml"], ["prompts/지/원"]),
        ("file?.md", ["file1.md"], ["file.md", "file12.md"]),
        (r"\#hash", ["#hash"], ["hash"]),
        (r"my\ file.md", ["my file.md"], ["my", "file.md"]),
        (r"star\*", ["star*"], ["starry"]),
        ("a+b(c).[x]", ["a+b(c).[x]"], ["aab(c).x"]),
        ("a*b*c", ["abc", "aXbYc", "abbcc"], ["ac", "abcd"]),
    ],
)
def test_patterns(pattern: str, matches: list[str], others: list[str]) -> None:
    read = read_codeowners(f"{pattern} @team".encode())
    assert [path for path in matches if not read.owners_of(path)] == []
    assert [path for path in others if read.owners_of(path)] == []


def test_the_last_match_wins() -> None:
    text = "* @all\n/docs/ @writers @ann\n*.md @md\n/docs/open.md\n"
    assert owners(text, "x") == ("@all",)
    assert owners(text, "docs/a.txt") == ("@writers", "@ann")
    assert owners(text, "docs/a.md") == ("@md",)
    assert owners(text, "docs/open.md") == ()


def test_owners_may_be_users_groups_roles_and_addresses() -> None:
    text = "* @ann @group/sub-team @@maintainer ann@example.org nobody # @commented"
    assert owners(text, "x") == ("@ann", "@group/sub-team", "@@maintainer", "ann@example.org")


def test_comments_blank_lines_and_line_ends() -> None:
    assert owners("# * @no\r\n\r\n  * @yes\r\n", "x") == ("@yes",)
    assert owners("", "x") == ()
    assert read_codeowners(b"\xef\xbb\xbf* @a\n\xff @b\n").owners_of("x") == ("@a",)


def test_sections_add_up_and_have_default_owners() -> None:
    text = "* @all\n[Docs][2] @writers @ann\n*.md\n/docs/ @docs\n^[Korean] @kr\n/prompts/ko/\n[docs]\n*.txt @txt\n"
    read = read_codeowners(text.encode())
    assert read.owners_of("a.md") == ("@all", "@writers", "@ann")
    assert read.owners_of("docs/a") == ("@all", "@docs")
    assert read.owners_of("a.txt") == ("@all", "@txt"), "sections of one name are one"
    assert read.owners_of("prompts/ko/x.md") == ("@all", "@writers", "@ann", "@kr")


def test_an_exclusion_takes_out_of_its_section_only() -> None:
    text = "* @all\n!/prompts/open/\n[QA]\n* @qa\n"
    assert owners(text, "prompts/open/x") == ("@qa",)
    assert owners(text, "prompts/x") == ("@all", "@qa")


def test_a_hundred_thousand_paths_take_a_moment() -> None:
    lines = ["* @all", *(f"/prompts/t{n}/ @t{n}" for n in range(300)), "*.md @md"]
    read = read_codeowners("\n".join(lines).encode())
    paths = [f"prompts/t{n % 400}/a{n % 50}/n{n}.prompt.yaml" for n in range(100_000)]
    start = time.process_time()
    found = [read.owners_of(path) for path in paths]
    assert time.process_time() - start < 10
    assert found[5] == ("@t5",)
    assert found[305] == ("@all",)


@pytest.mark.parametrize("pattern", ["*a" * 60 + "b", "/" + "**/a/" * 60 + "b", "?*" * 60 + "x", "a**" * 60])
def test_no_pattern_makes_matching_slow(pattern: str) -> None:
    read = read_codeowners(f"{pattern} @x".encode())
    start = time.process_time()
    read.owners_of("a" * 240)
    read.owners_of("/".join(["a"] * 2000) + "/c")
    assert time.process_time() - start < 10

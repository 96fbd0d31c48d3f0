"""Label files: what they say, what is wrong with them, and edits that keep the rest."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.domain.errors import BadRequest, Refused
from registry.domain.ids import LabelName, TemplateName
from registry.domain.labels import (
    is_label_path,
    label_of_path,
    label_path,
    parse_label,
    read_labels,
    version_before,
    write_labels,
)

PATH = "labels/production/support.yaml"


def entries(data: bytes | None, path: str = PATH) -> dict[str, tuple[int, str | None]]:
    if data is None:
        return {}
    file = read_labels(data, path)
    assert file.diagnostics == ()
    return {name: (target.version, target.digest_prefix) for name, target in file.entries.items()}


def name(text: str) -> TemplateName:
    return TemplateName(text)


def test_a_label_file_names_versions_with_their_places() -> None:
    file = read_labels(b"triage: 12\nreply: {version: 3, digest: 3f9ac1d2}\n", PATH)
    assert (file.label, file.folder, file.diagnostics) == ("production", "support", ())
    assert list(file.entries) == ["support/triage", "support/reply"]
    reply = file.entries[name("support/reply")]
    assert (reply.version, reply.digest_prefix, reply.place.line, reply.place.column) == (3, "3f9ac1d2", 2, 8)


def test_the_top_folder_has_its_own_file() -> None:
    assert entries(b"triage: 1\n", "labels/production.yaml") == {"triage": (1, None)}
    assert label_path(LabelName("production"), name("triage")) == "labels/production.yaml"
    assert label_path(LabelName("production"), name("지원/con/x")) == "labels/production/지원/%63on.yaml"
    assert label_of_path("labels/production/지원/%63on.yaml") == ("production", "지원/con")
    assert label_of_path("labels/production.yaml") == ("production", "")
    assert not is_label_path("labels/Production.yaml")
    assert not is_label_path("labels/production/con.yaml")


@pytest.mark.parametrize("data", [b"", b"# nothing yet\n", b"null\n", b"{}\n"])
def test_an_empty_file_names_nothing(data: bytes) -> None:
    assert entries(data) == {}


@pytest.mark.parametrize(
    ("text", "line", "column", "word"),
    [
        ("triage: true", 1, 9, "true is no version"),
        ("triage: 0", 1, 9, "0 is no version"),
        ("triage: -1", 1, 9, "-1 is no version"),
        ("triage: 1.5", 1, 9, "1.5 is no version"),
        ("triage: 9999999999", 1, 9, "no version"),
        ('triage: "12"', 1, 9, '"12" is no version'),
        ("triage:", 1, 8, "null is no version"),
        ("triage: [1]", 1, 9, "[1] is no version"),
        ("triage: {version: 1, digest: 12345678}", 1, 30, "quote it"),
        ("triage: {version: 1, digest: abc}", 1, 30, "8 to 64"),
        ("triage: {version: 1, note: x}", 1, 22, '"note" is unknown'),
        ("triage: {digest: 3f9ac1d2}", 1, 9, "null is no version"),
        ("ok: 1\nsupport/triage: 1", 2, 1, "last segment"),
        ("'12': 1", 1, 1, "digits"),
        ("- triage", 1, 1, "maps templates"),
        ("production", 1, 1, "maps templates"),
    ],
)
def test_a_wrong_entry_is_told_at_its_place(text: str, line: int, column: int, word: str) -> None:
    (finding,) = read_labels(text.encode(), PATH).diagnostics
    assert (finding.rule, finding.place.line, finding.path) == ("label-form", line, PATH)
    assert abs(finding.place.column - column) <= 1
    assert word in finding.message


def test_an_entry_in_another_folder_is_told_where_it_belongs() -> None:
    (finding,) = read_labels(b"kr/triage: 1\n", PATH).diagnostics
    assert "labels/production/support/kr.yaml" in finding.message


@pytest.mark.parametrize("data", [b"a: 1\na: 2\n", b"a: &x 1\n", b"\xff", b"a: [", b"[" * 100_000])
def test_broken_yaml_is_told_and_names_nothing(data: bytes) -> None:
    file = read_labels(data, PATH)
    assert file.diagnostics
    assert not file.entries


def test_a_path_that_is_no_label_files_is_told() -> None:
    assert [d.rule for d in read_labels(b"a: 1", "labels/latest.yaml").diagnostics] == ["label-word"]
    assert [d.rule for d in read_labels(b"a: 1", "README.md").diagnostics] == ["path-form"]


@pytest.mark.parametrize("text", ["", "Production", "1st", "a_b", "-a", "latest", "a" * 64, "a\n", "운영"])
def test_bad_label_words(text: str) -> None:
    with pytest.raises(BadRequest, match="is no label"):
        parse_label(text)


def test_good_label_words() -> None:
    assert parse_label("production") == "production"
    assert parse_label("a" * 63)
    assert parse_label("latest", builtin=True) == "latest"


# Edits ---------------------------------------------------------------------------------------------------------------

KEPT = b"# who: support team\n\nreply: 3   # since May\ntriage:\n  version: 12\n  digest: 3f9ac1d2\n# end\n"


@pytest.mark.parametrize(
    ("before", "which", "version", "after"),
    [
        (KEPT, "reply", 4, KEPT.replace(b"reply: 3 ", b"reply: 4 ")),
        (KEPT, "reply", None, KEPT.replace(b"reply: 3   # since May\n", b"")),
        (KEPT, "triage", 13, KEPT.replace(b"\n  version: 12\n  digest: 3f9ac1d2", b" 13")),
        (KEPT, "triage", None, b"# who: support team\n\nreply: 3   # since May\n# end\n"),
        (KEPT, "summary", 1, KEPT.replace(b"triage:", b"summary: 1\ntriage:")),
        (KEPT, "answer", 1, KEPT.replace(b"reply:", b"answer: 1\nreply:")),
        (KEPT, "reply", 3, KEPT),
        (KEPT, "nobody", None, KEPT),
        (None, "triage", 1, b"triage: 1\n"),
        (None, "triage", None, None),
        (b"triage: 1\n# kept?\n", "triage", None, None),
        (b"z: 1\na: 2\n", "m", 3, b"z: 1\na: 2\nm: 3\n"),
        (b"a: 1", "b", 2, b"a: 1\nb: 2\n"),
        (b"a: 1\r\nc: 2\r\n", "b", 3, b"a: 1\r\nb: 3\r\nc: 2\r\n"),
        (b"{a: 1, c: 2}\n", "a", 5, b"{a: 5, c: 2}\n"),
        (b"{a: 1, c: 2}\n", "c", None, b"{a: 1}\n"),
        (b"{a: 1, c: 2}\n", "a", None, b"{c: 2}\n"),
        (b"# only a comment\n", "a", 1, b"# only a comment\na: 1\n"),
        (b"triage: {version: 2, digest: 3f9ac1d2}  # why\n", "triage", 2, b"triage: 2  # why\n"),
        (b"'no': 1\n", "no", 2, b"'no': 2\n"),
        (None, "no", 1, b'"no": 1\n'),
        (None, "100% sure", 1, b'"100% sure": 1\n'),
        ("분류: 1\n".encode(), "요약", 2, "분류: 1\n요약: 2\n".encode()),
    ],
)
def test_an_edit_changes_one_entry_and_nothing_else(
    before: bytes | None, which: str, version: int | None, after: bytes | None
) -> None:
    assert write_labels(before, {name(f"support/{which}"): version}) == after


def test_a_broken_file_is_not_edited() -> None:
    with pytest.raises(Refused) as refused:
        write_labels(b"triage: x\n", {name("support/triage"): 1})
    assert refused.value.diagnostics[0].rule == "label-form"


SEGMENTS = st.sampled_from(
    ["a", "b", "triage", "no", "true", "1e3x", "요약", "x y", "z.z", "null", "100%", "?q", "a:b", "#c"]
)
FILES = st.lists(st.tuples(SEGMENTS, st.integers(1, 99), st.booleans()), max_size=6, unique_by=lambda entry: entry[0])


@given(
    FILES, st.sampled_from(["block", "comments", "flow", "marks", "lines"]), SEGMENTS, st.none() | st.integers(1, 99)
)
def test_whatever_the_layout_an_edit_says_what_was_meant(
    file: list[tuple[str, int, bool]], layout: str, segment: str, version: int | None
) -> None:
    pairs = [
        f'"{key}": ' + (f'{{version: {number}, digest: "0f9ac1d2"}}' if whole else str(number))
        for key, number, whole in file
    ]
    text = {
        "block": "".join(f"{pair}\n" for pair in pairs),
        "comments": "# head\n" + "".join(f"{pair} # {pair}\n\n# below\n" for pair in pairs),
        "flow": "{" + ", ".join(pairs) + "}",
        "marks": "---\n" + "".join(f"{pair}\n" for pair in pairs) + "...\n",
        "lines": "{ # {\n" + ",\n # }\n".join(pairs) + ", }\n" if pairs else "{}",
    }[layout]
    before = entries(text.encode())
    expected: Mapping[str, tuple[int, str | None]] = {k: v for k, v in before.items() if k != f"support/{segment}"}
    if version is not None:
        expected = {**before, f"support/{segment}": (version, None)}
    after = write_labels(text.encode(), {name(f"support/{segment}"): version})
    assert entries(after) == expected
    assert (after is None) == (not expected and bool(before)) or not before


PLAIN = st.from_regex(r"[a-z가-힣][a-z0-9가-힣-]{0,2}", fullmatch=True)


@given(
    st.dictionaries(PLAIN, st.integers(1, 99), max_size=6),
    st.dictionaries(PLAIN, st.none() | st.integers(1, 99), min_size=1, max_size=6),
    st.booleans(),
)
def test_many_edits_at_once_say_what_they_say_one_by_one(
    file: dict[str, int], changes: dict[str, int | None], in_order: bool
) -> None:
    keys = sorted(file) if in_order else list(file)
    before = "".join(f"{key}: {file[key]}\n" for key in keys).encode() or None
    after = write_labels(before, {name(f"support/{key}"): version for key, version in changes.items()})
    one_by_one = before
    for key, version in changes.items():
        one_by_one = write_labels(one_by_one, {name(f"support/{key}"): version})
    if keys == sorted(keys):
        assert after == one_by_one
    assert entries(after) == entries(one_by_one)


@pytest.mark.parametrize(
    ("moves", "before"),
    [
        ([], None),
        ([1], None),
        ([1, 2], 1),
        ([1, 2, 3], 2),
        ([1, 2, 3, 2], 1),
        ([1, 2, 3, 2, 1], None),
        ([1, 3, 1, 4], 1),
        ([1, 2, None], 2),
        ([1, 2, None, 3], 2),
    ],
)
def test_rolling_back_again_goes_back_further(moves: list[int | None], before: int | None) -> None:
    assert version_before(moves) == before


_KEYS = st.one_of(
    st.from_regex(r"[a-z가-힣][a-z0-9가-힣-]{0,62}", fullmatch=True),
    st.sampled_from(["null", "true", "false", "con", "nul", "yes", "e1", "a" * 63, "가" * 63, "A", "0x", "a.md", "-a"]),
)
_VALUES = st.one_of(
    st.integers(0, 2**31).map(str), st.sampled_from(["01", "999999999", "2147483648", "1.0", "x", "{version: 2}"])
)


@given(
    st.lists(st.tuples(_KEYS, _VALUES), min_size=1, max_size=6),
    st.sampled_from(["support", "a/b", "con", "가/나", "x" * 200 + "/" + "y" * 200 + "/" + "z" * 90]),
)
def test_the_short_way_to_read_plain_lines_says_what_the_long_way_says(
    lines: list[tuple[str, str]], folder: str
) -> None:
    path = label_path(LabelName("production"), TemplateName(f"{folder}/one"))
    data = "".join(f"{key}: {value}\n" for key, value in lines).encode()
    assert read_labels(data, path) == read_labels(data + b"# read as YAML\n", path)

"""The YAML parser: what it reads, what it refuses and where, and that no bytes get anything but diagnostics."""

import random
import re
import time

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from registry.domain.diagnostics import Diagnostic, Place
from registry.domain.template import Text
from registry.domain.yaml_reader import MAX_DEPTH, MAX_NODES, YamlDocument, read_yaml


def read(source: str | bytes) -> YamlDocument:
    return read_yaml(source.encode() if isinstance(source, str) else source, "file.yaml")


def found(source: str | bytes) -> list[tuple[str, int, int]]:
    return [(d.rule, d.place.line, d.place.column) for d in read(source).diagnostics]


class TestScalars:
    @pytest.mark.parametrize(
        "word",
        "no yes on off y 12:30 2020-01-01 1_000 0b1 1e + . 0x nulls = TrUe 0o8 1.2.3 << 1,000 é 한글".split(),  # noqa: SIM905 - easier to read
    )
    def test_strings_of_yaml_1_2(self, word: str) -> None:
        assert read(f"a: {word}\n").value == {"a": word}

    @pytest.mark.parametrize(
        ("word", "value"),
        [
            ("1.10", 1.1), ("012", 12), ("0o14", 12), ("0x1F", 31), ("1e3", 1000.0), (".5", 0.5), ("+1", 1), ("-0", 0),
            ("1.", 1.0), ("-1.5E-2", -0.015), ("9223372036854775807", 2**63 - 1), ("true", True), ("FALSE", False),
            ("null", None), ("~", None), ("", None), ("Null", None),
        ],
    )  # fmt: skip
    def test_numbers_truth_values_and_null(self, word: str, value: object) -> None:
        read_value = read(f"a: {word}\n").value["a"]
        assert read_value == value
        assert type(read_value) is type(value)

    @pytest.mark.parametrize("word", ["'1.10'", '"1.10"', "|-\n  1.10", ">-\n  1.10"])
    def test_quoted_and_block_scalars_are_strings(self, word: str) -> None:
        assert read(f"a: {word}\n").value == {"a": "1.10"}

    @pytest.mark.parametrize(
        "word",
        [".inf", "-.INF", ".nan", "1e999", "9223372036854775808", "-9223372036854775809", "9" * 5000, "0x" + "f" * 99],
    )
    def test_numbers_that_json_cannot_hold(self, word: str) -> None:
        assert found(f"a:\n  {word}\n") == [("yaml-number", 2, 3)]

    def test_an_empty_file_is_null(self) -> None:
        assert read("").value is None
        assert found("") == found("# only a comment\n") == found("---\n...\n") == []

    def test_crlf_is_read_as_lines(self) -> None:
        document = read("a: |\r\n  x\r\n  y\r\nb: 1\r\n")
        assert document.value == {"a": "x\ny\n", "b": 1}
        assert document.key_place("/b") == Place(4, 1)


class TestRefused:
    @pytest.mark.parametrize(
        ("source", "expected"),
        [
            ("a: 1\nb: 2\na: 3\n", [("yaml-duplicate-key", 3, 1)]),
            ("x: {a: 1, a: 2}\n", [("yaml-duplicate-key", 1, 11)]),
            ("1: a\n'1': b\n", [("yaml-key", 1, 1), ("yaml-duplicate-key", 2, 1)]),
            ("a: &x 1\n", [("yaml-anchor", 1, 4)]),
            ("&k a: 1\n", [("yaml-anchor", 1, 1)]),
            ("a: &x [1]\nb: *x\n", [("yaml-anchor", 1, 4), ("yaml-alias", 2, 4)]),
            ("a: *x\n", [("yaml-alias", 1, 4)]),
            ("*x : 1\n", [("yaml-key", 1, 1), ("yaml-alias", 1, 1)]),
            ("a: &x {k: 1}\nb:\n  <<: *x\n", [("yaml-anchor", 1, 4), ("yaml-alias", 3, 7)]),
            ("a: !foo 1\n", [("yaml-tag", 1, 4)]),
            ("a: !!python/object:os.system x\n", [("yaml-tag", 1, 4)]),
            ("a: ! x\n", [("yaml-tag", 1, 4)]),
            ("!!str 1: a\n", [("yaml-tag", 1, 1)]),
            ("a: !!binary aGk=\n", [("yaml-tag", 1, 4)]),
            ("%YAML 1.1\n---\na: no\n", [("yaml-directive", 1, 1)]),
            ("a: 1\n---\nb: 2\n", [("yaml-documents", 2, 1)]),
            ("1: a\ntrue: b\nnull: c\n1e3: d\n", [("yaml-key", n, 1) for n in range(1, 5)]),
            ("?\n: e\n", [("yaml-key", 1, 2)]),
            ("? [a]\n: 1\n", [("yaml-key", 1, 3)]),
            ("text: {{ name }}\n", [("yaml-key", 1, 8)]),
            ("a:\n\t- 1\n", [("yaml-syntax", 2, 1)]),
            ("a: [1,\nb: 2\n", [("yaml-syntax", 2, 5)]),
            ("a: 'x", [("yaml-syntax", 1, 6)]),
            ("a: b: c\n", [("yaml-syntax", 1, 5)]),
            ("a: {% include 'x' %}\n", [("yaml-syntax", 1, 5)]),
            ('a: "\\ud83d\\ude00"\n', [("yaml-syntax", 1, 7)]),
            ('a: "x\\0y"\n', [("yaml-encoding", 1, 4)]),
            ('"x\\0y": 1\n', [("yaml-encoding", 1, 1)]),
        ],
    )
    def test_each_fault_has_its_code_and_place(self, source: str, expected: list[tuple[str, int, int]]) -> None:
        assert found(source) == expected

    @pytest.mark.parametrize(
        ("data", "place"),
        [
            (b"\xef\xbb\xbfa: 1\n", Place(1, 1)),
            (b"a: 1\nb: \xff\n", Place(2, 4)),
            ("a: 한".encode() + b"\xed\xa0\x80", Place(1, 5)),
            (b"a: \x00\n", Place(1, 4)),
            ("a: x\u0085y\n".encode(), Place(1, 5)),
            ("한: 'x\u2028y'\n".encode(), Place(1, 6)),
            ("a: 1\n# \u2029\n".encode(), Place(2, 3)),
            ("a: x\ufeffy\n".encode(), Place(1, 5)),
            (b"a: \x1b[0m\n", Place(1, 4)),
            (b"a: 1\rb: 2\r", Place(1, 5)),
            ("a: 1\n".encode("utf-16"), Place(1, 1)),
        ],
    )
    def test_what_is_no_clean_utf8(self, data: bytes, place: Place) -> None:
        first = read(data).diagnostics[0]
        assert (first.rule, first.place) == ("yaml-encoding", place)
        assert read(data).value is None

    def test_size_is_judged_before_anything_else(self) -> None:
        started = time.process_time()
        assert found(b"[" * (2 * 1024 * 1024)) == [("file-size", 1, 1)]
        assert time.process_time() - started < 10
        assert read_yaml(b"a: 1", "f", max_bytes=3).diagnostics[0].rule == "file-size"
        assert read_yaml(b"a: 1", "f", max_bytes=4).diagnostics == ()

    def test_all_faults_are_told_not_only_the_first(self) -> None:
        codes = [rule for rule, _, _ in found("a: &x 1\na: *y\n2: !t z\nc: .inf\n")]
        assert codes == ["yaml-anchor", "yaml-alias", "yaml-duplicate-key", "yaml-key", "yaml-tag", "yaml-number"]

    def test_messages_name_the_way_out(self) -> None:
        assert 'put it into quotes: "7"' in read("7: a\n").diagnostics[0].message
        assert "first at line 1" in read("a: 1\na: 2\n").diagnostics[0].message
        assert "a tab cannot indent" in read("a:\n\t- 1\n").diagnostics[0].message
        assert "quotes" in read("a: {% if x %}\n").diagnostics[0].message

    def test_a_broken_file_has_no_value(self) -> None:
        assert read("a: [1,\n").value is None
        assert not read("a: [1,\n").complete
        assert read("a: 1\na: 2\n").value == {"a": 1}


class TestLimits:
    @pytest.mark.parametrize(
        "bomb",
        ["[" * 100_000, "- " * 100_000 + "a", "{a: " * 50_000, "[{" * 50_000, "? " * 100_000, "[a," * 80_000],
    )
    def test_depth_stops_the_reading(self, bomb: str) -> None:
        started = time.process_time()
        codes = {rule for rule, _, _ in found(bomb)}
        assert time.process_time() - started < 10  # milliseconds where the machine is idle; whole loads take 23 s
        assert "yaml-depth" in codes

    def test_depth_exactly(self) -> None:
        assert found("[" * MAX_DEPTH + "]" * MAX_DEPTH) == []
        assert found("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1)) == [("yaml-depth", 1, MAX_DEPTH + 1)]

    def test_nodes_exactly(self) -> None:
        assert found("- 1\n" * MAX_NODES) == []
        assert found("- 1\n" * (MAX_NODES + 1)) == [("yaml-nodes", MAX_NODES + 1, 3)]

    def test_findings_are_bounded(self) -> None:
        assert len(found("a: 1\n" * 20_000)) <= 100
        assert len(found("[" + "*a, " * 10_000 + "]")) <= 100

    def test_an_alias_bomb_is_refused_at_its_first_anchor(self) -> None:
        bomb = "a: &a [x, x]\n" + "".join(
            f"{b}: &{b} [*{a}, *{a}]\n" for a, b in zip("abcdefghi", "bcdefghij", strict=True)
        )
        assert found(bomb)[0] == ("yaml-anchor", 1, 4)
        assert "x" * 3 not in str(read(bomb).value).replace("', '", "")


class TestPlaces:
    SOURCE = """\
# a comment
variables:
  ticket: {type: string, a/b: 1, "m~n": 2}
messages:
  - role: system
    content: |
      첫 줄
        indented
  - {role: user, content: "x"}
"""

    @pytest.mark.parametrize(
        ("pointer", "value", "key"),
        [
            ("", Place(2, 1), Place(2, 1)),
            ("/variables", Place(3, 3), Place(2, 1)),
            ("/variables/ticket/type", Place(3, 18), Place(3, 12)),
            ("/variables/ticket/a~1b", Place(3, 31), Place(3, 26)),
            ("/variables/ticket/m~0n", Place(3, 41), Place(3, 34)),
            ("/messages/0", Place(5, 5), Place(5, 5)),
            ("/messages/0/content", Place(6, 14), Place(6, 5)),
            ("/messages/1/role", Place(9, 12), Place(9, 6)),
            ("/messages/7/role", Place(5, 3), Place(4, 1)),
            ("/nowhere", Place(2, 1), Place(2, 1)),
        ],
    )
    def test_values_and_keys(self, pointer: str, value: Place, key: Place) -> None:
        document = read(self.SOURCE)
        assert document.place_of(pointer) == value
        assert document.key_place(pointer) == key

    @pytest.mark.parametrize("source", ["a:", "a: [1,", "a: 'x", "a:\n  - ", "{", "a: |", "a: 1\nb:\n", "x\n y: z\n\n"])
    def test_no_place_lies_behind_the_last_line(self, source: str) -> None:
        document = read(source)
        last = len(source.splitlines())
        places = [d.place for d in document.diagnostics] + [document.place_of("/a"), document.place_of("/b")]
        assert all(1 <= p.line <= last for p in places)

    @pytest.mark.parametrize(
        "scalar",
        [
            "|\n  x y\n\n    z\n",
            "|2\n   x\n  y\n",
            "|-\n\n\n  한글 x\n",
            ">\n  x y\n  q\n\n  z\n    more\n  last\n",
            ">-   # comment\n\n  x\n",
            '"x\\n\\ty \\x41\\u0042 \\\n   zz"\n',
            "'it''s\n  q'\n",
            "foo bar\n  baz\n\n  qux\n",
            '"plain {{ x }}"\n',
            "plain {{ x }}\n",
            '"\\e\\_\\N \\U0001F600 end"\n',
        ],
    )
    def test_each_character_of_a_string_is_found(self, scalar: str) -> None:
        source = f"key: {scalar}"
        document = read(source)
        assert document.diagnostics == ()
        value = document.value["key"]
        where = document.string_places("/key")
        text = Text(value, "/key", where.place, where.block, where.indent, where.segments)
        lines = source.split("\n")
        for offset, character in enumerate(value):
            if not character.isspace() and character.isprintable():
                line, column = value.count("\n", 0, offset) + 1, offset - value.rfind("\n", 0, offset)
                place = text.place_of(line, column)
                assert lines[place.line - 1][place.column - 1] in {character, "\\", "'"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc:- #한'\"", max_size=5), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip

PIECES = ["a", ": ", "- ", "\n", "  ", "[", "]", "{", "}", ",", "&x ", "*x", "!t ", "|", ">", "'", '"', "\\", "#", "? "]
PIECES += [
    "---\n",
    "...\n",
    "%YAML 1.2\n",
    "{{ x }}",
    "{% if %}",
    "\t",
    "\r\n",
    "\r",
    "한",
    "\u2028",
    "\0",
    "1",
    "~",
    "<<",
]


class Writer(yaml.SafeDumper):
    """PyYAML writes YAML 1.1, where ``0E0`` is a string; texts that are numbers in YAML 1.2 (10.3.2) are quoted."""

    NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|0o[0-7]+|0x[0-9a-fA-F]+")

    def represent_text(self, text: str) -> yaml.ScalarNode:
        style = '"' if self.NUMBER.fullmatch(text) else None
        return self.represent_scalar("tag:yaml.org,2002:str", text, style=style)


Writer.add_representer(str, Writer.represent_text)


class TestFuzz:
    @given(JSON)
    @example("0E0")
    @settings(max_examples=150, deadline=None)
    def test_what_another_writer_wrote_is_read_as_meant(self, value: object) -> None:
        data = yaml.dump(value, Dumper=Writer, allow_unicode=True).encode()
        document = read(data)
        refused = {d.rule for d in document.diagnostics}
        if refused <= {"yaml-encoding"} and refused:
            return  # LS, PS and their like, which the writer leaves unescaped
        assert document.diagnostics == ()
        assert document.value == value

    @given(st.binary(max_size=300))
    @settings(max_examples=200, deadline=None)
    def test_bytes(self, data: bytes) -> None:
        self._never_raises(data)

    @given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
    @settings(max_examples=400, deadline=None)
    def test_pieces_of_yaml(self, source: str) -> None:
        self._never_raises(source.encode())

    def test_every_place_is_within_the_file_over_many_mutations(self) -> None:
        chance = random.Random(7)
        for _ in range(300):
            data = bytearray(TestPlaces.SOURCE.encode())
            for _ in range(chance.randrange(1, 6)):
                at = chance.randrange(len(data))
                data[at : at + chance.randrange(3)] = chance.choice(PIECES).encode()
            self._never_raises(bytes(data))

    @staticmethod
    def _never_raises(data: bytes) -> None:
        document = read(data)
        lines = data.decode("utf-8", "replace").split("\n")
        for finding in document.diagnostics:
            assert isinstance(finding, Diagnostic)
            assert 1 <= finding.place.line <= len(lines)
            assert finding.place.column >= 1
        if document.value is None and not document.diagnostics:
            assert yaml.load(data.decode(), Loader=yaml.CSafeLoader) is None

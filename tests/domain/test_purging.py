"""What a purge finds, and what it leaves in files."""

import json
import unicodedata

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from registry.domain.errors import BadRequest, VersionPurged
from registry.domain.ids import BlobId, Digest, TemplateName
from registry.domain.includes import raw_includes
from registry.domain.labels import read_labels
from registry.domain.purging import LeakedText, cleaned, repinned, tag_of, tombstone
from registry.domain.secrets import find_secrets
from registry.domain.template_file import read_template
from registry.domain.tombstones import is_tombstone, require_not_purged

PATH = "prompts/support/triage.prompt.yaml"
SECRET = "hunter2-and-more"
KEY = "-----BEGIN KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQEF\n-----END KEY-----"
SALT = b"salt"

texts = st.text(st.characters(codec="utf-8"), min_size=6, max_size=40).map(str.strip).filter(lambda t: len(t) >= 6)


def template(text: str) -> bytes:
    return f"schema: prompt/v1\ntype: text\ntext: |\n  {text}\n".encode()


@given(texts, st.binary(max_size=50), st.binary(max_size=50))
@example("환불 담당자", b"", b"")
@example("back\\slash\\1", b"", b"")
def test_a_text_is_found_and_gone_however_it_is_written(text: str, before: bytes, after: bytes) -> None:
    try:
        leaked = LeakedText(text)
    except BadRequest:
        assume(False)
    for normal in ("NFC", "NFD"):
        form = unicodedata.normalize(normal, text)
        for written in (form, json.dumps(form)[1:-1], json.dumps(form, ensure_ascii=False)[1:-1]):
            data = before + written.encode() + after
            assert leaked.stands_in(data)
            gone = leaked.removed_from(data)
            assert len(gone) <= len(data) + 200
            assert b"***REMOVED***" in gone


def test_a_text_of_several_lines_is_found_where_a_block_indents_it() -> None:
    leaked = LeakedText(f"\n{KEY}\n\n")
    for written in (KEY, KEY.replace("\n", "\n      "), KEY.replace("\n", "\r\n  "), KEY.replace("\n", "\\n")):
        assert leaked.removed_from(f"a {written} b".encode()) == b"a ***REMOVED*** b"
    assert not leaked.stands_in(KEY.replace("MIIE", "MIIF").encode())


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"12345\n", "5 bytes"),
        ("김철".encode()[:5], "UTF-8"),
        (b"REMOVED", "a purge itself leaves"),
        (b"promptuary purge", "a purge itself leaves"),
        (b"x" * 70_000, "at most 65,536"),
        (b" \n", "0 bytes"),
    ],
)
def test_a_text_that_cannot_be_looked_for(data: bytes, said: str) -> None:
    with pytest.raises(BadRequest, match=said):
        LeakedText.read(data)


@pytest.mark.parametrize(
    ("before", "left"),
    [
        (template(f"Call {SECRET} now"), "Call ***REMOVED*** now"),
        (f"schema: prompt/v1\ntype: text\ntext: {SECRET}\n".encode(), "text: REMOVED\n"),
        (f"schema: prompt/v1\ntype: text\ntext: '{SECRET}'\n".encode(), "text: '***REMOVED***'\n"),
        (f"schema: [broken\n{SECRET}\n".encode(), "[broken\n***REMOVED***\n"),
    ],
)
def test_a_cleaned_template_is_as_valid_as_it_was(before: bytes, left: str) -> None:
    after = cleaned(before, PATH, LeakedText(SECRET), tag_of(SALT, BlobId("a" * 40)))
    assert left in after.decode()
    assert SECRET not in after.decode()
    assert (read_template(after, PATH).template is None) == (read_template(before, PATH).template is None)


def test_what_is_left_is_no_secret_to_the_gate() -> None:
    before = f"schema: prompt/v1\ntype: text\ntext: |\n  password: {SECRET}\n  api_key = {SECRET}\n".encode()
    for letter in "0123456789abcdef":
        after = cleaned(before, PATH, LeakedText(SECRET), tag_of(SALT, BlobId(letter * 40)))
        assert find_secrets(after.decode(), PATH) == []
        assert find_secrets(tombstone(before, tag_of(SALT, BlobId(letter * 40))).decode(), PATH) == []


def test_what_cannot_be_cleaned_is_a_tombstone() -> None:
    after = cleaned(template("Hello"), PATH, LeakedText("type: text"), b"tag")
    assert is_tombstone(after)
    found = read_template(after, PATH)
    assert [each.rule for each in found.diagnostics] == ["purged"]


def test_two_states_that_differed_in_the_text_alone_still_differ() -> None:
    one, two = template(f"{SECRET}-"), template("***REMOVED***-")
    leaked = LeakedText(SECRET)
    first, second = (tag_of(SALT, BlobId(letter * 40)) for letter in "ab")
    assert cleaned(one, PATH, leaked, first) not in {two, cleaned(one, PATH, leaked, second)}
    assert cleaned(one, PATH, leaked, first) == cleaned(one, PATH, leaked, tag_of(SALT, BlobId("a" * 40)))
    assert tag_of(b"other", BlobId("a" * 40)) != first


def test_includes_stay_and_a_text_in_one_is_refused() -> None:
    before = template("{% include \"partials/tone\" %} {%- include 'partials/kim minsu' %}")
    stone = tombstone(before, b"tag")
    assert raw_includes(stone) == raw_includes(before)
    assert b"Hello" not in stone
    with pytest.raises(BadRequest, match="stands in the name of an include"):
        cleaned(before, PATH, LeakedText("kim minsu"), b"tag")


def test_other_files_are_read_as_before() -> None:
    leaked = LeakedText(SECRET)
    assert cleaned(f"a {SECRET}\0".encode(), "notes.bin", leaked, b"tag") == b"a ***REMOVED***\0"
    assert cleaned(f"key: {SECRET}\n".encode(), "ci.yaml", leaked, b"tag") == b"key: REMOVED\n"


def test_digests_in_label_files_follow() -> None:
    name, other = TemplateName("support/triage"), TemplateName("support/reply")
    old, new = Digest("3f9ac1d2" + "0" * 56), Digest("aaaabbbb" + "c" * 56)
    path = "labels/production/support.yaml"
    before = b"# why\ntriage: {version: 2, digest: 3f9ac1d20}  # pinned\nreply: {version: 2, digest: 99999999}\n"
    digests = {(name, 2): (old, new), (other, 2): (old, new), (name, 1): (old, new)}
    after = repinned(before, path, digests)
    assert after == before.replace(b"3f9ac1d20", b"aaaabbbbc")
    assert read_labels(after, path).entries[name].version == 2
    assert repinned(b"triage: 2\n", path, digests) == b"triage: 2\n"
    quoted = b'triage: {"version": 2, "digest": "3f9ac1d2"}\n'
    assert b'"aaaabbbb"' in repinned(quoted, path, digests)


def test_a_tombstone_in_a_closure_is_told() -> None:
    name, partial = TemplateName("a"), TemplateName("partials/tone")
    own, included = BlobId("a" * 40), BlobId("b" * 40)
    bodies = {own: "text", included: tombstone(b"", b"tag").decode()}
    require_not_purged(name, ((name, own), (partial, None)), bodies)
    with pytest.raises(VersionPurged, match="The partial partials/tone in this version of a was purged"):
        require_not_purged(name, ((name, own), (partial, included)), bodies)

"""Keys of requests, and their marks in commit messages."""

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.domain.errors import BadRequest, KeyReused
from registry.domain.ids import UserName
from registry.domain.request_keys import make_key, read_mark

ADA = UserName("ada")


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1).filter(str.strip))
def test_a_mark_is_read_again(text: str) -> None:
    key = make_key(ADA, "k", b"asked")
    assert read_mark(key.mark(f"{text.strip()}\n")) == key


def test_git_reads_the_mark_as_a_trailer_beside_others() -> None:
    key = make_key(ADA, "k", b"asked")
    message = key.mark("Tighten the tone\n\nBecause.\n\nBreaking-Change: a variable went\n")
    done = subprocess.run(
        ["git", "interpret-trailers", "--parse"], input=message.encode(), capture_output=True, check=True
    )
    assert done.stdout.decode() == f"Breaking-Change: a variable went\nIdempotency-Key: {key.key} {key.request}\n"
    assert message.split("\n")[0] == "Tighten the tone"


def test_the_last_mark_counts() -> None:
    first, second = make_key(ADA, "one", b"1"), make_key(ADA, "two", b"2")
    assert read_mark(second.mark(first.mark("Cherry-picked\n"))) == second
    assert read_mark("Idempotency-Key: something else\n") is None


def test_keys_belong_to_a_user_and_a_request() -> None:
    key = make_key(ADA, "k", b"ab", b"c")
    assert key == make_key(ADA, '"k"', b"ab", b"c")
    assert key.key != make_key(UserName("bo"), "k", b"ab", b"c").key
    with pytest.raises(KeyReused):
        key.require_same(make_key(ADA, "k", b"a", b"bc"))


@pytest.mark.parametrize("text", ["", '""', "é", "a\tb", "a\x00", "x" * 256])
def test_what_is_no_key(text: str) -> None:
    with pytest.raises(BadRequest):
        make_key(ADA, text)

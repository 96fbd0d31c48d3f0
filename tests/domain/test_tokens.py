from fractions import Fraction
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.domain.tokens import estimate_tokens


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", 0),
        ("a", 1),
        ("abcd", 1),
        ("abcde", 2),
        ("한", 1),
        ("한글", 2),
        ("한글날에", 4),
        ("a한", 2),
        ("a" * 400, 100),
    ],
)
def test_estimate(text: str, tokens: int) -> None:
    assert estimate_tokens(text) == tokens


@given(st.text(alphabet="ab 한글é👍\x7f\x80"))
def test_the_estimate_is_exactly_the_published_formula(text: str) -> None:
    ascii_count = sum(ord(c) < 128 for c in text)
    exact = Fraction(ascii_count, 4) + Fraction(4, 5) * (len(text) - ascii_count)
    assert estimate_tokens(text) == ceil(exact)

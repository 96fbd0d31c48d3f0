"""What is left of English words without their endings."""

import pytest

from registry.domain.english import inflection_variants


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("refunds", ["refund"]),
        ("Refunded", ["refund"]),
        ("queries", ["query"]),
        ("boxes", []),  # three letters find too much
        ("batches", ["batch"]),
        ("addresses", ["address"]),
        ("address", []),
        ("status", []),
        ("analysis", []),
        ("shipping", ["ship"]),
        ("translating", ["translat"]),
        ("calling", ["call"]),
        ("used", []),
        ("string", []),
        ("gpt4s", []),
        ("환불s", []),
        ("", []),
    ],
)
def test_endings_are_taken_off(word: str, expected: list[str]) -> None:
    assert inflection_variants(word) == expected

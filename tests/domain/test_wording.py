"""How messages say things."""

import pytest

from registry.domain.wording import counted


@pytest.mark.parametrize(
    ("number", "noun", "said"),
    [
        (0, "file", "0 files"), (1, "file", "1 file"), (2_000, "file", "2,000 files"), (1, "branch", "1 branch"),
        (3, "branch", "3 branches"), (2, "entry", "2 entries"), (2, "key", "2 keys"), (2, "text template", "2 text templates"),
    ],
)  # fmt: skip
def test_a_number_has_its_noun_in_one_form_or_the_other(number: int, noun: str, said: str) -> None:
    assert counted(number, noun) == said

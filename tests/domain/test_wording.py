"""How messages say things."""

import pytest

from registry.domain.template_file import read_template
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


def test_sizes_that_do_not_fit_are_counted_so() -> None:
    found = read_template(b"schema: prompt/v1\ntype: chat\nmessages: []\n", "prompts/a.prompt.yaml").diagnostics
    assert found[0].message.endswith("it needs at least 1 item")

"""Names of users and groups: one name however it was typed."""

import unicodedata

import pytest

from registry.domain.account_names import group_name, user_name
from registry.domain.errors import BadRequest


@pytest.mark.parametrize("name", ["지훈", "josé", "kim-2", "a.b_c"])
def test_a_name_is_the_same_in_every_normal_form(name: str) -> None:
    for form in ("NFC", "NFD"):
        typed = f" {unicodedata.normalize(form, name)} "
        assert user_name(typed) == group_name(typed) == unicodedata.normalize("NFC", name)


@pytest.mark.parametrize("name", ["", " ", "a b", "a/b", "a\u0301\u0301", "x" * 65])
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(BadRequest):
        user_name(name)

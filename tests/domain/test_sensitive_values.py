"""What is said of a failed rendering quotes no value of a sensitive variable."""

import pytest

from registry.domain.errors import RenderFailed
from registry.domain.rendering import render
from registry.domain.sensitive_values import without_values
from registry.domain.template import Json
from registry.domain.template_file import read_template


@pytest.mark.parametrize(
    ("value", "said", "shown"),
    [
        ("hunter22", "no attribute hunter22 of hunter22", "no attribute *** of ***"),
        ({"a": ["hunter22"]}, "hunter22", "***"),
        ({"hunter22": 1}, "hunter22 is missing", "*** is missing"),
        (123456, "123456 is too large", "*** is too large"),
        (["hunt", "hunter22"], "hunter22 and hunt", "*** and ***"),
        ("abc", "abc in the alphabet", "abc in the alphabet"),
        (True, "True is no number", "True is no number"),
        (None, "None is no number", "None is no number"),
    ],
)
def test_what_is_hidden(value: Json, said: str, shown: str) -> None:
    assert without_values(said, {"pin": value}) == shown


@pytest.mark.parametrize("sensitive", [True, False])
def test_an_error_of_a_filter_quotes_no_sensitive_value(sensitive: bool) -> None:
    text = f"""schema: prompt/v1
type: chat
variables:
  pin: {{type: string, sensitive: {str(sensitive).lower()}}}
messages:
  - {{role: user, content: "{{{{ pin | join(pin, pin) }}}}"}}
"""
    template = read_template(text.encode(), "prompts/a.prompt.yaml").template
    assert template is not None
    with pytest.raises(RenderFailed) as failed:
        render(template, {}, {"pin": "hunter22"})
    assert ("hunter22" in failed.value.message) is not sensitive
    assert "/messages/0/content" in failed.value.message

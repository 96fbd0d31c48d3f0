"""Any text of another tool renders here to what it would be there."""

import re

from hypothesis import example, given
from hypothesis import strategies as st

from registry.domain.importing.imported import Imported, ImportedVersion, Slot, Speech, Syntax
from registry.domain.importing.plans import plan_import
from registry.domain.names import check_name, template_path
from registry.domain.rendering import render
from registry.domain.template_file import read_template

NAMES = st.sampled_from(["x", "user-name", "user_name", "a b", "1st", "for", "loop", "이름", "x?", "ﬁ", "a.b"])
PIECES = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["{", "{{", "{%", "{#", "}}", "%}", "#}", "}", '"', "'", "\n", "- ", "{{{", "{%- raw %}", "\\"]),
    NAMES.map(lambda name: f"{{{{{name}}}}}"),
    NAMES.map(lambda name: f"{{{{ {name} }}}}"),
)
TEXTS = st.lists(PIECES, max_size=12).map("".join)
TAG = re.compile(r"\{\{\{\s*([^{}]+?)\s*\}\}\}|\{\{\s*([^{}]+?)\s*\}\}")


def there(text: str) -> str:
    """What the other tool makes of it: each plain variable replaced by its name in angle brackets."""

    def value(found: re.Match[str]) -> str:
        name = found[1] or found[2]
        plain = re.fullmatch(r"\w[^{}\"'\n\r\t<>:;,()\[\]|=\\]*", name)
        return f"<{name.strip()}>" if plain else found[0]

    return re.sub("[\x00\ud800-\udfff]", "\ufffd", TAG.sub(value, text))


@given(TEXTS)
def test_mustache_renders_alike(text: str) -> None:
    (plan,) = plan_import([Imported("test", "a", (ImportedVersion(1, text, Syntax.MUSTACHE),))])
    source = plan.steps[0].source
    assert source is not None, plan.steps[0].notes
    read = read_template(source, template_path(plan.name)).template
    assert read is not None
    old = read.metadata["imported"].get("variables", {})
    values = {name: f"<{old.get(name, name)}>" for name in read.variables}
    assert render(read, {}, values, strict=True).text == there(text)


@given(st.lists(st.tuples(st.text(min_size=1, max_size=20), st.one_of(TEXTS, st.none())), min_size=1, max_size=5))
@example([("\x00", None), ("\ud800", "x")])
def test_messages_of_any_role_and_name_are_accepted(said: list[tuple[str, str | None]]) -> None:
    body = tuple(Slot(word) if text is None else Speech(word, text) for word, text in said)
    (plan,) = plan_import([Imported("test", said[0][0], (ImportedVersion(1, body, Syntax.LANGFUSE),))])
    source = plan.steps[0].source
    assert source is not None, plan.steps[0].notes
    assert read_template(source, template_path(plan.name)).template is not None


@given(st.lists(st.text(min_size=1, max_size=30), min_size=1, max_size=8, unique=True))
def test_any_names_become_legal_names_that_do_not_collide(names: list[str]) -> None:
    plans = plan_import([Imported("test", name, (ImportedVersion(1, "x"),)) for name in names])
    assert [check_name(plan.name) for plan in plans] == [None] * len(names)
    assert len({plan.name.casefold() for plan in plans}) == len(names)


@given(TEXTS)
@example("\x1f\t\n")  # a control character beside a tab
def test_plain_text_stays_as_it_is(text: str) -> None:
    (plan,) = plan_import([Imported("test", "a", (ImportedVersion(1, text),))])
    source = plan.steps[0].source
    assert source is not None
    read = read_template(source, template_path(plan.name)).template
    assert read is not None
    assert render(read, {}, {}).text == re.sub("[\x00\ud800-\udfff]", "\ufffd", text)

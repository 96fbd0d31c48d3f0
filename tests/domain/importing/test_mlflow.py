"""MLflow's prompts become templates that render as MLflow renders them."""

from typing import Any

import pytest

from registry.domain.importing.imported import SourceUnreadable
from registry.domain.importing.mlflow import gather
from registry.domain.importing.plans import plan_import
from registry.domain.names import template_path
from registry.domain.rendering import render
from registry.domain.template import Template
from registry.domain.template_file import read_template
from tests.cli.mlflow_peer import model, version


def template(text: str, **tags: str) -> Template:
    (plan,) = plan_import(gather([model("a")], [version("a", text, tags=tags)], "there").prompts)
    source = plan.steps[0].source
    assert source is not None, plan.steps[0].notes
    read = read_template(source, template_path(plan.name))
    assert read.template is not None, read.diagnostics
    return read.template


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("{{{이름}}} {{ 이름 }}", "{<v>} <v>"),
        ("{# no #} {{ x | y }} {{}} {% lone", "{# no #} {{ x | y }} {{}} {% lone"),
        ("{% if 이름 %}{{ 이름|upper }}{% endif %}", "<V>"),
    ],
)
def test_texts_render_alike(text: str, made: str) -> None:
    read = template(text)
    assert render(read, {}, dict.fromkeys(read.variables, "<v>")).text == made


@pytest.mark.parametrize(
    ("said", "output"),
    [
        ('{"type": "object", "title": "환불 Answer!"}', ("json_schema", "Answer")),
        ('{"type": "json_object"}', ("json", None)),
        ('{"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}}', ("json_schema", "n")),
    ],
)
def test_response_formats_become_outputs(said: str, output: tuple[str, str | None]) -> None:
    found = template("x", _mlflow_prompt_response_format=said).output
    assert found is not None
    assert (found["format"], found.get("name")) == output


@pytest.mark.parametrize(
    ("models", "versions"),
    [([1], []), ([{}], []), ([model("a")], [{"name": "a"}]), ([model("a")], [{"name": "a", "version": "0"}])],
)
def test_what_is_no_registry_is_told(models: list[Any], versions: list[Any]) -> None:
    with pytest.raises(SourceUnreadable, match="there lists something"):
        gather(models, versions, "there")


@pytest.mark.parametrize("odd", [1, True, 0.5, "text", {"key": "a"}, [1, None, {"key": 1, "alias": 1}]])
def test_tags_and_aliases_that_are_none_are_passed_over(odd: Any) -> None:
    found = gather([model("a") | {"aliases": odd}, {"name": "b", "tags": odd}], [version("a", "x")], "there")
    assert [(each.name, each.versions[0].labels) for each in found.prompts] == [("a", ())]
    found = gather([model("a")], [version("a", "x") | {"tags": odd}], "there")
    assert [each.what for each in found.left_out][:1] == ["a version 1"]

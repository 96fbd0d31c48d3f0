"""The long answers are made without their models: every field of the models is there, in the models' own spelling."""

from datetime import UTC, datetime

import orjson

from api.list_bodies import json_response, list_body, search_body
from api.schemas.search import SearchAnswer
from api.schemas.templates import TemplateList
from registry.domain.catalogue import Facts, Page, TemplateEntry
from registry.domain.diagnostics import Diagnostic, Place
from registry.domain.ids import CommitId, LabelName, TemplateName
from registry.domain.search import Highlight, Hit, SearchPage
from registry.domain.template import Status, TemplateType

COMMIT = CommitId("9c1f0a6d3b7e4c2f8a5d1e0b9c8f7a6d5e4c3b2a")
NAME = TemplateName("고객지원/환불")
FACTS = Facts(TemplateType.CHAT, "Sorts.", ("a", "b"), Status.DEPRECATED, TemplateName("x"), "openai/m", ("t",), 7)


def test_a_page_of_templates() -> None:
    whole = TemplateEntry(
        NAME,
        3,
        2,
        1,
        FACTS,
        labels={LabelName("production"): 1},
        owners=("@support",),
        commit=COMMIT,
        updated_at=datetime(2025, 3, 14, 9, 26, 53, 120, UTC),
        diagnostics=(Diagnostic("rule-x", "bad", "p.yaml", Place(3, 4)),),
    )
    bare = TemplateEntry(NAME, 1, None, None, None, updated_at=datetime(2025, 3, 14, 9, 26, 53, tzinfo=UTC))
    response = json_response(list_body(Page((whole, bare), "next")), COMMIT)
    body = TemplateList.model_validate_json(response.body)
    assert body.templates[0].type == "chat"
    assert orjson.loads(response.body) == body.model_dump(mode="json")
    assert response.headers["promptuary-commit"] == COMMIT


def test_a_page_of_hits() -> None:
    hit = Hit(
        name=NAME,
        score=-0.0,
        latest=2,
        facts=FACTS,
        owners=("@support",),
        labels={LabelName("production"): 1},
        highlights=(Highlight("body", "the refund", ((4, 10),)),),
    )
    page = SearchPage((hit,), 1, {"tag": (("a", 1), ("b", 1)), "label": ()}, exact=False, next_cursor=None)
    response = json_response(search_body(page), None)
    body = SearchAnswer.model_validate_json(response.body)
    assert orjson.loads(response.body) == body.model_dump(mode="json")
    assert b'"score":0.0' in response.body
    assert "promptuary-commit" not in response.headers

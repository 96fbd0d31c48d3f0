"""The OpenAPI document is exact: every operation, every answer, every example."""

import json
from typing import Any

import httpx
import jsonschema_rs
import pytest

from api.errors import TABLE
from api.problem_types import EDGE_PROBLEMS
from api.public_paths import is_public
from api.schemas.templates import DOCUMENT_EXAMPLE, SOURCE_EXAMPLE
from tests.api.conftest import Documented

OPERATIONS = {
    "/api/v1/sign-in": {"get", "post"},
    "/api/v1/session": {"get", "delete"},
    "/api/v1/sessions": {"get"},
    "/api/v1/sessions/{session}": {"delete"},
    "/api/v1/password": {"put"},
    "/api/v1/invitations": {"post"},
    "/api/v1/password-resets": {"post"},
    "/api/v1/users/{user}/password-link": {"post"},
    "/api/v1/join": {"post"},
    "/api/v1/identity-providers": {"get"},
    "/api/v1/identity-providers/{provider}": {"get", "put", "delete"},
    "/api/v1/repositories": {"get"},
    "/api/v1/repositories/{repository}/templates": {"get"},
    "/api/v1/repositories/{repository}/templates/{name}": {"get", "put", "delete"},
    "/api/v1/repositories/{repository}/versions/{name}": {"get"},
    "/api/v1/repositories/{repository}/versions/{name}/{number}": {"get"},
    "/api/v1/repositories/{repository}/diff/{name}": {"get"},
    "/api/v1/repositories/{repository}/blame/{name}": {"get"},
    "/api/v1/repositories/{repository}/resolve/{digest}": {"get"},
    "/api/v1/repositories/{repository}/bundle": {"get"},
    "/api/v1/repositories/{repository}/render/{name}": {"post"},
    "/api/v1/repositories/{repository}/move/{name}": {"post"},
    "/api/v1/repositories/{repository}/check": {"post"},
    "/api/v1/repositories/{repository}/validate": {"post"},
    "/api/v1/repositories/{repository}/commits": {"post"},
    "/api/v1/repositories/{repository}/imports": {"post"},
    "/api/v1/repositories/{repository}/branches": {"get", "post"},
    "/api/v1/repositories/{repository}/branches/{name}": {"get", "delete"},
    "/api/v1/repositories/{repository}/labels": {"get"},
    "/api/v1/repositories/{repository}/labels/{label}": {"get"},
    "/api/v1/repositories/{repository}/labels/{label}/{name}": {"get", "put", "delete"},
    "/api/v1/repositories/{repository}/promotions": {"post"},
    "/api/v1/repositories/{repository}/rollbacks": {"post"},
    "/api/v1/repositories/{repository}/search": {"get"},
    "/api/v1/repositories/{repository}/search/suggestions": {"get"},
    "/api/v1/repositories/{repository}/reads": {"get"},
    "/api/v1/repositories/{repository}/events": {"get"},
    "/api/v1/repositories/{repository}/index": {"get"},
    "/api/v1/key": {"get"},
    "/api/v1/api-keys": {"get", "post"},
    "/api/v1/api-keys/{key}": {"delete"},
    "/api/v1/api-keys/{key}/rotation": {"post"},
    "/api/v1/users": {"get"},
    "/api/v1/users/{user}": {"get", "put", "delete"},
    "/api/v1/groups": {"get"},
    "/api/v1/groups/{group}": {"put", "delete"},
    "/api/v1/grants": {"get", "post"},
    "/api/v1/grants/{grant}": {"delete"},
    "/api/v1/audit": {"get"},
    "/api/v1/audit/export": {"get"},
    "/api/v1/audit/verification": {"get"},
    "/oauth/device": {"post"},
    "/oauth/token": {"post"},
    "/oauth/revoke": {"post"},
    "/.well-known/jwks.json": {"get"},
    "/.well-known/oauth-authorization-server": {"get"},
    "/livez": {"get"},
    "/readyz": {"get"},
    "/metrics": {"get"},
    "/schemas/prompt-v1.json": {"get"},
}


@pytest.fixture
def document(documented: Documented) -> dict[str, Any]:
    return documented.document


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(path, method, op) for path, methods in document["paths"].items() for method, op in methods.items()]


def test_every_operation_is_there(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    assert {path: set(methods) for path, methods in document["paths"].items()} == OPERATIONS


def test_every_operation_says_who_may_and_what_it_is(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        assert operation.get("security") == (None if is_public(path) else [{"key": []}, {"session": []}]), path
        assert operation["summary"], path
        assert operation["description"], (path, method)
        assert len({op["operationId"] for _, _, op in operations(document)}) == len(operations(document))


def test_every_operation_documents_the_problems_that_it_can_answer(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        if is_public(path):
            continue
        statuses = set(operation["responses"])
        assert {"401", "500", "503"} <= statuses, path
        if "{repository}" in path:
            assert {"400", "404"} <= statuses, path
        if "{repository}" not in path:
            continue
        if method in {"put", "delete"} or path.endswith(("/rollbacks", "/promotions", "/commits")) or "/move/" in path:
            assert {"403", "409", "413", "422"} <= statuses, path


def test_no_operation_keeps_a_guess_of_the_framework(document: dict[str, Any]) -> None:
    assert "HTTPValidationError" not in str(document)


def test_every_answer_has_an_example_that_fits_its_schema(document: dict[str, Any]) -> None:
    checked = 0
    for path, method, operation in operations(document):
        for status, response in operation["responses"].items():
            for content in response.get("content", {}).values():
                examples = examples_of(document, content)
                assert examples, (path, method, status)
                schema = {**content["schema"], "components": document["components"]}
                for example in examples:
                    jsonschema_rs.Draft202012Validator(schema).validate(example)
                    checked += 1
    assert checked > 100


def test_every_body_that_is_sent_has_an_example(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        for content in operation.get("requestBody", {}).get("content", {}).values():
            examples = examples_of(document, content)
            assert examples, (path, method)
            schema = {**content["schema"], "components": document["components"]}
            for example in examples:
                jsonschema_rs.Draft202012Validator(schema).validate(example)


def test_the_events_of_the_example_are_documented(document: dict[str, Any]) -> None:
    [content] = document["paths"]["/api/v1/repositories/{repository}/events"]["get"]["responses"]["200"][
        "content"
    ].values()
    told = [line.removeprefix("data: ") for line in content["example"].splitlines() if line.startswith("data: ")]
    schema = {**content["schema"]["contentSchema"], "components": document["components"]}
    for data in told:
        jsonschema_rs.Draft202012Validator(schema).validate(json.loads(data))
    assert told


async def test_the_files_of_the_examples_pass_the_gate(client: httpx.AsyncClient) -> None:
    answer = await client.post("/validate", json={"files": {"prompts/support/brief.prompt.yaml": SOURCE_EXAMPLE}})
    assert answer.json()["diagnostics"] == []
    written = await client.put("/templates/support/new", json=DOCUMENT_EXAMPLE, headers={"If-None-Match": "*"})
    assert written.status_code == 201, written.text


def test_parameters_of_one_form_have_its_pattern(document: dict[str, Any]) -> None:
    """Without it neither a reader nor a generated client knows what is taken."""
    patterns = {
        (parameter["name"], parameter["schema"].get("pattern"))
        for _, _, operation in operations(document)
        for parameter in operation.get("parameters", [])
        if parameter["name"] in {"min_commit", "idempotency-key"}
    }
    assert patterns == {("min_commit", "^[0-9a-f]{40}$"), ("idempotency-key", "^[!-~]([ -~]{0,253}[!-~])?$")}


def test_every_parameter_is_described(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        for parameter in operation.get("parameters", []):
            assert parameter.get("description"), (path, method, parameter["name"])


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    def references(node: Any) -> list[str]:
        if isinstance(node, dict):
            own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
            return own + [ref for value in node.values() for ref in references(value)]
        return [ref for value in node for ref in references(value)] if isinstance(node, list) else []

    for reference in set(references(document)):
        target: Any = document
        for part in reference.removeprefix("#/").split("/"):
            target = target[part]


def test_problem_examples_are_those_of_the_table(document: dict[str, Any]) -> None:
    names = {kind.name for kind in TABLE.values()}
    shown = {
        name
        for _, _, operation in operations(document)
        for response in operation["responses"].values()
        for name in response.get("content", {}).get("application/problem+json", {}).get("examples", {})
    }
    before = {"route-not-found", "invalid-body", "unsupported-media-type"} | {k.name for k in EDGE_PROBLEMS.values()}
    assert shown <= names | before


async def test_the_template_schema_is_published(anonymous: httpx.AsyncClient) -> None:
    answer = await anonymous.get("/schemas/prompt-v1.json")
    assert answer.headers["content-type"] == "application/schema+json"
    jsonschema_rs.Draft202012Validator(answer.json())
    assert answer.json()["$schema"].startswith("https://json-schema.org/draft/2020-12")


async def test_the_documentation_page_has_nothing_inline(anonymous: httpx.AsyncClient) -> None:
    page = await anonymous.get("/docs")
    policy = page.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert "<script>" not in page.text
    assert "style=" not in page.text
    assert "http://" not in page.text
    assert "https://" not in page.text
    for asset in ("swagger-ui-bundle.js", "swagger-ui.css", "start.js", "icon.svg", "docs.css"):
        assert (await anonymous.get(f"/docs/assets/{asset}")).status_code == 200
    assert (await anonymous.get("/docs/assets/%2e%2e%2fapp.py")).status_code == 404
    assert (await anonymous.get("/docs/assets/nothing")).status_code == 404


async def test_the_error_page_has_a_place_for_each_type(anonymous: httpx.AsyncClient) -> None:
    page = await anonymous.get("/docs/errors")
    for kind in TABLE.values():
        assert f'id="{kind.name}"' in page.text
    assert "Send <code>If-Match</code> with the ETag" in page.text
    assert "`" not in page.text


def examples_of(document: dict[str, Any], content: dict[str, Any]) -> list[Any]:
    """Those beside the schema, else the schema's own."""
    if "example" in content:
        return [content["example"]]
    schema = content["schema"]
    name = schema.get("$ref", "").rpartition("/")[2]
    own: list[Any] = document["components"]["schemas"].get(name, schema).get("examples", [])
    return [each["value"] for each in content.get("examples", {}).values()] or own

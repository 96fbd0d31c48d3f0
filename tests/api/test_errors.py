"""The table from error to status is complete, and its documentation is the same table."""

from pathlib import Path

import orjson
import pytest

from api.errors import HTTP_PROBLEMS, TABLE, error_answer, moved_location, problem_types, type_of
from api.errors_page import errors_page
from registry.domain import errors
from registry.domain.diagnostics import Diagnostic, Place

PAGE = Path(__file__).parents[2] / "docs" / "errors.md"


def subclasses(cls: type) -> set[type]:
    return {cls}.union(*(subclasses(child) for child in cls.__subclasses__()))


def test_every_error_of_the_domain_has_a_type_of_its_own() -> None:
    domain = {cls for cls in subclasses(errors.PromptuaryError) if cls.__module__ == errors.__name__}
    assert domain == set(TABLE)
    assert len({kind.name for kind in TABLE.values()}) == len(TABLE)


def test_a_class_that_is_not_in_the_table_is_told_as_the_nearest_above() -> None:
    class Odd(errors.Conflict):
        """Odd."""

    assert type_of(Odd()) is TABLE[errors.Conflict]


def test_the_documentation_is_the_table() -> None:
    assert PAGE.read_text(encoding="utf-8") == errors_page(), "python -m api.errors_page > docs/errors.md"
    assert all(f"\n## {kind.name}\n" in errors_page() for kind in problem_types())


@pytest.mark.parametrize(
    ("error", "status", "members"),
    [
        (errors.TemplateNotFound("No x.", nearest=["y"]), 404, {"nearest": ["y"]}),
        (errors.TemplateGone("Gone.", last_version=4), 410, {"last_version": 4}),
        (errors.TemplateMoved("Moved.", to="b"), 308, {"to": "b"}),
        (errors.PreconditionFailed("Changed.", etag='"v3.a.b"', version=3), 412, {"etag": '"v3.a.b"', "version": 3}),
        (
            errors.VariablesInvalid("Bad.", problems=[("x", "is missing")]),
            422,
            {"problems": [{"field": "x", "message": "is missing"}]},
        ),
        (errors.Unavailable(), 503, {}),
    ],
)
def test_what_an_error_carries_is_told(error: errors.PromptuaryError, status: int, members: dict[str, object]) -> None:
    answer = error_answer(error, instance="/x", request_id="r")
    body = orjson.loads(answer.body)
    assert (answer.status, body["status"], body["detail"], body["request_id"]) == (status, status, error.message, "r")
    assert members.items() <= body.items()


def test_diagnostics_have_their_place() -> None:
    refused = errors.Refused("No.", diagnostics=[Diagnostic("rule-x", "bad", "p.yaml", Place(3, 4))])
    body = orjson.loads(error_answer(refused, instance="/", request_id="r").body)
    assert body["diagnostics"] == [
        {"rule": "rule-x", "message": "bad", "path": "p.yaml", "line": 3, "column": 4, "severity": "error"}
    ]


def test_headers_that_belong_to_a_status() -> None:
    def headers(error: errors.PromptuaryError, **more: str) -> dict[bytes, bytes]:
        return dict(error_answer(error, instance="/", request_id="r", **more).headers)

    assert headers(errors.Unauthenticated())[b"www-authenticate"] == b'Bearer realm="Promptuary"'
    assert int(headers(errors.Unavailable())[b"retry-after"]) > 0
    assert headers(errors.PreconditionFailed(etag='"v1.a.b"'))[b"etag"] == b'"v1.a.b"'
    assert headers(errors.TemplateMoved("x", to="b"), location="/b")[b"location"] == b"/b"


def test_undecodable_text_does_not_break_the_answer() -> None:
    answer = error_answer(errors.BadRequest("bad \udcff"), instance="/\udcff", request_id="r")
    assert orjson.loads(answer.body)["detail"] == "bad \\udcff"


def test_moved_locations() -> None:
    assert moved_location("/r/templates/a b", "a b", "c/d é", "x=1") == "/r/templates/c/d%20%C3%A9?x=1"
    assert moved_location("/r/versions/a/1/12", "a/1", "b", "") == "/r/versions/b/12"


def test_statuses_of_the_framework_are_problems_too() -> None:
    assert {400, 404, 405, 413, 415, 422, 500} <= set(HTTP_PROBLEMS)

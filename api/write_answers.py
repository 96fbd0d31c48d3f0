"""Writing a template: the one function behind the documented route and the hot path."""

from collections.abc import Mapping
from dataclasses import dataclass

from api.answer_cache import AnswerCache
from api.answers import Answer, make_answer
from api.indexed import commit_header
from api.schemas.templates import PutQuery, TemplateWritten
from registry.bootstrap import Registry
from registry.domain.access import Actor
from registry.domain.ids import RepositoryName, TemplateName
from registry.domain.request_keys import RequestKey
from registry.domain.template import Json


@dataclass(frozen=True, slots=True)
class Put:
    """What is put where, and which state it may replace, as the headers of the same names say it."""

    repository: RepositoryName
    name: TemplateName
    source: bytes | Mapping[str, Json]
    if_match: str | None = None
    if_none_match: str | None = None


async def put_answer(
    registry: Registry,
    answers: AnswerCache,
    put: Put,
    query: PutQuery,
    *,
    actor: Actor,
    key: RequestKey | None = None,
) -> Answer:
    """Writes a template; the answer says that it is committed, durable and readable. Raises as the service does."""
    written = await registry.edits.put(
        put.repository,
        put.name,
        put.source,
        actor=actor,
        message=query.message,
        branch=query.branch,
        if_match=put.if_match,
        if_none_match=put.if_none_match,
        breaking=query.breaking,
        key=key,
    )
    answers.bump(put.repository)
    return make_answer(
        TemplateWritten.from_domain(written).model_dump_json().encode(),
        status=201 if written.created else 200,
        etag=written.etag or None,
        headers=commit_header(written.commit),
    )

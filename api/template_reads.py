"""Reading a template: the one function behind the documented route and the hot path."""

import orjson

from api.answers import JSON, YAML, Answer, make_answer
from registry.bootstrap import Registry
from registry.domain.ids import RepositoryName
from registry.domain.names import parse_name
from registry.domain.selectors import Selector
from registry.services.templates import TemplateRead

COMMIT_HEADER = "promptuary-commit"
VERSION_HEADER = "promptuary-version"


async def read_answer(
    registry: Registry, repository: RepositoryName, name: str, selector: Selector, accept: bytes = b""
) -> Answer:
    """The template as JSON, or its source alone where ``accept`` asks for YAML.

    Raises BadRequest for a name that is none, TemplateNotFound, TemplateGone, TemplateMoved, VersionNotFound,
    LabelNotFound, RevisionNotFound, Unavailable.
    """
    # Before the read, so that the header never promises a commit that the body has not seen.
    checkpoint = await registry.indexing.checkpoint(repository)
    read = await registry.templates.read(repository, parse_name(name), selector)
    headers: dict[str, str] = {}
    if checkpoint is not None:
        headers[COMMIT_HEADER] = checkpoint.commit
    if wants_yaml(accept):
        headers["x-content-type-options"] = "nosniff"
        if read.version is not None:
            headers[VERSION_HEADER] = str(read.version)
        return make_answer(read.source.encode(), media_type=YAML, etag=yaml_etag(read.etag), headers=headers)
    return make_answer(orjson.dumps(template_body(read)), media_type=JSON, etag=read.etag, headers=headers)


def template_body(read: TemplateRead) -> dict[str, object]:
    """The fields of ``schemas.templates.TemplateBody``."""
    return {
        "name": read.name,
        "version": read.version,
        "commit": read.commit,
        "digest": read.digest,
        "labels": list(read.labels),
        "reference": read.reference,
        "source": read.source,
        "document": read.document,
        "partials": dict(read.partials),
        "status": read.status.value,
        "replaced_by": read.replaced_by,
        "updated_at": read.updated_at,
        "author": {"name": read.author_name, "email": read.author_email},
        "message": read.message,
        "cause": read.cause,
        "moved_from": read.moved_from,
    }


def wants_yaml(accept: bytes) -> bool:
    """Whether an Accept header names YAML, and does not name JSON before it."""
    if b"yaml" not in accept:
        return False
    named = [kind.split(b";")[0].strip() for kind in accept.lower().split(b",")]
    wanted = [kind for kind in named if kind in {b"application/yaml", b"application/json", b"text/yaml"}]
    return bool(wanted) and wanted[0] != b"application/json"


def yaml_etag(etag: str) -> str:
    """The ETag of the source alone: another one, because the bytes are others; If-Match takes both."""
    return f'{etag[:-1]}-yaml"'

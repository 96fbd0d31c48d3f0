"""Reading a template: the one function behind the documented route and the hot path."""

import re
from dataclasses import replace

import orjson

from api.answers import FROM_GIT, JSON, YAML, Answer, json_bytes, make_answer
from api.indexed import commit_header, indexed_commit
from registry.bootstrap import Registry
from registry.domain.errors import Unavailable
from registry.domain.ids import RepositoryName
from registry.domain.names import parse_name
from registry.domain.reads import ReadState
from registry.domain.rights import EVERYTHING, Sight
from registry.domain.selectors import Selector
from registry.services.templates import TemplateRead

VERSION_HEADER = "promptuary-version"

_OFFERED = {b"application/yaml": True, b"text/yaml": True, b"application/json": False}
_QUALITY = re.compile(rb"q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)")


async def read_answer(
    registry: Registry,
    repository: RepositoryName,
    name: str,
    selector: Selector,
    accept: bytes = b"",
    sight: Sight = EVERYTHING,
) -> Answer:
    """The template as JSON, or its source alone where ``accept`` asks for YAML; ``sight`` is the reader's.

    Raises BadRequest for a name that is none, TemplateNotFound, TemplateGone, TemplateMoved, VersionNotFound,
    LabelNotFound, RevisionNotFound, Unavailable.
    """
    if selector.ref is None and selector.at is None:
        read = await registry.templates.read(repository, parse_name(name), selector, sight)
        return _answer_of(repository, read, selector, accept, commit_header(read.indexed))
    # Before the read, so that the header never promises a commit that the body has not seen.
    headers = commit_header(await indexed_commit(registry, repository))
    read = await registry.templates.read(repository, parse_name(name), selector, sight)
    return _answer_of(repository, read, selector, accept, headers)


async def git_answer(
    registry: Registry, repository: RepositoryName, name: str, selector: Selector, accept: bytes = b""
) -> Answer:
    """The same from Git, without the catalogue, and marked so. Raises as ``read_answer``; Unavailable off the disk."""
    if registry.git_reads is None:
        raise Unavailable
    read = await registry.git_reads.read(repository, parse_name(name), selector)
    return _answer_of(repository, read, selector, accept, commit_header(read.indexed)).marked(FROM_GIT)


def _answer_of(
    repository: RepositoryName, read: TemplateRead, selector: Selector, accept: bytes, headers: dict[str, str]
) -> Answer:
    state = ReadState(repository, read.name, read.version, selector.label)
    if wants_yaml(accept):
        headers["x-content-type-options"] = "nosniff"
        if read.version is not None:
            headers[VERSION_HEADER] = str(read.version)
        return make_answer(
            read.source.encode(), media_type=YAML, etag=yaml_etag(read.etag), headers=headers, read=state
        )
    body = json_bytes(template_body(read))
    return make_answer(body, media_type=JSON, etag=read.etag, headers=headers, read=state, former=read.moved_from)


def is_seen_whole(answer: Answer, sight: Sight) -> bool:
    """Whether a reader of the template may read all that an answer tells, the name before its own included."""
    return answer.former is None or sight.has(answer.former)


def as_seen(answer: Answer, sight: Sight) -> Answer:
    """The answer, which others are given as well, without a former name that this reader does not see."""
    if is_seen_whole(answer, sight):
        return answer
    body = json_bytes({**orjson.loads(answer.body), "moved_from": None})
    length = b"%d" % len(body)
    headers = tuple((name, length if name == b"content-length" else value) for name, value in answer.headers)
    return replace(answer, body=body, headers=headers, former=None)


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
    """Whether an Accept header wants YAML more than JSON: by its q-values, and by order where they are equal."""
    if b"yaml" not in accept:
        return False
    best, yaml = 0.0, False
    for kind, *parameters in (each.split(b";") for each in accept.lower().split(b",")):
        quality = next((_quality(p) for p in parameters if p.strip().startswith(b"q=")), 1.0)
        if kind.strip() in _OFFERED and quality > best:
            best, yaml = quality, _OFFERED[kind.strip()]
    return yaml


def _quality(parameter: bytes) -> float:
    """The value of ``q=0.5``, between 0 and 1; 0 where it is none."""
    found = _QUALITY.fullmatch(parameter.strip())
    return float(found[1]) if found else 0.0


def yaml_etag(etag: str) -> str:
    """The ETag of the source alone: another one, because the bytes are others; If-Match takes both."""
    return f'{etag[:-1]}-yaml"'

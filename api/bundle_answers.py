"""Bundles as ready bytes, made in slices and kept compressed, so that a thousand templates hold nobody up."""

import asyncio
import gzip
import re

import orjson

from api.answer_cache import AnswerCache, Key
from api.answers import Answer, make_answer
from api.indexed import commit_header
from api.template_reads import template_body
from registry.bootstrap import Registry
from registry.domain.ids import LabelName, RepositoryName

GZIP = "gzip"
LEVEL = 5
"""A level more costs half as much time again for a hundredth of the bytes."""

_GZIP = re.compile(r"(?:^|,)\s*(?:x-)?gzip\s*(?:;\s*q=([0-9.]+)\s*)?(?=,|$)", re.IGNORECASE)


async def bundle_answer(
    registry: Registry,
    answers: AnswerCache,
    repository: RepositoryName,
    label: LabelName | None,
    folder: str | None,
    *,
    compressed: bool,
    if_none_match: bytes,
) -> Answer:
    """The bundle as JSON, or a 304; made once for all who ask while nothing changes.

    Raises LabelNotFound, BadRequest, Unavailable.
    """

    async def head() -> Answer:
        bundle = await registry.bundles.find(repository, label, folder)
        return make_answer(b"", etag=bundle.etag, headers={**commit_header(bundle.commit), "vary": "accept-encoding"})

    async def whole() -> Answer:
        bundle = await registry.bundles.find(repository, label, folder)
        parts = [orjson.dumps(template_body(read)) async for read in registry.bundles.reads(repository, bundle)]
        about = orjson.dumps({"commit": bundle.commit, "label": bundle.label})
        body = b"".join((about[:-1], b',"templates":[', b",".join(parts), b"]}"))
        headers = {**commit_header(bundle.commit), "vary": "accept-encoding"}
        if compressed:
            body = await asyncio.to_thread(gzip.compress, body, LEVEL, mtime=0)
            headers["content-encoding"] = GZIP
        return make_answer(body, etag=bundle.etag, headers=headers)

    if if_none_match:
        # Without the templates first: whoever asks again after a commit elsewhere has them already.
        key = _key(repository, label, folder, b"head")
        known = answers.find(key) or await answers.fetch(repository, key, head)
        if (matched := known.matched(if_none_match)).status == 304:
            return matched
    key = _key(repository, label, folder, b"gzip" if compressed else b"plain")
    answer = answers.find(key) or await answers.fetch(repository, key, whole)
    return answer.matched(if_none_match)


def takes_gzip(accept_encoding: str) -> bool:
    """Whether an Accept-Encoding header allows gzip."""
    found = _GZIP.search(accept_encoding)
    return found is not None and (found[1] is None or bool(found[1].strip("0.")))


def _key(repository: RepositoryName, label: LabelName | None, folder: str | None, form: bytes) -> Key:
    """No path of a request begins so."""
    return f"bundle:{repository}".encode(), f"{label or ''}\0{folder or ''}".encode(), form

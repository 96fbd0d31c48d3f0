"""Bundles as ready bytes, made in slices and kept compressed, so that a thousand templates hold nobody up."""

import asyncio
from contextlib import suppress
from functools import partial

from api.answer_cache import AnswerCache, Key
from api.answers import Answer, json_bytes, make_answer
from api.content_codings import Coding, encode
from api.indexed import commit_header
from api.template_reads import template_body
from registry.bootstrap import Registry
from registry.domain.errors import Unavailable
from registry.domain.ids import LabelName, RepositoryName
from registry.domain.rights import Sight
from registry.services.bundles import Bundle

KEPT_SECONDS = 3_600.0
"""How long the bytes of a bundle are kept for other processes; with the next commit there are others."""


async def bundle_answer(
    registry: Registry,
    answers: AnswerCache,
    repository: RepositoryName,
    label: LabelName | None,
    folder: str | None,
    sight: Sight,
    *,
    coding: Coding,
    if_none_match: bytes,
) -> Answer:
    """The bundle as JSON, or a 304; made once for all who ask while nothing changes.

    Its ETag is the same in every coding, as it may be, being weak. Raises LabelNotFound, BadRequest, Unavailable.
    """

    async def head() -> Answer:
        return _answer(b"", await registry.bundles.find(repository, label, folder, sight), Coding.IDENTITY)

    async def whole() -> Answer:
        bundle = await registry.bundles.find(repository, label, folder, sight)
        # All that the bytes depend on, so that every process may use what one has made.
        key = f"bundle:{repository}:{bundle.commit}:{bundle.etag}:{coding}"
        body = await registry.cache.fetch(
            key, partial(_body, registry, repository, bundle, coding), seconds=KEPT_SECONDS
        )
        return _answer(body, bundle, coding)

    if if_none_match:
        # Without the templates first: whoever asks again after a commit elsewhere has them already.
        key = _key(repository, label, folder, sight, b"head")
        with suppress(Unavailable):  # the whole one may be known
            known = answers.find(key) or await answers.fetch(repository, key, head)
            if (matched := known.matched(if_none_match)).status == 304:
                return matched
    key = _key(repository, label, folder, sight, coding.encode())
    answer = answers.find(key) or await answers.fetch(repository, key, whole)
    return answer.matched(if_none_match)


async def _body(registry: Registry, repository: RepositoryName, bundle: Bundle, coding: Coding) -> bytes:
    parts = [json_bytes(template_body(read)) async for read in registry.bundles.reads(repository, bundle)]
    about = json_bytes({"commit": bundle.commit, "label": bundle.label})
    body = b"".join((about[:-1], b',"templates":[', b",".join(parts), b"]}"))
    return body if coding is Coding.IDENTITY else await asyncio.to_thread(encode, body, coding)


def _answer(body: bytes, bundle: Bundle, coding: Coding) -> Answer:
    headers = {**commit_header(bundle.commit), "vary": "accept-encoding"}
    if coding is not Coding.IDENTITY:
        headers["content-encoding"] = coding.value
    return make_answer(body, etag=bundle.etag, headers=headers)


def _key(repository: RepositoryName, label: LabelName | None, folder: str | None, sight: Sight, form: bytes) -> Key:
    """No path of a request begins so."""
    wanted = (label or "", folder or "", *(sight.folders or ()))
    return f"bundle:{repository}".encode(), "\0".join(wanted).encode(), form

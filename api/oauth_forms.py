"""The forms that OAuth's clients send, and how they are told what is wrong (RFC 6749, 5.2)."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse

from api.denied_requests import note_denial
from api.json_bodies import check_encoding
from registry.domain.access_tokens import CLIENT, OAuthFault, OAuthRefusal
from registry.domain.denied import FAULTS_OF_RIGHTS
from registry.domain.roles import Scope

FORM = "application/x-www-form-urlencoded"
MAX_BYTES = 16_384
MAX_FIELDS = 50
NO_STORE = {"cache-control": "no-store"}

_NOT_SAID = re.compile(r"[^ !#-\[\]-~]")
"""Letters that an ``error_description`` may not have."""


async def form_of(request: Request) -> Mapping[str, str]:
    """The fields of a request's form; one without a value is none. Raises OAuthRefusal, and HTTPException (415)."""
    check_encoding(request)
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != FORM:
        raise OAuthRefusal(OAuthFault.INVALID_REQUEST, f"The Content-Type has to be {FORM}.")
    body = await request.body()
    try:
        pairs = parse_qsl(body.decode(), max_num_fields=MAX_FIELDS, errors="strict") if len(body) <= MAX_BYTES else None
    except ValueError:
        pairs = None
    if pairs is None:
        raise OAuthRefusal(OAuthFault.INVALID_REQUEST, "The form cannot be read, or is too long.")
    found = dict(pairs)
    if len(found) < len(pairs):
        raise OAuthRefusal(OAuthFault.INVALID_REQUEST, "A field is given more than once: give it once.")
    return found


def required(form: Mapping[str, str], name: str) -> str:
    """A field that has to be there. Raises OAuthRefusal."""
    if name not in form:
        raise OAuthRefusal(OAuthFault.INVALID_REQUEST, f"The field {name} is missing.")
    return form[name]


def check_client(form: Mapping[str, str]) -> None:
    """Raises OAuthRefusal for another client than the one that there is."""
    if required(form, "client_id") != CLIENT:
        raise OAuthRefusal(OAuthFault.INVALID_CLIENT, f"There is one client here: client_id is {CLIENT}.")


def scope_of(form: Mapping[str, str]) -> Scope | None:
    """The scope that is asked for; None where none is. Raises OAuthRefusal."""
    if "scope" not in form:
        return None
    try:
        return Scope(form["scope"])
    except ValueError as error:
        known = ", ".join(Scope)
        raise OAuthRefusal(
            OAuthFault.INVALID_SCOPE, f"The scope is one of {known}; each has those before it."
        ) from error


def refused(refusal: OAuthRefusal, request: Request) -> JSONResponse:
    """The answer that tells a client why it gets no token."""
    if refusal.fault in FAULTS_OF_RIGHTS:
        note_denial(request.scope, refusal.fault)
    said = {"error": refusal.fault.value, "error_description": _NOT_SAID.sub("?", refusal.message)}
    return JSONResponse(said, 400, NO_STORE)


def form_body(properties: Mapping[str, Mapping[str, Any]], *needed: str, **sent: str) -> dict[str, Any]:
    """How a form is documented, with an example of what is ``sent``."""
    schema = {"type": "object", "properties": properties, "required": list(needed), "examples": [sent]}
    return {"requestBody": {"required": True, "content": {FORM: {"schema": schema}}}}

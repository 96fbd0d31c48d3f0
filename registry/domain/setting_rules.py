"""Rules for what stands beside the text: tags, status, model, tools, output, and what no file may hold."""

import re
import unicodedata

import jsonschema_rs
import orjson

from registry.domain.names import check_name, template_name
from registry.domain.rule_check import Check, leaves
from registry.domain.template import Json
from registry.domain.template_builder import escape_pointer
from registry.domain.wording import shown

_CREDENTIALS = frozenset({
    "apikey", "apitoken", "apisecret", "accesstoken", "accesskey", "accesskeyid", "authtoken", "authorization",
    "bearertoken", "clientsecret", "credential", "credentials", "passphrase", "passwd", "password", "privatekey",
    "refreshtoken", "secret", "secretaccesskey", "secretkey", "sessiontoken", "openaiapikey", "anthropicapikey",
})  # fmt: skip
_ENDPOINTS = frozenset({
    "apibase", "apiendpoint", "apihost", "apiurl", "azureendpoint", "baseurl", "endpoint", "endpointurl", "httpproxy",
    "httpsproxy", "proxy", "proxyurl", "serverurl", "serviceurl",
})  # fmt: skip
_MODEL_ENDPOINTS = _ENDPOINTS | {"url", "uri", "host", "hostname", "server", "token", "headers", "extraheaders"}
_LOOKUP = re.compile(
    r"\$\{\{?\s*(?:env|secrets?|vars)\s*[.:]|\$env:|\$\{[A-Za-z_][A-Za-z0-9_]*\}|^\s*\$[A-Z_][A-Z0-9_]*\s*$"
    r"|\bos\.environ\b|\bprocess\.env\b|\bgetenv\(|^\s*(?:env|ENV)[:.][A-Za-z_]"
)
_HINT = re.compile(rb"\$|env|ENV|\{\{")
_ADDRESS = re.compile(r"\s*(?:https?|wss?)://", re.IGNORECASE)
_TAG = re.compile(r"[^\W_](?:[\w .:+&'()/-]*[\w)+])?")


def check_settings(check: Check) -> None:
    """What stands beside the text.

    Codes: tag-form, tag-duplicate, replaced-by, forbidden-field, environment-lookup, not-rendered, tool-name,
    tool-choice, json-schema.
    """
    _check_tags(check)
    _check_replacement(check)
    _check_tools(check)
    _check_schemas(check)
    for section, value in check.said.items():
        if section in {"model", "metadata"} or section.startswith("x-"):
            _check_fields(check, section, value)
        if section in {"model", "metadata", "tools", "output"} or section.startswith("x-"):
            _check_strings(check, section, value)
        elif section not in _KNOWN and not isinstance(value, dict | list):
            _check_key(check, section, f"/{section}", _ENDPOINTS)


_KNOWN = frozenset({
    "schema", "description", "type", "tags", "status", "replaced_by", "variables", "messages", "text", "tool_choice",
    "tests",
})  # fmt: skip


def _check_tags(check: Check) -> None:
    seen: dict[str, str] = {}
    for index, tag in enumerate(check.template.tags):
        if not _TAG.fullmatch(tag) or not unicodedata.is_normalized("NFC", tag):
            message = f'"{tag}" is no tag: begin with a letter or digit, then letters, digits, spaces and _ . : + & - /'
            check.say("tag-form", message, f"/tags/{index}")
        key = unicodedata.normalize("NFKC", tag).casefold()
        if key in seen:
            check.say("tag-duplicate", f'"{tag}" is the same tag as "{seen[key]}": remove one', f"/tags/{index}")
        seen.setdefault(key, tag)


def _check_replacement(check: Check) -> None:
    replacement = check.template.replaced_by
    if replacement is None:
        return
    problem = check_name(replacement)
    if problem:
        check.say("replaced-by", f'"{replacement}" is no template name: {problem}', "/replaced_by")
    elif replacement == template_name(check.path):
        check.say("replaced-by", "a template cannot replace itself: name another one", "/replaced_by")


def _check_tools(check: Check) -> None:
    seen: set[str] = set()
    for index, tool in enumerate(check.said.get("tools", ()) if check.sound("tools") else ()):
        if not check.sound("tools", index):
            continue
        if tool["name"] in seen:
            check.say(
                "tool-name", f'another tool is called "{tool["name"]}": give each its own', f"/tools/{index}/name"
            )
        seen.add(tool["name"])
    choice = check.template.tool_choice
    if choice is None:
        return
    whole = check.sound("tools") and len(check.template.tools) == len(check.said.get("tools", ()))
    if not check.said.get("tools"):
        check.say(
            "tool-choice", "there are no tools to choose from: add tools, or take tool_choice out", "/tool_choice"
        )
    elif isinstance(choice, dict) and choice["name"] not in seen and whole:
        message = f'there is no tool "{choice["name"]}": there are {", ".join(sorted(seen))}'
        check.say("tool-choice", message, "/tool_choice/name")


def _check_schemas(check: Check) -> None:
    """Tool parameters and the output are JSON Schemas themselves; both describe objects."""
    for index, tool in enumerate(check.said.get("tools", ()) if check.sound("tools") else ()):
        if check.sound("tools", index) and "parameters" in tool:
            _check_schema(check, tool["parameters"], f"/tools/{index}/parameters")
    output = check.template.output
    if output is not None and "schema" in output:
        _check_schema(check, output["schema"], "/output/schema")


def _check_schema(check: Check, schema: Json, pointer: str) -> None:
    plain = {key: inner for key, inner in schema.items() if key != "$schema"}  # it would be fetched over the network
    try:
        jsonschema_rs.meta.validate(plain)
    except jsonschema_rs.ValidationError as error:
        below = "".join(f"/{escape_pointer(str(key))}" for key in error.instance_path)
        words = error.message[:200] if "anyOf" not in error.message else f"{shown(error.instance)} is not allowed here"
        check.say("json-schema", f"this is no JSON Schema (draft 2020-12): {words}", pointer + below)
        return
    if schema.get("type", "object") != "object":
        check.say("json-schema", "the schema must be of type object at its top", f"{pointer}/type")
    for below, key, target in leaves(schema, ""):
        if key == "$ref" and isinstance(target, str) and not _resolves(schema, target):
            message = "a $ref must point to a place within this schema, such as #/$defs/name"
            check.say("json-schema", message, pointer + below)


def _resolves(schema: Json, target: str) -> bool:
    """Whether a reference leads to a place of the schema; anchors are taken on trust."""
    if not target.startswith("#"):
        return False
    for step in target[2:].split("/") if target.startswith("#/") else ():
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(schema, list) and key.isdecimal() and int(key) < len(schema):
            schema = schema[int(key)]
        elif isinstance(schema, dict) and key in schema:
            schema = schema[key]
        else:
            return False
    return True


def _check_fields(check: Check, section: str, value: Json) -> None:
    """Keys that hold credentials or addresses, at any depth."""
    names = _MODEL_ENDPOINTS if section == "model" else _ENDPOINTS
    for pointer, key, inner in leaves(value, f"/{section}"):
        if key is not None:
            _check_key(check, key, pointer, names)
        if section == "model" and isinstance(inner, str) and _ADDRESS.match(inner):
            message = "an address stands here; where a provider is reached is set on the server: remove it"
            check.say("forbidden-field", message, pointer)


def _check_key(check: Check, key: str, pointer: str, endpoints: frozenset[str]) -> None:
    plain = re.sub(r"[\W_]", "", key).lower()
    if plain in _CREDENTIALS:
        message = f'"{key}" holds credentials, which no file in Git may: set them where the template is used'
        check.say("forbidden-field", message, pointer, key=True)
    elif plain in endpoints:
        message = f'"{key}" says where a provider is reached, which is set where the template is used: remove it'
        check.say("forbidden-field", message, pointer, key=True)


def _check_strings(check: Check, section: str, value: Json) -> None:
    if _HINT.search(orjson.dumps(value)) is None:  # most sections hold nothing that asks for a closer look
        return
    for pointer, _, inner in leaves(value, f"/{section}"):
        if not isinstance(inner, str):
            continue
        if _LOOKUP.search(inner):
            message = (
                "this looks a value up in the environment, which is not done here: declare a variable, or remove it"
            )
            check.say("environment-lookup", message, pointer)
        elif section in {"model", "tools", "output"} and "{{" in inner:
            message = f"only messages and text are rendered: in {section} this stays as it is written"
            check.warn("not-rendered", message, pointer)

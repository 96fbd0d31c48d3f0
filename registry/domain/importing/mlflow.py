"""MLflow's prompts, in the shapes of its REST API: registered models and model versions with tags of their own."""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from registry.domain.importing.imported import (
    Found,
    Imported,
    ImportedVersion,
    LeftOut,
    Slot,
    SourceUnreadable,
    Speech,
    Syntax,
)
from registry.domain.importing.model_settings import read_settings
from registry.domain.importing.remainders import KEY
from registry.domain.importing.source_values import mapping_of, number_of, read_message, shapes_in, text_of, time_of
from registry.domain.template import Json
from registry.domain.wording import shown

SOURCE = "mlflow"
IS_PROMPT = "mlflow.prompt.is_prompt"
TEXT = "mlflow.prompt.text"
KIND = "_mlflow_prompt_type"
OUTPUT = "_mlflow_prompt_response_format"
MODEL = "_mlflow_prompt_model_config"
_OWN = re.compile(rf"mlflow\.|_mlflow_|{KEY}(?:\.|\Z)")
_LONGEST_TAG = 64
_SCHEMA_WORDS = frozenset({"type", "properties", "$ref", "anyOf", "oneOf", "allOf", "enum"})


@dataclass(frozen=True, slots=True)
class _Model:
    """A registered model: what it says of all versions, and the aliases of each."""

    tags: Mapping[str, str]
    aliases: Mapping[int, tuple[str, ...]]


def gather(models: Iterable[Json], versions: Iterable[Json], where: str) -> Found:
    """Registered models and versions, in any order, as prompts. Raises SourceUnreadable where they are no such things.

    A version that cannot be read is left out. ``where`` is what messages call the server.
    """
    known = {name: model for name, model in (_model(each, where) for each in models) if IS_PROMPT in model.tags}
    found: defaultdict[str, dict[int, ImportedVersion]] = defaultdict(dict)
    left_out: list[LeftOut] = []
    for entry in versions:
        name, number = identity_of(entry, where)
        if name not in known:  # registered since the models were listed, or no prompt
            continue
        try:
            found[name][number] = _version(mapping_of(entry), number, known[name])
        except SourceUnreadable as error:
            left_out.append(LeftOut(f"{name} version {number}", str(error)))
    left_out += [LeftOut(name, "it has no version") for name in sorted(set(known) - set(found))]
    prompts = tuple(
        Imported(SOURCE, name, tuple(each for _, each in sorted(numbered.items())), _words(known[name].tags))
        for name, numbered in sorted(found.items())
        if numbered
    )
    return Found(prompts, tuple(left_out))


def _model(entry: Json, where: str) -> tuple[str, _Model]:
    said = mapping_of(entry)
    aliases: defaultdict[int, list[str]] = defaultdict(list)
    for alias, number in aliases_of(said).items():
        aliases[number].append(alias)
    return name_of(entry, where), _Model(
        tags_of(said), {number: tuple(sorted(words)) for number, words in aliases.items()}
    )


def name_of(entry: Json, where: str) -> str:
    """The name of a registered model. Raises SourceUnreadable where it is none."""
    name = text_of(mapping_of(entry).get("name"))
    if not name:
        raise SourceUnreadable(f"{where} lists something that is no registered model: check the address")
    return name


def identity_of(entry: Json, where: str) -> tuple[str, int]:
    """The name and number of a version. Raises SourceUnreadable where it is none."""
    said = mapping_of(entry)
    name, number = text_of(said.get("name")), number_of(said.get("version"))
    if not name or number is None:
        raise SourceUnreadable(f"{where} lists something that is no model version: check the address")
    return name, number


def tags_of(said: Mapping[str, Json]) -> dict[str, str]:
    """The tags of a registered model or a version; what is none is passed over."""
    pairs = _entries(said, "tags")
    return {each["key"]: text_of(each.get("value")) for each in pairs if isinstance(each.get("key"), str)}


def aliases_of(said: Mapping[str, Json]) -> dict[str, int]:
    """The aliases of a registered model, each with the number of its version; what is none is passed over."""
    pairs = ((each.get("alias"), number_of(each.get("version"))) for each in _entries(said, "aliases"))
    return {alias: number for alias, number in pairs if isinstance(alias, str) and number is not None}


def _entries(said: Mapping[str, Json], key: str) -> list[Mapping[str, Json]]:
    found = said.get(key)
    return [mapping_of(each) for each in found] if isinstance(found, list) else []


def _version(said: Mapping[str, Json], number: int, model: _Model) -> ImportedVersion:
    tags = tags_of(said)
    if TEXT not in tags:
        raise SourceUnreadable(f"it has no tag {TEXT}")
    notes: list[str] = []
    body = _body(tags, notes)
    config = mapping_of(_json(tags, MODEL))
    settings, rest = read_settings(config)
    settings |= _output(_json(tags, OUTPUT), notes)
    own = {key: value for key, value in tags.items() if not _OWN.match(key) and model.tags.get(key) != value}
    long = {key: value for key, value in model.tags.items() if not _OWN.match(key) and _word(key, value) is None}
    return ImportedVersion(
        number,
        body,
        _syntax(body),
        settings=settings,
        samples=shapes_in("".join(_texts(body))),
        metadata=rest | ({"tags": {**long, **own}} if own or long else {}) | _remainder(tags),
        labels=model.aliases.get(number, ()),
        author=text_of(said.get("user_id")),
        time=time_of(said.get("creation_timestamp")),
        message=text_of(said.get("description")),
        notes=tuple(notes),
    )


def _remainder(tags: Mapping[str, str]) -> dict[str, Json]:
    """What an export of ours put in, where that is JSON still."""
    try:
        return {KEY: json.loads(tags[KEY])} if KEY in tags else {}
    except (ValueError, RecursionError):
        return {}


def _body(tags: Mapping[str, str], notes: list[str]) -> str | tuple[Speech | Slot, ...]:
    if tags.get(KIND) != "chat":
        return tags[TEXT]
    messages = _json(tags, TEXT)
    if not isinstance(messages, list):
        raise SourceUnreadable("its text is no list of messages")
    return tuple(read_message(each, f"message {index + 1}", notes) for index, each in enumerate(messages))


def _syntax(body: str | tuple[Speech | Slot, ...]) -> Syntax:
    """MLflow renders with Jinja where a text has a block in it, and else replaces names in two braces."""
    return Syntax.JINJA if any("{%" in text and "%}" in text for text in _texts(body)) else Syntax.BRACES


def _texts(body: str | tuple[Speech | Slot, ...]) -> list[str]:
    return [body] if isinstance(body, str) else [each.text for each in body if isinstance(each, Speech)]


def _json(tags: Mapping[str, str], key: str) -> Json:
    if key not in tags:
        return None
    try:
        return json.loads(tags[key])
    except (ValueError, RecursionError):
        raise SourceUnreadable(f"its tag {key} is no JSON") from None


def _output(said: Json, notes: list[str]) -> dict[str, Json]:
    """A response format is a JSON Schema, or what OpenAI calls one."""
    if said is None:
        return {}
    settings, _ = read_settings({"response_format": said})
    if settings:
        return settings
    if not isinstance(said, Mapping) or not _SCHEMA_WORDS & said.keys():
        notes.append(f"the response format {shown(said)} is left out: it is no JSON Schema")
        return {}
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", text_of(said.get("title"))).strip("_")[:_LONGEST_TAG]
    return {"output": {"format": "json_schema", "name": name or "answer", "schema": dict(said)}}


def _words(tags: Mapping[str, str]) -> tuple[str, ...]:
    """The tags of a prompt, which are pairs there, as words."""
    pairs = ((key, value) for key, value in sorted(tags.items()) if not _OWN.match(key))
    return tuple(word for key, value in pairs if (word := _word(key, value)) is not None)


def _word(key: str, value: str) -> str | None:
    word = key if value in {"", "true"} else f"{key}:{value}"
    return word if len(word) <= _LONGEST_TAG and "\n" not in word else None

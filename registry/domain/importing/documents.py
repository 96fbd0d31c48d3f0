"""A version of another tool's prompt as a template file that the reader accepts, and what could not be carried over."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from registry.domain.diagnostics import Severity
from registry.domain.ids import TemplateName
from registry.domain.importing.imported import Imported, ImportedVersion
from registry.domain.importing.model_settings import maker_of
from registry.domain.importing.restoring import as_exported, restore
from registry.domain.importing.source_names import VariableKey, name_tag
from registry.domain.importing.texts_of_version import Naming, Texts, clean, write_texts
from registry.domain.includes import raw_includes, rename_include
from registry.domain.names import template_path
from registry.domain.prompt_schema import SCHEMA_WORD
from registry.domain.schema_variables import MAX_VARIABLES
from registry.domain.template import Json, Status, TemplateType, VariableType
from registry.domain.template_file import read_template
from registry.domain.template_text import write_document
from registry.domain.wording import shown

_LONGEST_DESCRIPTION = 4000
_ORDER = (
    "schema", "description", "type", "tags", "status", "replaced_by", "variables", "messages", "text", "model", "tools",
    "tool_choice", "output", "tests", "metadata",
)  # fmt: skip

Change = Callable[[dict[str, Json]], None]


@dataclass(frozen=True, slots=True)
class Converted:
    """``source`` is the file, None where no template can be made; ``notes`` are what could not be carried over."""

    source: bytes | None
    includes: frozenset[TemplateName]
    notes: tuple[str, ...]


def convert(prompt: Imported, version: ImportedVersion, name: TemplateName, naming: Naming) -> Converted:
    """The template file for a version, as ``template_file.read_template`` accepts it."""
    if version.template is not None:
        return _taken_over(version.template, version.notes, name, naming)
    restored = _restored(prompt, version, name, naming) if version.remainder is not None else None
    if restored is not None and restored.source is not None:
        return restored
    texts = write_texts(version, naming)
    document = _plain(prompt, version, naming, texts)
    notes = [*(restored.notes if restored else ()), *version.notes, *texts.notes]
    if (taken := len(document.get("variables", ()))) > MAX_VARIABLES:  # said before thousands are written and read
        too_many = f"no template can be made of it: it takes {taken:,} variables, and at most {MAX_VARIABLES} go"
        return Converted(None, frozenset(), (*dict.fromkeys(notes), too_many))
    version, maker = _with_maker(version)
    notes += [maker] if maker else []
    wishes = [*_wishes(prompt, version), *_tried(version, naming, texts)]
    path = template_path(name)
    source, problem = _judged(_with(document, [change for _, change in wishes]), path)
    if problem is not None:
        source, problem = _judged(document, path)
        if problem is not None:
            return Converted(None, frozenset(), (*dict.fromkeys(notes), f"no template can be made of it: {problem}"))
        for said, change in wishes:
            tried = _with(document, [change])
            written, refused = _judged(tried, path)
            if refused is None:
                document, source = tried, written
            else:
                notes.append(f"{said} is left out: {refused}")
    return Converted(source, frozenset(naming.includes[each] for each in texts.references), tuple(dict.fromkeys(notes)))


def _with_maker(version: ImportedVersion) -> tuple[ImportedVersion, str | None]:
    """The version with the provider of a model that names none but is well known, and what to tell of that."""
    model = version.settings.get("model") or {}
    maker = maker_of(model)
    if maker is None:
        return version, None
    told = f"the model {shown(model['id'])} names no provider: it is {maker}/{clean(model['id'])} here"
    return replace(version, settings={**version.settings, "model": {"provider": maker, **model}}), told


def _taken_over(source: bytes, notes: tuple[str, ...], name: TemplateName, naming: Naming) -> Converted:
    """A template as it is; only what it includes is called what it is called here."""
    includes = {each: naming.includes[each] for each in sorted(raw_includes(source)) if each in naming.includes}
    told = list(notes)
    for old, new in includes.items():
        if old != new:
            source = rename_include(source, TemplateName(old), new)
            told.append(f"the include of {old} is one of {new} here")
    problem = _problem(source, template_path(name))
    if problem is not None:
        return Converted(None, frozenset(), (*told, f"it is no valid template: {problem}"))
    return Converted(source, frozenset(includes.values()), tuple(told))


def _restored(prompt: Imported, version: ImportedVersion, name: TemplateName, naming: Naming) -> Converted:
    """The same from what an export of ours put into it; without a source where that cannot be used any more."""
    texts = Texts()
    naming = as_exported(version, naming)
    document = restore(version, prompt.tags, naming, texts)
    if document is None:
        return Converted(None, frozenset(), ("what it carries of a template does not fit its texts any more",))
    metadata = document.get("metadata")
    origin = _origin(prompt, version, texts.used, naming, texts)
    document["metadata"] = {**(metadata if isinstance(metadata, Mapping) else {}), "imported": origin}
    source, problem = _judged(document, template_path(name))
    if problem is not None:
        return Converted(None, frozenset(), (f"what it carries of a template cannot be used: {problem}",))
    includes = frozenset(naming.includes[each] for each in texts.references)
    return Converted(source, includes, tuple(dict.fromkeys(texts.notes)))


def _origin(
    prompt: Imported, version: ImportedVersion, keys: Iterable[VariableKey], naming: Naming, texts: Texts
) -> dict[str, Json]:
    """Where it comes from, with the variables that have another name here."""
    renamed: dict[str, Json] = {naming.variables[key]: clean(key[1]) for key in keys if naming.variables[key] != key[1]}
    texts.notes += [f"the variable {shown(old)} is {new} here" for new, old in renamed.items()]
    came_from = {"from": prompt.source, "name": clean(prompt.name), "version": version.number}
    return came_from | ({"variables": renamed} if renamed else {})


def _plain(prompt: Imported, version: ImportedVersion, naming: Naming, texts: Texts) -> dict[str, Json]:
    """The template without anything that might be refused on its own."""
    kind = TemplateType.TEXT if isinstance(version.body, str) else TemplateType.CHAT
    inherited: dict[VariableKey, bool] = {}
    for key, always in (item for each in texts.references for item in naming.inherited[each].items()):
        if key not in texts.used:
            inherited[key] = inherited.get(key, False) or always
    keys = [*texts.used, *sorted(inherited)]
    variables: dict[str, Json] = {naming.variables[key]: _declaration(key, version) for key in texts.used}
    # What only some versions of an included prompt take is optional: it may be without it now.
    optional: dict[str, Json] = {"required": False}
    variables |= {
        naming.variables[key]: {"type": "string"} | ({} if inherited[key] else optional) for key in sorted(inherited)
    }
    document: dict[str, Json] = {
        "schema": SCHEMA_WORD,
        "type": kind.value,
        "text" if kind is TemplateType.TEXT else "messages": texts.body,
        "metadata": {"imported": _origin(prompt, version, keys, naming, texts)},
    }
    if variables:
        document["variables"] = variables
    if texts.literal:
        document["status"] = Status.DRAFT.value
    return document


def _declaration(key: VariableKey, version: ImportedVersion) -> dict[str, Json]:
    is_messages, name = key
    if is_messages:
        return {"type": VariableType.MESSAGES.value, "required": False}
    shown_by = version.defaults.get(name, version.samples.get(name))
    kinds: tuple[tuple[type, VariableType], ...] = (
        (bool, VariableType.BOOLEAN), (int, VariableType.INTEGER), (float, VariableType.NUMBER),
        (list, VariableType.ARRAY), (dict, VariableType.OBJECT),
    )  # fmt: skip
    kind = next((kind for python, kind in kinds if isinstance(shown_by, python)), VariableType.STRING)
    return {"type": kind.value} | ({"default": version.defaults[name]} if name in version.defaults else {})


def _wishes(prompt: Imported, version: ImportedVersion) -> Iterator[tuple[str, Change]]:
    """What else the source says, each with its words: one by one, so that what is refused leaves the others alone.

    The words hold no values: one that is refused may be a credential, and reports end up in logs.
    """
    if version.description:
        yield "the description", _setting("description", clean(version.description)[:_LONGEST_DESCRIPTION])
    seen: set[str] = set()
    for tag in prompt.tags:
        cleaned = name_tag(clean(tag))
        if cleaned and cleaned.casefold() not in seen:
            seen.add(cleaned.casefold())
            yield f"the tag {shown(tag)}", _tag(cleaned)
    for key, value in version.settings.items():
        yield key, _setting(key, value)
    for key, value in version.metadata.items():
        yield shown(key), _kept(key, value)


def _tried(version: ImportedVersion, naming: Naming, texts: Texts) -> Iterator[tuple[str, Change]]:
    """The values and tests that the source tries the prompt with."""
    names = {name: naming.variables[is_messages, name] for is_messages, name in texts.used if not is_messages}
    for old, values in version.examples.items():
        if old in names:
            yield f"an example of {shown(old)}", _example(names[old], list(values))
    for test in version.tests:
        variables = {names[old]: value for old, value in test.variables.items() if old in names}
        said: Json = {"name": clean(test.name), "variables": variables, "expect": [dict(each) for each in test.expect]}
        yield f"the test {shown(test.name)}", _test(said)


def _example(variable: str, values: list[Json]) -> Change:
    def change(document: dict[str, Json]) -> None:
        declared = document["variables"]
        document["variables"] = {**declared, variable: {**declared[variable], "examples": values}}

    return change


def _test(said: Json) -> Change:
    def change(document: dict[str, Json]) -> None:
        document["tests"] = [*document.get("tests", []), said]

    return change


def _setting(key: str, value: Json) -> Change:
    def change(document: dict[str, Json]) -> None:
        document[key] = value

    return change


def _tag(tag: str) -> Change:
    def change(document: dict[str, Json]) -> None:
        document["tags"] = [*document.get("tags", []), tag]

    return change


def _kept(key: str, value: Json) -> Change:
    def change(document: dict[str, Json]) -> None:
        metadata = document["metadata"]
        kept = {**metadata.get("config", {}), key: value}
        document["metadata"] = {**metadata, "config": kept}

    return change


def _with(document: Mapping[str, Json], changes: list[Change]) -> dict[str, Json]:
    made = dict(document)
    for change in changes:
        change(made)
    return made


def _judged(document: Mapping[str, Any], path: str) -> tuple[bytes | None, str | None]:
    """A document as a file, and why the reader refuses that, if it does."""
    try:
        ordered = {key: document[key] for key in (*_ORDER, *document.keys()) if key in document}
        source = write_document(None, ordered)
    except RecursionError:
        return None, "it is nested too deeply"
    except (ValueError, TypeError) as error:  # what no file can say
        return None, f"it cannot be written down ({type(error).__name__})"
    return source, _problem(source, path)


def _problem(source: bytes, path: str) -> str | None:
    found = read_template(source, path).diagnostics
    return next((each.message for each in found if each.severity is Severity.ERROR), None)

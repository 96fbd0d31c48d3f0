"""A template that was exported and comes back: what it was, with what was changed in the other tool since."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from difflib import SequenceMatcher

from registry.domain.ids import TemplateName
from registry.domain.importing.imported import ImportedVersion, Item, Reading, Remainder, Speech
from registry.domain.importing.remainders import (
    BODY,
    Unit,
    digest_of,
    digest_of_unit,
    included_in,
    map_texts,
    said_fields,
    units_of,
)
from registry.domain.importing.texts_of_version import Naming, Texts, role_of, write_text
from registry.domain.includes import rename_includes
from registry.domain.language import scan
from registry.domain.template import Json, TemplateType, VariableType

_ANY = ("utf-8", "surrogatepass")
"""What comes from JSON may hold halves of surrogate pairs; the reader of templates refuses them."""


def restore(version: ImportedVersion, tags: tuple[str, ...], naming: Naming, texts: Texts) -> dict[str, Json] | None:
    """The document of a version with a remainder; ``texts`` takes notes and what the texts use.

    None where its texts cannot be matched with the template's any more.
    """
    remainder = version.remainder
    assert remainder is not None, "only what was exported is restored"
    document = dict(remainder.template)
    said = said_fields(version, tags)
    for field in dict.fromkeys([*said, *remainder.seen]):
        if field != BODY and remainder.seen.get(field) != digest_of(said.get(field)):
            _put(document, field, said.get(field))
    body = _Body(version, remainder, naming, texts).read()
    if body is None:
        return None
    if document.get("type") == TemplateType.TEXT:
        if len(body) != 1:
            return None
        document["text"] = body[0]
    else:
        document["messages"] = body
    _declare(document, naming, texts)
    return document


def as_exported(version: ImportedVersion, naming: Naming) -> Naming:
    """The naming in which the variables that a template declares keep their names."""
    declared = _mapping(version.remainder.template.get("variables")) if version.remainder is not None else {}
    own = {(messages, name): name for name in declared for messages in (True, False)}
    return replace(naming, variables={**naming.variables, **own})


def _put(document: dict[str, Json], field: str, value: Json) -> None:
    """Takes over what the other tool says of a field; None: nothing any more."""
    _, dot, key = field.partition(".")
    if dot:
        if value is not None:
            metadata = _mapping(document.get("metadata"))
            document["metadata"] = {**metadata, "config": {**_mapping(metadata.get("config")), key: value}}
    elif field == "defaults":
        variables = _mapping(document.get("variables"))
        changed = {
            name: {**variables[name], "default": each} for name, each in (value or {}).items() if name in variables
        }
        if changed:
            document["variables"] = {**variables, **changed}
    elif value is None:
        document.pop(field, None)
    else:
        document[field] = value


def _declare(document: dict[str, Json], naming: Naming, texts: Texts) -> None:
    """Declares what the texts use since; the other variables are as they were."""
    variables = _mapping(document.get("variables"))
    for key in texts.used:
        kind = VariableType.MESSAGES if key[0] else VariableType.STRING
        variables.setdefault(naming.variables.get(key, key[1]), {"type": kind.value, "required": False})
    if variables:
        document["variables"] = variables


class _Body:
    """Matches what the other tool has with what stood for the template's messages."""

    def __init__(self, version: ImportedVersion, remainder: Remainder, naming: Naming, texts: Texts) -> None:
        self._version = version
        self._remainder = remainder
        self._naming = naming
        self._texts = texts
        self._names = {TemplateName(old): new for old, new in naming.includes.items()}

    def read(self) -> list[Json] | None:
        """The messages, or the text as the only entry."""
        template = self._remainder.template
        units = units_of(self._version, template.get("type"))
        if self._remainder.items is None:
            if self._remainder.seen.get(BODY) != digest_of([digest_of_unit(unit) for unit in units]):
                return None
            own = template["messages"] if "messages" in template else [template.get("text")]
            return [self._own(each) for each in own] if isinstance(own, list) and self._whole(own) else None
        return list(self._matched(self._remainder.items, units))

    def _matched(self, items: tuple[Item, ...], units: tuple[Unit, ...]) -> Iterator[Json]:
        seen = [item for item in items if item.seen is not None]
        unseen = self._unseen(items)
        yield from unseen[0]
        matcher = SequenceMatcher(None, [item.seen for item in seen], list(map(digest_of_unit, units)), autojunk=False)
        for word, begin, end, first, last in matcher.get_opcodes():
            for index in range(max(end - begin, last - first)):
                item = seen[begin + index] if begin + index < end else None
                if first + index < last:
                    unit = units[first + index]
                    yield self._same(item, unit) if word == "equal" and item else self._changed(item, unit)
                if item is not None:
                    yield from unseen[begin + index + 1]

    def _unseen(self, items: tuple[Item, ...]) -> list[list[Json]]:
        """What the format could not show, behind each of the items that it did; the first before all."""
        found: list[list[Json]] = [[]]
        for item in items:
            if item.seen is not None:
                found.append([])
            elif self._whole([item.own]):
                found[-1].append(self._own(item.own))
        return found

    def _same(self, item: Item, unit: Unit) -> Json:
        """What stands there as it was exported."""
        if item.own is not None and self._whole([item.own]):
            return self._own(item.own)
        texts = Texts()
        read = self._read(item, unit, texts)
        self._texts.references |= texts.references
        return read

    def _changed(self, item: Item | None, unit: Unit) -> Json:
        """What was written since; what the message had besides its text stays."""
        if item is None or item.own is None or not isinstance(unit, Speech):
            return self._read(item, unit, self._texts)
        text = self._read(Item(None, None, Reading.PLAIN), unit, self._texts)
        own = item.own
        if not isinstance(own, Mapping) or "content" not in own:
            return text
        content = text["content"] if isinstance(text, Mapping) else text
        parts = own["content"] if isinstance(own["content"], list) else []
        shown = [index for index, part in enumerate(parts) if isinstance(part, Mapping) and part.get("type") == "text"]
        if len(shown) == 1:
            content = [{**part, "text": content} if index in shown else part for index, part in enumerate(parts)]
        elif parts:
            self._texts.notes.append("a message was changed; of its parts only the new text is kept")
        return {**own, "role": role_of(unit), "content": content}

    def _read(self, item: Item | None, unit: Unit, texts: Texts) -> Json:
        if not isinstance(unit, Speech):
            texts.used[True, unit.variable] = None
            return {"placeholder": self._naming.variables.get((True, unit.variable), unit.variable)}
        text = unit.text
        if item is not None and any(item.around):
            text = f"{item.around[0]}{text.strip()}{item.around[1]}"
        if item is not None and item.reading is Reading.JINJA and self._is_ours(text):
            texts.used |= {(False, name): None for name in scan(text).uses}
        else:
            text = write_text(text, self._version.syntax, self._naming, texts)
        if self._remainder.template.get("type") == TemplateType.TEXT:
            return text
        return {"role": role_of(unit), "content": text}

    def _is_ours(self, text: str) -> bool:
        found = scan(text)
        return not found.issues and not found.includes

    def _whole(self, own: list[Json]) -> bool:
        """Whether all that these texts include comes along."""
        named = {name for each in own for name in included_in(each)}
        self._texts.references |= {name: None for name in sorted(named) if name in self._naming.includes}
        return named <= self._naming.includes.keys()

    def _own(self, own: Json) -> Json:
        """A message of the template, with the names that what it includes has here."""
        return map_texts(own, lambda text: rename_includes(text.encode(*_ANY), self._names).decode(*_ANY))


def _mapping(said: Json) -> dict[str, Json]:
    return dict(said) if isinstance(said, Mapping) else {}

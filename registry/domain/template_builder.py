"""From a document that fits the schema to a Template. Entries with faults are left out, so that the rest is checked."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from registry.domain.schema_messages import MEDIA
from registry.domain.template import (
    MISSING,
    Json,
    Message,
    Model,
    OfflineTest,
    Part,
    Placeholder,
    Status,
    Template,
    TemplateType,
    Text,
    Variable,
    VariableType,
)
from registry.domain.yaml_reader import YamlDocument

Faulty = Collection[tuple[str | int, ...]]
"""Entries that do not fit the schema: (key,), or (key, name or index) of variables, messages, tools and tests."""

_LISTED = frozenset({"variables", "messages", "tools", "tests"})
"""Where one faulty entry leaves the others sound."""

_TEMPLATED = ("text", "content", "url")
"""Fields of parts that are template text."""


def build_template(document: YamlDocument, faulty: Faulty = ()) -> Template:
    """The template that a document describes, without the entries in ``faulty``."""
    return _Builder(document, faulty).template()


def faulty_entries(keys: Iterable[tuple[str | int, ...]]) -> Faulty:
    """The entries to leave out, given the keys that lead to each value that does not fit the schema."""
    return frozenset(each[:2] if each[0] in _LISTED else each[:1] for each in keys if each)


def escape_pointer(key: str) -> str:
    """A key as a step of a JSON pointer."""
    return key.replace("~", "~0").replace("/", "~1") if "~" in key or "/" in key else key


class _Builder:
    """Builds one template."""

    def __init__(self, document: YamlDocument, faulty: Faulty) -> None:
        self.document = document
        self.faulty = faulty
        self.said: Mapping[str, Json] = document.value if isinstance(document.value, dict) else {}

    def template(self) -> Template:
        """The whole template."""
        variables = {name: self.variable(name, said) for name, said in self.entries("variables")}
        text = self.get("text")
        inferred = TemplateType.TEXT if text is not None else TemplateType.CHAT
        return Template(
            type=TemplateType(self.get("type", inferred)),
            description=self.get("description", ""),
            tags=tuple(self.get("tags", ())),
            status=Status(self.get("status", Status.ACTIVE)),
            replaced_by=self.get("replaced_by"),
            variables=variables,
            messages=tuple(self.message(i, said) for i, said in self.items("messages")),
            text=None if text is None else self.text(text, "/text"),
            model=self.model(),
            tools=tuple(said for _, said in self.items("tools")),
            tool_choice=self.get("tool_choice"),
            output=self.get("output"),
            tests=tuple(self.test(i, said) for i, said in self.items("tests")),
            metadata=self.get("metadata", {}),
        )

    def get(self, key: str, default: Json = None) -> Any:
        """The value of a top-level key, unless it is missing or faulty."""
        return default if (key,) in self.faulty else self.said.get(key, default)

    def entries(self, key: str) -> Iterator[tuple[str, Any]]:
        """The sound entries of a top-level mapping."""
        return ((name, said) for name, said in self.get(key, {}).items() if (key, name) not in self.faulty)

    def items(self, key: str) -> Iterator[tuple[int, Any]]:
        """The sound items of a top-level list, with their index in the file."""
        return ((i, said) for i, said in enumerate(self.get(key, ())) if (key, i) not in self.faulty)

    def variable(self, name: str, said: Mapping[str, Json], within: str = "/variables") -> Variable:
        """A declaration, and those nested in it."""
        pointer = f"{within}/{escape_pointer(name)}"
        items, properties, enum = said.get("items"), said.get("properties"), said.get("enum")
        return Variable(
            name=name,
            type=VariableType(said["type"]),
            description=said.get("description", ""),
            required=said.get("required", True) and "default" not in said,
            default=said.get("default", MISSING),
            enum=None if enum is None else tuple(enum),
            examples=tuple(said.get("examples", ())),
            min_length=said.get("min_length"),
            max_length=said.get("max_length"),
            pattern=said.get("pattern"),
            minimum=said.get("minimum"),
            maximum=said.get("maximum"),
            items=None if items is None else self.variable("items", items, pointer),
            properties={
                key: self.variable(key, inner, f"{pointer}/properties") for key, inner in (properties or {}).items()
            },
            untrusted=said.get("untrusted", False),
            sensitive=said.get("sensitive", False),
            place=self.document.key_place(pointer),
        )

    def message(self, index: int, said: Mapping[str, Json]) -> Message | Placeholder:
        """One entry of ``messages``."""
        pointer = f"/messages/{index}"
        place = self.document.place_of(pointer)
        if "placeholder" in said:
            return Placeholder(said["placeholder"], place)
        content = said["content"]
        if isinstance(content, str):
            return Message(said["role"], self.text(content, f"{pointer}/content"), said.get("name"), place)
        parts = tuple(self.part(each, f"{pointer}/content/{i}") for i, each in enumerate(content))
        return Message(said["role"], parts, said.get("name"), place)

    def part(self, said: Mapping[str, Json], pointer: str) -> Part:
        """One content part."""
        kind = said["type"]
        texts = {key: self.text(said[key], f"{pointer}/{key}") for key in _TEMPLATED if key in said}
        return Part(
            type=kind,
            fields={key: value for key, value in said.items() if key != "type"},
            texts=texts,
            variable=said.get("variable") if kind in MEDIA else None,
            place=self.document.place_of(pointer),
        )

    def text(self, source: str, pointer: str) -> Text:
        """One template string and where it stands."""
        places = self.document.string_places(pointer)
        return Text(source, pointer, places.place, places.block, places.indent, places.segments)

    def model(self) -> Model | None:
        """The model, if one is named."""
        said = self.get("model")
        if said is None:
            return None
        return Model(said.get("provider"), said.get("id"), said.get("parameters", {}))

    def test(self, index: int, said: Mapping[str, Json]) -> OfflineTest:
        """One offline test."""
        place = self.document.place_of(f"/tests/{index}")
        return OfflineTest(said["name"], said.get("variables", {}), tuple(said["expect"]), place)

"""Templates of another Promptuary: taken as they are, byte for byte."""

import re

from registry.domain.importing.imported import Imported, ImportedVersion, SourceUnreadable
from registry.domain.names import LABELS, PROMPTS, SUFFIX, template_name
from registry.domain.prompt_schema import SCHEMA_WORD
from registry.domain.yaml_reader import read_yaml

SOURCE = "promptuary"
_WORD = SCHEMA_WORD.encode()
_LINE = re.compile(rb"""^["']?schema["']?[ \t]*:[ \t]*["']?%s["']?[ \t]*\r?$""" % _WORD, re.MULTILINE)
_OTHER_ENDING = re.compile(r"(?:\.prompt)?\.ya?ml\Z", re.IGNORECASE)


def is_template(data: bytes) -> bool:
    """Whether a file says that it is a template (``schema: prompt/v1``), a broken one too."""
    if _WORD not in data:
        return False
    if _LINE.search(data):
        return True
    said = read_yaml(data, "").value
    return isinstance(said, dict) and said.get("schema") == SCHEMA_WORD


def read_template_file(data: bytes, path: str, where: str) -> Imported:
    """The template in a file; its name is its path without ``.prompt.yaml``, and without ``prompts/`` before it.

    What is wrong with it is found when it becomes a plan. Raises SourceUnreadable where it is no template at all.
    """
    if not is_template(data):
        raise SourceUnreadable(f"{where} is no template: it says no schema: {SCHEMA_WORD}")
    return Imported(SOURCE, name_of(path), (ImportedVersion(1, "", template=data),))


def name_of(path: str) -> str:
    """The name that a template has where it comes from."""
    plain = _OTHER_ENDING.sub("", path.removeprefix(PROMPTS))
    return template_name(f"{PROMPTS}{plain}{SUFFIX}") or plain


def is_label_file(path: str) -> bool:
    """Whether a file says where labels of templates point."""
    return path.startswith(LABELS) and path.endswith(".yaml")

"""Names of other tools as names that can be used here; the same source always gives the same names."""

import hashlib
import re
import unicodedata
from collections.abc import Iterable

from registry.domain.ids import LabelName, TemplateName
from registry.domain.labels import check_label
from registry.domain.language import scan
from registry.domain.names import REFUSED_ENDINGS, check_name, path_key, template_path
from registry.domain.template_words import FUNCTIONS, RESERVED

LONGEST_VARIABLE = 90
"""Leaves room for the sign that tells two names apart."""
_SEGMENT_BYTES = 120
_NAME_BYTES = 300
_TAG_SIGNS = re.compile(r"[^\w .:+&'()/-]")

VariableKey = tuple[bool, str]
"""Whether it takes messages, and its name in the source."""


def name_templates(names: Iterable[str], folder: str = "") -> dict[str, TemplateName]:
    """A legal name for each of the source's names, in the source's folders below ``folder``; no two of them collide.

    Names that differ in case or form only are told apart by a number, and a folder has one spelling.
    """
    given: dict[str, TemplateName] = {}
    spellings: dict[str, str] = {}
    taken: set[str] = set()
    wanted = {name: _cleaned(name, folder) for name in names}
    for name in sorted(wanted, key=lambda each: (wanted[each] != _joined(folder, each), each)):
        *folders, last = wanted[name].split("/")
        path = ""
        for segment in folders:
            path = spellings.setdefault(path_key(f"{path}{segment}/"), f"{path}{segment}/")
        chosen, count = TemplateName(path + last), 1
        while path_key(template_path(chosen)) in taken:
            count += 1
            chosen = TemplateName(f"{path}{last}-{count}")
        if check_name(chosen) is not None:  # the number, or the folder's one spelling, made it too long
            chosen = TemplateName(_joined(folder, _hashed(name)))
        taken.add(path_key(template_path(chosen)))
        given[name] = chosen
    return given


def _joined(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _cleaned(name: str, folder: str) -> str:
    normal = unicodedata.normalize("NFC", name.encode("utf-8", "replace").decode())
    if check_name(_joined(folder, normal)) is None:
        return _joined(folder, normal)
    segments = [segment for each in normal.split("/") if (segment := _segment(each))]
    cleaned = _joined(folder, "/".join(segments or ["unnamed"]))
    if len(cleaned.encode()) > _NAME_BYTES or check_name(cleaned) is not None:
        cleaned = _joined(folder, _hashed(name))
    return cleaned


def _hashed(name: str) -> str:
    return f"prompt-{hashlib.sha256(name.encode('utf-8', 'replace')).hexdigest()[:12]}"


def _segment(text: str) -> str:
    kept = "".join(sign for sign in text if sign.isprintable() and sign not in "\"'").replace("\\", "-")
    kept = kept.lstrip(".- ").rstrip()
    if kept.isdecimal():
        kept = f"prompt-{kept}"
    while kept.lower().endswith(REFUSED_ENDINGS):
        head, _, ending = kept.rpartition(".")
        kept = f"{head}-{ending}" if head else ending
    data = kept.encode()
    if len(data) > _SEGMENT_BYTES:
        kept = f"{data[: _SEGMENT_BYTES - 9].decode('utf-8', 'ignore').rstrip()}-{hashlib.sha256(data).hexdigest()[:8]}"
    return kept if check_name(kept) is None else unicodedata.normalize("NFC", "".join(filter(str.isalnum, kept)))


def name_variables(keys: Iterable[VariableKey]) -> dict[VariableKey, str]:
    """A legal variable name for each of the source's; those that are legal keep theirs."""
    given: dict[VariableKey, str] = {}
    taken: set[str] = set()
    for key in sorted(set(keys), key=lambda each: (not is_variable_name(each[1]), each)):
        stem = key[1] if is_variable_name(key[1]) else _variable(key[1])
        chosen, count = stem, 1
        while chosen in taken:
            count += 1
            chosen = f"{stem}_{count}"
        taken.add(chosen)
        given[key] = chosen
    return given


def is_variable_name(name: str) -> bool:
    """Whether a template can use it as it is."""
    if not name.isidentifier() or len(name) > LONGEST_VARIABLE or name in RESERVED or name in FUNCTIONS:
        return False
    return name.isascii() or set(scan(f"{{{{ {name} }}}}").uses) == {name}


def _variable(name: str) -> str:
    stem = re.sub(r"\W+", "_", unicodedata.normalize("NFKC", name)).strip("_")[: LONGEST_VARIABLE - 5]
    for candidate in (stem, f"var_{stem}", f"{stem}_"):
        if is_variable_name(candidate):
            return candidate
    return f"var_{hashlib.sha256(name.encode('utf-8', 'replace')).hexdigest()[:8]}"


def name_label(word: str) -> LabelName | None:
    """The label for a source's word; None where no label can be made of it."""
    if check_label(word) is None:
        return LabelName(word)
    cleaned = re.sub(r"[^a-z0-9]+", "-", word.lower()).strip("-")[:63]
    return LabelName(cleaned) if check_label(cleaned) is None else None


def name_tag(tag: str) -> str:
    """The tag with what no tag may hold taken out; empty where nothing is left."""
    cleaned = unicodedata.normalize("NFC", " ".join(_TAG_SIGNS.sub("-", tag).split()))[:64]
    return re.sub(r"^[\W_]+|[^\w)+]+$", "", cleaned)

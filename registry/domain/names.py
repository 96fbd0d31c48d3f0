"""Names of templates and repositories, and the paths of files in a repository.

A template's name is its path below ``prompts/`` without ``.prompt.yaml``. What Windows refuses in a file name is
percent-encoded in the path; every name has exactly one path, and a path with any other encoding is refused.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable
from functools import lru_cache

from registry.domain.diagnostics import Diagnostic
from registry.domain.errors import BadRequest
from registry.domain.ids import RepositoryName, TemplateName

PROMPTS = "prompts/"
LABELS = "labels/"
SUFFIX = ".prompt.yaml"

MAX_SEGMENT_BYTES = 240
"""Bytes of one encoded segment; of the last one with its suffix."""
MAX_NAME_BYTES = 400
"""Bytes of a whole name, so that every template can be included (``includes.raw_includes`` sees no longer name)."""
MAX_COMPONENT_BYTES = 255
MAX_PATH_BYTES = 4096
"""Limits of other files, which are those of common file systems."""

REFUSED_ENDINGS = (".html", ".htm", ".xml", ".json", ".js", ".yaml", ".yml")

_DEVICE = r"(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])"
_IS_DEVICE = re.compile(rf"{_DEVICE} *(?:\..*)?", re.IGNORECASE | re.DOTALL)
_ENCODED_CHARACTERS = re.compile(r'[<>:"|?*%]')
_ESCAPE = re.compile(r"%([0-9A-F]{2})")
_ANY_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
# Control characters, line separators, invisible and direction-changing signs, byte order marks, non-characters,
# lone surrogates. A fixed list: categories of unicodedata change with the version of Python.
_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ufdd0-\ufdef\ufffe\uffff\ud800-\udfff\U000e0000-\U000e007f]"
)
_SURROGATE = re.compile("[\ud800-\udfff]")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
# Most paths are such that one match proves them right: ASCII, or ASCII with Hangul syllables, which NFC leaves alone.
_PLAIN_PATH = re.compile(
    rf"prompts/(?:(?!{_DEVICE}/)SEGMENT/){{0,3}}(?!{_DEVICE}\.)SEGMENT\.prompt\.yaml".replace(
        "SEGMENT", r"(?:[a-z_][a-z0-9_-]{0,95}|[a-z_가-힣][a-z0-9_가-힣-]{0,31})"
    )
)
_LABEL_WORD = re.compile(r"[a-z][a-z0-9-]{0,62}")
_REPOSITORY = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
_GIT_FOLDER = re.compile(r"\.git[ .]*|git~[0-9]+", re.IGNORECASE)


def encode_segment(segment: str) -> str:
    """The file name of one segment: what Windows refuses is percent-encoded, with upper-case digits."""
    encoded = _ENCODED_CHARACTERS.sub(lambda found: f"%{ord(found[0]):02X}", segment)
    if encoded.endswith((".", " ")):
        encoded = f"{encoded[:-1]}%{ord(encoded[-1]):02X}"
    if _IS_DEVICE.fullmatch(segment):
        encoded = f"%{ord(encoded[0]):02X}{encoded[1:]}"
    return encoded


def decode_segment(encoded: str) -> str | None:
    """The segment that a file name stands for; None where the file name is not the one that encodes it."""
    if "%" not in encoded:
        return encoded if encode_segment(encoded) == encoded else None
    segment = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), encoded)
    return segment if encode_segment(segment) == encoded else None


def template_path(name: TemplateName) -> str:
    """The path of a template's file."""
    return f"{PROMPTS}{'/'.join(map(encode_segment, name.split('/')))}{SUFFIX}"


def template_name(path: str) -> TemplateName | None:
    """The name of the template at a path; None where the path is not that of a well-formed name."""
    if _PLAIN_PATH.fullmatch(path):
        return TemplateName(path[len(PROMPTS) : -len(SUFFIX)])
    if not (path.startswith(PROMPTS) and path.endswith(SUFFIX)):
        return None
    name = _decode(path[len(PROMPTS) : -len(SUFFIX)])
    return TemplateName(name) if name is not None and check_name(name) is None else None


def folder_of(name: TemplateName) -> str:
    """The folder that a template lies in directly, without a slash at its end; empty at the top."""
    return name.rpartition("/")[0]


def check_name(name: str) -> str | None:
    """What is wrong with a template's name and how to mend it, or None."""
    return _check(name, SUFFIX)


def check_folder(folder: str) -> str | None:
    """What is wrong with a folder's name (no slash at its end; empty is the top), or None."""
    return _check(folder, "") if folder else None


def parse_name(text: str) -> TemplateName:
    """The name that somebody typed, in normal form C. Raises BadRequest."""
    name = unicodedata.normalize("NFC", text)
    problem = check_name(name)
    if problem:
        raise BadRequest(f"{printable(text)} is no template name: {problem}")
    return TemplateName(name)


def repository_name(text: str) -> RepositoryName:
    """The repository's name that somebody typed. Raises BadRequest."""
    if not _REPOSITORY.fullmatch(text) or text.endswith((".git", ".", ".lock")) or ".." in text:
        raise BadRequest(
            f"{printable(text)} is no repository name: use 1 to 100 of a-z, 0-9, dot, dash and underscore, "
            "beginning with a letter or digit, without .. and without .git at the end"
        )
    return RepositoryName(text)


def check_path(path: str) -> Diagnostic | None:
    """What is wrong with the path of a file that somebody pushes, or None.

    ``path`` is decoded with surrogateescape. Below ``prompts/`` only templates may lie, below ``labels/`` only label
    files, both with well-formed names; other paths need only be safe to check out anywhere.
    """
    if _PLAIN_PATH.fullmatch(path):
        return None
    if not path.isascii() and _SURROGATE.search(path):
        return _finding("path-not-utf8", path, "the path is no UTF-8 text: rename the file")
    top, slash, rest = path.partition("/")
    problem = _unsafe(path)
    if not problem and top.casefold() in {"prompts", "labels"}:
        if top == "prompts" and slash:
            return _check_template_path(path, rest)
        if top == "labels" and slash:
            return _check_label_path(path)
        problem = f"{printable(top)} is kept for the folder {top.casefold()}/: rename it"
    return _finding("path-form", path, problem) if problem else None


def path_key(path: str) -> str:
    """Equal for two paths that a file system may take for one: without regard to case and normal form."""
    if path.isascii():
        return path.lower()
    decomposed = unicodedata.normalize("NFD", path)
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", decomposed.casefold()))


def find_collisions(paths: Iterable[str], there: Collection[str] = ()) -> list[Diagnostic]:
    """A diagnostic for each file or folder that differs from an earlier one in case or form only.

    ``paths`` are all files of a tree; those that also stand in ``there`` come first, so that the finding stands at
    the newcomer, the others follow by sorted path. Below a folder that collides nothing more is reported.
    """
    spellings: dict[str, str] = {}
    settled: dict[str, bool] = {"": True}
    found: list[Diagnostic] = []

    def settle(part: str) -> bool:
        """Whether the folder or file, and every folder above it, has the first spelling that was met."""
        known = settled.get(part)
        if known is not None:
            return known
        fits = settle(part.rpartition("/")[0])
        if fits:
            first = spellings.setdefault(path_key(part), part)
            fits = first == part
            if not fits:
                advice = "only in case or Unicode form, which some systems take for the same: rename one of them"
                found.append(_finding("name-collision", part, f"differs from {printable(first)} {advice}"))
        settled[part] = fits
        return fits

    for path in sorted(paths, key=lambda path: (path not in there, path)):
        settle(path)
    return found


def printable(text: str) -> str:
    """Text quoted for a message, with what cannot be seen or printed as escapes, cut at 200 characters."""
    cut = text if len(text) <= 200 else f"{text[:200]}…"
    return '"' + _UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode(), cut) + '"'


def _decode(encoded: str) -> str | None:
    """The name that an encoded one stands for; None where a segment is not in its one encoding."""
    segments = [decode_segment(segment) for segment in encoded.split("/")]
    decoded = [segment for segment in segments if segment is not None]
    return "/".join(decoded) if len(decoded) == len(segments) else None


def _check(name: str, suffix: str) -> str | None:
    """What is wrong with a name whose last segment's file has ``suffix``, or None."""
    if not name:
        return "a name cannot be empty"
    if not unicodedata.is_normalized("NFC", name):
        return "write the name in Unicode normal form C (NFC)"
    segments = name.split("/")
    for position, segment in enumerate(segments, 1):
        problem = _check_segment(segment, suffix if position == len(segments) else "")
        if problem:
            return problem
    if len(name.encode()) > MAX_NAME_BYTES:
        return f"the name is longer than {MAX_NAME_BYTES} bytes: shorten it"
    return None


@lru_cache(8192)  # label files and includes name the same segments again and again
def _check_segment(segment: str, suffix: str) -> str | None:
    shown = printable(segment)
    problem = None
    if not segment:
        problem = "a segment is empty: remove the slash at the beginning or end, or the second of two"
    elif _UNSEEN.search(segment):
        problem = f"{shown} holds a control character or one that cannot be seen: remove it"
    elif "\\" in segment:
        problem = f"{shown} holds a backslash: folders are separated by /"
    elif '"' in segment or "'" in segment:
        problem = f"{shown} holds a quote, which an include could not name: remove it"
    elif segment[0] in ".- ":
        problem = f"{shown} begins with a dot, dash or space: begin with a letter, a digit or an underscore"
    elif segment.isdecimal():
        problem = f"{shown} is all digits, which reads as a version: add a letter"
    elif segment.lower().endswith(REFUSED_ENDINGS):
        ending = segment[segment.rindex(".") :]
        problem = f"{shown} ends in {ending}, which would be read as a kind of file: leave the ending away"
    elif len(encode_segment(segment).encode()) + len(suffix) > MAX_SEGMENT_BYTES:
        problem = f"{shown} is longer than {MAX_SEGMENT_BYTES} bytes as a file name: shorten it"
    return problem


def _unsafe(path: str) -> str | None:
    """What makes a path unsafe on some system, whatever the file is."""
    if _CONTROL.search(path):
        return "the path holds a control character: rename the file"
    if "\\" in path:
        return "the path holds a backslash, which separates folders on Windows: rename the file"
    if len(path.encode()) > MAX_PATH_BYTES:
        return f"the path is longer than {MAX_PATH_BYTES} bytes: shorten it"
    return next(filter(None, map(_unsafe_component, path.split("/"))), None)


def _unsafe_component(part: str) -> str | None:
    if part in {"", ".", ".."}:
        return "the path holds an empty component, . or ..: rename the file"
    if _GIT_FOLDER.fullmatch(part if part.isascii() else _UNSEEN.sub("", part)):
        return f"{printable(part)} means Git's own folder on some systems: rename it"
    if len(part.encode()) > MAX_COMPONENT_BYTES:
        return f"{printable(part)} is longer than {MAX_COMPONENT_BYTES} bytes: shorten it"
    return None


def _check_template_path(path: str, rest: str) -> Diagnostic | None:
    if not rest.endswith(SUFFIX):
        advice = f"only templates lie below {PROMPTS}: name it <name>{SUFFIX}, or move it out of {PROMPTS}"
        return _finding("path-form", path, advice)
    return _check_encoded(path, rest[: -len(SUFFIX)], SUFFIX)


def _check_label_path(path: str) -> Diagnostic | None:
    label, _, folder = path[len(LABELS) :].removesuffix(".yaml").partition("/")
    if not path.endswith(".yaml") or path.endswith("/.yaml"):
        advice = "labels/<label>.yaml for the top folder, labels/<label>/<folder>.yaml for the others"
        return _finding("path-form", path, f"only label files lie below labels/: {advice}")
    if not _LABEL_WORD.fullmatch(label) or label == "latest":
        advice = "use a lower-case letter, then up to 62 of a-z, 0-9 and dash; not latest, which is built in"
        return _finding("label-word", path, f"{printable(label)} is no label: {advice}")
    return _check_encoded(path, folder, "") if folder else None


def _check_encoded(path: str, encoded: str, suffix: str) -> Diagnostic | None:
    """What is wrong with the encoded name in a path: the name itself, or its encoding."""
    name = _ANY_ESCAPE.sub(lambda found: chr(int(found[1], 16)), encoded)
    problem = _check(name, suffix)
    if problem:
        return _finding("name-form", path, problem)
    if _decode(encoded) is None:
        right = "/".join(map(encode_segment, name.split("/")))
        advice = f"a name has one encoding only: rename the file to {printable(path.replace(encoded, right))}"
        return _finding("name-encoding", path, advice)
    return None


def _finding(rule: str, path: str, message: str) -> Diagnostic:
    return Diagnostic(rule, message, path=path)

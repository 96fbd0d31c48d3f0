"""Whether a changed template still fits its callers: what breaks between two states of one template.

*Backward*: every call that fitted the old state fits the new one, and every answer of the new one is one that readers
of the old one expect. *Forward* is the same with the sides exchanged, *full* both.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from registry.domain.compatible_output import answer_narrowings
from registry.domain.compatible_schema import same_json
from registry.domain.compatible_types import Narrowing, call_narrowings
from registry.domain.diagnostics import Diagnostic, Severity
from registry.domain.registry_rules import Compatibility
from registry.domain.template import Template
from registry.domain.yaml_reader import read_yaml

RULE = "breaking-change"
TRAILER = "Breaking-Change"
MAX_BREAKS = 50
"""So many are told of one comparison."""

_DECLARING = re.compile(
    rb"""^["']?(?:type|variables|output)\b.*\n?(?:(?:[ \t#\]}-].*)?\r?\n|[ \t#\]}-].*\Z)*""", re.MULTILINE
)
"""Such a key at the left margin with all that belongs to it."""

_TRAILER = re.compile(rf"^{TRAILER}:[ \t]*\S", re.MULTILINE | re.IGNORECASE)

_REASONS = {
    (Compatibility.BACKWARD, False): "calls that fit {base} may be refused",
    (Compatibility.BACKWARD, True): "answers may be none that readers of {base} expect",
    (Compatibility.FORWARD, False): "calls that fit this state may be refused by {base}",
    (Compatibility.FORWARD, True): "answers of {base} may be none that readers of this state expect",
}


@dataclass(frozen=True, slots=True)
class Break:
    """One thing in which two states do not fit each other.

    ``subject`` is the variable (``customer.name``), a place of the output (``output.queue``) or ``type``; ``rule`` the
    attribute that differs; ``old`` and ``new`` are its values in words. ``pointer`` says where the new file has it.
    ``direction`` is backward or forward.
    """

    subject: str
    rule: str
    old: str
    new: str
    pointer: str
    direction: Compatibility

    @property
    def of_output(self) -> bool:
        """Whether it is about answers, not calls."""
        return self.pointer.startswith("/output") or self.pointer == "/type"


def breaks(old: Template, new: Template, mode: Compatibility) -> tuple[Break, ...]:
    """What breaks from ``old`` to ``new`` under a mode; nothing under ``none``."""
    if mode is Compatibility.NONE or declares_alike(old, new):
        return ()
    found: list[Break] = []
    if mode in {Compatibility.BACKWARD, Compatibility.FULL}:
        calls = call_narrowings(old.variables, new.variables)
        answers = answer_narrowings(new.output, old.output)
        found += [_break(each, Compatibility.BACKWARD, new_wants=True) for each in islice(calls, MAX_BREAKS)]
        found += [_break(each, Compatibility.BACKWARD, new_wants=False) for each in islice(answers, MAX_BREAKS)]
    if mode in {Compatibility.FORWARD, Compatibility.FULL}:
        calls = call_narrowings(new.variables, old.variables)
        answers = answer_narrowings(old.output, new.output)
        found += [_break(each, Compatibility.FORWARD, new_wants=False) for each in islice(calls, MAX_BREAKS)]
        found += [_break(each, Compatibility.FORWARD, new_wants=True) for each in islice(answers, MAX_BREAKS)]
    if old.type is not new.type:
        first = Compatibility.FORWARD if mode is Compatibility.FORWARD else Compatibility.BACKWARD
        found.append(Break("template", "type", old.type.value, new.type.value, "/type", first))
    return tuple(found)


def declares_alike(old: Template, new: Template) -> bool:
    """Whether two states ask for the same and answer the same."""
    return old.type is new.type and old.variables == new.variables and same_json(old.output, new.output)


def declares_same_bytes(old: bytes, new: bytes) -> bool:
    """Whether two sound files say the same of type, variables and output, seen without parsing them.

    False means that one has to look: the file may be laid out in another way.
    """
    before = _DECLARING.findall(old)
    return bool(before) and before == _DECLARING.findall(new) and b"\nschema:" in b"\n" + new


def announces(message: str) -> bool:
    """Whether a commit's message has the trailer ``Breaking-Change: <why>``, on a line of its own anywhere in it."""
    return _TRAILER.search(message) is not None


def with_trailer(message: str, why: str) -> str:
    """The message with the trailer at its end."""
    said = " ".join(why.split())
    body = message.rstrip()
    last = body.rpartition("\n\n")[2] if "\n\n" in body else ""
    gap = "\n" if last and all(re.match(r"[A-Za-z0-9-]+: \S", line) for line in last.splitlines()) else "\n\n"
    return f"{body}{gap}{TRAILER}: {said}"


def diagnose(
    found: Mapping[Break, str], path: str, body: bytes, *, severity: Severity = Severity.ERROR
) -> Iterator[Diagnostic]:
    """The findings for breaks, each with the state or states that it was compared with, at its place in the file."""
    document = read_yaml(body, path)
    for each, base in found.items():
        reason = _REASONS[each.direction, each.of_output].format(base=base)
        message = (
            f"{each.subject} ({each.rule}): was {each.old}, is {each.new}, so {reason}. "
            f'Take it back, or say why in the commit\'s message, on a line "{TRAILER}: <why>".'
        )
        yield Diagnostic(RULE, message, path, document.key_place(each.pointer), severity)


def _break(found: Narrowing, direction: Compatibility, *, new_wants: bool) -> Break:
    """A narrowing as a change; ``new_wants`` says that the new side is the one that may refuse."""
    if new_wants:
        return Break(found.subject, found.rule, found.given, found.wanted, found.wanted_pointer, direction)
    return Break(found.subject, found.rule, found.wanted, found.given, found.given_pointer, direction)

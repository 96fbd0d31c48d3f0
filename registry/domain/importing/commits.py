"""The commit that takes over a version: who wrote it there and when, and the words that a later import knows it by."""

import re

from registry.domain.compatibility import with_trailer
from registry.domain.importing.plans import Step
from registry.domain.refs import Signature

LONGEST_MESSAGE = 8_000
_YEARS = (1971, 2099)
_ANGLES = re.compile("[<>]")
_SUBJECT = re.compile(r"Import version \d+ of .+ from [a-z]+ \[[0-9a-f]{8}\]")
_TRAILER = re.compile(r"(?:Imported-Author|Imported-Time|Breaking-Change): ")


def author_of(step: Step, source: str) -> Signature | None:
    """Git's author for a version: who wrote it there, and when. None where the source does not say when.

    Somebody without an address gets one that leads nowhere.
    """
    if step.time is None or not _YEARS[0] <= step.time.year < _YEARS[1]:
        return None
    said = " ".join(_ANGLES.sub(" ", _printable(step.author)).split())
    email = next((word for word in said.split() if "@" in word), "")
    name = " ".join(word for word in said.split() if word != email) or email.partition("@")[0] or source
    return Signature(name, email or f"{source}@imported.invalid", step.time)


def commit_message(step: Step) -> str:
    """The subject that a later import knows it by, what the source said, and trailers: who wrote it there, and when.

    The history of a prompt may break its callers; it did so where it comes from, so that is announced.
    """
    said = "".join(sign for sign in step.message.replace("\r\n", "\n") if sign.isprintable() or sign in "\n\t").strip()
    trailers = [f"Imported-Author: {author}"] if (author := " ".join(_printable(step.author).split())) else []
    trailers += [f"Imported-Time: {step.time.isoformat()}"] if step.time is not None else []
    paragraphs = [
        step.subject,
        *([said[:LONGEST_MESSAGE]] if said else []),
        *(["\n".join(trailers)] if trailers else []),
    ]
    return with_trailer("\n\n".join(paragraphs), "this is how it was where it comes from")


def _printable(text: str) -> str:
    return "".join(sign if sign.isprintable() else " " for sign in text)[:200]


def imported_subject(message: str) -> str | None:
    """The first line that the commit of an import had where it comes from; None where it had none, and of others."""
    subject, _, said = message.partition("\n\n")
    if _SUBJECT.fullmatch(subject) is None:
        return None
    line = said.partition("\n")[0].strip()
    return line if line and _TRAILER.match(line) is None else None

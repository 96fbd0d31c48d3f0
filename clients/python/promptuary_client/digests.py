"""The digest ``closure/v1`` computed anew, so that an answer which is not what it says it is never reaches a model.

It covers the bytes of the template's file and of all that it includes. It does not cover ``document``, which the server
parsed from those bytes, nor the version's number and labels: those are the server's word.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

from promptuary_client.errors import Untrustworthy
from promptuary_client.values import Prompt

_INCLUDE = re.compile(r"""\{%[-+]?[ \t\n\r\f\v]*include[ \t\n\r\f\v]*(["'])([^"'\n]{1,400})\1""")
"""The server's frozen expression over bytes, written for text."""
_LONGEST_NAME = 400


def closure_digest(name: str, source: str, partials: Mapping[str, str]) -> str:
    """SHA-256 over the sorted pairs (name, Git's blob id) of a template and all that it reaches by includes."""
    files = {**partials, name: source}
    reached, waiting = {name}, [name]
    while waiting:
        for each in _includes(files.get(waiting.pop(), "")) - reached:
            reached.add(each)
            waiting.append(each)
    lines = "".join(f"{each}\0{_blob_id(files[each]) if each in files else 'missing'}\n" for each in sorted(reached))
    return hashlib.sha256(b"closure/v1\n" + lines.encode()).hexdigest()


def check_prompt(prompt: Prompt) -> None:
    """Raises Untrustworthy where the digest or the reference is not that of the texts."""
    if not all(isinstance(text, str) for text in prompt.partials.values()):
        raise Untrustworthy(f"The answer for {prompt.name} holds a partial that is no text")
    try:
        digest = closure_digest(prompt.name, prompt.source, prompt.partials)
    except UnicodeEncodeError:
        raise Untrustworthy(f"The answer for {prompt.name} holds half of a character") from None
    if digest != prompt.digest:
        raise Untrustworthy(
            f"The answer for {prompt.name} is not what it says it is: its digest is {prompt.digest[:16]}…, "
            f"that of its texts {digest[:16]}…"
        )
    expected = f"{prompt.name}@{prompt.version or prompt.commit[:12]}#{digest[:8]}"
    if prompt.reference != expected:
        raise Untrustworthy(f"The answer for {prompt.name} has the reference of another state")


def _includes(text: str) -> set[str]:
    found = {match[1] for match in _INCLUDE.findall(text)} if "include" in text else set()
    return {name for name in found if len(name.encode()) <= _LONGEST_NAME}


def _blob_id(text: str) -> str:
    data = text.encode()
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()

"""Prompts on disk, for a start without the server: what the client has read, or what ``GET bundle`` answered.

One JSON file, readable by its owner alone, replaced as a whole. What stands in it is checked by digest like an answer
of the server; an entry that does not fit is left out.
"""

from __future__ import annotations

import json
import logging
import os
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from promptuary_client.cache import Key
from promptuary_client.digests import check_prompt
from promptuary_client.errors import Untrustworthy
from promptuary_client.values import BUNDLE, Prompt, read_prompt

log = logging.getLogger("promptuary_client")

FORMAT = "promptuary-client/1"
GATHER_SECONDS = 1.0
"""How long what was read waits for more, so that a start with many reads writes one file."""


class Bundle:
    """A file of prompts, about ``max_bytes`` of them: what was read longest ago goes first.

    It is read when it is first needed; that it cannot be read or written is logged, no more.
    """

    def __init__(self, path: Path, repository: str, max_bytes: int) -> None:
        self._path = path
        self._repository = repository
        self._max_bytes = max_bytes
        self._prompts: dict[Key, Prompt] | None = None
        self._gone: set[Key] = set()
        self.forget()

    def forget(self) -> None:
        """After a fork: no lock is held, and nothing waits to be written (it is the parent's)."""
        self._lock = threading.RLock()
        self._timer: threading.Timer | None = None

    def find(self, key: Key) -> Prompt | None:
        """What the file has for a key."""
        return self.load().get(key)

    def remember(self, key: Key, prompt: Prompt) -> None:
        """Adds what the server answered; the file is written a moment later."""
        with self._lock:
            prompts = self.load()
            prompts.pop(key, None)  # it is the newest now
            prompts[key] = prompt
            self._gone.discard(key)
            self._write_soon()

    def drop(self, key: Key) -> None:
        """Takes out what is no more, as the server has said."""
        with self._lock:
            if self.load().pop(key, None) is not None:
                self._gone.add(key)
                self._write_soon()

    def flush(self) -> None:
        """Writes what waits to be written."""
        with self._lock:
            if self._timer is None:
                return
            self._timer.cancel()
            self._timer = None
            mine = self.load()
            others = read_bundle(self._path, self._repository)  # other processes write it too
            prompts = {key: prompt for key, prompt in others.items() if key not in mine and key not in self._gone}
            prompts.update(mine)
            _let_go(prompts, self._max_bytes)
            self._prompts = prompts
        try:
            write_private(self._path, _written(self._repository, prompts))
        except OSError as error:
            log.warning("The bundle %s cannot be written: %s", self._path, error.strerror)

    def load(self) -> dict[Key, Prompt]:
        """What is in the file, read once."""
        with self._lock:
            if self._prompts is None:
                self._prompts = read_bundle(self._path, self._repository)
            return self._prompts

    def _write_soon(self) -> None:
        if self._timer is None:
            self._timer = threading.Timer(GATHER_SECONDS, self.flush)
            self._timer.daemon = True
            self._timer.start()


def read_bundle(path: Path, repository: str) -> dict[Key, Prompt]:
    """The prompts of a file in either form; none where there is no file, or none that can be read."""
    try:
        body = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        log.warning("The bundle %s cannot be read (%s)", path, type(error).__name__)
        return {}
    found: dict[Key, Prompt] = {}
    for key, template, etag in _entries(body, repository):
        try:
            prompt = read_prompt(template, etag=etag, origin=BUNDLE)
            check_prompt(prompt)
        except Untrustworthy as error:
            log.warning("The bundle %s: %s is left out: %s", path, key.name, error)
            continue
        found[key] = prompt
    return found


def write_private(path: Path, data: bytes) -> None:
    """Replaces a file as a whole, durably, readable by its owner alone. Raises OSError."""
    descriptor, made = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(made, path)  # noqa: PTH105  (the same by another name)
    except BaseException:
        Path(made).unlink()
        raise


def _let_go(prompts: dict[Key, Prompt], max_bytes: int) -> None:
    """Drops the oldest until the rest fits, but never the newest."""
    sizes = {key: len(prompt.source) + sum(map(len, prompt.partials.values())) for key, prompt in prompts.items()}
    left = sum(sizes.values())
    for key in list(prompts)[:-1]:
        if left <= max_bytes:
            return
        left -= sizes[key]
        del prompts[key]


def _written(repository: str, prompts: Mapping[Key, Prompt]) -> bytes:
    reads = []
    for key, prompt in prompts.items():
        template = asdict(prompt)
        etag = template.pop("etag")
        del template["origin"]
        reads.append({**key._asdict(), "etag": etag, "template": template})
    body = {"format": FORMAT, "repository": repository, "reads": reads}
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def _entries(body: Any, repository: str) -> list[tuple[Key, Any, str]]:
    """What was asked for, the template and its ETag, of either form of file."""
    if not isinstance(body, dict):
        return []
    if body.get("format") == FORMAT:
        if body.get("repository") != repository:
            return []
        reads = [each for each in body.get("reads", ()) if isinstance(each, dict)]
        keys = [Key(str(each.get("name")), each.get("label"), each.get("version"), each.get("ref")) for each in reads]
        return [(key, each.get("template"), str(each.get("etag", ""))) for key, each in zip(keys, reads)]
    return _server_entries(body)


def _server_entries(body: Mapping[str, Any]) -> list[tuple[Key, Any, str]]:
    """Of what ``GET bundle`` answers: each template under its label and under its version."""
    found: list[tuple[Key, Any, str]] = []
    for each in body.get("templates", ()):
        if not isinstance(each, dict):
            continue
        name, version = str(each.get("name", "")), each.get("version")
        found += [(Key(name, label=label), each, "") for label in (body.get("label"), *each.get("labels", ()))]
        found.append((Key(name, version=version), each, ""))
    return found

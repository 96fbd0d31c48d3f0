"""What goes from the server to a render worker: requests as pickles, the templates in them pickled once.

A template that is rendered again and again is the same object here and the same bytes there; both sides remember it,
which saves most of a round trip's time.
"""

import functools
import pickle
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, NamedTuple

from registry.adapters.local.worker_frames import frame
from registry.domain.ids import TemplateName
from registry.domain.template import Template

_REMEMBERED = 256
_SMALL = 16_384
"""Only templates up to so many pickled bytes are remembered, which bounds the memory of both sides."""


class Request(NamedTuple):
    """``work`` is render, tests or test; ``more`` the values, nothing, or the test's index."""

    work: str
    template: Template
    partials: Mapping[TemplateName, Template]
    more: Any
    strict: bool


class RequestWriter:
    """The server's side."""

    def __init__(self) -> None:
        self._remembered: OrderedDict[int, tuple[Template, bytes]] = OrderedDict()

    def write(self, request: Request) -> bytes:
        """The request's frame, header and all."""
        templates = {name: self._pickled(partial) for name, partial in request.partials.items()}
        return frame(
            pickle.dumps(
                (request.work, self._pickled(request.template), templates, request.more, request.strict), protocol=5
            )
        )

    def _pickled(self, template: Template) -> bytes:
        known = self._remembered.get(id(template))
        if known is not None:  # held here, so that no other object can have its id
            self._remembered.move_to_end(id(template))
            return known[1]
        data = pickle.dumps(template, protocol=5)
        if len(data) <= _SMALL:
            self._remembered[id(template)] = (template, data)
            if len(self._remembered) > _REMEMBERED:
                self._remembered.popitem(last=False)
        return data


def read_request(payload: bytes) -> Request:
    """The worker's side: the payload comes from the parent, over a private socket, and is trusted."""
    work, template, partials, more, strict = pickle.loads(payload)  # noqa: S301  # nosec B301  # see above
    return Request(work, _template(template), {name: _template(data) for name, data in partials.items()}, more, strict)


def _template(data: bytes) -> Template:
    return _small(data) if len(data) <= _SMALL else _load(data)


def _load(data: bytes) -> Template:
    template: Template = pickle.loads(data)  # noqa: S301  # nosec B301  # as in read_request
    return template


_small = functools.lru_cache(maxsize=_REMEMBERED)(_load)

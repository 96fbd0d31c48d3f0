"""One prompt as a file of another tool, or as one of its entries: written, read back, and completed by a remainder."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from registry.domain.exporting.remaining import carried_fields, lost_fields, make_remainder
from registry.domain.exporting.renditions import Capability, make_rendition, newest
from registry.domain.exporting.states import ExportedState, Rendition
from registry.domain.ids import TemplateName
from registry.domain.importing.imported import Imported, SourceUnreadable
from registry.domain.importing.remainders import KEY, write_remainder
from registry.domain.template import Json

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Form(Generic[T]):
    """A format. ``write`` takes a rendition and what else to put where the format leaves room.

    ``read`` is the importer's: it gives one prompt of one version, or raises SourceUnreadable.
    """

    can: Callable[[ExportedState], Capability]
    write: Callable[[Rendition, Mapping[str, Json]], T]
    read: Callable[[T, str], Imported]


@dataclass(frozen=True, slots=True)
class Written(Generic[T]):
    """A state as a format has it, what to tell of it, and the fields that it only carries along in its remainder."""

    state: ExportedState
    data: T
    notes: tuple[str, ...]
    carried: tuple[str, ...] = ()


def write_state(
    state: ExportedState,
    form: Form[T],
    *,
    name: str = "",
    tags: tuple[str, ...] | None = None,
    pin: Callable[[TemplateName], str | None] = newest,
) -> Written[T]:
    """A state in a format, called ``name`` there."""
    can = form.can(state)
    rendition = make_rendition(state, can, name=name, tags=tags, pin=pin)
    data = form.write(rendition, {})
    try:
        remainder = make_remainder(rendition, form.read(data, rendition.name))
        complete = form.write(rendition, {KEY: write_remainder(remainder)})
        lost = lost_fields(rendition, form.read(complete, rendition.name))
    except SourceUnreadable as error:
        return Written(state, data, (*rendition.notes, f"an import here would not give it back: {error}"))
    notes = [f"an import here would not give back {', '.join(lost)} as it was"] if lost else []
    return Written(state, complete, (*rendition.notes, *notes), tuple(carried_fields(remainder)))

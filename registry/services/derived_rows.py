"""What the catalogue derives from its entries, held against what it has to be."""

from collections.abc import Callable, Iterator, Mapping

from registry.domain.catalogue import Removal, TemplateEntry
from registry.domain.ids import BlobId, CommitId, RefName, TemplateName
from registry.domain.korean import jamo, sort_key
from registry.domain.search import list_values
from registry.ports.verifying import StoredKeys

Entries = Mapping[TemplateName, TemplateEntry]


def key_differences(
    wanted: Entries, there: Mapping[TemplateName, StoredKeys], latest_blob: Callable[[TemplateName], BlobId | None]
) -> Iterator[str]:
    """Sort keys, names for suggestions, and the file of the newest valid version."""
    for name in sorted(wanted.keys() & there.keys()):
        keys = there[name]
        if keys.sort_key != sort_key(name):
            yield f"{name}: the key by which it is listed is not that of its name."
        if keys.letters != jamo(name):
            yield f"{name}: suggestions cannot find it by its name."
        if keys.latest_blob != latest_blob(name):
            yield f"{name}: the file of its latest version is {keys.latest_blob}, Git says {latest_blob(name)}."


def filter_differences(wanted: Entries, there: Mapping[TemplateName, set[tuple[str, str]]]) -> Iterator[str]:
    """What lists are filtered by: tags, folders, models, owners and the rest."""
    for name in sorted(wanted):
        entry = wanted[name]
        should = frozenset() if entry.deleted else list_values(name, entry.facts, entry.owners, entry.labels)
        has = there.get(name, set())
        for facet, value in sorted(should - has):
            yield f"{name}: the filter {facet}={value} does not find it."
        for facet, value in sorted(has - should):
            yield f"{name}: the filter {facet}={value} finds it but should not."
    for facet, value in sorted(there.get(TemplateName(""), ())):
        yield f"The filter {facet}={value} leads to a template that is not there, or to a wrong place of the list."


def removal_differences(wanted: Mapping[Removal, int], there: Mapping[Removal, int]) -> Iterator[str]:
    """What the events tell of templates that were deleted or renamed."""
    for removal in sorted(wanted.keys() | there.keys(), key=lambda each: (each.ordinal, each.name)):
        if wanted.get(removal) != there.get(removal):
            became = f"was renamed to {removal.moved_to}" if removal.moved_to else "was deleted"
            what = f"{removal.name} {became} by commit {removal.ordinal}"
            should, has = wanted.get(removal, "no such thing"), there.get(removal, "nothing")
            yield f"{what}: the catalogue says version {has}, Git says {should}."


def ref_differences(wanted: Mapping[RefName, CommitId | None], there: Mapping[RefName, CommitId | None]) -> list[str]:
    """The recorded tips of refs."""
    return [
        f"The ref {ref} is recorded at {(there.get(ref) or 'no commit')[:10]}, "
        f"Git says {(wanted.get(ref) or 'no commit')[:10]}."
        for ref in sorted(wanted.keys() | there.keys())
        if wanted.get(ref) != there.get(ref)
    ]

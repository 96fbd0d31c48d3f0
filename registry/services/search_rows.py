"""What a search for everything shows, held against what it has to show: order, facts, owners, counts of facets."""

from collections import Counter
from collections.abc import Iterator, Mapping

from registry.domain.catalogue import TemplateEntry
from registry.domain.ids import RepositoryName, TemplateName
from registry.domain.korean import sort_key
from registry.domain.search import Hit, Query, SearchPage, facet_values
from registry.domain.wording import counted
from registry.ports.search_index import CountedSearchIndex, SearchIndex
from registry.services.replaying import Replay

NOT_FED = "The search index still has to be fed, or is away (GET /readyz says which): try again in a moment."
"""The difference that time mends, not a rebuild."""

HITS_AT_ONCE = 500
Entries = Mapping[TemplateName, TemplateEntry]


async def search_differences(index: SearchIndex, repository: RepositoryName, wanted: Entries) -> list[str]:
    """The differences in words. ``wanted`` are the entries of the templates that have to be found, and of no other."""
    page = await index.search(Query(repository, "", limit=HITS_AT_ONCE))
    found = list(_count_differences(wanted, page)) if page.exact else []
    shown: Counter[TemplateName] = Counter()  # in the order in which they came
    while True:
        for hit in page.hits:
            shown[hit.name] += 1
            found += _hit_differences(wanted.get(hit.name), hit)
        if page.next_cursor is None:
            break
        page = await index.search(Query(repository, "", limit=HITS_AT_ONCE, cursor=page.next_cursor))
    found += [f"{name}: a search for everything does not show it." for name in sorted(wanted.keys() - shown.keys())]
    found += [f"{name}: a search for everything shows it {times} times." for name, times in shown.items() if times > 1]
    order = [name for name in shown if name in wanted]
    place = next((name for name, right in zip(order, sorted(order, key=sort_key), strict=True) if name != right), None)
    found += [f"{place}: search shows it at the wrong place."] if place is not None else []
    return found


async def old_text_differences(index: CountedSearchIndex, replay: Replay, entries: Entries) -> list[str]:
    """The old texts that are not there, and what is there of no version; a text counts once a template.

    A text that its template has again may stay as an old one.
    """
    there = await index.old_texts(replay.repository)
    if there is None:
        return []
    versions = {(name, number): each for name, known in replay.versions.items() for number, each in known.items()}
    has = {(name, versions[name, number].blob) for name, number in there if (name, number) in versions}
    wanted = {
        (name, version.blob): number
        for (name, number), version in versions.items()
        if version.valid and (entries[name].deleted or version.blob != replay.latest_blob(name))
    }
    missing = sorted((name, wanted[name, blob]) for name, blob in wanted.keys() - has)
    found = [f"The old text of {name} v{number} is missing in the search index." for name, number in missing]
    strange = sorted(there - versions.keys())
    return found + [
        f"An old text of {name} v{number} is in the search index but not in Git." for name, number in strange
    ]


def _hit_differences(entry: TemplateEntry | None, hit: Hit) -> Iterator[str]:
    """Names that should not be there are told by the fingerprints."""
    if entry is None:
        return
    if hit.facts != entry.facts:
        yield f"{hit.name}: search shows other facts than the catalogue should have."
    if hit.owners != entry.owners:
        yield f"{hit.name}: search shows the owners {hit.owners}, Git says {entry.owners}."


def _count_differences(wanted: Entries, page: SearchPage) -> Iterator[str]:
    """The counts of the most frequent values; as many as are shown."""
    if page.total != len(wanted):
        yield f"Search counts {counted(page.total, 'template')}, Git {len(wanted)}."
    counts: dict[str, Counter[str]] = {facet: Counter() for facet in page.facets}
    for name, entry in wanted.items():
        for facet, value in facet_values(name, entry.facts, entry.owners, entry.labels):
            if facet in counts:
                counts[facet][" ".join(value.split())] += 1
    for facet, shown in page.facets.items():
        right = sorted(counts[facet].items(), key=lambda each: (-each[1], each[0]))
        for (value, number), (_, should) in zip(shown, right, strict=False):
            if number != should or counts[facet][value] != number:
                yield f"Search counts {counted(number, 'template')} with {facet}={value}, Git {counts[facet][value]}."
        if len(shown) < min(len(right), 1):
            yield f"Search counts no templates by {facet}."

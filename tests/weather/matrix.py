"""What is away in the long form of the bad weather, and how: one part, two at a time, and many."""

import itertools
from collections.abc import Sequence

Condition = Sequence[tuple[str, str]]
"""Parts, each with what happens to it."""

STORES = ("postgres", "elasticsearch", "redis")
PROCESSES = ("indexer", "git", "api")
INDEXERS = "indexers"
"""All of them; "indexer" is the one that leads."""
PARTS = (*STORES, INDEXERS, *PROCESSES)
SUDDEN = ("killed", "stopped")
FILLED = (*STORES, "git")
"""What has room that can run out."""
NEED_A_SMALL_DISK = (("postgres", "filled"), ("git", "filled"))


def ways(part: str) -> tuple[str, ...]:
    """How a part can be away."""
    return (*SUDDEN, "filled") if part in FILLED else SUDDEN


def one_at_a_time() -> list[Condition]:
    """Each part in all its ways."""
    return [((part, how),) for part in PARTS for how in (*ways(part), "restarted")]


def pairs_of(parts: Sequence[str], others: Sequence[str]) -> list[Condition]:
    """Each of some parts beside each of others, in all their ways."""
    return [
        ((one, how), (other, also))
        for one, other in itertools.product(parts, others)
        for how, also in itertools.product(ways(one), ways(other))
    ]


def pairs_among(parts: Sequence[str]) -> list[Condition]:
    """Each two of some parts, in all their ways."""
    return [pair for one, other in itertools.combinations(parts, 2) for pair in pairs_of([one], [other])]


def indexers_beside_stores() -> list[Condition]:
    """All indexers beside each store in each of its ways, killed and stopped by turns."""
    stores = [(part, how) for part in STORES for how in ways(part)]
    return [(store, (INDEXERS, how)) for store, how in zip(stores, itertools.cycle(SUDDEN), strict=False)]


def restarted_beside() -> list[Condition]:
    """Each way of being away once, while another part is restarted: every part two times or more."""
    parts = (*STORES, *PROCESSES)
    away = [(part, how) for part in parts for how in ways(part)]
    found: list[Condition] = []
    for number, (part, how) in enumerate(away):
        others = [other for other in parts if other != part]
        found.append(((part, how), (others[-1 - number % len(others)], "restarted")))  # processes beside PostgreSQL
    return found


def many_at_once() -> list[Condition]:
    """All stores in every mixture; these and the Git node; and all but one replica and the indexers."""
    mixed = [tuple(zip(STORES, how, strict=True)) for how in itertools.product(SUDDEN, repeat=len(STORES))]
    more = [tuple((part, how) for part in (*STORES, *also)) for also in (("git",), ("git", "api")) for how in SUDDEN]
    return [*mixed, *more]


GROUPS: dict[str, list[Condition]] = {
    "one": [*one_at_a_time(), *restarted_beside()],
    "stores": [*pairs_among(STORES), *many_at_once()],
    "postgres-and-processes": [*pairs_of(["postgres"], PROCESSES), *pairs_among(PROCESSES)],
    "others-and-processes": [*pairs_of(["elasticsearch", "redis"], PROCESSES), *indexers_beside_stores()],
}
"""Run apart, so that one that fails does not hide the rest."""

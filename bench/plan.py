"""Which templates a generated repository has: names, folders, languages, and which partials they include."""

from collections import defaultdict
from dataclasses import dataclass, field
from random import Random

from bench.vocabulary import Lexicon, lexicon

A_FOLDER = 30
"""About so many templates lie in one folder."""
INCLUDING = 0.3
"""The share of templates that include one or two partials."""


@dataclass(slots=True)
class Planned:
    """One template: its number (the seed of its text), its name, and what it is."""

    number: int
    name: str
    domain: str
    is_korean: bool
    is_partial: bool = False
    includes: tuple[str, ...] = ()
    included_by: list["Planned"] = field(default_factory=list)


def plan_templates(count: int, random: Random) -> list[Planned]:
    """``count`` templates, partials first; a fifth of the names is Korean; the same seed gives the same plan."""
    partials = _partials(max(2, count // 40), random)[:count]
    planned = list(partials)
    taken = {each.name for each in planned}
    by_domain: dict[str, list[Planned]] = defaultdict(list)
    for partial in partials:
        by_domain[partial.domain].append(partial)
    folder = -1
    while len(planned) < count:
        folder += 1
        is_korean = folder % 5 == 4
        domain, path = _folder(folder, is_korean)
        for _ in range(min(A_FOLDER - 10 + int(random.random() * 20), count - len(planned))):
            name = _name(path, domain, is_korean, taken, random)
            template = Planned(len(planned), name, domain, is_korean)
            if by_domain[domain] and random.random() < INCLUDING:
                _include(template, by_domain[domain], random)
            planned.append(template)
    return planned


def _partials(count: int, random: Random) -> list[Planned]:
    found = []
    taken: set[str] = set()
    for number in range(count):
        is_korean = number % 5 == 4
        domains = list(_lexicon(is_korean=is_korean).domains)
        domain = domains[number // 5 % len(domains)]
        name = _name(f"partials/{domain}", domain, is_korean, taken, random)
        found.append(Planned(number, name, domain, is_korean, is_partial=True))
    return found


def _folder(number: int, is_korean: bool) -> tuple[str, str]:
    """The domain and the path of the number-th folder: two levels first, then three."""
    words_of = _lexicon(is_korean=is_korean)
    own = number // 5 if is_korean else number - number // 5
    domains = list(words_of.domains)
    own, at = divmod(own, len(domains))
    words = words_of.domains[domains[at]]
    deep, area = divmod(own, len(words))
    below = f"/{words[(deep - 1) % len(words)]}-{area % 7 + 1}" if deep else ""
    return domains[at], f"{domains[at]}/{words[area]}{below}"


def _name(path: str, domain: str, is_korean: bool, taken: set[str], random: Random) -> str:
    words_of = _lexicon(is_korean=is_korean)
    words = words_of.domains[domain]
    name = f"{path}/{random.choice(words)}-{random.choice(words_of.tasks)}"
    while name in taken:
        name += f"-{random.choice(words)}"
    taken.add(name)
    return name


def _lexicon(*, is_korean: bool) -> Lexicon:
    return lexicon("korean" if is_korean else "english")


def _include(template: Planned, partials: list[Planned], random: Random) -> None:
    """One or two partials of the domain; few of them are popular."""
    chosen = {int(len(partials) * random.random() ** 3) for _ in range(random.choice((1, 1, 2)))}
    template.includes = tuple(partials[at].name for at in sorted(chosen))
    for at in chosen:
        partials[at].included_by.append(template)

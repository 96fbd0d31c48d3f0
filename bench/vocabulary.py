"""The words that generated templates are made of: English and Korean, by domain, with frequencies as in real text.

Real words stand at the head; behind them come compounds of two of them, so that the tail is as long as that of real
text: words that one template in a hundred thousand holds, and words that every tenth does.
"""

import math
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

_SUFFIXES = {
    "english": ("", "s", "ing", "ment", "ness", "able", "less", "ward"),
    "korean": ("", "서", "용", "별", "형", "건", "량", "자"),
}


@dataclass(frozen=True, slots=True)
class Lexicon:
    """One language's words in order of frequency; ``tasks`` are what templates are named after."""

    domains: dict[str, list[str]]
    tasks: list[str]
    head: list[str]
    suffixes: Sequence[str]
    size: int

    def word(self, rank: int) -> str:
        """The word of a rank from 0 up to ``size``, each its own."""
        if rank < len(self.head):
            return self.head[rank]
        rest, count = rank - len(self.head), len(self.head)
        rest, first = divmod(rest, count)
        suffix, second = divmod(rest, count)
        return self.head[first] + self.head[(second * 7 + first) % count] + self.suffixes[suffix % len(self.suffixes)]

    def draw(self, random: Random) -> str:
        """A word with a Zipf frequency: a rank ten times as high is ten times as rare."""
        return self.word(int(math.exp(random.random() * math.log(self.size))) - 1)


@cache
def lexicon(language: str) -> Lexicon:
    """The words of ``english`` or ``korean``."""
    words = tomllib.loads(Path(__file__).with_name("vocabulary.toml").read_text("utf-8"))[language]
    domains: dict[str, list[str]] = {domain: listed.split() for domain, listed in words["domains"].items()}
    # The general words are the most frequent; then the domains take turns.
    turns = [
        own[turn] for turn in range(max(map(len, domains.values()))) for own in domains.values() if turn < len(own)
    ]
    head = list(dict.fromkeys([*words["general"].split(), *turns]))
    suffixes = _SUFFIXES[language]
    return Lexicon(domains, words["tasks"].split(), head, suffixes, len(head) + len(head) ** 2 * len(suffixes))

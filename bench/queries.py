"""The fixed queries: chosen from the words of the generated templates by how many hold them."""

import json
import re
import subprocess
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

from bench.product import clean_environment

RARE = 100
DRAWN = 150
"""Candidates for those: the product finds more than the text holds, and what it finds too often is left out."""

ONCE = 1_800
TRIES = 20
"""How often a query is drawn for one that is kept: a small repository has too few words."""

COMMON = 20
MOST_HITS = 1_000
COMMON_SHARE = 0.10
_VERSION = 5
_KEY_OR_TAG = re.compile(r"^\s*(- )?[a-z_]+:( |$)|[{}<]")


@dataclass(frozen=True, slots=True)
class Queries:
    """``rare`` are in 1 to 1,000 templates, half English and then half Korean; ``common`` in more than a tenth.

    ``once`` are as the rare ones, and others: enough of them that none has to be asked a second time.
    """

    rare: list[str]
    once: list[str]
    common: list[str]


def load_queries(repository: Path) -> Queries:
    """The queries for a generated repository, kept beside it: the same each time."""
    kept = repository.with_suffix(f".queries{_VERSION}.json")
    if not kept.exists():
        kept.write_text(json.dumps(asdict(choose(repository)), ensure_ascii=False, indent=1), "utf-8")
    return Queries(**json.loads(kept.read_text("utf-8")))


def choose(repository: Path) -> Queries:
    """Chooses queries: words, prefixes and substrings, English and Korean by halves."""
    random = Random(7)
    seen: Counter[str] = Counter()
    bodies: list[str] = []
    for body in read_bodies(repository):
        text = searched_text(body).casefold()
        bodies.append(text)
        seen.update(set(_words(text)))
    few = sorted(word for word, count in seen.items() if 1 <= count <= MOST_HITS and len(word) > 1)
    rare: list[str] = []
    once: list[str] = []
    for is_korean in (False, True):
        words = [word for word in few if word.isalpha() and word.isascii() is not is_korean]
        # Words that few hold are most of all words: half of the queries get more hits.
        often = [word for word in words if seen[word] >= 50]
        drawn = _drawn(random, words, often or words, 2 if is_korean else 4, bodies, (DRAWN + ONCE) // 2)
        rare += drawn[: DRAWN // 2]
        once += drawn[DRAWN // 2 :]
    random.shuffle(once)
    return Queries(rare, once, _common(seen, len(bodies)))


def _drawn(
    random: Random, words: Sequence[str], often: Sequence[str], short: int, bodies: Sequence[str], count: int
) -> list[str]:
    """Up to so many different words, begins and parts of words that 1 to 1,000 templates hold."""
    drawn: dict[str, None] = {}
    for _ in range(count * TRIES):
        if len(drawn) == count:
            break
        word = random.choice(often if len(drawn) % 2 else words)
        kind = len(drawn) % 4
        if kind == 1 and len(word) > short:
            word = word[: random.randrange(short, len(word))]
        elif kind == 2 and len(word) > short:
            start = random.randrange(1, len(word) - short + 1)
            word = word[start : start + max(short, len(word) // 2)]
        if 1 <= _hits(word, bodies) <= MOST_HITS:
            drawn[word] = None
    return list(drawn)


def _common(seen: Counter[str], templates: int) -> list[str]:
    words = [word for word, count in seen.most_common() if count > templates * COMMON_SHARE and len(word) > 2]
    alphabetic = [word for word in words if word.isalpha()]
    step = max(1, len(alphabetic) // COMMON)
    return alphabetic[::step][:COMMON]


def _hits(part: str, bodies: Iterable[str]) -> int:
    """How many hold it anywhere; gives up soon after the limit."""
    count = 0
    for body in bodies:
        if part in body:
            count += 1
            if count > MOST_HITS:
                break
    return count


def searched_text(file: str) -> str:
    """What a reader would look for: descriptions and texts, without the file's keys, includes and variables."""
    kept = [line.removeprefix("description: ") for line in file.split("\n") if line.startswith("description: ")]
    kept += [line for line in file.split("\n") if line.startswith("  ") and not _KEY_OR_TAG.search(line)]
    return "\n".join(kept)


def _words(text: str) -> list[str]:
    return "".join(sign if sign.isalpha() else " " for sign in text).split()


def read_bodies(repository: Path) -> Iterable[str]:
    """The text of every template file at the tip."""
    run = ["git", "-C", str(repository)]
    environment = clean_environment()
    listed = subprocess.run(
        [*run, "ls-tree", "-r", "main", "prompts"], env=environment, check=True, capture_output=True, text=True
    ).stdout
    ids = "".join(f"{line.split()[2]}\n" for line in listed.splitlines())
    done = subprocess.run(
        [*run, "cat-file", "--batch"], input=ids.encode(), env=environment, check=True, capture_output=True
    ).stdout
    at = 0
    while at < len(done):
        end = done.index(b"\n", at)
        size = int(done[at:end].split()[2])
        yield done[end + 1 : end + 1 + size].decode()
        at = end + size + 2

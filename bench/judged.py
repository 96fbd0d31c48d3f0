"""Queries whose answers are judged, and how good an order of answers is: nDCG@10.

For the sample people judged (``judged.yaml``). Generated templates have random prose; what one is about is what its
name and tags say, and the judge goes by that and not by what an engine finds.
"""

import math
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from bench.product import clean_environment

FIRST = 10
"""How many answers count."""

TEMPLATES = 400
"""Templates of the generated repository that is judged."""

_JUDGED = Path(__file__).with_name("judged.yaml")

_GENERATED = (
    "refund", "refunds", "invoice", "invoice deposit", "contract notice", "patient surgery", "surgery translate",
    "campaign loyalty", "incident retry", "hotel", "itinerary upgrade", "candidate manager", "risk anonymise",
    "homework", "curric", "환불", "환불을", "쿠폰 검토", "쿠폰검토", "청구 한도", "세금을", "배포", "여권", "채용은",
    "환자 처방", "예약", "계약",
)  # fmt: skip
_PARTICLES = ("을", "를", "은", "는", "이", "가", "의", "에", "과", "와", "로", "으로")
_WORD = re.compile(r"[^\W_]+")
_TAGS = re.compile(r"^tags: \[(.*)\]$", re.MULTILINE)
_DESCRIPTION = re.compile(r"^description: (.*)$", re.MULTILINE)

Grades = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Judged:
    """A query, and how much each template that helps helps: 3, 2 or 1."""

    query: str
    grades: Grades


def judged_sample() -> list[Judged]:
    """The queries over the sample repository."""
    return [Judged(query, grades) for query, grades in yaml.safe_load(_JUDGED.read_text("utf-8")).items()]


def judged_generated(repository: Path) -> list[Judged]:
    """The queries over a generated repository; those that nothing there answers are left out."""
    files = _files(repository)
    judged = [Judged(query, _judge(query, files)) for query in _GENERATED]
    return [each for each in judged if each.grades]


def ndcg(answers: Sequence[str], grades: Grades) -> float:
    """1 for the best order there is, 0 where nothing that helps is among the first ten."""
    best = _gain(sorted(grades.values(), reverse=True))
    return _gain([grades.get(name, 0) for name in answers]) / best


def _gain(grades: Sequence[int]) -> float:
    return math.fsum((2.0**grade - 1) / math.log2(place + 2) for place, grade in enumerate(grades[:FIRST]))


def _judge(query: str, files: Mapping[str, str]) -> dict[str, int]:
    """A template that misses a word of the query helps as far as the others do, but one grade less."""
    words = [_stem(word) for word in _WORD.findall(query)]
    grades = {}
    for name, text in files.items():
        found = [_about(word, name, text) for word in words]
        grade = min(found) if all(found) else max(found) - 1
        if grade > 0:
            grades[name] = grade
    return grades


def _about(word: str, name: str, text: str) -> int:
    folder, _, last = name.rpartition("/")
    if _has(word, last):
        return 3
    if _has(word, folder) or any(_has(word, tags) for tags in _TAGS.findall(text)):
        return 2
    return 1 if any(_has(word, line) for line in _DESCRIPTION.findall(text)) else 0


def _has(word: str, text: str) -> bool:
    found = [_stem(each) for each in _WORD.findall(text)]
    return any(each == word or (len(word) >= 5 and word.isascii() and each.startswith(word)) for each in found)


def _stem(word: str) -> str:
    """A word without the plural, a Korean one without its particle."""
    lowered = word.lower()
    if lowered.isascii():
        return lowered.removesuffix("s") if len(lowered) > 3 else lowered
    for particle in _PARTICLES:
        if len(lowered) > 2 and lowered.endswith(particle):
            return lowered.removesuffix(particle)
    return lowered


def _files(repository: Path) -> dict[str, str]:
    """Name → text of every template at the tip."""
    run = ["git", "-C", str(repository)]
    environment = clean_environment()
    listed = subprocess.run(
        [*run, "ls-tree", "-rz", "--name-only", "main", "prompts"], env=environment, check=True, capture_output=True
    ).stdout
    paths = [path for path in listed.decode().split("\0") if path]
    files = {}
    for path in paths:
        shown = subprocess.run([*run, "show", f"main:{path}"], env=environment, check=True, capture_output=True).stdout
        files[path.removeprefix("prompts/").removesuffix(".prompt.yaml")] = shown.decode()
    return files

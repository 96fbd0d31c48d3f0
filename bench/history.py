"""The commits of a generated repository, and how many versions they make."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from random import Random

from bench.documents import Writer
from bench.plan import Planned, plan_templates
from bench.vocabulary import lexicon

FIRST_COMMIT = 1_672_531_200  # 2023-01-01, in seconds
IMPORT_AT_ONCE = 5_000
"""So many templates come with one commit at the beginning."""
LABEL_EVERY = 25
"""Each so-many-th commit moves labels instead of changing templates."""
PARTIAL_EDITS = 0.01

PEOPLE = (
    ("Emma Clarke", "emma.clarke@example.com"),
    ("김서연", "seoyeon.kim@example.com"),
    ("Daniel Novak", "daniel.novak@example.com"),
    ("박지호", "jiho.park@example.com"),
    ("Amara Okafor", "amara.okafor@example.com"),
    ("이하은", "haeun.lee@example.com"),
    ("Lucas Meyer", "lucas.meyer@example.com"),
)


@dataclass(frozen=True, slots=True)
class PlannedCommit:
    """One commit: who, when (seconds), why, and the files written."""

    author: tuple[str, str]
    time: int
    message: str
    files: Mapping[str, bytes]


@dataclass(slots=True)
class History:
    """Makes the commits one after the other; ``numbers`` are the versions of each template so far."""

    templates: int
    versions: int
    commits: int
    seed: int
    numbers: Counter[str] = field(default_factory=Counter)
    labelled: dict[str, int] = field(default_factory=dict)
    made: int = 0

    def run(self) -> Iterator[PlannedCommit]:
        """The commits, oldest first. Texts are made as they are asked for, so any size needs little memory."""
        random = Random(self.seed)
        planned = plan_templates(self.templates, random)
        writer = Writer(self.seed)
        revisions: Counter[str] = Counter()
        yield self._commit(random, "chore: rules and owners", {".registry.yaml": RULES, "CODEOWNERS": _owners()})
        for start in range(0, len(planned), IMPORT_AT_ONCE):
            some = planned[start : start + IMPORT_AT_ONCE]
            self.numbers.update(each.name for each in some)
            files = {path_of(each): writer.write(each, 0) for each in some}
            yield self._commit(random, f"feat: import of {len(some)} templates", files)
        yield self._label_commit(random, [each for each in planned if random.random() < 0.3 and not each.is_partial])
        edited: list[Planned] = []
        while (missing := self.versions - self.numbers.total()) > 0:
            if edited and self.made % LABEL_EVERY == 0:
                yield self._label_commit(random, edited)
                edited = []
                continue
            some = self._choose(random, planned, self._commit_size(missing))
            revisions.update(each.name for each in some)
            edited += some
            files = {path_of(each): writer.write(each, revisions[each.name]) for each in some}
            yield self._commit(random, f"fix: {some[0].name} and {len(some) - 1} more", files)
        if edited:
            yield self._label_commit(random, edited)

    def _commit_size(self, missing: int) -> int:
        left = self.commits - self.made
        return missing if left <= 1 else max(1, min(missing, round(missing / (left * (1 - 1 / LABEL_EVERY)))))

    def _choose(self, random: Random, planned: list[Planned], size: int) -> list[Planned]:
        """Templates for one commit, ``size`` versions in all; a changed partial makes one of every template with it."""
        some: dict[str, Planned] = {}
        changed: set[str] = set()
        if random.random() < PARTIAL_EDITS:
            partial = planned[int(random.random() * max(1, len(planned) // 40))]
            if partial.is_partial and len(partial.included_by) < self.versions - self.numbers.total():
                some[partial.name] = partial
                changed = {partial.name, *(each.name for each in partial.included_by)}
        while len(changed) < size and len(changed) < len(planned) // 2:
            # Some templates change often, most rarely.
            each = planned[int(len(planned) * random.random() ** 1.5)]
            if not each.included_by and not each.is_partial and each.name not in changed:
                some[each.name] = each
                changed.add(each.name)
        self.numbers.update(changed)
        return list(some.values())

    def _label_commit(self, random: Random, some: list[Planned]) -> PlannedCommit:
        """Moves ``production`` to the newest version of these templates."""
        folders: defaultdict[str, None] = defaultdict()
        for each in some:
            self.labelled[each.name] = self.numbers[each.name]
            folders[each.name.rpartition("/")[0]] = None
        files = {}
        by_folder: defaultdict[str, dict[str, int]] = defaultdict(dict)
        for name, version in self.labelled.items():
            folder, _, last = name.rpartition("/")
            if folder in folders:
                by_folder[folder][last] = version
        for folder, entries in by_folder.items():
            text = "".join(f"{last}: {version}\n" for last, version in sorted(entries.items()))
            files[f"labels/production/{folder}.yaml"] = text.encode()
        return self._commit(random, f"chore(labels): {len(some)} templates to production", files)

    def _commit(self, random: Random, message: str, files: Mapping[str, bytes]) -> PlannedCommit:
        self.made += 1
        author = PEOPLE[int(len(PEOPLE) * random.random() ** 1.5)]
        return PlannedCommit(author, FIRST_COMMIT + self.made * 3_600, message, files)


def path_of(planned: Planned) -> str:
    """The path of a template's file; generated names need no encoding."""
    return f"prompts/{planned.name}.prompt.yaml"


RULES = b"""schema: registry/v1
compatibility: {default: none}
limits: {file_bytes: 262144, tokens: 32000}
"""


def _owners() -> bytes:
    lines = ["* @example/platform"]
    for language in ("english", "korean"):
        lines += [f"/prompts/{domain}/ @example/team-{at}" for at, domain in enumerate(lexicon(language).domains)]
    return ("\n".join(lines) + "\n").encode()

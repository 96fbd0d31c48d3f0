"""What is measured on: generated repositories and data folders with them, made once and reused."""

import asyncio
import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from bench.generator import generate_shown, read_facts
from bench.product import REPOSITORY, clean_environment
from registry.bootstrap import open_registry
from registry.domain.ids import RepositoryName
from registry.settings import Settings

SEED = 1
_STAMP = "bench.json"
_A_DAY = 24 * 3600.0
_ADAPTERS = Path(__file__).parent.parent / "registry" / "adapters"
_STORED = {
    "sql": ("tables.py", "kept_tables.py", "column_types.py", "migrations", "trigrams.py", "values.py"),
    "elasticsearch": ("mapping.py", "documents.py"),
}
"""What says how rows and documents look."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many templates and versions the repositories have; ``--size`` scales all of them."""

    small: int
    small_versions: int
    large: int


@dataclass(frozen=True, slots=True)
class Data:
    """Where generated things lie, below ``out``."""

    out: Path
    console: Console

    def repository(self, templates: int, versions: int = 0) -> Path:
        """A generated bare repository, made where it is not there yet."""
        versions = max(versions, templates)
        target = self.out / f"{templates}-{versions}.git"
        facts = read_facts(target)
        if facts is None or (facts.templates, facts.versions, facts.seed) != (templates, versions, SEED):
            self.out.mkdir(parents=True, exist_ok=True)
            generate_shown(target, templates=templates, versions=versions, commits=None, seed=SEED)
        return target

    def folder(self, templates: int, versions: int = 0) -> Path:
        """A data folder of the product with that repository, projected; not to be changed (see ``copy``)."""
        source = self.repository(templates, versions)
        facts = read_facts(source)
        assert facts is not None
        target = self.out / f"data-{source.stem}"
        stamp = {"tip": facts.tip, "schema": schema_stamp("sql")}
        if _read_stamp(target) != stamp:
            self.console.print(f"preparing {target.name}: {facts.templates} templates, {facts.versions} versions …")
            shutil.rmtree(target, ignore_errors=True)
            asyncio.run(fill(Settings(data=target, sample=False), source))
            (target / _STAMP).write_text(json.dumps(stamp), "utf-8")
        return target

    @contextmanager
    def copy(self, templates: int, versions: int = 0) -> Iterator[Path]:
        """A copy of such a folder that may be changed; it is removed afterwards."""
        source = self.folder(templates, versions)
        target = self.out / f"run-{source.name}"
        shutil.rmtree(target, ignore_errors=True)
        subprocess.run(["cp", "-a", str(source), str(target)], check=True)
        try:
            yield target
        finally:
            shutil.rmtree(target, ignore_errors=True)


async def fill(settings: Settings, source: Path) -> None:
    """Makes the repository by the product's own means, puts the generated objects into it, and projects them."""
    async with open_registry(settings) as registry:
        repository = registry.repositories.create(REPOSITORY)
        await registry.accounts.ensure_administrator()
        await asyncio.to_thread(
            subprocess.run,
            ["git", "-C", str(registry.git.path(repository)), "fetch", "-q", str(source.resolve()), "+main:main"],
            check=True,
            env=clean_environment(),
        )
        # Unlike a poke this waits until the search index is fed, however long that takes.
        await registry.indexing.reconcile()
        # What a registry that has run for a day has; else the Git node would make it beside every measurement.
        for moment in (0.0, _A_DAY):
            await registry.maintenance.look(moment)
        if registry.snapshots is not None:
            await registry.snapshots.catch_up(repository)


def bare_path(data: Path) -> Path:
    """The measured repository in a data folder."""
    return data / "repositories" / f"{REPOSITORY}.git"


def repository_name() -> RepositoryName:
    return RepositoryName(REPOSITORY)


def schema_stamp(*adapters: str) -> str:
    """Changes with what lies in catalogue or index, so that no figure is measured on rows that are not made any more.

    Code that only reads, or writes the same rows another way, is not part of it: a million versions take an hour.
    """
    places = [_ADAPTERS / adapter / name for adapter in adapters for name in _STORED[adapter]]
    sources = [source for place in places for source in _files(place)]
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:16]


def _files(place: Path) -> list[Path]:
    return sorted(place.rglob("*.py")) if place.is_dir() else [place]


def _read_stamp(target: Path) -> object:
    try:
        return json.loads((target / _STAMP).read_text("utf-8"))
    except (OSError, ValueError):
        return None

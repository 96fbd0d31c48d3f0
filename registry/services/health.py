"""Looking a set-up over from end to end, without changing it: what ``promptuary doctor`` says of a data folder."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from registry.domain.catalogue import PROJECTION_SCHEMA
from registry.domain.errors import PromptuaryError
from registry.domain.health import Finding, Grade
from registry.domain.ids import RepositoryName
from registry.domain.key_secrets import hash_secret
from registry.domain.pairing import FILE
from registry.ports.clock import Clock
from registry.ports.git import Repositories
from registry.ports.health import CatalogueFacts, CatalogueHealth, GitHealth, PlaceHealth, Reached, RepositoryFacts
from registry.services import health_catalogue as catalogue
from registry.services import health_disks as disks
from registry.services import health_folders as folders
from registry.services import health_pairing as pairing
from registry.services import health_programs as programs
from registry.services import health_repositories as repositories
from registry.services.tree_changes import chain_after

SQLITE = "SQLite"


class Health:
    """The findings of one data folder. Everything is looked at anew for each finding that is asked for."""

    def __init__(
        self,
        *,
        data: Path,
        git: Repositories,
        git_health: GitHealth,
        catalogue_health: CatalogueHealth,
        shards: Mapping[str, CatalogueHealth],
        shard_of: Mapping[str, str],
        places: PlaceHealth,
        clock: Clock,
        place: str,
        elsewhere: Finding | None,
    ) -> None:
        """``shard_of`` names the shards of the repositories that are in one, ``place`` says where the catalogue is.

        ``elsewhere`` is what stands for the catalogue's findings where the settings lead to another one.
        """
        self._data = data.resolve()
        self._git = git
        self._git_health = git_health
        self._catalogue = catalogue_health
        self._shards = shards
        self._shard_of = shard_of
        self._places = places
        self._clock = clock
        self._place = place
        self._elsewhere = elsewhere

    def fix(self) -> None:
        """Writes hooks and settings of every repository anew and sweeps locks, as a start of the server does."""
        self._git.prepare()

    def of_programs(self) -> Iterator[Finding]:
        """What Promptuary stands on."""
        versions = self._git_health.versions()
        yield programs.python_finding()
        yield programs.git_finding(versions)
        yield programs.libgit2_finding(versions)
        version, missing = self._catalogue.version(), self._catalogue.missing_features()
        if self._catalogue.engine() == SQLITE:
            yield programs.sqlite_finding(version, missing)
        else:
            yield programs.postgres_finding(version, missing)
        for name, each in self._shards.items():
            finding = programs.postgres_finding(each.version(), each.missing_features())
            yield replace(finding, subject=_shard(name))
        yield programs.shell_finding(self._places.shell())
        temporary = Path(tempfile.gettempdir())
        yield folders.temporary_finding(temporary, self._places.try_out(temporary))

    def of_place(self) -> Finding:
        """Whether the data folder is there; where this is not OK there is nothing else to look at in it."""
        holds = any(self._places.look(self._data / name).exists for name in ("catalogue.sqlite", "repositories"))
        return folders.place_finding(self._places.look(self._data), holds, self._places.user(os.geteuid()))

    def of_folder(self) -> Iterator[Finding]:
        """Who owns the data folder and gets into it, and the disk under it."""
        folder, user = self._places.look(self._data), os.geteuid()
        strangers = self._places.strangers(self._data, folder.owner)
        yield folders.owner_finding(folder, user, strangers, self._places.user)
        yield folders.mode_finding(folder)
        yield folders.gates_finding(self._places.look(self._data / "gates"))
        trial = self._places.try_out(self._data)
        yield folders.writing_finding(self._data, trial)
        disk = self._places.disk(self._data)
        if disk is not None:
            yield disks.space_finding(disk)
            yield disks.file_system_finding(self._data, disk)
        yield disks.disk_clock_finding(trial)

    def of_catalogue(self, *, serving: bool, deep: bool) -> Iterator[Finding]:
        """The catalogue's file, and the key that opens the server."""
        if self._elsewhere is not None:
            yield self._elsewhere
            return
        facts = self._catalogue.look()
        in_file = self._catalogue.engine() == SQLITE
        file = self._data / "catalogue.sqlite" if in_file else None
        yield catalogue.catalogue_finding(facts, file)
        if facts.reached is not None:
            text = _text(self._data / FILE)
            yield pairing.pairing_finding(self._data, text, self._place, facts.registry_id)
        key = self._places.look(self._data / "admin-key")
        text = _text(key.path)
        scope = self._catalogue.scope_of_key(hash_secret(text.strip())) if text is not None else None
        yield folders.key_file_finding(key, scope, text)
        yield from self._of_projected(self._catalogue, facts, file, serving=serving, deep=deep)
        for name, each in self._shards.items():
            facts = each.look()
            yield replace(catalogue.catalogue_finding(facts, None), subject=_shard(name))
            for finding in self._of_projected(each, facts, None, serving=serving, deep=deep):
                yield replace(finding, subject=_shard(name))

    def _of_projected(
        self, health: CatalogueHealth, facts: CatalogueFacts, file: Path | None, *, serving: bool, deep: bool
    ) -> Iterator[Finding]:
        """What one database has of Git."""
        data = folders.quoted(self._data)
        if facts.reached is not None:
            if file is not None:
                yield catalogue.log_finding(facts)
            yield catalogue.search_finding(facts, serving, data)
            yield catalogue.rebuild_finding(facts, serving, data)
        if deep and facts.exists and facts.unusable is None:
            damage = health.damage()
            yield catalogue.damage_finding(damage, file) if file else catalogue.rows_finding(damage, data)

    def of_repositories(self, *, deep: bool) -> Iterator[Finding]:
        """Every repository, and how far the catalogue is behind it."""
        yield repositories.strays_finding(self._git_health.strays(), "repositories/")
        facts, main = {name: each.look() for name, each in self._shards.items()}, self._catalogue.look()
        for name in self._git.names():
            known = facts.get(self._shard_of.get(name, ""), main)
            yield from self._of_repository(name, known, deep=deep)

    def _of_repository(self, name: RepositoryName, known: CatalogueFacts, *, deep: bool) -> Iterator[Finding]:
        facts, fix = self._git_health.look(name), f"promptuary doctor --fix --data {folders.quoted(self._data)}"
        yield repositories.repository_finding(name, facts)
        if facts.unusable is not None:
            return
        reached = known.reached.get(name) if known.reached is not None else None
        yield repositories.branch_finding(name, facts, reached.ref if reached is not None else None)
        yield repositories.hooks_finding(name, facts, fix)
        yield repositories.hooks_path_finding(name, facts, fix)
        runs = bool(facts.command) and os.access(facts.command, os.X_OK)
        yield repositories.command_finding(name, facts, runs, fix)
        yield repositories.settings_finding(name, facts, fix)
        yield repositories.locks_finding(name, facts, fix)
        yield repositories.alternates_finding(name, facts)
        yield repositories.purge_finding(name, facts)
        yield repositories.upkeep_finding(name, facts)
        yield repositories.commit_clock_finding(name, facts, self._clock.now())
        if known.reached is not None:
            yield self._index(name, facts, reached)
        if deep:
            yield repositories.objects_finding(name, self._git_health.damage(name))

    def _index(self, name: RepositoryName, facts: RepositoryFacts, reached: Reached | None) -> Finding:
        again = f"promptuary index rebuild {name} --data {folders.quoted(self._data)}"
        try:
            behind = self._behind(name, facts, reached)
        except PromptuaryError as error:
            return Finding("index", Grade.PROBLEM, error.message, name)
        return catalogue.index_finding(name, facts, reached, behind, PROJECTION_SCHEMA, again)

    def _behind(self, name: RepositoryName, facts: RepositoryFacts, reached: Reached | None) -> int | None:
        if facts.tip is None or reached is None:
            return None
        with self._git.open(name) as store:
            chain = chain_after(store, facts.tip, reached.commit)
        return None if chain is None else len(chain)


def _shard(name: str) -> str:
    """The subject of findings of one."""
    return f"shard {name}"


def _text(file: Path) -> str | None:
    try:
        return file.read_text("utf-8")
    except (OSError, ValueError):
        return None

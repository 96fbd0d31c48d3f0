"""What the gate would say of files that nobody has committed yet; nothing is written."""

import asyncio
import dataclasses
import time
from collections.abc import Mapping

from registry.domain.access import Actor
from registry.domain.compatibility import RULE, announces, breaks, diagnose
from registry.domain.diagnostics import Diagnostic
from registry.domain.errors import LabelNotFound, TemplateGone, TemplateMoved, TemplateNotFound, VersionNotFound
from registry.domain.ids import ZERO_COMMIT, CommitId, RepositoryName, TemplateName
from registry.domain.judging import judge_file
from registry.domain.labels import is_label_path, read_labels
from registry.domain.names import check_path, find_collisions, template_name
from registry.domain.refs import RefUpdate, Signature
from registry.domain.registry_file import read_registry_file
from registry.domain.rights import Sight
from registry.domain.roles import Role
from registry.domain.secrets import find_secrets_in
from registry.domain.selectors import Selector
from registry.domain.template import Template
from registry.ports.catalogue import VersionIndex
from registry.ports.clock import Clock
from registry.ports.git import Repositories
from registry.services.checking import SLICE_SECONDS
from registry.services.gate import Gate, Verdict, make_verdict, rules_at
from registry.services.gate_rights import refuse_unseen
from registry.services.indexing import Indexing
from registry.services.proposed_store import ProposedStore
from registry.services.templates import Templates
from registry.services.tree_changes import RULES_PATH

Files = Mapping[str, bytes | None]
"""Path → content, None for a file that goes."""


class Proposals:
    """Judges files as if they were committed on the default branch."""

    def __init__(
        self,
        *,
        git: Repositories,
        gate: Gate,
        indexing: Indexing,
        templates: Templates,
        versions: VersionIndex,
        clock: Clock,
    ) -> None:
        self._git = git
        self._gate = gate
        self._indexing = indexing
        self._templates = templates
        self._versions = versions
        self._clock = clock

    async def check(
        self, repository: RepositoryName, files: Files, *, actor: Actor, message: str, against: Selector | None = None
    ) -> tuple[Verdict, CommitId | None]:
        """What the gate would say of one commit, and the tip that it was judged on.

        With ``against`` callers of that state count instead of those of the state before and of labels. Who may only
        read is judged as an author; of files that he does not see nothing is looked at, and each is refused alike.
        Raises LabelNotFound for a label that no template carries that the actor sees, RevisionNotFound.
        """
        sight = actor.sight(repository)
        refused = refuse_unseen(repository, files, sight)
        hidden = {each.path for each in refused}
        files = {path: body for path, body in files.items() if path not in hidden}
        await self._indexing.poke(repository)
        judged = dataclasses.replace(actor, rights=actor.rights.at_least(Role.AUTHOR))
        branch = self._git.default_branch(repository)
        with self._git.open(repository) as store:
            tip = store.refs().get(branch)
            author = Signature(actor.name, actor.email, self._clock.now())
            proposed = ProposedStore(store, tip, files, author, message)
            update = RefUpdate(branch, tip or ZERO_COMMIT, proposed.id)
            verdict = await self._gate.judge_commit(repository, proposed, update, judged)
            if against is None:
                return make_verdict([*refused, *verdict.diagnostics], files) if refused else verdict, tip
            rules = rules_at(store, tip)
        kept = refused + [each for each in verdict.diagnostics if each.rule != RULE]
        if announces(message):
            return make_verdict(kept, files), tip
        if against.label is not None and against.label != "latest":
            await self._require_label(repository, against, sight)
        for path, body in files.items():
            name = template_name(path)
            new = judge_file(name, body).template if name is not None and body is not None else None
            old = await self._state(repository, name, against) if name is not None and new is not None else None
            if name is not None and new is not None and body is not None and old is not None:
                found = breaks(old[1], new, rules.compatibility_of(name))
                kept += diagnose(dict.fromkeys(found, old[0]), path, body)
        return make_verdict(kept, files), tip

    async def _require_label(self, repository: RepositoryName, against: Selector, sight: Sight) -> None:
        found = await self._versions.list_labels(repository, against.label)
        if not any(sight.has(name) for named in found.values() for name in named):
            raise LabelNotFound(f"No template of {repository} carries the label {against.label!r}.")

    async def _state(
        self, repository: RepositoryName, name: TemplateName, against: Selector
    ) -> tuple[str, Template] | None:
        """The state that a template had there, in words too; None where it has none."""
        try:
            version, loaded = await self._templates.find(repository, name, against)
        except (TemplateNotFound, TemplateGone, TemplateMoved, LabelNotFound, VersionNotFound):
            return None
        words = f"version {version.number}" if version.number else f"commit {version.commit[:10]}"
        return words, loaded.template


async def validate_files(files: Mapping[str, bytes]) -> list[Diagnostic]:
    """What is wrong with each file alone, whatever a repository holds. Yields to other tasks on the way."""
    found: list[Diagnostic] = list(find_collisions(files))
    turn = time.monotonic()
    for path, body in files.items():
        problem = check_path(path)
        found += [problem] if problem is not None else []
        found += find_secrets_in(body, path)
        name = template_name(path)
        if name is not None:
            found += judge_file(name, body).diagnostics
        elif is_label_path(path):
            found += read_labels(body, path).diagnostics
        elif path == RULES_PATH:
            found += read_registry_file(body).diagnostics
        if time.monotonic() - turn > SLICE_SECONDS:
            await asyncio.sleep(0)
            turn = time.monotonic()
    return found

"""Whether a repository is what the server makes of it: readable, gated, whole, on its branch."""

import shlex
from collections.abc import Sequence
from datetime import datetime, timedelta

from registry.domain.health import Finding, Grade, well
from registry.domain.ids import RepositoryName
from registry.domain.wording import counted
from registry.ports.health import HookState, RepositoryFacts
from registry.services.health_folders import quoted

LOOSE_LIMIT = 20_000
"""What 500 commits bring to deep folders, twice: more has waited longer than the server lets it."""
PACKS_LIMIT = 50
"""As Git's own collection has it; joined geometrically there are a dozen."""

FUTURE = timedelta(minutes=5)
"""How far a commit may be ahead of our clock: clocks differ."""


def strays_finding(strays: Sequence[str], where: str) -> Finding:
    """What lies among the repositories and is none."""
    if not strays:
        return well("repositories", f"only repositories lie in {where}")
    found = f"{where} also holds {', '.join(strays[:5])}{' …' if len(strays) > 5 else ''}"
    why = "A repository is a bare one in a folder NAME.git, the name of a-z, 0-9, dot, dash and underscore."
    remedy = "Name it so if it is one (git clone --bare makes one), else move it away: nothing reads it there."
    return Finding("repositories", Grade.WARNING, found, why=why, remedy=remedy)


def repository_finding(name: RepositoryName, facts: RepositoryFacts) -> Finding:
    """Whether it can be opened."""
    if facts.unusable is None:
        return well("repository", f"a bare repository with {counted(len(facts.branches), 'branch')}", name)
    why = "It answers neither reads nor pushes; other repositories are not touched by it."
    remedy = "Mind what the reason says; where files are gone, bring the folder back from a backup or a mirror."
    return Finding("repository", Grade.PROBLEM, f"it cannot be used: {facts.unusable}", name, why, remedy)


def hooks_finding(name: RepositoryName, facts: RepositoryFacts, fix: str) -> Finding:
    """Whether a push to the folder meets the gate."""
    hooks = facts.hooks or {}
    wrong = [f"{hook} is {state}" for hook, state in hooks.items() if state is not HookState.INSTALLED]
    if not wrong:
        return well("hooks", f"{' and '.join(hooks)} are installed as this version has them", name)
    why = "A push to the folder is not judged where pre-receive does not run; the server refuses pushes without it."
    remedy = "Have them written anew (a start of the server does that too)."
    return Finding("hooks", Grade.PROBLEM, ", ".join(wrong), name, why, remedy, fix)


def hooks_path_finding(name: RepositoryName, facts: RepositoryFacts, fix: str) -> Finding:
    """Whether Git looks for the hooks where they are."""
    if facts.hooks_path is None:
        return well("hooks-path", "Git looks for hooks in the repository", name)
    file = facts.hooks_path_file
    found = f"core.hooksPath is {facts.hooks_path}" + (f" in {file}" if file is not None else " in the environment")
    why = "Git runs the hooks of that folder instead, so pushes to the folder pass the gate by."
    if file == facts.path / "config":
        remedy = "Have the setting removed (a start of the server does that too)."
        return Finding("hooks-path", Grade.PROBLEM, found, name, why, remedy, fix)
    remedy = "Remove it from the settings of whoever pushes to the folder."
    command = f"git config --file {quoted(file)} --unset-all core.hooksPath" if file is not None else ""
    return Finding("hooks-path", Grade.PROBLEM, found, name, why, remedy, command)


def settings_finding(name: RepositoryName, facts: RepositoryFacts, fix: str) -> Finding:
    """Whether its configuration is as Promptuary sets it."""
    different = facts.settings or {}
    if not different:
        return well("settings", "fsync, fsckObjects, hideRefs and the others are set", name)
    shown = (f"{key} is {'not set' if value is None else value}" for key, value in different.items())
    why = "They make pushes durable, check what comes in, and keep Git's own collection out of the way of pushes."
    remedy = "Have them set anew (a start of the server does that too)."
    return Finding("settings", Grade.PROBLEM, ", ".join(shown), name, why, remedy, fix)


def command_finding(name: RepositoryName, facts: RepositoryFacts, runs: bool, fix: str) -> Finding:
    """Whether the program is there that judges pushes to the folder."""
    if runs:
        return well("hook-command", f"{facts.command} judges pushes to the folder", name)
    found = f"the program that judges pushes to the folder is not there: {facts.command or 'none is set'}"
    why = "Pushes to the folder are refused; those over HTTP are not touched by it."
    remedy = "Have the place of this program written down (a start of the server does that too)."
    return Finding("hook-command", Grade.PROBLEM, found, name, why, remedy, fix)


def branch_finding(name: RepositoryName, facts: RepositoryFacts, projected: str | None) -> Finding:
    """Whether HEAD names the default branch. ``projected`` is the branch that the catalogue has."""
    heads, head = "refs/heads/", facts.head
    short = head.removeprefix(heads)
    if head in facts.branches and projected in {None, head}:
        return well("branch", f"HEAD names {short}", name)
    if not facts.branches and head.startswith(heads):
        return well("branch", f"HEAD names {short}; it has no commits yet", name)
    if projected in facts.branches or not facts.branches:
        wanted = projected or f"{heads}main"
    else:
        wanted = f"{heads}main" if f"{heads}main" in facts.branches else facts.branches[0]
    told = ", but no branch has that name" if head not in facts.branches else f", but served was {projected}"
    why = "Versions, labels and reads follow the branch that HEAD names: with another one every number changes."
    return Finding(
        "branch",
        Grade.PROBLEM,
        f"HEAD names {head if head.startswith(heads) else f'no branch ({head[:40]})'}{told}",
        name,
        why,
        f"Let HEAD name {wanted.removeprefix(heads)} again, and restart the server if it runs.",
        f"git --git-dir={quoted(facts.path)} symbolic-ref HEAD {shlex.quote(wanted)}",
    )


def locks_finding(name: RepositoryName, facts: RepositoryFacts, fix: str) -> Finding:
    """Whether a killed process left locks of refs."""
    if not facts.locks:
        return well("locks", "no lock was left behind", name)
    why = "Git refuses to move the ref while the lock stands there."
    remedy = "Have them removed (the server does that when a push meets one)."
    found = f"left behind by a process that was killed: {', '.join(facts.locks[:5])}"
    return Finding("locks", Grade.WARNING, found, name, why, remedy, fix)


def purge_finding(name: RepositoryName, facts: RepositoryFacts) -> Finding:
    """Whether a purge waits to be completed."""
    if not facts.purging:
        return well("purge", "no purge waits to be completed", name)
    why = "Until it is complete the repository takes no writes, pushes or backups, and former states may be left."
    remedy = "Where none runs any more it was cut off: run promptuary purge again as it was (docs/purge.md)."
    return Finding("purge", Grade.WARNING, "a purge is under way, or was cut off", name, why, remedy)


def alternates_finding(name: RepositoryName, facts: RepositoryFacts) -> Finding:
    """Whether it has all of its objects itself."""
    if not facts.alternates:
        return well("alternates", "it borrows no objects", name)
    here = quoted(facts.path)
    command = f"git --git-dir={here} repack -a -d && rm {quoted(facts.path / 'objects/info/alternates')}"
    if facts.gone_alternates:
        found = f"it borrows objects from a folder that is not there: {', '.join(facts.gone_alternates)}"
        why = "Commits and templates that lie there cannot be read."
        remedy = "Bring that folder back, then copy its objects over with: " + command
        return Finding("alternates", Grade.PROBLEM, found, name, why, remedy)
    found = f"it borrows objects from {', '.join(facts.alternates)}"
    why = "A backup of the data folder does not hold them, and whoever tidies up there takes them away."
    return Finding("alternates", Grade.WARNING, found, name, why, "Copy them over.", command)


def upkeep_finding(name: RepositoryName, facts: RepositoryFacts) -> Finding:
    """Whether its objects are packed, as the server does by itself."""
    state = f"{counted(facts.packs, 'pack')}, about {counted(facts.loose, 'loose object')}"
    if facts.loose <= LOOSE_LIMIT and facts.packs <= PACKS_LIMIT:
        return well("upkeep", state, name)
    why = "Clones, histories and rebuilds get slower with every pack and loose object."
    remedy = "The server packs five minutes after its start and then daily; its log says where that fails. Or now:"
    command = f"git --git-dir={quoted(facts.path)} repack --geometric=2 -d --write-midx"
    return Finding("upkeep", Grade.WARNING, state, name, why, remedy, command)


def commit_clock_finding(name: RepositoryName, facts: RepositoryFacts, now: datetime) -> Finding:
    """Whether the newest commit is of now or before."""
    if facts.tip_time is None:
        return well("commit-clock", "there are no commits", name)
    if facts.tip_time <= now + FUTURE:
        return well("commit-clock", f"the newest commit is of {facts.tip_time:%Y-%m-%d %H:%M} UTC", name)
    found = f"the newest commit is dated {facts.tip_time:%Y-%m-%d %H:%M} UTC, now is {now:%Y-%m-%d %H:%M}"
    why = "Lists by time and reads with at= go by these dates. Version numbers do not."
    remedy = "Set the clock of the machine that committed it, or this one's, by NTP (timedatectl set-ntp true)."
    return Finding("commit-clock", Grade.WARNING, found, name, why, remedy)


def objects_finding(name: RepositoryName, damage: Sequence[str]) -> Finding:
    """Whether all that its refs lead to is there."""
    if not damage:
        return well("objects", "all that its refs lead to is there (git fsck)", name)
    found = f"git fsck says: {'; '.join(damage[:3])}{' …' if len(damage) > 3 else ''}"
    why = "What is missing cannot be read, cloned or projected."
    remedy = (
        "Stop the server, fetch into the repository from a clone that has everything (git fetch CLONE "
        "'+refs/heads/*:refs/recovered/*'), or bring it back from a backup."
    )
    return Finding("objects", Grade.PROBLEM, found, name, why, remedy)

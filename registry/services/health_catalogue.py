"""Whether the catalogue can be used and has what Git has."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from registry.domain.health import Finding, Grade, well
from registry.domain.ids import RepositoryName
from registry.domain.wording import counted
from registry.ports.health import CatalogueFacts, Reached, RepositoryFacts

MOST_LOG_BYTES = 256 << 20
MUCH_OUTBOX = 1_000


@dataclass(frozen=True, slots=True)
class _Words:
    """What is said of a catalogue's file, or of its database."""

    name: str
    where: str
    unusable: str
    mend: str
    older: str
    bring_up: str
    go_back: str


def _words_of(file: Path | None) -> _Words:
    if file is None:
        return _Words(
            name="the database",
            where=" in PostgreSQL",
            unusable="The server does not start; a running one answers what it has in memory or in Git.",
            mend="Mind what the reason says, and the database's address. What is projected is filled from Git again.",
            older="Nothing or an older Promptuary wrote it; users and keys of another database are not in it.",
            bring_up="Start the server with this version: it makes the tables and fills them from Git.",
            go_back="name another database",
        )
    aside = f"mv {file.name} {file.name}.broken"
    return _Words(
        name="it",
        where="",
        unusable="The server does not start: reads are answered from it.",
        mend=f"Mind what the reason says. A damaged file is moved away ({aside}) and made anew from Git; keys are not.",
        older="An older Promptuary wrote it; a server of that version may still run on it.",
        bring_up="Restart the server with this version: it brings the file up to date when it starts.",
        go_back="bring back the backup from before the upgrade",
    )


def catalogue_finding(facts: CatalogueFacts, file: Path | None) -> Finding:
    """Whether its ``file``, or else its database, can be used and is of this version's schema."""
    words = _words_of(file)
    if file is not None and not facts.exists:
        why = "It is made anew from Git, but users and API keys lie in it alone: all keys stop working."
        remedy = f"Bring {file.name} back from a backup, or start the server and make new keys (promptuary key create)."
        return Finding("catalogue", Grade.PROBLEM, f"there is no {file.name}", why=why, remedy=remedy)
    if facts.unusable is not None:
        return Finding("catalogue", Grade.PROBLEM, facts.unusable, why=words.unusable, remedy=words.mend)
    if facts.revision == facts.newest:
        return well("catalogue", f"schema {facts.revision}{words.where}")
    found = f"{words.name} has schema {facts.revision or 'none'}, this version has {facts.newest}"
    if facts.revision is None or facts.revision < facts.newest:
        return Finding("catalogue", Grade.WARNING, found, why=words.older, remedy=words.bring_up)
    why = "A newer Promptuary wrote it; this version does not start on it."
    remedy = f"Install that version again, or {words.go_back}."
    return Finding("catalogue", Grade.PROBLEM, found, why=why, remedy=remedy)


def rows_finding(damage: Sequence[str], data: str) -> Finding:
    """Whether all rows of the database lead somewhere."""
    if not damage:
        return well("catalogue-pages", "every row leads somewhere")
    why = "Reads of what lies there fail or answer wrongly."
    remedy = "Make what is projected anew from Git."
    command = f"promptuary index rebuild --data {data}"
    return Finding("catalogue-pages", Grade.PROBLEM, "; ".join(damage), "", why, remedy, command)


def log_finding(facts: CatalogueFacts) -> Finding:
    """Whether SQLite's log is folded into its file in time."""
    if facts.log_bytes <= MOST_LOG_BYTES:
        return well("catalogue-log", f"SQLite's log has {facts.log_bytes / (1 << 20):.1f} MiB")
    found = f"SQLite's log has grown to {facts.log_bytes >> 20:,} MiB"
    why = "A reader that never ends keeps it from being folded into the file: reads become slow, the disk fills."
    remedy = (
        "Close programs that hold catalogue.sqlite open (a backup tool, a shell of sqlite3), or restart the server."
    )
    return Finding("catalogue-log", Grade.WARNING, found, why=why, remedy=remedy)


def search_finding(facts: CatalogueFacts, serving: bool, data: str) -> Finding:
    """Whether the search index has what the catalogue has."""
    waits = f"waiting for the search index: {counted(facts.outbox, 'template')}"
    if facts.outbox == 0:
        return well("search", "the search index has everything")
    if serving and facts.outbox < MUCH_OUTBOX:
        return well("search", f"{waits}; the server is at it")
    why = "Search does not find them, or finds them as they were."
    remedy = "Start the server, which carries on with them; if they do not become fewer, make the indexes anew."
    command = f"promptuary index rebuild --data {data}"
    return Finding("search", Grade.WARNING, waits, why=why, remedy=remedy, command=command)


def rebuild_finding(facts: CatalogueFacts, serving: bool, data: str) -> Finding:
    """Whether a rebuild was begun and not ended."""
    if facts.unfinished == 0 or serving:
        return well("rebuild", "none is unfinished" if facts.unfinished == 0 else "one is under way, or was given up")
    why = "It takes room and serves nobody; what was live before it still is."
    remedy = "Begin it again: that throws the unfinished one away."
    command = f"promptuary index rebuild --data {data}"
    return Finding("rebuild", Grade.WARNING, "a rebuild was begun and not ended", "", why, remedy, command)


def index_finding(
    name: RepositoryName, facts: RepositoryFacts, reached: Reached | None, behind: int | None, schema: int, again: str
) -> Finding:
    """How far the catalogue is behind Git.

    ``behind`` counts commits, None where what was projected is not in the branch's history; ``again`` is the command
    that makes the index anew.
    """
    if facts.tip is None and reached is None:
        return well("index", "there is nothing to project", name)
    if reached is not None and reached.schema != schema:
        found = f"it was projected by schema {reached.schema} of the projection, this version has {schema}"
    elif behind == 0 and facts.tip is not None:
        return well("index", f"projected up to {facts.tip[:10]}, the newest commit", name)
    elif reached is None:
        found = "it has commits and was never projected"
    elif behind is None or facts.tip is None:
        found = f"it was projected up to {reached.commit[:10]}, which is not in the branch's history"
    else:
        found = f"reads are {counted(behind, 'commit')} behind Git"
    why = "Reads, search and labels answer what was projected, not what Git has."
    remedy = "Start the server, or see in its log why it does not catch up; or make the index anew."
    return Finding("index", Grade.WARNING, found, name, why, remedy, again)


def damage_finding(damage: Sequence[str], file: Path) -> Finding:
    """Whether SQLite can read all of the file."""
    if not damage:
        return well("catalogue-pages", "every page can be read (quick_check)")
    why = "Reads of what lies there fail or answer wrongly."
    remedy = (
        f"Stop the server, move {file.name} away, and bring it back from a backup; without one start the server, which "
        "makes it anew from Git, and make new keys."
    )
    return Finding("catalogue-pages", Grade.PROBLEM, "; ".join(damage[:3]), why=why, remedy=remedy)

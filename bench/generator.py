"""Makes bare repositories of any size: ``python -m bench.generator OUT --templates 10000 --versions 50000 --seed 1``.

Names, folders, sizes, words, labels, owners and history are like those of a company; the same arguments give the same
commits, to the last byte.
"""

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench.history import History, PlannedCommit

FACTS = "promptuary-bench.json"
"""Stands in the finished repository and says what it holds."""

Step = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Facts:
    """What a generated repository holds."""

    templates: int
    versions: int
    commits: int
    labelled: int
    seed: int
    tip: str


def generate(
    target: Path, *, templates: int, versions: int, commits: int | None = None, seed: int = 1, step: Step | None = None
) -> Facts:
    """Makes the bare repository ``target``, packed; replaces what is there.

    ``versions`` counts those of all templates and is met exactly; ``commits`` is met about (None: eight versions each).
    """
    versions = max(versions, templates)
    history = History(templates, versions, commits or (versions - templates) // 8 + 8, seed)
    building = target.with_name(f"{target.name}.part")
    shutil.rmtree(building, ignore_errors=True)
    _git("init", "-q", "--bare", "-b", "main", str(building))
    importer = subprocess.Popen(
        ["git", "-C", str(building), "fast-import", "--quiet", "--done", "--date-format=raw"], stdin=subprocess.PIPE
    )
    assert importer.stdin is not None
    try:
        for commit in history.run():
            importer.stdin.writelines(_stream(commit))
            if step:
                step(history.numbers.total(), versions)
        importer.stdin.write(b"done\n")
    finally:
        importer.stdin.close()
        status = importer.wait()
    if status:
        raise RuntimeError(f"git fast-import failed with status {status}")
    # Fresh from fast-import, bulk reads are up to ten times slower.
    _git("-C", str(building), "repack", "-adfq", "--depth=8", "--window=8")
    tip = _git("-C", str(building), "rev-parse", "refs/heads/main")
    facts = Facts(templates, history.numbers.total(), history.made, len(history.labelled), seed, tip)
    (building / FACTS).write_text(json.dumps(asdict(facts)), "utf-8")
    shutil.rmtree(target, ignore_errors=True)
    building.rename(target)
    return facts


def read_facts(repository: Path) -> Facts | None:
    """What a repository made earlier holds; None where there is none, or only a part of one."""
    try:
        return Facts(**json.loads((repository / FACTS).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _stream(commit: PlannedCommit) -> Iterable[bytes]:
    name, email = commit.author
    who = f"{name} <{email}> {commit.time} +0000".encode()
    message = f"{commit.message}\n".encode()
    yield b"commit refs/heads/main\nauthor %s\ncommitter %s\ndata %d\n%s" % (who, who, len(message), message)
    for path, data in commit.files.items():
        yield b"M 100644 inline %s\ndata %d\n" % (path.encode(), len(data))
        yield data
        yield b"\n"


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.generator", description=__doc__)
    parser.add_argument("out", type=Path, help="the bare repository to make; what is there is replaced")
    parser.add_argument("--templates", type=int, default=10_000)
    parser.add_argument("--versions", type=int, default=0, help="of all templates together; default: one each")
    parser.add_argument("--commits", type=int, default=None, help="about so many; default: one for eight versions")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    facts = generate_shown(
        given.out, templates=given.templates, versions=given.versions, commits=given.commits, seed=given.seed
    )
    sys.stdout.write(f"{given.out}: {facts.templates} templates, {facts.versions} versions, {facts.commits} commits\n")
    return 0


def generate_shown(target: Path, *, templates: int, versions: int, commits: int | None, seed: int) -> Facts:
    """The same as ``generate``, with a progress bar."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns) as progress:
        task = progress.add_task(f"generating {target.name}", total=max(versions, templates))
        return generate(
            target,
            templates=templates,
            versions=versions,
            commits=commits,
            seed=seed,
            step=lambda done, total: progress.update(task, completed=done, total=total),
        )


if __name__ == "__main__":
    sys.exit(main())

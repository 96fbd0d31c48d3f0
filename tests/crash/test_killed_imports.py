"""A whole Langfuse project moves in while its server, the import and Promptuary are killed: each version comes once.

The long form has the size that teams of that tool move in with: 600 prompts with 4,000 versions.
"""

import random
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.cli.langfuse import KEYS, Langfuse, langfuse
from tests.running import Running, clean_environment, git
from tests.warm import WarmProcess

WORDS = [
    "sort",
    "the",
    "ticket",
    "환불",
    "배송",
    "안내",
    "kindly",
    "{{user-name}}",
    "{{ticket}}",
    "{",
    "literal",
    "}",
    "{%",
    "raw",
    "%}",
    "{{#if",
    "x}}",
    "answer",
    "briefly",
]
LABELS = ("production", "staging", "tenant_1")


def project(prompts: int, versions: int, seed: int) -> list[dict[str, Any]]:
    """Versions of prompts in folders, text and chat, with labels; in no order."""
    chance = random.Random(seed)
    counts = [1] * prompts
    for _ in range(versions - prompts):
        counts[chance.randrange(prompts)] += 1
    entries = []
    for index, count in enumerate(counts):
        name = f"{chance.choice(['team', 'Team', '고객지원', 'a b'])}-{index % 20}/prompt {index}"
        labelled = {label: chance.randint(1, count) for label in LABELS if chance.random() < 0.5}
        for number in range(1, count + 1):
            text = f"{' '.join(chance.choices(WORDS, k=30))} ({index}, {number})"
            second = chance.randrange(365 * 24 * 3600 // count) + (number - 1) * (365 * 24 * 3600 // count)
            created = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(1_704_067_200 + second))
            chat = [{"role": "system", "content": text}, {"type": "placeholder", "name": "history"}]
            entries.append({
                "name": name, "version": number, "prompt": chat if index % 3 == 0 else text,
                "type": "chat" if index % 3 == 0 else "text", "config": {"model": "openai/gpt-4o", "temperature": 0.5},
                "labels": [label for label, at in labelled.items() if at == number], "tags": ["moved"],
                "createdAt": created, "createdBy": f"writer-{index % 7}@example.com", "commitMessage": f"State {number}",
            })  # fmt: skip
    chance.shuffle(entries)
    return entries


@dataclass
class Import:
    """The program, again and again, with what may happen to it."""

    server: Running
    source: Langfuse
    folder: Path

    def begin(self) -> subprocess.Popen[bytes]:
        where = {"PROMPTUARY_URL": f"http://127.0.0.1:{self.server.port}", "PROMPTUARY_KEY": self.server.key}
        env = clean_environment(**where, **KEYS, XDG_CACHE_HOME=str(self.folder / "cache"))
        log = (self.folder / "import.log").open("ab")
        with log:
            return WarmProcess(["import", self.source.url, "--json"], env=env, stdout=subprocess.DEVNULL, stderr=log)

    def log(self) -> str:
        return (self.folder / "import.log").read_text()

    def break_off(self, at: Sequence[int]) -> None:
        """Kills the program and Promptuary by turns, once the repository has so many commits."""
        process = self.begin()
        for turn, commits in enumerate(at):
            while count(self.server) < commits:
                assert process.poll() in {None, 0}, self.log()
                if process.poll() == 0:
                    return
                time.sleep(0.02)
            if turn % 2:
                self.server.kill()
                self.server.start()  # while the import waits for it
            else:
                process.kill()
                process.wait(10)
                process = self.begin()
        process.kill()
        process.wait(10)


def count(server: Running) -> int:
    done = subprocess.run(["git", "rev-list", "--count", "main"], cwd=server.bare, capture_output=True, check=False)
    return int(done.stdout or 0)


def check(server: Running, entries: list[dict[str, Any]]) -> None:
    """Every version stands there once, as its author's and of its time, and labels are where they were."""
    log = git(server.bare, "log", "--format=%s%x1f%ae%x1f%at", "main").splitlines()
    came = [line.split("\x1f") for line in log if line.startswith("Import version ")]
    came = [(subject.rpartition(" [")[0], *rest) for subject, *rest in came]
    assert len(came) == len(entries)
    wanted = {
        f'Import version {each["version"]} of "{each["name"]}" from langfuse': (each["createdBy"], each["createdAt"])
        for each in entries
    }
    stamps = {
        subject: (email, time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(int(at)))) for subject, email, at in came
    }
    assert stamps == wanted
    labels = server.call("GET", "/api/v1/repositories/default/labels")[2]["labels"]
    for each in entries:
        new = server.call("GET", f"/api/v1/repositories/default/templates?imported={quote(each['name'])}")[2]
        name = new["templates"][0]["name"] if new["templates"] else each["name"]
        for label in each["labels"]:
            assert labels[label.replace("_", "-")][name] == each["version"], (name, label)
    server.assert_sound()


@pytest.mark.crash
@pytest.mark.parametrize(
    ("prompts", "versions", "kills"),
    [pytest.param(40, 160, 3, id="short"), pytest.param(600, 4000, 20, id="long", marks=pytest.mark.soak)],
)
def test_every_version_comes_once_however_often_it_breaks_off(
    running: Running, tmp_path: Path, prompts: int, versions: int, kills: int
) -> None:
    entries = project(prompts, versions, seed=1)
    with langfuse(*entries) as source:
        moving = Import(running, source, tmp_path)
        source.dies_after = versions // 2
        assert moving.begin().wait(600) == 2, "the source died half way"
        assert count(running) == 0
        source.dies_after = None
        moving.break_off([versions * turn // (kills + 1) for turn in range(1, kills + 1)])
        two = [moving.begin(), moving.begin()]
        assert [each.wait(900) for each in two] == [0, 0], moving.log()
        check(running, entries)
        before = count(running)
        assert moving.begin().wait(900) == 0
        assert count(running) == before, "said again it adds nothing"

"""Who pushed stands beside the author: real pushes of others' commits, on both tiers, and what outlives them."""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.cluster import tier_settings
from tests.databases import address_of, own_database
from tests.indexes import forget_indexes
from tests.running import Running, clean_environment, git, text_template

pytestmark = pytest.mark.e2e

PATIENCE_SECONDS = 15.0
PEOPLE = {"kim": "kim@example.com", "lee": "lee@예시.kr"}


class Team:
    """A server with two authors, and a checkout that anybody may commit in."""

    def __init__(self, running: Running, checkout: Path) -> None:
        self.running = running
        self.checkout = checkout
        self.keys = {"admin": running.key}
        for user, email in PEOPLE.items():
            self.command("user", "put", user, "--name", user.title(), "--email", email)
            self.command("grant", "add", "author", "--user", user)
            self.keys[user] = self.command("key", "create", "--user", user, "--scope", "write")["key"]
        self.git("init", "-q", "-b", "main")

    def command(self, *arguments: str) -> Any:
        """A command on the data folder, as JSON."""
        done = self.running.command(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def git(self, *arguments: str, **people: str) -> subprocess.CompletedProcess[str]:
        """Git in the checkout. Without ``people`` the author and committer is Ada, who is no user."""
        return subprocess.run(
            ["git", "-C", str(self.checkout), *arguments],
            env=clean_environment(**people),
            capture_output=True,
            text=True,
            check=False,
        )

    def commit(self, name: str, text: str, author: str = "", committer: str = "") -> str:
        """A commit of one template by anybody."""
        path = self.checkout / "prompts" / f"{name}.prompt.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text_template(text))
        people = {f"GIT_{who}_EMAIL": email for who, email in (("AUTHOR", author), ("COMMITTER", committer)) if email}
        self.git("add", "-A")
        done = self.git("commit", "-q", "-m", f"change {name}", **people)
        assert done.returncode == 0, done.stderr
        return git(self.checkout, "rev-parse", "HEAD").strip()

    def push(self, user: str, refs: str = "HEAD:main", *more: str) -> subprocess.CompletedProcess[str]:
        """A push as a user."""
        address = f"http://{user}:{self.keys[user]}@127.0.0.1:{self.running.port}/git/default.git"
        return self.git("push", *more, address, refs)

    def versions(self, name: str, user: str = "admin") -> list[dict[str, Any]]:
        """The history of a template as a user reads it, newest first."""
        path = f"/api/v1/repositories/default/versions/{quote(name)}"
        status, _, answer = self.running.call("GET", path, headers={"Authorization": f"Bearer {self.keys[user]}"})
        assert status == 200, answer
        versions: list[dict[str, Any]] = answer["versions"]
        return versions

    def pushers(self, name: str) -> list[tuple[str, str | None]]:
        """Who wrote and who pushed the versions, oldest first, once that of the newest is known."""
        until = time.monotonic() + PATIENCE_SECONDS
        while (found := self.versions(name))[0]["pushed_by"] is None:
            assert time.monotonic() < until, found
            time.sleep(0.1)
        return [(each["author"]["email"], each["pushed_by"]) for each in reversed(found)]


@pytest.fixture(params=["embedded", "server"])
def team(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Team]:
    with own_database() if request.param == "server" else nullcontext() as name:
        settings = tier_settings(address_of(name)) if name else {}
        running = Running(tmp_path / "data", tmp_path / "log", settings=settings)
        assert running.command("init", "default").returncode == 0
        running.start()
        checkout = tmp_path / "checkout"
        checkout.mkdir()
        try:
            yield Team(running, checkout)
        finally:
            running.stop()
            if settings:
                forget_indexes(settings["PROMPTUARY_ELASTICSEARCH_URL"], settings["PROMPTUARY_NAMESPACE"])


ADA = "ada@example.com"


def test_the_history_says_who_pushed_whoever_wrote(team: Team, tmp_path: Path) -> None:
    team.commit("support/a", "One", author="old@example.com")
    team.commit("support/a", "Two")
    assert team.push("kim").returncode == 0
    assert team.pushers("support/a") == [("old@example.com", "kim"), (ADA, "kim")]
    team.git("checkout", "-q", "-b", "topic")
    team.commit("support/a", "Three", author=PEOPLE["kim"])
    assert team.push("lee", "HEAD:topic").returncode == 0
    assert team.push("kim").returncode == 0, "kim moves main on to what lee brought"
    assert team.pushers("support/a")[2:] == [(PEOPLE["kim"], "lee")]
    headers = {"If-None-Match": "*", "Content-Type": "application/yaml", "Authorization": f"Bearer {team.keys['lee']}"}
    path = "/api/v1/repositories/default/templates/other/b"
    assert team.running.call("PUT", path, text_template("B"), headers)[0] == 201
    assert team.pushers("other/b") == [(PEOPLE["lee"], "lee")]

    one = team.versions("support/a")[0]
    read = f"/api/v1/repositories/default/versions/support/a/{one['version']}"
    assert team.running.call("GET", read)[2]["pushed_by"] == "lee"
    resolved = team.running.call("GET", f"/api/v1/repositories/default/resolve/{one['digest']}")[2]
    assert [each["pushed_by"] for each in resolved["versions"]] == ["lee"]
    said = team.running.command("log", "support/a", "--url", f"http://127.0.0.1:{team.running.port}", "--key-file",
                                str(team.running.data / "admin-key"))  # fmt: skip
    assert said.returncode == 0, said.stderr
    assert "PUSHER" in said.stdout
    assert [("lee" in line, "kim" in line) for line in said.stdout.splitlines()[1:4]] == [
        (True, False), (False, True), (False, True)
    ]  # fmt: skip

    key = team.command("key", "create", "--user", "kim", "--scope", "read", "--at", "default/other")["key"]
    team.keys["part"] = key
    assert team.versions("other/b", "part")[0]["pushed_by"] == "lee"
    limited = {"Authorization": f"Bearer {key}"}
    hidden = team.running.call("GET", "/api/v1/repositories/default/versions/support/a", headers=limited)
    nothing = team.running.call("GET", "/api/v1/repositories/default/versions/support/z", headers=limited)
    assert (hidden[0], hidden[2]["detail"]) == (nothing[0], nothing[2]["detail"].replace("/z", "/a"))
    status, _, _ = team.running.call("GET", f"/api/v1/repositories/default/resolve/{one['digest']}", headers=limited)
    assert status == 404

    before = [team.pushers(name) for name in ("support/a", "other/b")]
    team.running.stop()
    rebuilt = team.running.command("index", "rebuild")
    assert rebuilt.returncode == 0, rebuilt.stderr
    team.running.start()
    assert [team.pushers(name) for name in ("support/a", "other/b")] == before


def test_a_restore_brings_back_who_pushed(team: Team, tmp_path: Path) -> None:
    team.commit("a", "One")
    assert team.push("kim").returncode == 0
    assert team.pushers("a") == [(ADA, "kim")]
    made = team.running.command("backup", str(tmp_path / "store"))
    assert made.returncode == 0, made.stderr
    team.running.stop()
    back = Running(tmp_path / "back", tmp_path / "back.log")
    restored = back.command("restore", str(tmp_path / "store"))
    assert restored.returncode == 0, restored.stderr
    back.start()
    try:
        team.running, team.keys = back, {"admin": team.keys["admin"]}
        assert team.pushers("a") == [(ADA, "kim")]
    finally:
        back.stop()


VERIFIED = "schema: registry/v1\ncommit_identity: verified\n"


def test_a_verified_committer_is_the_pusher_in_every_commit(team: Team) -> None:
    (team.checkout / ".registry.yaml").write_text(VERIFIED)
    first = team.commit("a", "One", committer="admin@localhost")
    assert team.push("admin").returncode == 0

    def refused(user: str, refs: str = "HEAD:main") -> None:
        done = team.push(user, refs)
        assert done.returncode != 0
        assert "[commit-identity]" in done.stderr
        assert PEOPLE[user] in done.stderr

    team.commit("a", "Two")
    refused("kim")
    refused("kim", "HEAD:draft")
    team.git("commit", "-q", "--amend", "--no-edit", GIT_COMMITTER_EMAIL="Kim@Example.COM")
    assert team.push("kim").returncode == 0, "the author is another, and case does not count"
    assert team.pushers("a")[-1] == (ADA, "kim")

    team.commit("a", "Three", author=PEOPLE["lee"])
    team.commit("a", "Four", author=PEOPLE["lee"], committer="lee@xn--vv4b11d.kr")
    refused("lee")  # the tip is lee's, and the commit before it is not
    team.git("reset", "-q", "--hard", "HEAD~1")
    team.git("commit", "-q", "--amend", "--no-edit", GIT_COMMITTER_EMAIL=PEOPLE["lee"])
    assert team.push("lee", "HEAD:topic").returncode == 0

    team.git("checkout", "-q", "-b", "side", first)
    team.commit("b", "Side")
    team.git("checkout", "-q", "-B", "work", "main")
    team.git("reset", "-q", "--hard", "main~1")
    team.git("merge", "-q", "--no-ff", "-m", "merge", "side", GIT_COMMITTER_EMAIL=PEOPLE["kim"])
    refused("kim", "HEAD:merged")  # the merge is kim's, and what it brings along is not

    path = "/api/v1/repositories/default/templates/c"
    headers = {"If-None-Match": "*", "Content-Type": "application/yaml", "Authorization": f"Bearer {team.keys['lee']}"}
    status, _, answer = team.running.call("PUT", path, text_template("C"), headers)
    assert status == 201, answer

"""Schemathesis makes requests out of the OpenAPI document, valid and invalid ones, and judges what a server answers.

Git's routes are not in the document: their protocol is Git's own, and tests/e2e pushes and fetches with git itself.
"""

import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.public_paths import is_public
from registry.domain.rate_limits import LimitKind
from tests.running import Running, clean_environment

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
PROGRAM = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIGURATION), "run", "--no-color"]
JUDGING = "/(render|check|validate)"
MOVING = "/(move|commits)"
STEPS = {
    "reads": ["--include-method=GET", f"--include-path-regex={JUDGING}"],
    "writes": ["--exclude-method=GET", f"--exclude-path-regex={JUDGING}|{MOVING}"],
    "moves": [f"--include-path-regex={MOVING}"],  # at last: what is moved is found no more
}

TOKENS = "POST /oauth/token"
"""Nobody has a code or token to send by himself; tests/api/test_tokens.py has."""

Statuses = dict[str, set[int]]
"""By operation, what it answered."""


BY_SESSION = "PUT /api/v1/password"
"""What is refused to a key, whatever is asked; tests/api/test_sign_in.py asks it with a session."""

ROLES = ("reader", "author", "maintainer", "administrator")
PLACES: dict[str, dict[str, str]] = {
    "server": {},
    "repository": {"repository": "default"},
    "folder": {"repository": "default", "folder": "support"},
}


class Asked:
    """A server of the sample repository, with accounts to ask about, and keys of each role at each place."""

    def __init__(self, server: Running) -> None:
        self.server = server
        self.call("PUT", "users/kim", {"name": "김민지", "email": "kim@example.com"})
        self.call("PUT", "users/spare", {})
        self.call("PUT", "users/lee", {})
        link = self.call("POST", "users/lee/password-link", {})["link"]
        self.call("PUT", "groups/support", {"members": ["kim"]})
        for provider in ("gitlab", "spare"):
            self.call("PUT", f"identity-providers/{provider}", {"kind": "gitlab", "client_id": "x"})
        grant = self.call("POST", "grants", {"role": "reader", "user": "kim"})["id"]
        spare, other = (self.call("POST", "api-keys", {"scope": "read"})["id"] for _ in range(2))
        password = (server.data / "admin-password").read_text().strip()
        self.call("POST", "sign-in", {"user": "admin", "password": password})
        self.made = {
            "PROMPTUARY_PASSWORD": password,
            "PROMPTUARY_SESSION": server.call("GET", "/api/v1/sessions")[2]["sessions"][0]["id"],
            "PROMPTUARY_COMMIT": server.main(),
            "PROMPTUARY_GRANT": grant,
            "PROMPTUARY_LINK": str(link),
            "PROMPTUARY_SPARE_KEY": spare,
            "PROMPTUARY_OTHER_KEY": other,
        }

    def call(self, method: str, path: str, body: object) -> dict[str, Any]:
        sent = {"Content-Type": "application/json"}
        status, _, answer = self.server.call(method, f"/api/v1/{path}", json.dumps(body), sent)
        assert status < 300, answer
        assert isinstance(answer, dict)
        return answer

    def key(self, role: str, place: str) -> str:
        user = f"{role}-{place}"
        self.call("PUT", f"users/{user}", {})
        self.call("POST", "grants", {"role": role, "user": user, **PLACES[place]})
        return str(self.call("POST", "api-keys", {"user": user, "scope": "admin"})["key"])


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    folder = tmp_path_factory.mktemp("schemathesis")
    unlimited = {f"PROMPTUARY_RATE_{kind.upper()}": "off" for kind in LimitKind}  # wrong keys are tried by the hundred
    running = Running(folder / "data", folder / "log", settings={"PROMPTUARY_SAMPLE": "true", **unlimited})
    running.start()
    yield Asked(running)
    running.stop()
    log = running.log.read_text("utf-8")
    assert "Traceback" not in log, log[-4000:]


def test_every_route_answers_as_documented(asked: Asked, tmp_path: Path) -> None:
    found: Statuses = defaultdict(set)
    for step, selected in STEPS.items():
        answers = ask(asked, tmp_path / step, *selected, phases="examples,coverage,fuzzing", examples=8)
        for operation, statuses in answers.items():
            found[operation] |= statuses
    assert set(found) == operations(asked.server)
    assert {name for name, statuses in found.items() if min(statuses) >= 300} == {BY_SESSION, TOKENS}
    # What succeeds is asked without a key, too.
    closed = {name for name in found if name != BY_SESSION and not is_public(name.partition(" ")[2])}
    assert {name for name in closed if 401 not in found[name]} == set()


@pytest.mark.parametrize("role", ROLES)
def test_every_route_answers_each_role_as_documented(asked: Asked, tmp_path: Path, role: str) -> None:
    key = asked.key(role, "folder")
    found = ask(asked, tmp_path / role, phases="examples", examples=2, key=key)
    assert len(found) >= 40
    assert {status for statuses in found.values() for status in statuses} >= {200, 403, 404}


@pytest.mark.soak
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("role", ROLES)
def test_every_route_answers_each_role_as_documented_at_length(
    asked: Asked, tmp_path: Path, role: str, place: str
) -> None:
    key = asked.key(role, place)
    ask(asked, tmp_path / "asked", phases="examples,coverage,fuzzing", examples=8, key=key)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(3))
def test_every_route_answers_as_documented_at_length(asked: Asked, tmp_path: Path, seed: int) -> None:
    """Other requests with each seed; at last also requests made of what earlier answers hold (``stateful``)."""
    for step, selected in {**STEPS, "all": []}.items():
        phases = "stateful" if step == "all" else "coverage,fuzzing"
        ask(asked, tmp_path / step, *selected, phases=phases, examples=40, seed=seed)


def ask(
    asked: Asked,
    folder: Path,
    *options: str,
    phases: str,
    examples: int,
    seed: int | None = None,
    key: str | None = None,
) -> Statuses:
    """Runs schemathesis, without a seed the same way each time; it has to find nothing."""
    folder.mkdir()
    report, server = folder / "report.ndjson", asked.server
    words = [
        "--generation-deterministic" if seed is None else f"--seed={seed}",
        f"--phases={phases}",
        f"--max-examples={examples}",
        "--warnings=off",
    ]
    done = subprocess.run(
        [
            *(*PROGRAM, f"http://127.0.0.1:{server.port}/openapi.json", *options, *words),
            *("--report=ndjson", f"--report-ndjson-path={report}"),
        ],
        cwd=folder,
        env=clean_environment(PROMPTUARY_KEY=key or server.key, **asked.made),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr
    return answered(report)


def operations(server: Running) -> set[str]:
    """All that the document has, but for the stream of events."""
    document = server.call("GET", "/openapi.json")[2]
    every = {f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods}
    return {operation for operation in every if not operation.endswith("/events")}


def answered(report: Path) -> Statuses:
    found: defaultdict[str, set[int]] = defaultdict(set)
    for line in report.read_text("utf-8").splitlines():
        recorder: dict[str, Any] = json.loads(line).get("ScenarioFinished", {}).get("recorder", {})
        for interaction in recorder.get("interactions", {}).values():
            if interaction["response"]:
                found[recorder["label"]].add(interaction["response"]["status_code"])
    return dict(found)

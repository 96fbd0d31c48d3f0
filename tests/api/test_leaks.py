"""What must not be told is told nowhere: not in the log, traces, metrics, audit or answers of a running server."""

import base64
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from registry.domain.key_secrets import new_secret
from tests.collecting import Received, collector
from tests.running import Running, clean_environment

pytestmark = pytest.mark.e2e

BASE = "/api/v1/repositories/default"
VALUE = "Zq7-wombat-Kp4"
"""What a caller passes for a sensitive variable: no redaction by shape knows it."""

JWT = ".".join(
    base64.urlsafe_b64encode(part).decode().rstrip("=")
    for part in (b'{"alg":"EdDSA","typ":"JWT"}', b'{"sub":"ada","exp":1900000000}', b"s" * 64)
)
TOKENS = {prefix: new_secret(f"{prefix}_") for prefix in ("pmt", "pms", "pmr", "pmd", "pml")} | {"jwt": JWT}

PIN = """\
schema: prompt/v1
type: text
variables:
  pin: {type: string, sensitive: true, max_length: 20, pattern: "[A-Za-z0-9-]*"}
  number: {type: integer, sensitive: true, default: 1}
  kind: {type: string, sensitive: true, enum: [one, two], default: one}
  data: {type: object, sensitive: true, properties: {a: {type: integer}}, required: false}
  photo: {type: image, sensitive: true, required: false}
  talk: {type: messages, sensitive: true, required: false}
text: |
  {% if pin == "fail" or pin is endingwith("!") %}{{ pin | int }}{% endif %}Your pin is {{ pin }}.
"""
FAILING = """\
schema: prompt/v1
type: text
variables:
  pin: {type: string, sensitive: true}
text: |
  {% if pin is endingwith("1") %}{{ pin | int }}{% elif pin is endingwith("2") %}{{ pin.a.b }}{% endif %}
  {% if pin is endingwith("3") %}{{ pin | join(pin, pin) }}{% endif %}{{ 1 / (pin | length - 15) }}
"""


class World:
    """A server at the level debug, with what it told of itself."""

    def __init__(self, running: Running, received: Received) -> None:
        self.running = running
        self.received = received
        self.answers: list[str] = []

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> int:
        """One request whose answer is kept."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        text = body if isinstance(body, str | bytes | None) else json.dumps(body)
        if body is not None:
            named.setdefault("Content-Type", "application/json")
        status, answered, said = self.running.call(method, path, text, named)
        self.answers.append(f"{status} {answered} {said}")
        return status

    def told(self) -> dict[str, str]:
        """All that the server said, by where; it ends."""
        _, _, metrics = self.running.call("GET", "/metrics")
        _, _, audit = self.running.call("GET", "/api/v1/audit?limit=500")
        self.running.stop()
        return {
            "log": self.running.log.read_text(),
            "traces": "".join(map(str, self.received.spans)),
            "metrics": str(metrics),
            "audit": json.dumps(audit),
            "answers": "\n".join(self.answers),
        }


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with collector() as received:
        settings = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{received.port}",
            "OTEL_BSP_SCHEDULE_DELAY": "100",
            "PROMPTUARY_LOG_FORMAT": "json",
            "PROMPTUARY_LOG_LEVEL": "debug",
        }
        running = Running(tmp_path / "data", tmp_path / "log", settings=settings)
        running.start()
        try:
            yield World(running, received)
        finally:
            running.stop()


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def leaks(told: dict[str, str], *secrets: str) -> list[str]:
    """Where one of the secrets stands, as it is or in another form."""
    found = []
    for secret in secrets:
        for form in {secret, quote(secret, safe=""), base64.b64encode(secret.encode()).decode().rstrip("=")[:-1]}:
            for where, text in told.items():
                at = text.find(form)
                while at >= 0:
                    found.append(
                        f"{where}: …{text[max(0, at - 200) : at]}[HERE]{text[at + len(form) : at + len(form) + 60]}…"
                    )
                    at = text.find(form, at + 1)
    return found


def test_keys_and_tokens_are_told_nowhere(world: World) -> None:
    for token in (world.running.key, *TOKENS.values()):
        world.ask("GET", BASE, Authorization=f"Bearer {token}")
        world.ask("GET", BASE, Authorization=f"bearer  {token}x")
        world.ask("GET", BASE, Authorization=token)
        world.ask("GET", BASE, Authorization=basic("ada", token))
        world.ask("GET", BASE, Authorization=basic(token, ""))
        world.ask("GET", BASE, Cookie=f"session={token}", X_Api_Key=token, Referer=f"https://x.example/?t={token}")
        world.ask("GET", BASE, traceparent=token, tracestate=f"a={token}")
        for path in (
            f"{BASE}/templates?q={token}",
            f"{BASE}/templates?cursor={token}",
            f"{BASE}/templates?token={token}",
            f"{BASE}/templates/a?label={token}",
            f"{BASE}/templates/a?ref={token}",
            f"{BASE}/search?q={token}&limit={token}",
            f"{BASE}/templates/{token}",
            f"{BASE}/templates/support/{token}?label=latest",
            f"{BASE}/labels/{token}",
            f"/api/v1/repositories/{token}",
            f"/api/v1/repositories/{token}/templates/a",
            f"/api/v1/{token}",
            f"/{token}",
            f"/api/v1/audit?actor={token}",
            f"/api/v1/users/{token}",
            f"/api/v1/api-keys/{token}",
            f"/git/{token}.git/info/refs?service=git-upload-pack",
            f"/git/default.git/info/refs?service={token}",
        ):
            world.ask("GET", path)
        world.ask("PUT", f"{BASE}/templates/{token}", "text: x", If_None_Match=token, Content_Type="application/yaml")
        world.ask("POST", f"{BASE}/commits", {token: token, "message": {"a": token}, "changes": [token]})
        world.ask("POST", f"{BASE}/commits", f'{{"a": "{token}"')
        world.ask("POST", "/api/v1/users", {"name": token, "email": [token]})
        world.ask("POST", "/api/v1/api-keys", {"name": {"a": token}, "scope": token})
        world.ask("POST", f"{BASE}/branches", {"name": token, "start": token})
        world.ask(token, BASE)
        git = ["git", "ls-remote", f"http://ada:{token}@127.0.0.1:{world.running.port}/git/default.git"]
        subprocess.run(git, env=clean_environment(), capture_output=True, check=False)
        git[2] = f"http://{token}@127.0.0.1:{world.running.port}/git/none.git"
        subprocess.run(git, env=clean_environment(), capture_output=True, check=False)
    assert leaks(world.told(), world.running.key, *TOKENS.values()) == []


def test_values_of_sensitive_variables_are_told_nowhere(world: World) -> None:
    for name, text in (("pin", PIN), ("failing", FAILING)):
        status, _, answer = world.running.put(name, text, If_None_Match="*")
        assert status == 201, answer
    for name in ("pin", "failing"):
        for variables in (
            {"pin": VALUE + "!" * 20},
            {"pin": [VALUE]},
            {"pin": {VALUE: VALUE}},
            {"pin": f"{VALUE}\n{VALUE}"},
            {"pin": f"{VALUE}!"},
            {"pin": f"{VALUE}1"},
            {"pin": f"{VALUE}2"},
            {"pin": f"{VALUE}3"},
            {"pin": "x", "number": VALUE},
            {"pin": "x", "kind": VALUE},
            {"pin": "x", "data": {"a": VALUE}},
            {"pin": "x", "data": {VALUE: 1}},
            {"pin": "x", "photo": {"url": VALUE}},
            {"pin": "x", "photo": {"data": VALUE, "media_type": VALUE}},
            {"pin": "x", "talk": [{"role": VALUE, "content": VALUE}]},
            {"pin": "x", "talk": VALUE},
            VALUE,
        ):
            for query in ("", "?strict=true", "?format=openai", "?format=anthropic", "?label=latest"):
                world.ask("POST", f"{BASE}/render/{name}{query}", {"variables": variables})
        world.ask("POST", f"{BASE}/render/{name}", {"variables": {"pin": "x"}, "other": VALUE})
        world.ask("POST", f"{BASE}/render/{name}", f'{{"variables": {{"pin": "{VALUE}"')
        world.ask("POST", f"{BASE}/render/{name}", f'{{"variables": {{"pin": "{VALUE}", "pin": "{VALUE}"}}}}')
        world.ask("POST", f"{BASE}/render/{name}", f'{VALUE}"')
    rendered = [answer for answer in world.answers if answer.startswith("200")]
    world.answers = [answer for answer in world.answers if answer not in rendered]
    assert any(VALUE in answer for answer in rendered), "what is rendered holds it, and nothing else does"
    assert any("has no attribute ***" in answer for answer in world.answers)
    assert len(world.answers) > 100
    assert leaks(world.told(), VALUE) == []

"""``make services`` and ``make services-stop``: starts what is not running, ends what was started here."""

import argparse
import asyncio
import fcntl
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict

from scripts.services.elasticsearch import Elasticsearch
from scripts.services.postgres import Postgres
from scripts.services.processes import PROC
from scripts.services.redis import Redis
from scripts.services.service import Service, ServiceFailed, ServiceMissing

FOLDER = Path(__file__).parents[2] / ".services"
COMPOSE = "docker compose up -d postgres redis elasticsearch"
COMPOSED = {
    "database_url": "postgresql://promptuary:promptuary@127.0.0.1:25432/promptuary",
    "redis_url": "redis://127.0.0.1:26379/0",
    "elasticsearch_url": "http://127.0.0.1:29200",
}
"""Where docker-compose.yml publishes them."""


class Addresses(BaseSettings):
    """Servers that the environment names: they are used where none can be had here."""

    model_config = SettingsConfigDict(env_prefix="PROMPTUARY_", frozen=True)

    database_url: str = ""
    redis_url: str = ""
    elasticsearch_url: str = ""


class GivenToTests(Addresses):
    """Servers that the environment names for the tests, which then need no others: ``PROMPTUARY_TEST_...``."""

    model_config = SettingsConfigDict(env_prefix="PROMPTUARY_TEST_", frozen=True)


class Surroundings(BaseSettings):
    """Whether this is continuous integration, where nothing may be left out: ``CI``."""

    model_config = SettingsConfigDict(frozen=True)

    ci: str = ""


def services(folder: Path, *, first_port: int = 0) -> dict[str, Service]:
    """One of each, by the setting that gets its address; ports are looked for from ``first_port`` on."""

    def port(offset: int) -> int:
        return first_port + offset if first_port else 0

    return {
        "database_url": Postgres(folder, first_port=port(0)),
        "redis_url": Redis(folder, first_port=port(100)),
        "elasticsearch_url": Elasticsearch(folder, jars=FOLDER / "jars", first_port=port(200)),
    }


async def start(folder: Path, wanted: dict[str, Service]) -> dict[str, str]:
    """Start them side by side and write ``env``: the addresses by setting, empty where no such server can be had.

    Raises ServiceFailed where one can be had and does not start.
    """
    print(f"Starting {', '.join(service.title for service in wanted.values())} ...", flush=True)
    found = await asyncio.gather(
        *(_started(setting, service) for setting, service in wanted.items()), return_exceptions=True
    )
    addresses = {setting: each for setting, each in zip(wanted, found, strict=True) if isinstance(each, str)}
    _write(folder / "env", addresses)
    for each in found:
        if isinstance(each, BaseException):
            raise each
    return addresses


def _write(env: Path, addresses: dict[str, str]) -> None:
    """Write the settings to source; of a server that was not asked for, what stood there stays."""
    env.touch(mode=0o600)
    exports = {f"export PROMPTUARY_{setting.upper()}": address for setting, address in addresses.items()}
    kept = [line for line in env.read_text().splitlines() if line.startswith("export ")]
    kept = [line for line in kept if line.partition("=")[0] not in exports]
    new = [f"{export}={shlex.quote(address)}" for export, address in exports.items() if address]
    head = "# Written by `make services`. To have Promptuary use these servers: source .services/env"
    env.write_text("\n".join([head, *sorted(kept + new), ""]))


async def _started(setting: str, service: Service) -> str:
    """The address of the server; empty where none can be had, after saying so. Raises ServiceFailed."""
    began = time.monotonic()
    try:
        is_new = await service.start()
        state = f"ready in {time.monotonic() - began:.1f} s" if is_new else "was running"
        print(f"  {service.title} {await service.ping()}: {state} (127.0.0.1:{service.port})", flush=True)
    except ServiceMissing as missing:
        given: str = getattr(Addresses(), setting)
        if not given:
            hint = f"With Docker: {COMPOSE}\n  then, or for a server of yours: export PROMPTUARY_{setting.upper()}="
            print(f"  {service.title}: {missing}\n  {hint}{COMPOSED[setting]}", file=sys.stderr, flush=True)
        else:
            print(f"  {service.title}: the one that PROMPTUARY_{setting.upper()} names", flush=True)
        return given
    return service.url


async def stop(folder: Path, wanted: dict[str, Service]) -> None:
    """End what was started here; others are not touched."""
    (folder / "env").unlink(missing_ok=True)
    for service, ran in zip(
        wanted.values(), await asyncio.gather(*(service.end() for service in wanted.values())), strict=True
    ):
        print(f"  {service.title}: {'stopped' if ran else 'was not running'}", flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Do one of the two; 1 where a server is missing."""
    parser = argparse.ArgumentParser(prog="python -m scripts.services", description=__doc__)
    parser.add_argument("action", choices=["start", "stop"])
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where their data, ports and passwords are")
    parser.add_argument("--first-port", type=int, default=0, help="where to look for free ports")
    parser.add_argument("--tests", action="store_true", help="leave out those that PROMPTUARY_TEST_..._URL names")
    asked = parser.parse_args(arguments)
    if not PROC.is_dir():
        print(f"This needs Linux. With Docker: {COMPOSE}", file=sys.stderr)
        return 1
    asked.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    wanted = services(asked.folder, first_port=asked.first_port)
    if asked.tests:
        wanted = {name: service for name, service in wanted.items() if not getattr(GivenToTests(), name)}
    with (asked.folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if asked.action == "stop":
            asyncio.run(stop(asked.folder, wanted))
            return 0
        try:
            addresses = asyncio.run(start(asked.folder, wanted)) if wanted else {}
        except ServiceFailed as failed:
            print(failed, file=sys.stderr)
            return 1
    if all(addresses.values()):
        return 0
    if asked.tests and not Surroundings().ci:
        print("Tests that need what is missing are left out.", file=sys.stderr)
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())

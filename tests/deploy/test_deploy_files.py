"""Dockerfile, docker-compose.yml and nginx.conf: linted, of one mind with the program, and no more than promised."""

import re
import subprocess
import sys
import tomllib
import xml.etree.ElementTree as ET
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from registry.settings import Settings
from scripts.services.__main__ import COMPOSE as COMPOSE_COMMAND
from scripts.services.__main__ import COMPOSED
from scripts.services.elasticsearch_jars import SOURCES
from scripts.services.postgres import MAJOR
from tests.deploy.composed import (
    COMPOSE,
    DOCKERFILE,
    NGINX,
    as_nobody,
    image_settings,
    instruction,
    nginx_folder,
    nginx_program,
    services,
)
from tests.ports import free_port
from tests.running import ROOT

PROGRAMS = Path(sys.executable).parent
PROCESSES = ("git", "indexer", "api-1", "api-2")


def test_the_dockerfile_passes_hadolint() -> None:
    checked = subprocess.run([PROGRAMS / "hadolint", DOCKERFILE], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


def test_the_composition_fits_the_schema_of_the_specification() -> None:
    command = [PROGRAMS / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", COMPOSE]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


def test_the_composition_is_the_whole_set_up() -> None:
    assert set(services()) == {"postgres", "redis", "elasticsearch", "git", "indexer", "api-1", "api-2", "nginx"}
    for name, service in services().items():
        assert service["restart"] == "unless-stopped", name
        assert service["healthcheck"]["test"][0] == "CMD", f"{name} says how it is"
        assert ":" in service["image"], f"{name}: which version"
        for needed, when in service.get("depends_on", {}).items():
            assert needed in services()
            assert when["condition"] in {"service_healthy", "service_started"}
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), f"{name}: other machines reach nothing unless it is asked for"
    kept = {volume.partition(":")[0] for service in services().values() for volume in service.get("volumes", [])}
    assert kept == {"postgres", "elasticsearch", "git", "./deploy/nginx"}
    assert services()["git"]["volumes"] == services()["indexer"]["volumes"]


def test_nothing_runs_as_root_or_writes_into_its_image() -> None:
    assert instruction("USER") == "10001:10001"
    for name in (*PROCESSES, "nginx"):
        service = services()[name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
    assert services()["nginx"]["user"] == "101:101"


def test_what_is_set_are_settings() -> None:
    known = {f"PROMPTUARY_{name.upper()}" for name in Settings.model_fields}
    names = set(image_settings()) | {name for each in PROCESSES for name in services()[each]["environment"]}
    assert {name for name in names if name.startswith("PROMPTUARY_")} - known == set()


def test_processes_find_each_other_by_the_names_that_they_have() -> None:
    ports = {"postgres": 5432, "redis": 6379, "elasticsearch": 9200, "git": int(image_settings()["PROMPTUARY_PORT"])}
    for each in PROCESSES:
        for name, value in services()[each]["environment"].items():
            if name.endswith("_URL"):
                address = urlsplit(value)
                assert address.port == ports[str(address.hostname)], f"{each}: {name}"


def test_versions_are_those_that_are_tested() -> None:
    assert services()["postgres"]["image"] == f"postgres:{MAJOR}"
    pom = ET.parse(SOURCES / "pom.xml").getroot()
    version = pom.findtext("{*}properties/{*}elasticsearch.version")
    assert services()["elasticsearch"]["image"] == f"elasticsearch:{version}"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert f"python:{project['tool']['mypy']['python_version']}-" in DOCKERFILE.read_text()


def test_the_way_out_without_servers_names_what_compose_publishes() -> None:
    *_, first, second, third = COMPOSE_COMMAND.split()
    for name, setting in ((first, "database_url"), (second, "redis_url"), (third, "elasticsearch_url")):
        published = services()[name]["ports"][0].rpartition(":")[0]
        assert urlsplit(COMPOSED[setting]).netloc.rpartition("@")[2] == published
    given = services()["git"]["environment"]["PROMPTUARY_DATABASE_URL"]
    assert urlsplit(COMPOSED["database_url"]).password == urlsplit(given).password
    assert urlsplit(given).password == services()["postgres"]["environment"]["POSTGRES_PASSWORD"]


def test_nginx_takes_its_configuration() -> None:
    with nginx_folder(free_port(), [free_port(), free_port()]) as folder:
        command = [*as_nobody(), nginx_program(), "-e", "stderr", "-t", "-c", folder / "nginx.conf"]
        checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    assert "warn" not in checked.stderr


def allowed_into_the_image() -> list[str]:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    return [line.removeprefix("!") for line in lines if line.startswith("!")]


def test_the_image_gets_the_program_and_nothing_else(tmp_path: Path) -> None:
    """The last build step on what .dockerignore lets through, into an empty folder."""
    tracked = subprocess.run(
        ["git", "ls-files", "-z", "--", *allowed_into_the_image()], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")[:-1]
    for name in tracked:
        (tmp_path / "source" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "source" / name).write_bytes((ROOT / name).read_bytes())
    step = re.findall(
        r"^RUN pip --python /opt/promptuary/bin/python (install --no-deps .*)$", DOCKERFILE.read_text(), re.MULTILINE
    )
    assert len(step) == 1
    command = [sys.executable, "-m", "pip", *step[0].split(), "--quiet", "--target", tmp_path / "installed"]
    built = subprocess.run(command, cwd=tmp_path / "source", capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    installed = tmp_path / "installed"
    program = "import sys; from api.cli import main; sys.exit(main())"
    shown = subprocess.run(
        [sys.executable, "-c", program, "validate", installed / "registry/sample/repository"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(installed), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert shown.returncode == 0, shown.stderr
    assert not any((installed / name).exists() for name in ("tests", "scripts", "bench"))


@pytest.mark.parametrize("line", instruction("ENTRYPOINT").split() + instruction("CMD").split())
def test_the_image_starts_the_program(line: str) -> None:
    assert line in {'["promptuary"]', '["serve"]'}


def test_what_can_be_set_is_in_the_page_with_its_default() -> None:
    page = (ROOT / "docs/server-tier.md").read_text()
    documented = {
        name: default
        for names, defaults in re.findall(r"^\| (`[A-Z_`, ]+`) \| (`[^|]+`) \|", page, re.MULTILINE)
        for name, default in zip(re.findall(r"`([^`]+)`", names), re.findall(r"`([^`]+)`", defaults), strict=True)
    }
    assert documented == dict(re.findall(r"\$\{(\w+):-([^}]*)\}", COMPOSE.read_text()))


@pytest.mark.parametrize(
    "rest", ["templates", "templates/a/b", "labels/x", "versions/a/b", "resolve/sha256:0", "events"]
)
def test_no_two_patterns_of_nginx_are_for_one_address(rest: str) -> None:
    patterns = re.findall(r"^ +location ~ (\S+) \{$", (NGINX / "nginx.conf").read_text(), re.MULTILINE)
    matching = [each for each in patterns if re.search(each, f"/api/v1/repositories/default/{rest}")]
    assert len(matching) == 1, "the first of several would hide the others"

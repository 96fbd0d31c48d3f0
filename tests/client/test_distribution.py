"""The distribution stands by itself: no dependency, nothing of the server, and code for the oldest Python it names."""

import ast
import subprocess
import sys
import tomllib
import zipfile
from dataclasses import fields
from pathlib import Path

import pytest

from promptuary_client.options import ClientOptions, Options

ROOT = Path(__file__).parents[2]
CLIENT = ROOT / "clients/python"
FILES = sorted((CLIENT / "promptuary_client").glob("*.py"))
OF_THE_EXTRA = {"minijinja", "yaml"}
NEED_THE_EXTRA = {"partials", "rendering"}
FOR_CHECKERS = "typing_extensions"
"""Named in annotations only; type checkers bring it. Without any package the wheel works all the same, see below."""


def imported(tree: ast.AST) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            found.add(str(node.module).partition(".")[0])
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_module_imports_the_standard_library_and_its_own(path: Path) -> None:
    tree = ast.parse(path.read_text())
    allowed = set(sys.stdlib_module_names) | {"promptuary_client", FOR_CHECKERS}
    assert imported(tree) - allowed <= (OF_THE_EXTRA if path.stem in NEED_THE_EXTRA else set())
    top = {name for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom) for name in imported(node)}
    assert top <= allowed, "the extra is imported only where it is needed"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_module_can_be_read_by_the_oldest_python(path: Path) -> None:
    ast.parse(path.read_text(), feature_version=(3, 9))
    project = tomllib.loads((CLIENT / "pyproject.toml").read_text())
    assert project["project"]["requires-python"] == ">=3.9"
    assert project["tool"]["ruff"]["target-version"] == "py39"


def test_the_wheel_works_without_any_other_package(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=CLIENT, check=True, capture_output=True, timeout=120)
    (wheel,) = tmp_path.glob("*.whl")
    inside = set(zipfile.ZipFile(wheel).namelist())
    assert {f"promptuary_client/{path.name}" for path in FILES} | {"promptuary_client/py.typed"} <= inside
    script = f"""
import sys
sys.path.insert(0, {str(wheel)!r})
from promptuary_client import Client, Unavailable, can_render
assert not can_render()
client = Client("http://127.0.0.1:9", "pk_1", retries=0)
assert client.get("a/b", default="Hello {{{{ who }}}}").origin == "default"
assert client.render("a/b", default="Hello").text == "Hello"
try:
    client.get("a/b")
except Unavailable as failure:
    print(failure)
client.close()
assert not {{"registry", "api", "minijinja", "yaml"}} & set(sys.modules)
"""
    ran = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (0, "The server cannot be reached: Connection refused\n"), ran.stderr


def test_the_extra_brings_the_servers_engine() -> None:
    """Another series gives other texts: it divides, sorts and compares otherwise."""
    client, server = (tomllib.loads((folder / "pyproject.toml").read_text())["project"] for folder in (CLIENT, ROOT))
    (engine,) = (each for each in server["dependencies"] if each.startswith("minijinja"))
    assert engine in client["optional-dependencies"]["render"]


def test_an_engine_of_another_generation_renders_nothing(tmp_path: Path) -> None:
    """What Python 3.9 can have of it would render, but not what the server does."""
    (tmp_path / "minijinja").mkdir()
    (tmp_path / "minijinja/__init__.py").write_text("")
    (tmp_path / "yaml.py").write_text("__with_libyaml__ = True")
    (tmp_path / "minijinja-2.24.0.dist-info").mkdir()
    (tmp_path / "minijinja-2.24.0.dist-info/METADATA").write_text("Name: minijinja\nVersion: 2.24.0\n")
    script = f"""
import sys
sys.path[:0] = [{str(tmp_path)!r}, {str(CLIENT)!r}]
from promptuary_client import Client, RenderMissing, can_render
assert not can_render()
with Client("http://127.0.0.1:9", "pk_1", retries=0) as client:
    assert client.render("a/b", {{"x": 1}}, default="Hello").text == "Hello"
    try:
        client.render("a/b", {{"x": 1}}, default="Hello {{{{ x }}}}")
    except RenderMissing as failure:
        print(failure)
"""
    ran = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script], capture_output=True, text=True, timeout=30, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert "Python 3.10" in ran.stdout


def test_the_options_that_editors_show_are_those_that_there_are() -> None:
    shown = {name: each.__forward_arg__ for name, each in ClientOptions.__annotations__.items()}
    assert shown == {each.name: each.type for each in fields(Options)}


USER = """\
from promptuary_client import AsyncClient, Client, Prompt, Rendered

def answer(client: Client) -> tuple[Prompt, Rendered]:
    prompt = client.get("a/b", label="production", default="Hello")
    reveal_type(client.label("a/b", "production").version)
    return prompt, client.render("a/b", {"x": [1, None]}, default=[{"role": "user", "content": "Hi"}])

async def later() -> None:
    async with AsyncClient.from_environment(ttl=3, bundle="prompts.json") as client:
        reveal_type(await client.get("a/b"))

answer(Client("http://host", "key", tiemout=3))
answer(Client("http://host", "key", ttl="long"))
Client("http://host", "key").get("a/b", version="1")
"""


def test_a_users_program_is_type_checked(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(USER)
    ran = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file", "", "--no-error-summary", "program.py"],
        cwd=tmp_path,
        env={"MYPYPATH": str(CLIENT)},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    wrong = [line for line in ran.stdout.splitlines() if ": error: " in line]
    shown = [f"{line.partition(': ')[0]} {line.rpartition(' [')[2].rstrip(']')}" for line in wrong]
    assert 'Revealed type is "int | None"' in ran.stdout
    assert 'Revealed type is "promptuary_client.values.Prompt"' in ran.stdout
    assert shown == ["program.py:12 call-arg", "program.py:13 arg-type", "program.py:14 arg-type"], ran.stdout


def test_importing_starts_nothing() -> None:
    script = (
        "import sys, threading\n"
        "sys.addaudithook(lambda event, args: event in {'socket.connect', 'subprocess.Popen'} and sys.exit(3))\n"
        "from promptuary_client import Client\n"
        "Client('http://127.0.0.1:9', 'pk_1', events=True, bundle='nowhere/x.json')\n"
        "assert threading.active_count() == 1\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script], cwd=CLIENT, capture_output=True, text=True, timeout=30, check=False
    )
    assert ran.returncode == 0, ran.stderr

"""The habits of the house that no linter knows: each with the reason why it is one."""

import ast
import inspect
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from importlib.metadata import packages_distributions
from pathlib import Path
from types import ModuleType

import pytest

from scripts.copies import COPIED, copied, copy

ROOT = Path(__file__).parents[1]
PACKAGES = ("registry", "indexer", "api", "hooks")
CODE = (*PACKAGES, "clients/python/promptuary_client")
MAX_FILE_LINES = 300
MAX_TEST_FILE_LINES = 700
"""Longer than code may be: a suite is a list of cases, read one at a time."""
MAX_FUNCTION_LINES = 40
LONG_BY_NATURE = {
    "registry/bootstrap.py _compose",  # the list of what there is; halves of it would say less
    "registry/tiers.py _over",  # likewise
}
BANNED_NAMES = {"utils", "util", "helpers", "common", "misc", "base", "core", "manager"}
BANNED_SUFFIXES = ("Manager", "Helper", "Util", "Utils", "Data", "Info", "Impl")


def python_files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def place(path: Path, line: int = 1) -> str:
    return f"{path.relative_to(ROOT)}:{line}"


def modules(package: str) -> Iterator[ModuleType]:
    root = import_module(package)
    yield root
    for found in pkgutil.walk_packages(root.__path__, f"{package}."):
        if ".migrations.versions." not in found.name and not found.name.endswith(".migrations.env"):
            yield import_module(found.name)


def test_no_file_is_longer_than_one_thing_needs() -> None:
    limits = dict.fromkeys(python_files(*CODE, "bench"), MAX_FILE_LINES)
    limits |= dict.fromkeys(python_files("tests"), MAX_TEST_FILE_LINES)
    lengths = {path: len(path.read_text().splitlines()) for path in limits}
    assert {place(path): lines for path, lines in lengths.items() if lines > limits[path]} == {}


def test_no_function_is_longer_than_a_screen() -> None:
    """In the product: a measurement in bench/ is a script, and reads best as one."""
    too_long = {}
    for path in python_files(*CODE):
        for node in ast.walk(parsed(path)):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            docstring = node.body[0] if ast.get_docstring(node) is not None else None
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if docstring is not None:
                lines -= (docstring.end_lineno or docstring.lineno) - docstring.lineno + 1
            named = f"{path.relative_to(ROOT)} {node.name}"
            if lines > MAX_FUNCTION_LINES and named not in LONG_BY_NATURE and "migrations" not in path.parts:
                too_long[f"{place(path, node.lineno)} {node.name}"] = lines
    assert too_long == {}


def test_files_and_classes_are_named_after_what_they_are() -> None:
    files = python_files(*CODE, "bench")
    banned = [place(path) for path in files if path.stem in BANNED_NAMES or path.parent.name in BANNED_NAMES]
    for path in python_files(*CODE):
        banned += [
            f"{place(path, node.lineno)} {node.name}"
            for node in ast.walk(parsed(path))
            if isinstance(node, ast.ClassDef) and node.name.endswith(BANNED_SUFFIXES)
        ]
    assert banned == []


def test_every_module_says_what_it_is_for() -> None:
    silent = [place(p) for p in python_files(*CODE) if ast.get_docstring(parsed(p)) is None]
    assert silent == []


def test_transactions_end_in_one_place() -> None:
    """A session's ``commit()`` takes no argument; Git's ``commit(id)`` does."""
    elsewhere = [
        place(path, node.lineno)
        for path in python_files(*PACKAGES)
        if path != ROOT / "registry/adapters/sql/engine.py"
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "commit"
        and not node.args
        and not node.keywords
    ]
    assert elsewhere == []


def test_no_other_distribution_claims_our_top_level_names() -> None:
    owners = packages_distributions()
    claimed = {name: set(owners.get(name, ())) - {"promptuary"} for name in PACKAGES}
    assert claimed == {name: set() for name in PACKAGES}


IMPORT_ALL = """
import os, pkgutil, sys
from importlib import import_module

OURS = ("registry", "indexer", "api", "hooks")

def refuse(event, args):
    if event in {"socket.connect", "socket.bind", "socket.getaddrinfo", "subprocess.Popen", "os.system", "os.mkdir"}:
        raise RuntimeError(f"import does {event} {args}")

class Guarded(type(os.environ)):
    def __getitem__(self, key):
        caller = sys._getframe(1)
        while caller.f_globals.get("__name__") in {"os", "_collections_abc"}:
            caller = caller.f_back
        if caller.f_globals.get("__name__", "").split(".")[0] in OURS:
            raise RuntimeError(f"{caller.f_globals['__name__']} reads {key} from the environment on import")
        return super().__getitem__(key)

os.environ.__class__ = Guarded
sys.addaudithook(refuse)
for package in OURS:
    root = import_module(package)
    for found in pkgutil.walk_packages(root.__path__, package + "."):
        if ".migrations" not in found.name and not found.name.endswith("__main__"):
            import_module(found.name)
print("imported")
"""


def test_importing_does_no_work() -> None:
    """No socket, no child process, no folder made and no setting read before somebody asks for it."""
    ran = subprocess.run(
        [sys.executable, "-B", "-c", IMPORT_ALL],  # what Python compiles it would keep in a folder that it makes
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.stdout.strip() == "imported", ran.stderr[-2000:]


def port_classes() -> dict[str, type]:
    return {
        name: value
        for module in modules("registry.ports")
        for name, value in vars(module).items()
        if inspect.isclass(value) and value.__module__ == module.__name__ and getattr(value, "_is_protocol", False)
    }


def ports() -> dict[str, set[str]]:
    """Every port with the methods that an adapter of it has."""
    return {
        name: {method for method in dir(port) if not method.startswith("_") and callable(getattr(port, method))}
        for name, port in port_classes().items()
    }


def test_ports_have_at_most_six_methods_of_their_own() -> None:
    wide = {}
    for name, port in port_classes().items():
        own = [method for method, value in vars(port).items() if not method.startswith("_") and callable(value)]
        if len(own) > 6:
            wide[name] = own
    assert wide == {}


def adapters() -> list[tuple[str, str, str]]:
    """(technology, class, port) for every class in registry/adapters that has a port's methods.

    Classes that others are built from are not adapters by themselves.
    """
    every_port = {name: methods for name, methods in ports().items() if methods}
    classes = {
        value
        for module in modules("registry.adapters")
        for name, value in vars(module).items()
        if inspect.isclass(value) and value.__module__ == module.__name__ and not name.startswith("_")
    }
    parts = {base for value in classes for base in value.__mro__[1:]}
    return [
        (value.__module__.split(".")[2], value.__name__, port)
        for value in sorted(classes - parts, key=lambda value: value.__qualname__)
        for port, methods in every_port.items()
        if all(hasattr(value, method) for method in methods)
    ]


def test_every_port_has_an_adapter() -> None:
    assert set(ports()) - {port for _, _, port in adapters()} == set()


def test_every_adapter_stands_in_a_contract_suite() -> None:
    """The embedded adapters are the test doubles, so they must not lie; a new adapter joins the same suite."""
    suites = [path.read_text() for path in (ROOT / "tests/contract").glob("*.py")]
    classes = port_classes()

    def is_tested(technology: str, name: str, port: str) -> bool:
        """By name, or by a suite of the port (or of a wider one) that uses this technology."""
        wider = [other for other, value in classes.items() if classes[port] in value.__mro__]
        return any(
            name in suite or (f"registry.adapters.{technology}" in suite and any(p in suite for p in wider))
            for suite in suites
        )

    assert [f"{name} ({port})" for technology, name, port in adapters() if not is_tested(technology, name, port)] == []


def test_every_error_has_its_row_in_the_one_table() -> None:
    from api.errors import TABLE
    from registry.domain.errors import PromptuaryError

    def below(error: type[PromptuaryError]) -> Iterator[type[PromptuaryError]]:
        yield error
        for child in error.__subclasses__():
            yield from below(child)

    import_module("registry.bootstrap")
    assert [error.__name__ for error in below(PromptuaryError) if error not in TABLE] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_hold_no_tests_and_no_strays(package: str) -> None:
    strays = [place(p) for p in (ROOT / package).rglob("*") if p.name.startswith(("test_", "conftest", "tmp_"))]
    assert strays == []


@pytest.mark.parametrize("name", COPIED)
def test_the_clients_copies_say_what_the_domain_says(name: str) -> None:
    """Else the client would render otherwise than the server, in what no vector shows."""
    assert copy(name).read_text() == copied(name), "python -m scripts.copies"

"""The client on every Python from 3.9 on that this machine has: the examples of the pages, and a program under faults."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.client.conftest import Product
from tests.client.examples import PAGES, page_script
from tests.client.nasty import KEY, SOURCE, Handler, Nasty
from tests.client.pythons import NEWEST, OLDEST, get_python
from tests.running import ROOT

CLIENT = ROOT / "clients/python"
MINORS = range(OLDEST, NEWEST + 1)


def events_or(answer: Callable[[Handler], None]) -> Callable[[Handler], None]:
    return lambda handler: handler.answer(404) if "/events" in handler.path else answer(handler)


def changed(handler: Handler) -> None:
    handler.template(version=2, source=SOURCE + "# 2\n")


SCRIPTS: dict[str, Callable[[Handler], None]] = {
    "change": events_or(changed),
    "lie": events_or(lambda handler: handler.template(digest="0" * 64)),
    "delete": events_or(lambda handler: handler.answer(410, {"type": "/docs/errors#template-gone", "detail": "gone"})),
    "hang": lambda _: time.sleep(2),
}


@pytest.mark.parametrize("minor", MINORS)
def test_a_program_outlives_its_server(nasty: Nasty, tmp_path: Path, minor: int) -> None:
    program = subprocess.Popen(
        [get_python(minor), Path(__file__).with_name("under_faults.py"), nasty.url, KEY, tmp_path / "prompts.json"],
        env={"PYTHONPATH": str(CLIENT), "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert program.stdin is not None
    assert program.stdout is not None
    assert program.stderr is not None
    last = ""
    with program:
        for line in program.stdout:
            last = line.strip()
            if last == "kill":
                nasty.stop()
                nasty.script = Handler.drop  # for connections that are open
            elif last in SCRIPTS:
                nasty.script = SCRIPTS[last]
                if nasty.stopped:
                    nasty.start()
            else:
                break
            program.stdin.write("done\n")
            program.stdin.flush()
        errors = program.stderr.read()
    assert (last, program.returncode) == ("well", 0), errors
    assert "Traceback" not in errors


@pytest.mark.e2e
@pytest.mark.parametrize("minor", MINORS)
@pytest.mark.parametrize("page", PAGES)
def test_the_examples_of_the_pages_run(product: Product, tmp_path: Path, page: str, minor: int) -> None:
    script = page_script(page, f"client/on-{minor}", can_render=False)
    ran = subprocess.run(
        [get_python(minor), "-W", "error", "-c", script],
        cwd=tmp_path,
        env={**product.variables, "PYTHONPATH": str(CLIENT), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr

"""A plain install, without the extra ``render``: what needs it says so at once, and an outage ends with the default."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.client.nasty import KEY, Handler, Nasty
from tests.running import ROOT

NAME = "support/hello"
RENDERED = {
    "name": NAME,
    "version": 1,
    "reference": None,
    "messages": None,
    "text": "Hello Kim",
    "ignored_variables": [],
}
PROGRAM = """
import asyncio, logging, sys
sys.path.insert(0, {client!r})
logging.basicConfig(format="%(levelname)s %(message)s", stream=sys.stdout)
from promptuary_client import *
from promptuary_client import can_render
assert not can_render()
NAME, MODE = {name!r}, {mode!r}

class Blocking:
    def __init__(self, client):
        self.client = client
    def __getattr__(self, name):
        return lambda *args, **more: LOOP.run_until_complete(getattr(self.client, name)(*args, **more))

LOOP = asyncio.new_event_loop()

def connect(**options):
    if MODE == "async":
        return Blocking(AsyncClient({url!r}, {key!r}, retries=0, **options))
    return Client({url!r}, {key!r}, retries=0, **options)

def attempt(what, *args, **more):
    try:
        made = what(*args, **more)
        print("made", getattr(made, "text", None) or getattr(made, "messages", made), getattr(made, "origin", ""))
    except PromptuaryError as error:
        print(type(error).__name__, error)

def server(what):
    print("please", what, flush=True)
    sys.stdin.readline()

"""


class Plain:
    """Runs programs in an interpreter that has no package but the client."""

    def __init__(self, nasty: Nasty, folder: Path, mode: str) -> None:
        self.nasty = nasty
        self.folder = folder
        self.mode = mode

    def lines(self, script: str) -> list[str]:
        """What a program prints; where it asks for it, the server goes away."""
        head = PROGRAM.format(
            client=str(ROOT / "clients/python"), name=NAME, mode=self.mode, url=self.nasty.url, key=KEY
        )
        program = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", head + textwrap.dedent(script)],
            cwd=self.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert program.stdin is not None
        assert program.stdout is not None
        assert program.stderr is not None
        lines = []
        with program:
            for line in program.stdout:
                if line == "please stop\n":
                    self.nasty.stop()
                    self.nasty.script = Handler.drop  # for connections that are open
                    program.stdin.write("done\n")
                    program.stdin.flush()
                else:
                    lines.append(line.rstrip("\n"))
            errors = program.stderr.read()
        assert (program.returncode, errors) == (0, "")
        return lines


def answer(handler: Handler) -> None:
    if "/render/" not in handler.path:
        handler.template()
    elif "format=" in handler.path:
        handler.answer(200, {"model": "m", "messages": []})
    else:
        handler.answer(200, RENDERED)


@pytest.fixture(params=["sync", "async"])
def plain(nasty: Nasty, tmp_path: Path, request: pytest.FixtureRequest) -> Plain:
    nasty.script = answer
    return Plain(nasty, tmp_path, request.param)


def test_a_default_that_is_a_template_is_refused_while_the_server_is_there(plain: Plain) -> None:
    lines = plain.lines("""
        client = connect()
        for default in ("Hi {{ who }}", "{% if who %}Hi{% endif %}", [{"role": "user", "content": "{{ who }}"}],
                        [{"role": "user", "content": [{"type": "text", "text": "{{ who }}"}]}], client.get(NAME)):
            attempt(client.render, NAME, {"who": "Kim"}, default=default)
            attempt(client.request_body, NAME, {"who": "Kim"}, provider="openai", default=default)
        attempt(client.render, NAME, {"who": "Kim"}, local=True)
    """)
    assert len(lines) == 11
    assert all(line.startswith("RenderMissing") and "pip install 'promptuary-client[render]'" in line for line in lines)
    assert all("/render/" not in asked.path for asked in plain.nasty.asked)


def test_a_default_that_is_no_template_needs_no_extra(plain: Plain) -> None:
    plain.nasty.stop()
    assert plain.lines("""
        client = connect()
        attempt(client.render, NAME, {"who": "Kim"}, default='Good morning: {"a": 1}')
        attempt(client.request_body, NAME, provider="openai", default=[{"role": "user", "content": "Hi"}])
    """) == [
        f"WARNING {NAME} was answered from the default, since without the extra render nothing else can be rendered "
        "here: The server cannot be reached: Connection refused",
        'made Good morning: {"a": 1} default',
        "made {'messages': [{'role': 'user', 'content': 'Hi'}]} ",
    ]


@pytest.mark.parametrize("where", ["memory", "bundle"])
def test_in_an_outage_what_cannot_be_rendered_gives_way_to_the_default(plain: Plain, where: str) -> None:
    restart = 'client.close(); client = connect(bundle="b.json")' if where == "bundle" else ""
    lines = plain.lines(f"""
        client = connect(bundle="b.json")
        client.get(NAME)
        attempt(client.render, NAME, {{"who": "Kim"}}, default="Hi")
        server("stop")
        {restart}
        attempt(client.render, NAME, {{"who": "Kim"}})
        attempt(client.render, NAME, {{"who": "Kim"}}, default="Hi")
        attempt(client.get, NAME)
    """)
    refused = "The server cannot be reached: Connection refused"
    assert lines[0] == "made Hello Kim server"
    assert [line for line in lines if line.startswith(("Unavailable", "made Hi"))] == [
        f"Unavailable {refused}",
        "made Hi default",
    ]
    warned = [line for line in lines if line.startswith("WARNING")]
    assert "answered from the default, since without the extra" in warned[0]
    assert not any("answered from memory" in line for line in warned)

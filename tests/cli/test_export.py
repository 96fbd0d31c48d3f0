"""``promptuary export`` from a real server with the sample, and back into an empty one: equal, in every format."""

import http.client
import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.cli.conftest import Done, Run, url_of
from tests.cli.remote import on_a_terminal
from tests.client.nasty import Handler, serving
from tests.ports import free_port
from tests.running import Running, git

pytestmark = pytest.mark.e2e

FOLDERS = ["prompty", "dotprompt", "github", "promptfoo", "text", "promptuary"]


def started(folder: Path, *, sample: bool) -> Running:
    running = Running(folder / "data", folder / "log", settings={"PROMPTUARY_SAMPLE": str(sample).lower()})
    running.start()
    return running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The sample repository: 50 templates with history and labels, many of them Korean, with includes."""
    running = started(tmp_path_factory.mktemp("sample"), sample=True)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server to import into; each test takes a folder of its own."""
    running = started(tmp_path_factory.mktemp("empty"), sample=False)
    yield running
    running.stop()


@pytest.fixture
def into(run: Run, empty: Running) -> Run:
    def call(*arguments: str) -> Done:
        return run(*arguments, PROMPTUARY_URL=url_of(empty), PROMPTUARY_KEY=empty.key)

    return call


def bundle(server: Running, label: str, folder: str = "") -> dict[str, Any]:
    """The templates of a label by name, without the folder before it."""
    where = f"/api/v1/repositories/default/bundle?label={label}" + (f"&folder={folder}" if folder else "")
    status, _, answer = server.call("GET", where)
    assert status == 200, answer
    return {each["name"][len(folder) + 1 if folder else 0 :]: each for each in answer["templates"]}


def comparable(read: dict[str, Any], folder: str = "") -> Any:
    """A document without where it was imported from and into."""
    document = dict(read["document"])
    metadata = {key: value for key, value in document.pop("metadata", {}).items() if key != "imported"}
    text = json.dumps(document | ({"metadata": metadata} if metadata else {}), ensure_ascii=False, sort_keys=True)
    return json.loads(re.sub(rf'(include \\")({folder}/)' if folder else r"(\Z)(\Z)", r"\1", text))


def rendered(server: Running, name: str, document: dict[str, Any], **query: str) -> list[Any]:
    """What the values of a template's own tests make of it."""
    found = []
    where = f"/api/v1/repositories/default/render/{quote(name)}" + "".join(f"?{k}={v}" for k, v in query.items())
    for test in document.get("tests", ()):
        body = json.dumps({"variables": test.get("variables", {})})
        status, _, answer = server.call("POST", where, body, {"Content-Type": "application/json"})
        found.append((status, answer.get("messages"), answer.get("text")))
    return found


def assert_equal(here: Running, there: Running, label: str, folder: str) -> None:
    ours, theirs = bundle(here, label), bundle(there, label, folder)
    assert ours.keys() <= theirs.keys()
    for name, read in ours.items():
        assert comparable(theirs[name], folder) == comparable(read), name
        values = rendered(here, name, read["document"], label=label)
        assert rendered(there, f"{folder}/{name}", read["document"], label=label) == values, name


@pytest.mark.parametrize("form", FOLDERS)
def test_the_sample_comes_back_equal(
    form: str, ask: Run, into: Run, server: Running, empty: Running, tmp_path: Path
) -> None:
    done = ask("export", "out", "--format", form, "--json")
    assert (done.code, len(done.json["prompts"])) == (0, 50), done.err
    assert not [each for each in done.json["prompts"] for note in each["notes"] if "give back" in note["note"]]
    files = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert files == {each["called"] for each in done.json["prompts"]}
    back = into("import", "out", "--folder", form, "--json")
    assert (back.code, back.json["written"]) == (0, 50), back.err + back.out
    assert_equal(server, empty, "latest", form)


def test_langfuse_takes_versions_and_labels_along(
    ask: Run, into: Run, server: Running, empty: Running, tmp_path: Path
) -> None:
    done = ask("export", "langfuse.json", "--json")
    assert done.code == 0, done.err
    entries = json.loads((tmp_path / "langfuse.json").read_text())
    listed = {
        (name, each["version"]): each
        for name in bundle(server, "latest")
        for each in server.call("GET", f"/api/v1/repositories/default/versions/{quote(name)}")[2]["versions"]
    }
    assert {(each["name"], each["version"]) for each in entries} == {
        key for key, each in listed.items() if each["valid"]
    }
    for entry in entries:
        version = listed[entry["name"], entry["version"]]
        assert (entry["commitMessage"], version["author"]["email"] in entry["createdBy"]) == (version["subject"], True)
        assert entry["createdAt"][:19] == version["committed_at"][:19]
    back = into("import", "langfuse.json", "--folder", "langfuse", "--json")
    assert (back.code, back.json["written"]) == (0, len(entries)), back.err + back.out
    labels = {word for entry in entries for word in entry["labels"]}
    assert labels >= {"latest", "production", "staging"}
    for label in labels:
        assert_equal(server, empty, label, "langfuse")
    again = into("import", "langfuse.json", "--folder", "langfuse", "--json")
    assert (again.code, again.json["written"]) == (0, 0)


def test_a_label_s_versions_come_back_as_they_are(
    ask: Run, into: Run, server: Running, empty: Running, tmp_path: Path
) -> None:
    done = ask("export", "out", "--format", "prompty", "--label", "production", "--json")
    assert done.code == 0, done.err
    ours = bundle(server, "production")
    exported = {each["name"]: each for each in done.json["prompts"]}
    assert {name: exported[name]["versions"] for name in ours} == {n: [read["version"]] for n, read in ours.items()}
    partials = {name for read in ours.values() for name in read["partials"]}
    assert exported.keys() == ours.keys() | partials
    assert into("import", "out", "--folder", "label", "--json").code == 0
    theirs = bundle(empty, "latest", "label")
    for name, read in ours.items():
        values = rendered(server, name, read["document"], label="production")
        assert rendered(empty, f"label/{name}", read["document"]) == values, name
    assert theirs.keys() == exported.keys()


def test_some_templates_come_with_what_they_include(ask: Run, tmp_path: Path) -> None:
    done = ask("export", "one", "support/triage", "--format", "github", "--json")
    assert done.code == 0, done.err
    names = {each["name"] for each in done.json["prompts"]}
    assert "support/triage" in names
    assert {name.partition("/")[0] for name in names} == {"support", "partials"}
    folder = ask("export", "two.json", "--folder", "고객지원", "--json")
    assert {each["name"].partition("/")[0] for each in folder.json["prompts"]} == {"고객지원", "partials"}


def test_a_bundle_is_the_repository_itself(ask: Run, server: Running, tmp_path: Path) -> None:
    done = ask("export", "all.bundle", "--json")
    assert done.code == 0, done.err
    git(tmp_path, "clone", "-q", "--mirror", "all.bundle", "clone.git")
    git(tmp_path / "clone.git", "fsck", "--full", "--strict")
    assert git(tmp_path / "clone.git", "rev-parse", "refs/heads/main").strip() == server.main()
    assert git(tmp_path / "clone.git", "rev-list", "--count", "main") == git(server.bare, "rev-list", "--count", "main")
    assert done.json["refs"]["refs/heads/main"] == server.main()
    secrets = [path for path in tmp_path.rglob("*") if path.is_file() and server.key.encode() in path.read_bytes()]
    assert not secrets, "the key is in no file"


def test_settings_that_the_caller_gives_git_count_and_what_fails_is_named(ask: Run, tmp_path: Path) -> None:
    given = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "pack.window", "GIT_CONFIG_VALUE_0": "wide"}
    done = ask("export", "all.bundle", **given)
    assert (done.code, "git bundle failed" in done.err, (tmp_path / "all.bundle").exists()) == (2, True, False), (
        done.err
    )


def test_what_is_there_is_not_written_over_unasked(ask: Run, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("mine")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    for arguments in (["x.json"], ["out", "--format", "text"]):
        done = ask("export", *arguments)
        assert (done.code, "--force" in done.err) == (2, True), done.err
    assert (tmp_path / "x.json").read_text() == "mine"
    assert ask("export", "x.json", "--force").code == 0
    assert ask("export", "out", "--format", "text", "--force").code == 0
    assert json.loads((tmp_path / "x.json").read_text())
    assert (tmp_path / "out" / "mine.txt").read_text() == "mine", "other files stay"
    assert (tmp_path / "out" / "support" / "triage.md").exists()
    (tmp_path / "there").mkdir()
    assert ask("export", "there", "support/triage", "--format", "text").code == 0, "an empty folder is taken"
    assert not list(tmp_path.rglob(".promptuary-*"))


@pytest.mark.parametrize("folder", [True, False], ids=["a folder for a file", "a file for a folder"])
def test_what_stands_in_the_way_is_told_before_anything_is_put(ask: Run, tmp_path: Path, *, folder: bool) -> None:
    assert ask("export", "out", "--format", "text").code == 0
    files = sorted(path for path in (tmp_path / "out").rglob("*.md"))
    last = next(path for path in reversed(files) if path.parent != tmp_path / "out")
    for file in files:
        file.write_text("mine")
    if folder:
        last.unlink()
        last.mkdir()
    else:
        shutil.rmtree(last.parent)
        last.parent.write_text("mine")
    done = ask("export", "out", "--format", "text", "--force")
    place = str((last if folder else last.parent).relative_to(tmp_path))
    told = " ".join(done.err.split())
    assert (done.code, place in told, "Nothing was changed" in told, ".promptuary-" in told) == (2, True, True, False)
    assert {file.read_text() for file in (tmp_path / "out").rglob("*.md") if file.is_file()} <= {"mine"}
    assert not list(tmp_path.rglob(".promptuary-*"))


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["x.json", "--label", "nosuch"], 1, "nosuch"),
        (["x.json", "support/nosuch"], 1, "nosuch"),
        (["x.json", "--folder", "nosuch"], 1, "nothing to export"),
        (["x.json", "a//b"], 2, "a//b"),
        (["x.json", "support/triage", "--folder", "support"], 2, "--folder"),
        (["x.bundle", "support/triage"], 2, "whole repository"),
        (["out"], 2, "--format"),
        (["out", "--format", "nosuch"], 2, "nosuch"),
        (["out", "--format", "mlflow"], 2, "address of a server"),
        (["http://127.0.0.1:9", "--format", "text"], 2, "not to an address"),
        (["nowhere/x.json"], 2, "make it first"),
        (["/proc/x.json"], 2, "/proc"),
        (["."], 2, "--format"),
        ([".", "--format", "langfuse"], 2, "is a folder"),
        (["x.bundle", "--repository", "nosuch"], 1, "nosuch"),
        (["x.json", "--repository", "nosuch"], 1, "nosuch"),
    ],
)
def test_what_cannot_be_is_told_and_nothing_is_written(
    ask: Run, tmp_path: Path, arguments: list[str], code: int, said: str
) -> None:
    done = ask("export", *arguments)
    assert (done.code, said in done.err) == (code, True), done.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("target", ["x.json", "x.bundle", "out"])
def test_a_wrong_key_and_a_server_that_is_away(run: Run, server: Running, tmp_path: Path, target: str) -> None:
    arguments = ["export", target, *(["--format", "text"] if target == "out" else [])]
    done = run(*arguments, PROMPTUARY_URL=url_of(server), PROMPTUARY_KEY="pmt_wrong")
    assert (done.code, "pmt_wrong" in done.err) == (1, False), done.err
    away = run(*arguments, PROMPTUARY_URL=f"http://127.0.0.1:{free_port()}", PROMPTUARY_KEY="pmt_x")
    assert away.code == 2, away.err
    assert not list(tmp_path.iterdir())


@contextmanager
def dying(server: Running, after: int) -> Iterator[str]:
    """The address of a server that is gone after so many answers, in the middle of the next one."""
    left = [after]

    def script(handler: Handler) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        connection.request(handler.asked.method, handler.asked.path, handler.asked.body or None, handler.asked.headers)
        reply = connection.getresponse()
        data = reply.read()
        connection.close()
        kept = {name: value for name, value in reply.getheaders() if name.lower() not in {"content-length", "date"}}
        left[0] -= 1
        if left[0] >= 0:
            handler.answer(reply.status, data, **kept)
            return
        handler.send_response(reply.status)
        for name, value in {**kept, "Content-Length": str(len(data))}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(data[: len(data) // 2])
        handler.close_connection = True

    with serving(script) as nasty:
        yield nasty.url


@pytest.mark.parametrize(
    ("target", "after"), [("x.json", 0), ("x.json", 1), ("x.json", 9), ("x.bundle", 0), ("x.bundle", 2), ("out", 1)]
)
def test_a_server_that_dies_half_way_leaves_what_was_there(
    run: Run, server: Running, tmp_path: Path, target: str, after: int
) -> None:
    if target != "out":
        (tmp_path / target).write_text("mine")
    more = ["--format", "text", "support/triage", "support/reply"] if target == "out" else ["--force"]
    with dying(server, after) as address:
        done = run("export", target, *more, PROMPTUARY_URL=address, PROMPTUARY_KEY=server.key)
    assert (done.code, done.err.count("\n"), server.key in done.err) == (2, 1, False), done.err
    assert [path.name for path in tmp_path.iterdir()] == ([] if target == "out" else [target])
    assert target == "out" or (tmp_path / target).read_text() == "mine"


def test_on_a_terminal_of_40_columns(server: Running, tmp_path: Path) -> None:
    code, screen = on_a_terminal(server, "export", str(tmp_path / "x.json"), "--folder", "고객지원")
    assert (code, "고객지원/환불-안내" in screen) == (0, True), screen

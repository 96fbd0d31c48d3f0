"""``put``, ``edit`` and ``label`` against a real server."""

import re
import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.cli.remote import on_a_terminal
from tests.cli.test_remote_errors import answering
from tests.running import Running, git, text_template

pytestmark = pytest.mark.e2e

BROKEN = "schema: prompt/v1\ntype: text\ntext: |\n  {{ nobody }}\n"


@pytest.fixture(autouse=True)
def temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ``edit`` keeps goes away with the test's folder."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


def editor(folder: Path, script: str) -> str:
    """An editor that does what a line of shell says with the file ``$1``."""
    place = folder / "editor"
    place.write_text(f"#!/bin/sh\n{script}\n")
    place.chmod(0o755)
    return str(place)


def kept_file(err: str) -> Path:
    found = re.search(r"Your text is in (\S+)", err)
    assert found is not None, err
    return Path(found[1])


def test_put_makes_changes_and_repeats(ask: Run, tmp_path: Path) -> None:
    file = tmp_path / "a.prompt.yaml"
    file.write_text(text_template("One."))
    missing = ask("put", "put/a", str(file))
    assert (missing.code, "say --new" in missing.err) == (1, True)
    made = ask("put", "put/a", str(file), "--new", "-m", "Add a")
    assert (made.code, made.out.startswith("put/a v1: created (")) == (0, True), made.err
    assert ask("put", "put/a", str(file), "--new").code == 1
    file.write_text(text_template("Two."))
    assert ask("put", "put/a", str(file)).out.startswith("put/a v2: updated (")
    assert ask("put", "put/a", str(file)).out.startswith("put/a v2: unchanged (")
    piped = ask("put", "put/a", stdin=text_template("Three."))
    assert piped.out.startswith("put/a v3: updated (")
    assert ask("get", "put/a").out == text_template("Three.")
    assert "Add a" in ask("log", "put/a").out


def test_put_with_a_state_that_is_not_there_any_more(ask: Run) -> None:
    etag = ask("put", "put/b", "--new", "--json", stdin=text_template("One.")).json["etag"]
    assert ask("put", "put/b", "--if-match", etag, stdin=text_template("Two.")).code == 0
    late = ask("put", "put/b", "--if-match", etag, stdin=text_template("Three."))
    assert (late.code, late.out, "at version 2 now" in late.err) == (1, "", True)
    assert ask("put", "put/b", "--new", "--if-match", etag, stdin="x").code == 2
    empty = ask("put", "put/b", "--if-match", "", stdin=text_template("Three."))
    assert (empty.code, "--if-match is empty" in empty.err) == (2, True)
    assert ask("get", "put/b").out == text_template("Two.")


def test_a_write_is_marked_so_that_a_repeat_is_known(ask: Run, server: Running) -> None:
    ask("put", "put/marked", "--new", "-m", "Mark", stdin=text_template("One."))
    message = git(server.bare, "log", "-1", "--format=%B", "main")
    assert re.fullmatch(r"Mark\n\nIdempotency-Key: [0-9a-f]{64} [0-9a-f]{64}\n+", message)


def test_put_checks_before_it_sends(ask: Run, run: Run) -> None:
    done = ask("put", "put/broken", "--new", stdin=BROKEN)
    assert (done.code, done.out) == (1, "")
    assert "prompts/put/broken.prompt.yaml:4:6: [variable-undeclared]" in done.err
    assert "was not sent" in done.err
    without = run("put", "a", "--new", stdin=BROKEN, PROMPTUARY_URL="http://127.0.0.1:9", PROMPTUARY_KEY="pmt_x")
    assert (without.code, "[variable-undeclared]" in without.err) == (1, True), "no server is needed to see that"


def test_put_looks_partials_up_on_the_server(ask: Run) -> None:
    good = 'schema: prompt/v1\ntype: text\ntext: |\n  {% include "partials/tone" %}\n'
    assert ask("put", "put/partial", "--new", stdin=good).code == 0
    bad = ask("put", "put/partial", stdin=good.replace("tone", "tine"))
    assert (bad.code, "[include-missing] partials/tine" in bad.err) == (1, True)


def test_what_only_the_gate_can_say_is_shown_with_its_places(ask: Run) -> None:
    failing = text_template("Hi.") + "tests:\n  - name: t\n    expect: [{contains: nosuch}]\n"
    done = ask("put", "put/gate", "--new", stdin=failing)
    assert (done.code, "prompts/put/gate.prompt.yaml:7:" in done.err, "[test-failed]" in done.err) == (1, True, True)
    assert ask("put", "put/gate", "--new", "--branch", "no..branch", stdin=text_template("Hi.")).code == 2


def test_a_branch_that_is_not_there_is_made(ask: Run, tmp_path: Path) -> None:
    ask("put", "branched/a", "--new", stdin=text_template("One."))
    made = "branch wip/one was made from the default branch"
    for text in ("Two.", "Three."):
        done = ask("put", "branched/a", "--branch", "wip/one", stdin=text_template(text))
        assert (done.code, "branched/a on wip/one: updated (" in done.out) == (0, True), done.err
        assert (made in done.err) == (text == "Two.")
    edited = ask("edit", "branched/a", "--branch", "wip2", VISUAL=editor(tmp_path, 'sed -i s/One/Two/ "$1"'))
    assert (edited.code, "branch wip2 was made" in edited.err) == (0, True), edited.err
    assert ask("put", "branched/b", "--new", "--branch", "wip3", stdin=text_template("New.")).code == 0
    same = ask("edit", "branched/a", "--branch", "wip4", EDITOR="true")
    assert (same.code, ask("get", "branched/a", "--ref", "wip4").code) == (0, 1)
    assert ask("get", "branched/a", "--ref", "wip/one").out == text_template("Three.")
    assert ask("get", "branched/a").out == text_template("One.")


def branches(server: Running) -> list[str]:
    return git(server.bare, "for-each-ref", "--format=%(refname:short)", "refs/heads").split()


def test_a_branch_for_a_write_that_is_refused_or_changes_nothing_goes_again(ask: Run, server: Running) -> None:
    ask("put", "left/a", "--new", stdin=text_template("One."))
    for arguments, text, code in (
        (["--new"], "Two.", 1),
        (["--if-match", '"v1.0"'], "Two.", 1),
        ([], "One.", 0),
    ):
        done = ask("put", "left/a", *arguments, "--branch", "left", stdin=text_template(text))
        assert (done.code, "branch left" in done.err, " on left" in done.out) == (code, False, False), done.err
        assert "left" not in branches(server)
    assert done.out.startswith("left/a: unchanged (")
    assert ask("put", "left/a", "--branch", "left", stdin=text_template("Two.")).code == 0
    again = ask("put", "left/a", "--new", "--branch", "left", stdin=text_template("Two."))
    assert (again.code, "left" in branches(server)) == (1, True), "this one was there"


def test_a_branch_that_cannot_be_deleted_again_is_told(ask: Run, server: Running, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", server.git_url, "clone")
    rules = "schema: registry/v1\nbranches: {'kept/*': {force_push: false}}\n"
    (tmp_path / "clone/.registry.yaml").write_text(rules)
    for words in (["add", "-A"], ["commit", "-q", "-m", "Keep"], ["push", "-q", "origin", "HEAD:main"]):
        git(tmp_path / "clone", *words)
    ask("put", "kept/a", "--new", stdin=text_template("One."))
    done = ask("put", "kept/a", "--new", "--branch", "kept/1", stdin=text_template("Two."))
    assert (done.code, "kept/1" in branches(server)) == (1, True)
    assert "branch kept/1 was made for this and stays: The change was refused: .registry.yaml does not" in done.err


def test_a_branch_whose_server_goes_away_is_told(run: Run) -> None:
    """It answers what is asked before the write, then no more."""
    head = b'HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %d\r\nConnection: close\r\nETag: "abc"\r\n\r\n'
    answers = iter(
        [head % (b"404 No", b"application/json", 2) + b"{}", head % (b"201 Made", b"application/json", 2) + b"{}"]
    )
    with answering(lambda connection: connection.sendall(next(answers, b""))) as url:
        done = run("put", "a", "--new", "--branch", "wip", stdin=text_template("x"), PROMPTUARY_URL=url,
                   PROMPTUARY_KEY="pmt_x")  # fmt: skip
    assert (done.code, done.out) == (2, "")
    assert "branch wip was made for this and stays: " in done.err
    assert "may have been done nevertheless" in done.err


def test_a_branch_does_not_stand_before_a_tag(ask: Run, server: Running, tmp_path: Path) -> None:
    ask("put", "tagged/a", "--new", stdin=text_template("One."))
    git(server.bare, "update-ref", "refs/tags/v9", "refs/heads/main")
    done = ask("put", "tagged/a", "--branch", "v9", stdin=text_template("Draft."))
    assert (done.code, done.out, "There is a tag 'v9'" in done.err) == (1, "", True), done.err
    edited = ask("edit", "tagged/a", "--branch", "v9", VISUAL=editor(tmp_path, 'sed -i s/One/Two/ "$1"'))
    assert (edited.code, "There is a tag 'v9'" in edited.err) == (1, True), edited.err
    assert ask("get", "tagged/a", "--ref", "v9").out == text_template("One.")


def test_put_new_of_what_is_there_says_the_way_out(ask: Run) -> None:
    ask("put", "put/there", "--new", stdin=text_template("One."))
    done = ask("put", "put/there", "--new", stdin=text_template("Two."))
    assert (done.code, "leave out --new" in done.err, "If-Match" in done.err) == (1, True, False)


def test_put_says_what_cannot_be_read(ask: Run) -> None:
    done = ask("put", "put/a", "nowhere.prompt.yaml")
    assert (done.code, "nowhere.prompt.yaml" in done.err) == (2, True)


def test_edit(ask: Run, tmp_path: Path) -> None:
    ask("put", "edit/a", "--new", stdin=text_template("One."))
    done = ask("edit", "edit/a", "-m", "Two", VISUAL=editor(tmp_path, 'sed -i s/One/Two/ "$1"'), EDITOR="false")
    assert (done.code, done.out.startswith("edit/a v2: updated (")) == (0, True), done.err
    assert ask("get", "edit/a").out == text_template("Two.")
    same = ask("edit", "edit/a", EDITOR="true")
    assert (same.code, same.out, "nothing was changed" in same.err) == (0, "", True)
    assert ask("edit", "edit/nosuch", EDITOR="true").code == 1


@pytest.mark.parametrize(
    ("script", "code", "word"),
    [
        ('echo "{" >> "$1"', 1, "[yaml-"),
        ('echo "# x" >> "$1"; exit 3', 2, "ended with 3"),
        ('printf "tests:\\n  - name: t\\n    expect: [{contains: nosuch}]\\n" >> "$1"', 1, "[test-failed]"),
    ],
)
def test_a_text_that_is_not_taken_is_kept(ask: Run, tmp_path: Path, script: str, code: int, word: str) -> None:
    ask("put", "edit/kept", "--new", stdin=text_template("One."))
    done = ask("edit", "edit/kept", EDITOR=editor(tmp_path, script))
    assert (done.code, done.out, word in done.err) == (code, "", True), done.err
    assert kept_file(done.err).read_text().startswith(text_template("One."))
    assert kept_file(done.err).read_text() != text_template("One.")
    assert ask("get", "edit/kept").out == text_template("One.")


def test_who_was_quicker_is_not_overwritten(ask: Run, server: Running, tmp_path: Path) -> None:
    ask("put", "edit/race", "--new", stdin=text_template("One."))
    other = tmp_path / "other.yaml"
    other.write_text(text_template("Theirs."))
    put = (
        f"curl -sf -X PUT -H 'Authorization: Bearer {server.key}' -H 'If-Match: *' -H 'Content-Type: application/yaml'"
    )
    address = f"http://127.0.0.1:{server.port}/api/v1/repositories/default/templates/edit/race"
    script = f'{put} --data-binary @{other} {address} >/dev/null; sed -i s/One/Mine/ "$1"'
    done = ask("edit", "edit/race", EDITOR=editor(tmp_path, script))
    assert (done.code, "changed since you read it" in done.err) == (1, True), done.err
    assert kept_file(done.err).read_text() == text_template("Mine.")
    assert ask("get", "edit/race").out == text_template("Theirs.")


def test_a_server_that_goes_away_while_you_edit(ask: Run, stocked_folder: Path, run: Run, tmp_path: Path) -> None:
    shutil.copytree(stocked_folder, tmp_path / "mine")
    mine = Running(tmp_path / "mine", tmp_path / "log")
    mine.start()
    assert mine.process is not None
    script = editor(
        tmp_path, f'kill -9 {mine.process.pid}; sleep 0.5; sed -i s/brief/bold/ "$1"; sed -i s/short/bold/ "$1"'
    )
    try:
        url = f"http://127.0.0.1:{mine.port}"
        done = run("edit", "partials/tone", PROMPTUARY_URL=url, PROMPTUARY_KEY=mine.key, EDITOR=script)
    finally:
        mine.kill()
    assert (done.code, "cannot be asked" in done.err) == (2, True), done.err
    assert "bold" in kept_file(done.err).read_text()


def test_an_editor_that_is_not_there(ask: Run) -> None:
    done = ask("edit", "support/triage", EDITOR="/nowhere/ed")
    assert (done.code, "set VISUAL or EDITOR" in done.err) == (2, True)


def test_a_person_is_asked_whether_to_edit_again(ask: Run, server: Running, tmp_path: Path) -> None:
    ask("put", "edit/again", "--new", stdin=text_template("One."))
    twice = editor(tmp_path, f'if [ -e {tmp_path}/seen ]; then sed -i "s/{{{{.*/Two./" "$1"; else sed -i "s/One./{{{{ x }}}}/" "$1"; touch {tmp_path}/seen; fi')  # fmt: skip
    code, screen = on_a_terminal(server, "edit", "edit/again", columns=100, typed="y\n", EDITOR=twice)
    assert (code, "[variable-undeclared]" in screen, "Edit again?" in screen) == (0, True, True), screen
    assert ask("get", "edit/again").out == text_template("Two.")


def test_labels(ask: Run) -> None:
    for text in ("One.", "Two."):
        ask("put", "label/a", *(["--new"] if text == "One." else []), stdin=text_template(text))
    new = ask("label", "set", "staging", "label/a", "1")
    assert (new.code, new.out.startswith("staging of label/a: new -> 1 (")) == (0, True), new.err
    moved = ask("label", "set", "staging", "label/a", "2", "-m", "Up", "--json").json
    assert (moved["version"], moved["previous"]) == (2, 1)
    assert ask("label", "get", "staging", "label/a").out == "2\n"
    back = ask("label", "rollback", "staging", "label/a", "--reason", "Too long")
    assert back.out.startswith("staging of label/a: 2 -> 1 (")
    history = ask("label", "history", "staging", "label/a").out.splitlines()
    assert (len(history), history[0].split()) == (4, ["TIME", "FROM", "TO", "AUTHOR", "SUBJECT"])
    assert ["staging", "label/a", "1"] in [line.split() for line in ask("label", "list").out.splitlines()]
    assert ask("label", "list", "staging", "--json").json["templates"] == {"label/a": 1}
    assert ask("label", "drop", "staging", "label/a").out.startswith("staging of label/a: dropped, it was at 1")
    gone = ask("label", "get", "staging", "label/a")
    assert (gone.code, gone.out) == (1, "")


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (["set", "production", "support/triage", "99"], 1, "99"),
        (["set", "production", "support/traige", "1"], 1, "support/triage"),
        (["set", "Production", "support/triage", "1"], 2, "label"),
        (["set", "latest", "support/triage", "1"], 2, "built in"),
        (["set", "production", "support/triage", "x"], 2, "VERSION"),
        (["get", "nosuch", "support/triage"], 1, "nosuch"),
        (["list", "nosuch"], 1, "production"),
        (["rollback", "production", "support/triage"], 2, "--reason"),
        (["rollback", "production", "support/triage", "--reason", "x", "--to", "9"], 2, "9"),
        (["history", "production", "고객지원/nosuch"], 1, "고객지원/nosuch"),
    ],
)
def test_labels_that_cannot_be(ask: Run, arguments: list[str], code: int, word: str) -> None:
    done = ask("label", *arguments)
    assert (done.code, done.out, word in done.err) == (code, "", True), done.err

"""``init``, ``key`` and ``index`` on a data folder, and what the program says of itself."""

import json
import re
import shutil
import sqlite3
import subprocess
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from hooks.local import system_actor
from tests.cli.conftest import PROGRAM, Done, Run, environment
from tests.ports import free_port

KEY = re.compile(r"pmt_[A-Za-z0-9_-]{43}[0-9a-f]{8}")


def test_repositories_are_made(run: Run, tmp_path: Path) -> None:
    made = run("init", "marketing")
    assert (made.code, "/git/marketing.git" in made.out) == (0, True)
    assert "pmt_" not in made.out
    assert run("init", "marketing").code == 1
    bad = run("init", "No Spaces!")
    assert (bad.code, "no repository name" in bad.err) == (2, True)
    assert run("init", "second", "--json").json["git_path"] == "/git/second.git"
    states = run("index", "status", "--json").json["repositories"]
    assert [(s["repository"], s["behind"]) for s in states] == [("marketing", 0), ("second", 0)]


def test_keys(run: Run) -> None:
    run("init", "default")
    shown = run("key", "create")
    assert (shown.code, bool(KEY.fullmatch(shown.out.strip()))) == (0, True)
    body = run("key", "create", "--user", "ci", "--scope", "write", "--expires", "90d", "--note", "빌드", "--json").json
    assert KEY.fullmatch(body["key"])
    assert (body["user"], body["scope"], body["note"]) == ("ci", "write", "빌드")
    ends = datetime.fromisoformat(body["expires_at"]) - datetime.fromisoformat(body["created_at"])
    assert ends == timedelta(days=90)
    keys = run("key", "list", "--json").json["keys"]
    assert [(k["user"], k["scope"]) for k in keys] == [("ci", "write"), ("admin", "read"), ("admin", "admin")]
    table = run("key", "list", "--user", "ci").out
    assert body["id"] in table
    assert body["key"] not in table + str(keys)
    assert run("key", "revoke", body["id"]).out == f"Revoked {body['id']}.\n"
    again = run("key", "revoke", body["id"])
    assert (again.code, "was revoked before, on " in again.out) == (0, True)
    assert run("key", "list", "--user", "ci", "--json").json["keys"][0]["revoked_at"]
    unknown = run("key", "revoke", "nothing")
    assert (unknown.code, "nothing" in unknown.err) == (1, True)


def test_a_key_that_leaked_is_revoked_by_itself_and_stands_on_no_command_line(run: Run) -> None:
    run("init", "default")
    made = run("key", "create", "--user", "ci", "--json").json
    typed = run("key", "revoke", made["key"])
    assert (typed.code, "or - and paste it" in typed.err, made["key"] in typed.err) == (2, True, False)
    unknown = run("key", "revoke", "-", stdin=f"{made['key'][:-1]}\n")
    assert (unknown.code, "there is no such key here" in unknown.err) == (1, True)
    assert run("key", "revoke", "-", stdin=f"{made['key']}\n").out == f"Revoked {made['id']}.\n"
    assert "was revoked before" in run("key", "revoke", "-", stdin=made["key"]).out


def test_slips_are_told(run: Run) -> None:
    """A user's name makes nobody, a place that holds nothing is named."""
    run("init", "default")
    run("user", "put", "kim")
    slip = run("key", "create", "--user", "kmi", "--scope", "admin")
    assert (slip.code, slip.out) == (2, "")
    assert "there is no user kmi; nearest: kim" in slip.err
    assert [each["user"] for each in run("user", "list", "--json").json["users"]] == ["admin", "kim"]
    assert (
        "there is no repository defalt yet; nearest: default"
        in run("grant", "add", "reader", "--user", "kim", "--at", "defalt").err
    )
    assert (
        "there is no template in default/suport yet"
        in run(
            "user",
            "invite",
            "lee",
            "--email",
            "lee@example.com",
            "--role",
            "reader",
            "--at",
            "default/suport",
            "--print",
        ).err
    )
    assert "yet" not in run("grant", "add", "reader", "--user", "kim", "--at", "default").err


def test_a_key_says_whom_it_was_made_for(run: Run) -> None:
    run("init", "default")
    made = run("key", "create", "--user", "ghost", "--at", "default/고객지원")
    assert "Made the user ghost, reader at default/고객지원.\n" in made.err
    assert "ghost" not in run("key", "create", "--user", "ghost", "--json").err
    run("user", "put", "kim")
    assert run("key", "create", "--user", "kim").err.startswith("kim had no role and is reader at the server now.\n")
    grants = {each["user"]: each["made_by"] for each in run("grant", "list", "--json").json["grants"]}
    assert grants["ghost"] == grants["kim"] == system_actor().user
    told = run("audit", "list", "--action", "key.created", "--json").json["entries"]
    assert [each["new"].get("places") for each in told][:3] == [None, None, ["default/고객지원"]]


@pytest.mark.parametrize("place", ["", "/", " //", "/support"])
@pytest.mark.parametrize(
    "words", [("grant", "add", "author", "--user", "admin"), ("key", "create", "--user", "ghost")], ids=lambda w: w[0]
)
def test_an_empty_place_is_not_the_server(run: Run, words: tuple[str, ...], place: str) -> None:
    run("init", "default")
    done = run(*words, "--at", place)
    assert (done.code, "leave --at out for the server" in done.err, len(done.err.splitlines())) == (2, True, 1), done
    assert len(run("grant", "list", "--json").json["grants"]) == 1


def test_the_audit_is_read_exported_and_verified(run: Run, tmp_path: Path) -> None:
    run("init", "default")
    run("key", "create", "--user", "ci", "--note", "빌드")
    run("keyring", "rotate")
    entries = run("audit", "list", "--json").json["entries"]
    assert [entry["action"] for entry in entries] == [
        *("keyring.rotated", "key.created", "role.granted", "user.created"),
        *("key.created", "role.granted", "user.created", "repository.created"),
    ]
    assert (entries[1]["address"], entries[1]["new"]["user"], bool(entries[1]["actor"])) == ("local", "ci", True)
    assert "key.created" in run("audit", "list", "--action", "key.created", "--from", "2026-01-01").out
    in_it = run("audit", "list", "--repository", "default", "--json").json["entries"]
    assert [entry["action"] for entry in in_it] == ["repository.created"]
    for place in (("--name", "a/b"), ("--folder", "a"), ("--label", "production"), ("--ref", "refs/heads/main")):
        assert run("audit", "list", *place, "--json").json["entries"] == []
        assert run("audit", "export", *place).out == ""
    short = run("audit", "list", "--limit", "1")
    assert "there are more than this one:" in short.err
    assert max(map(len, run("audit", "list").out.splitlines())) < 160
    lines = [json.loads(line) for line in run("audit", "export").out.splitlines()]
    assert [line["number"] for line in lines] == list(range(1, 9))
    whole = run("audit", "verify")
    assert (whole.code, f"8 entries fit, up to 8:{lines[7]['hash']}" in whole.out) == (0, True)
    assert run("audit", "verify", "--expect", f"2:{lines[1]['hash']}").code == 0
    other = run("audit", "verify", "--expect", f"2:{lines[2]['hash']}", "--expect", f"19:{'0' * 64}", "--json")
    assert (other.code, other.json["valid"], other.json["unexpected"]) == (1, True, [2, 19])
    (file,) = tmp_path.rglob("catalogue.sqlite")
    with closing(sqlite3.connect(file)) as connection, connection:
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            connection.execute("UPDATE audit_entries SET actor = 'nobody'")
        connection.execute("DROP TRIGGER audit_entries_unchanged")
        connection.execute("UPDATE audit_entries SET actor = 'nobody' WHERE number = 2")
    broken = run("audit", "verify")
    assert (broken.code, "entry 2 of the audit is not as it was entered" in broken.err) == (1, True)


def test_the_key_ring_is_rotated_and_never_shown(run: Run, tmp_path: Path) -> None:
    run("init", "default")
    first = run("keyring", "rotate", "--json").json
    second = run("keyring", "rotate", "--prepare", "--json").json
    assert (first["state"], second["state"]) == ("current", "prepared")
    assert run("keyring", "rotate").err == f"The key {second['id']} is current. Stored anew under it: 0.\n"
    listed = run("keyring", "list", "--json").json["keys"]
    assert [(k["id"], k["state"]) for k in listed] == [(first["id"], "former"), (second["id"], "current")]
    (written,) = tmp_path.rglob("keyring.json")
    secrets = [key["secret"] for key in json.loads(written.read_text())["keys"]]
    table = run("keyring", "list").out
    assert second["id"] in table
    assert [secret for secret in secrets if secret in f"{table}{listed}"] == []


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["key", "create", "--expires", "soon"], "90d"),
        (["audit", "list", "--action", "nothing"], "label.moved"),
        (["audit", "list", "--from", "soon"], "2026-11-30"),
        (["audit", "verify", "--expect", "7"], "NUMBER:HASH"),
        (["key", "create", "--scope", "root"], "--scope"),
        (["key", "create", "--user", "a b"], "no user name"),
        (["index", "status", "nowhere"], "nowhere"),
        (["index", "rebuild", "--data", "/dev/null/x"], "data folder"),
        (["frobnicate"], "frobnicate"),
    ],
)
def test_what_cannot_be_done_is_one_line(run: Run, arguments: list[str], word: str) -> None:
    run("init", "default")
    done = run(*arguments)
    assert done.code in {1, 2}
    assert word in done.err


@pytest.mark.parametrize(
    "arguments",
    [["key", "create"], ["key", "list"], ["key", "revoke", "x"], ["index", "status"], ["index", "rebuild"]],
)
def test_only_serve_and_init_make_a_data_folder(run: Run, tmp_path: Path, arguments: list[str]) -> None:
    for _ in range(2):
        done = run(*arguments)
        assert (done.code, done.out) == (2, "")
        assert f"there is no data folder at {tmp_path / 'data'}; set PROMPTUARY_DATA or --data" in done.err
        assert not (tmp_path / "data" / "catalogue.sqlite").exists()
        (tmp_path / "data").mkdir(exist_ok=True)


def test_what_init_prints_can_be_run(run: Run, tmp_path: Path) -> None:
    made = run("init", "marketing", PROMPTUARY_PORT="8123")
    assert "http://127.0.0.1:8123/git/marketing.git" in made.out
    assert KEY.fullmatch((tmp_path / "data" / "admin-key").read_text().strip())
    assert str(tmp_path / "data" / "admin-key") in made.out
    assert "clone" not in run("init", "second", PROMPTUARY_PORT="0").out
    proxied = run("init", "third", PROMPTUARY_PORT="8123", PROMPTUARY_URL="https://u:secret@prompts.example.com/")
    assert " https://prompts.example.com/git/third.git" in proxied.out


def test_settings_are_refused_in_plain_words(run: Run) -> None:
    assert "--port must be at most 65535" in run("serve", "--port", "99999").err
    level = run("serve", PROMPTUARY_LOG_LEVEL="loud").err
    assert "PROMPTUARY_LOG_LEVEL must be 'debug', 'info', 'warning' or 'error'" in level


def test_a_full_disk_behind_the_output_is_one_line(run: Run, tmp_path: Path) -> None:
    run("init", "default")
    for arguments in (["index", "status"], ["index", "status", "--json"], ["key", "list"], ["--help"]):
        with Path("/dev/full").open("wb") as full:
            done = subprocess.run(
                [*PROGRAM, *arguments],
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                env=environment(PROMPTUARY_DATA=str(tmp_path / "data")),
                check=False,
            )
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
        assert "No space left" in done.stderr


def test_a_table_is_readable_on_a_narrow_terminal(run: Run) -> None:
    run("init", "default")
    wide, narrow = (
        re.sub(r"\x1b\[[0-9;]*m", "", run("key", "list", FORCE_COLOR="1", COLUMNS=width).out) for width in ("120", "40")
    )
    assert re.search(r"ID +USER +SCOPE", wide)
    assert "SCOPE: admin\n" in narrow
    assert max(len(line) for line in narrow.splitlines()) <= 40


def test_settings_that_cannot_be_used(process: Run) -> None:
    done = process("index", "status", PROMPTUARY_PORT="many")
    assert (done.code, "PROMPTUARY_PORT" in done.err) == (2, True)


def test_indexes_are_rebuilt_and_verified(run: Run, stocked_folder: Path) -> None:
    rebuilt = run("index", "rebuild", "--data", str(stocked_folder), "--json").json["repositories"]
    assert (rebuilt[0]["repository"], len(rebuilt[0]["commit"])) == ("default", 40)
    verified = run("index", "verify", "--data", str(stocked_folder))
    assert (verified.code, "equal to Git" in verified.out) == (0, True)
    assert run("index", "verify", "default", "--data", str(stocked_folder), "--json").json["equal"] is True
    assert "main" in run("index", "status", "--data", str(stocked_folder)).out


def test_an_index_that_is_away_is_waited_for_not_made_anew(run: Run, stocked_folder: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(stocked_folder, data)
    away = {"PROMPTUARY_ELASTICSEARCH_URL": f"http://127.0.0.1:{free_port()}"}
    run("index", "rebuild", "--data", str(data), **away)
    verified = run("index", "verify", "--data", str(data), **away)
    assert (verified.code, "still has to be fed, or is away" in verified.out) == (1, True), verified
    assert "Make the indexes anew" not in verified.out
    with closing(sqlite3.connect(data / "catalogue.sqlite")) as connection, connection:
        connection.execute("DELETE FROM labels")
    verified = run("index", "verify", "--data", str(data))
    assert (verified.code, "Make the indexes anew" in verified.out) == (1, True), verified


def test_help_and_version(run: Run, process: Run) -> None:
    assert "promptuary validate ." in process("--help").out
    assert process("--version").out.startswith("promptuary 0.")
    for command in ("serve", "validate", "render", "key create", "index verify"):
        done = run(*command.split(), "--help")
        assert (done.code, "promptuary " in done.out) == (0, True), command


def test_the_hook_command_is_not_for_people(run: Run) -> None:
    commands = [line.split()[0] for line in run("--help").out.split("Commands:")[1].splitlines() if line.strip()]
    assert commands[:5] == ["serve", "git", "indexer", "api", "init"]
    assert "hook" not in commands


def test_accounts_are_administered_beside_a_server(run: Run, tmp_path: Path, stocked_folder: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(stocked_folder, data)

    def done(*words: str) -> Done:
        found = run(*words, PROMPTUARY_DATA=str(data))
        assert found.code == 0, found
        return found

    key = json.loads(done("key", "create", "--json").out)
    done("user", "put", "kim", "--name", "김민지", "--email", "kim@example.com")
    done("group", "put", "writers", "--member", "kim")
    granted = json.loads(done("grant", "add", "author", "--group", "writers", "--at", "default/고객지원", "--json").out)
    assert (granted["repository"], granted["folder"], granted["group"]) == ("default", "고객지원", "writers")
    assert "author at default/고객지원" in done("user", "list").out
    done("user", "disable", "kim")
    assert "disabled since" in done("user", "list").out
    done("user", "enable", "kim")
    turned = json.loads(done("key", "rotate", key["id"], "--overlap", "1h", "--json").out)
    assert (turned["old"]["id"], turned["old"]["expires_at"] is not None) == (key["id"], True)
    done("grant", "remove", granted["id"])
    done("group", "remove", "writers")
    assert done("grant", "list", "--json").out.count('"role"') == 1
    told = json.loads(done("audit", "list", "--json").out)["entries"]
    assert {each["address"] for each in told if each["action"] != "repository.created"} == {"local"}
    assert {"user.created", "user.changed", "group.changed", "role.granted", "role.revoked", "key.rotated"} <= {
        each["action"] for each in told
    }
    last = run(
        "grant", "remove", json.loads(done("grant", "list", "--json").out)["grants"][0]["id"], PROMPTUARY_DATA=str(data)
    )
    assert (last.code, "Nobody would be administrator" in last.err) == (1, True), last

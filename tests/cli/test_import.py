"""``promptuary import`` into a real server, from files and from a server that speaks Langfuse's REST API."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Done, Run, url_of
from tests.cli.langfuse import KEYS, PROMPTS, langfuse, version
from tests.cli.remote import on_a_terminal
from tests.running import Running, git

pytestmark = pytest.mark.e2e


def export(folder: Path, *versions: dict[str, Any]) -> str:
    place = folder / "export.json"
    place.write_text(json.dumps(versions))
    return str(place)


def commits(server: Running) -> int:
    return int(git(server.bare, "rev-list", "--count", "main"))


def versions_of(server: Running, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = server.call("GET", f"/api/v1/repositories/default/versions/{name}")[2]["versions"]
    return found


def prompt(done: Done, name: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = [each for each in done.json["prompts"] if each["from"]["name"] == name]
    return found[0]


def test_versions_labels_and_what_was_said_come_over_once(ask: Run, server: Running, tmp_path: Path) -> None:
    source = export(
        tmp_path,
        version("triage", "Sort {{ticket-text}}", 1, commitMessage="Begin\n\nAs ever", tags=["support"]),
        version("triage", [{"role": "system", "content": "Sort {{ticket}}"}], 2, labels=["production", "latest"]),
        version("tone", "Be kind", 1),
    )
    done = ask("import", source, "--folder", "one", "--json")
    assert (done.code, done.json["written"]) == (0, 3), done.err + done.out
    triage = prompt(done, "triage")
    assert (triage["name"], triage["written"], triage["labels"]) == ("one/triage", [1, 2], ["production"])
    assert any("ticket-text" in each["note"] and each["version"] == 1 for each in triage["notes"])
    first = server.read("one/triage", version="1")
    assert first["document"]["metadata"]["imported"] == {
        "from": "langfuse",
        "name": "triage",
        "version": 1,
        "variables": {"ticket_text": "ticket-text"},
    }
    assert server.read("one/triage", label="production")["version"] == 2
    log = git(server.bare, "log", "--format=%B", "main")
    assert re.search(
        r'Import version 1 of "triage" from langfuse \[[0-9a-f]{8}\]\n\nBegin\n\nAs ever\n\nImported-Author: ada@example.com',
        log,
    )
    assert "Imported-Time: 2024-01-01T00:00:00+00:00" in log
    authors = git(server.bare, "log", "--format=%an|%ae|%aI|%cn", "main").splitlines()
    assert "ada|ada@example.com|2024-01-02T00:00:00+00:00" in "\n".join(authors)
    assert {each["author"]["name"] for each in versions_of(server, "one/triage")} == {"ada"}
    newest, oldest = (" ".join(line.split()) for line in ask("log", "one/triage").out.splitlines()[1:])
    assert oldest == "1 2024-01-01 00:00 ada Begin"
    assert newest.startswith('2 2024-01-02 00:00 ada production Import version 2 of "triage" from langfuse [')
    (first, *_) = ask("log", "one/triage", "--json").json["versions"][::-1]
    assert (first["imported_subject"], first["authored_at"][:10]) == ("Begin", "2024-01-01")
    assert (first["committed_at"] > "2025", first["subject"].startswith("Import version 1 of")) == (True, True)
    blamed = server.call("GET", "/api/v1/repositories/default/blame/one/triage?version=1")[2]["ranges"][0]
    assert (blamed["imported_subject"], blamed["authored_at"]) == (first["imported_subject"], first["authored_at"])
    before = commits(server)
    again = ask("import", source, "--folder", "one", "--json")
    assert (again.code, again.json["written"], prompt(again, "triage")["there"]) == (0, 0, [1, 2])
    assert commits(server) == before
    server.assert_sound()


def test_a_name_that_leads_to_an_import_elsewhere_is_free(ask: Run, server: Running, tmp_path: Path) -> None:
    source = export(tmp_path, version("leads/on", "One"), version("leads/on", "Two", 2))
    assert ask("import", source, "--folder", "moved").code == 0
    done = ask("import", source, "--json")
    assert (done.code, prompt(done, "leads/on")["written"]) == (0, [1, 2]), done.err
    assert server.read("leads/on")["version"] == 2


def test_what_is_new_there_is_added(ask: Run, server: Running, tmp_path: Path) -> None:
    one, two = version("a", "{{x}}", 1, labels=["staging"]), version("a", "{{y}}", 2)
    ask("import", export(tmp_path, one), "--folder", "more")
    done = ask(
        "import", export(tmp_path, {**one, "labels": []}, {**two, "labels": ["staging"]}), "--folder", "more", "--json"
    )
    assert prompt(done, "a")["written"] == [2], done.out
    assert prompt(done, "a")["labels"] == ["staging"]
    assert server.read("more/a", label="staging")["version"] == 2


def test_what_was_done_here_is_left_alone(ask: Run, server: Running, tmp_path: Path) -> None:
    names = ("edited", "deleted", "renamed", "labelled")
    first = [version(name, "One", 1, labels=["staging"] if name == "labelled" else []) for name in names]
    second = [version(name, "Two", 2) for name in names[:3]] + [version("labelled", "Two", 2, labels=["staging"])]
    ask("import", export(tmp_path, *first), "--folder", "here")
    assert ask("put", "here/edited", stdin="schema: prompt/v1\ntype: text\ntext: Mine\n").code == 0
    assert ask("label", "drop", "staging", "here/labelled").code == 0
    put, _, _ = server.call("DELETE", "/api/v1/repositories/default/templates/here/deleted", headers={"If-Match": "*"})
    assert put == 200
    moved = {"to": "here/new", "update_includes": False}
    body, kind = json.dumps(moved), {"Content-Type": "application/json", "If-Match": "*"}
    assert server.call("POST", "/api/v1/repositories/default/move/here/renamed", body, kind)[0] == 200
    first[3]["labels"] = []
    done = ask("import", export(tmp_path, *first, *second), "--folder", "here", "--json")
    assert done.code == 0, done.err
    said = {name: prompt(done, name) for name in names}
    assert [said[name]["written"] for name in names] == [[], [], [], [2]]
    for name, word in zip(names, ("changed here", "deleted here", "renamed here", "moved here"), strict=True):
        assert any(word in each["note"] for each in said[name]["notes"]), said[name]
    assert server.read("here/edited")["source"].endswith("text: Mine\n")


def test_a_template_that_is_no_import_is_not_touched(ask: Run, server: Running, tmp_path: Path) -> None:
    before = commits(server)
    done = ask("import", export(tmp_path, version("support/triage", "x")), "--json")
    assert (done.code, done.json["written"], commits(server)) == (0, 0, before)
    assert "import with --folder" in prompt(done, "support/triage")["notes"][0]["note"]


def test_what_the_gate_refuses_is_told_and_the_rest_comes(ask: Run, tmp_path: Path) -> None:
    secret = "Use AKIA" + "IOSFODNN7EXAMPLQ and " + "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
    done = ask(
        "import", export(tmp_path, version("s", secret, 1), version("s", "Fine", 2)), "--folder", "sec", "--json"
    )
    assert (done.code, prompt(done, "s")["refused"], prompt(done, "s")["written"]) == (0, [1], [2]), done.out
    assert "secret" in json.dumps(prompt(done, "s")["notes"])


def test_variables_that_change_and_references_come_over(ask: Run, server: Running, tmp_path: Path) -> None:
    done = ask(
        "import",
        export(
            tmp_path,
            version("main", "@@@langfusePrompt:name=tone|label=production@@@ {{a}}", 1),
            version("main", "@@@langfusePrompt:name=tone|version=1@@@ {{b}}", 2),
            version("tone", "Be {{how}}.", 1),
            version("tone", "Be {{how}} and {{ever-so}}.", 3),
        ),
        "--folder",
        "refs",
        "--json",
    )
    assert (done.code, done.json["written"]) == (0, 4), done.out
    body = json.dumps({"variables": {"b": "1", "how": "kind", "ever_so": "brief"}})
    status, _, answer = server.call(
        "POST", "/api/v1/repositories/default/render/refs/main", body, {"Content-Type": "application/json"}
    )
    assert (status, answer["text"]) == (200, "Be kind and brief. 1")


def test_a_folder_of_files_of_many_formats(ask: Run, server: Running, tmp_path: Path) -> None:
    files = {
        "a/summary.prompt.yml": "messages:\n  - {role: user, content: 'Shorten {{input-text}}'}\n",
        "a/chat.prompty": "---\ndescription: D\n---\nsystem:\nBe {{ tone }}.\n",
        "hello.prompt": '---\nmodel: x/y\n---\n{{role "system"}}Hi {{name}}',
        "환불.md": "환불은 {{이름}} 님께",
        "note.txt": "{% plain %}",
        "data.csv": "not a prompt",
        ".git/x.txt": "hidden",
    }
    for name, text in files.items():
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_text(text, encoding="utf-8")
    done = ask("import", str(tmp_path / "in"), "--folder", "files", "--json")
    assert (done.code, done.json["written"]) == (0, 5), done.err + done.out
    names = {each["name"]: each["from"]["format"] for each in done.json["prompts"]}
    assert names == {
        "files/a/summary": "github",
        "files/a/chat": "prompty",
        "files/hello": "dotprompt",
        "files/환불": "text",
        "files/note": "text",
    }
    assert server.read("files/환불")["document"]["text"] == "환불은 {{ 이름 }} 님께"
    assert ask("import", str(tmp_path / "in"), "--folder", "files", "--json").json["written"] == 0
    (tmp_path / "in" / "note.txt").write_text("changed", encoding="utf-8")
    late = ask("import", str(tmp_path / "in"), "--from", "text", "--folder", "files", "--json")
    assert (late.json["written"], len(late.json["prompts"])) == (0, 2)


def test_a_folder_of_a_project_gives_its_prompts_and_tells_the_rest(ask: Run, server: Running, tmp_path: Path) -> None:
    template = "# ours\r\nschema: prompt/v1\r\ntype: text\r\ntext: Be kind.\r\n"
    files = {
        "package.json": '{"name": "x", "version": "1.0.0"}',
        "README.md": "# About",
        "prompts/partials/톤.prompt.yaml": template,
        "labels/production/partials.yaml": "톤: 1\n",
        "hello.md": "Hi {{name}}",
        "node_modules/x/hello.md": "not ours",
    }
    for name, text in files.items():
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_bytes(text.encode())
    done = ask("import", str(tmp_path / "in"), "--folder", "project", "--json")
    assert (done.code, done.json["written"]) == (0, 2), done.err + done.out
    assert [each["what"] for each in done.json["left_out"]] == [
        "README.md", "package.json", "labels/production/partials.yaml",
    ]  # fmt: skip
    assert server.read("project/partials/톤")["source"] == template
    told = ask("import", str(tmp_path / "in"), "--folder", "project", "--from", "promptuary")
    assert (told.code, "labels/production/partials.yaml is left out" in told.err) == (0, True), told.err
    assert "project/hello" not in told.out


def test_a_configuration_of_promptfoo_brings_its_files(ask: Run, server: Running, tmp_path: Path) -> None:
    files = {
        "promptfooconfig.yaml": "prompts: [file://prompts/안내.txt, 'Hi {{name}}']\ntests: [{vars: {name: Ada}}]\n",
        "prompts/안내.txt": "안내 {{이름}}\n---\n둘째",
        "other.md": "not of the configuration",
    }
    for name, text in files.items():
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_text(text, encoding="utf-8")
    done = ask("import", str(tmp_path / "in" / "promptfooconfig.yaml"), "--folder", "foo", "--json")
    assert (done.code, done.json["written"], done.json["left_out"]) == (0, 3, []), done.err + done.out
    assert server.read("foo/prompts/안내-2")["document"]["text"] == "둘째"
    assert server.read("foo/prompt-2")["document"]["variables"]["name"]["examples"] == ["Ada"]
    whole = ask("import", str(tmp_path / "in"), "--folder", "foo", "--json")
    assert [(each["name"], each["written"]) for each in whole.json["prompts"]] == [
        ("foo/other", [1]), ("foo/prompt-2", []), ("foo/prompts/안내", []), ("foo/prompts/안내-2", []),
    ]  # fmt: skip


def test_a_dry_run_asks_no_server(run: Run, tmp_path: Path) -> None:
    done = run(
        "import",
        export(tmp_path, version("a b", "{{1}}"), version("x", [])),
        "--dry-run",
        PROMPTUARY_URL="http://127.0.0.1:9",
    )
    assert done.code == 0, done.err
    assert done.out.splitlines()[0].split() == ["NAME", "WAS", "VERSIONS", "THERE", "REFUSED", "LABELS", "NOTES"]
    assert "a b version 1: the variable" in done.err
    assert "no template can be made of it" in done.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.json"], "cannot be read"),
        (["."], "holds nothing that can be imported"),
        (["x.json", "--folder", "a//b"], "--folder"),
        (["http://127.0.0.1:9"], "LANGFUSE_PUBLIC_KEY"),
    ],
)
def test_what_cannot_be_read_is_told(run: Run, arguments: list[str], said: str) -> None:
    done = run("import", *arguments, "--dry-run")
    assert (done.code, said in done.err) == (2, True), done.err


def test_langfuse_is_read_page_by_page(ask: Run, server: Running, tmp_path: Path) -> None:
    many = [version(f"folder/p{index}", f"Text {index}") for index in range(130)]
    with langfuse(*many, version("folder/p0", "Two", 2, labels=["production"]), busy=2) as source:
        done = ask("import", source.url, "--folder", "pages", "--json", **KEYS)
        assert (done.code, done.json["written"]) == (0, 131), done.err
        assert sum(path.startswith(f"{PROMPTS}?") for path in source.asked) == 2 + 2, "two pages, and two refusals"
        assert any("folder%2Fp0" in path and "resolve=false" in path for path in source.asked)
        again = ask("import", source.url, "--folder", "pages", "--json", **KEYS)
    assert (again.code, again.json["written"]) == (0, 0)
    assert server.read("pages/folder/p0", label="production")["version"] == 2


def test_a_source_that_dies_half_way_is_told_and_taken_up_again(ask: Run, server: Running) -> None:
    many = [version(f"d{index}", f"Text {index}") for index in range(5)]
    before = commits(server)
    with langfuse(*many, dies_after=3) as source:
        done = ask("import", source.url, "--folder", "dying", **KEYS)
        assert (done.code, commits(server)) == (2, before)
        assert "nothing was written, and what was read is kept" in done.err
        first = {path for path in source.asked[:3] if "version=" in path}
        assert first
        source.dies_after, source.asked = None, []
        assert ask("import", source.url, "--folder", "dying", "--json", **KEYS).json["written"] == 5
        assert not first & set(source.asked), "what was read before is not asked for again"
        rest = {path for path in source.asked if "version=" in path}  # a thread that was given up may ask once more
        assert len(rest) == 5 - len(first)
        source.asked = []
        assert ask("import", source.url, "--folder", "dying", "--json", **KEYS).json["written"] == 0
        assert sum("version=" in path for path in source.asked) == 5, "what came to its end is not kept"


def test_what_changed_since_a_source_died_is_read_again(ask: Run, server: Running) -> None:
    one, two = version("c1", "One", labels=["staging"]), version("c2", "Two")
    with langfuse(one, two, dies_after=2) as source:
        assert ask("import", source.url, "--folder", "changing", **KEYS).code == 2
        source.dies_after = None
        one["labels"], source.updated = ["production"], "2024-06-01T00:00:00.000Z"
        assert ask("import", source.url, "--folder", "changing", "--json", **KEYS).json["written"] == 2
    assert server.read("changing/c1", label="production")["version"] == 1


def test_what_is_kept_is_its_owners_alone_and_half_a_line_is_no_harm(ask: Run, tmp_path: Path) -> None:
    with langfuse(version("k1", "One"), version("k2", "Two"), dies_after=2) as source:
        assert ask("import", source.url, "--folder", "half", **KEYS, XDG_CACHE_HOME=str(tmp_path)).code == 2
        (kept,) = (tmp_path / "promptuary/imports").iterdir()
        assert (kept.stat().st_mode & 0o777, kept.parent.stat().st_mode & 0o777) == (0o600, 0o700)
        assert "pk-lf" not in kept.read_text() + kept.name
        kept.write_text(kept.read_text() + '["torn')
        source.dies_after = None
        done = ask("import", source.url, "--folder", "half", "--json", **KEYS, XDG_CACHE_HOME=str(tmp_path))
    assert (done.json["written"], list(kept.parent.iterdir())) == (2, [])


def test_without_a_folder_for_it_nothing_is_kept(ask: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with langfuse(version("n1", "One")) as source:
        done = ask("import", source.url, "--folder", "nowhere", "--json", **KEYS, XDG_CACHE_HOME=str(tmp_path / "file"))
    assert done.json["written"] == 1


def test_langfuse_with_the_wrong_keys(ask: Run) -> None:
    with langfuse() as source:
        done = ask("import", source.url, **{**KEYS, "LANGFUSE_SECRET_KEY": "sk-lf-wrong"})
    assert (done.code, "refuses the keys" in done.err, "sk-lf-wrong" in done.err) == (2, True, False)


def test_two_imports_at_once_write_each_version_once(server: Running, process: Run, tmp_path: Path) -> None:
    source = export(tmp_path, *(version(f"p{index % 4}", f"Text {index}", index // 4 + 1) for index in range(20)))
    before = commits(server)
    where = {"PROMPTUARY_URL": url_of(server), "PROMPTUARY_KEY": server.key}

    def one(_: int) -> Done:
        return process("import", source, "--folder", "both", "--json", **where)

    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(one, range(2)))
    assert [done.code for done in both] == [0, 0], both[0].err + both[1].err
    assert sum(done.json["written"] for done in both) == 20
    assert commits(server) == before + 20
    assert server.read("both/p0")["version"] == 5


def test_an_import_that_was_killed_is_finished_by_the_next(ask: Run, server: Running, tmp_path: Path) -> None:
    versions = [version("k", f"Text {index}", index) for index in range(1, 9)]
    ask("import", export(tmp_path, *versions[:3]), "--folder", "killed")
    done = ask("import", export(tmp_path, *versions), "--folder", "killed", "--json")
    assert (prompt(done, "k")["there"], prompt(done, "k")["written"]) == ([1, 2, 3], [4, 5, 6, 7, 8])
    assert server.read("killed/k")["version"] == 8


def test_on_a_terminal_of_40_columns(server: Running, tmp_path: Path) -> None:
    source = export(tmp_path, version("환불/안내", "{{고객 이름}}"))
    code, screen = on_a_terminal(server, "import", source, "--dry-run")
    assert (code, "환불/안내" in screen) == (0, True), screen


def test_a_key_that_may_not_write_is_told(ask: Run, server: Running, tmp_path: Path) -> None:
    made = server.command("key", "create", "--scope", "read", "--json")
    key = json.loads(made.stdout)["key"]
    file = tmp_path / "key"
    file.write_text(key)
    done = ask("import", export(tmp_path, version("n", "x")), "--folder", "no", "--key-file", str(file))
    assert (done.code, "scope" in done.err) == (1, True), done.err


def test_a_key_that_may_only_write_leaves_the_author_to_trailers(ask: Run, server: Running, tmp_path: Path) -> None:
    key = json.loads(server.command("key", "create", "--scope", "write", "--json").stdout)["key"]
    (tmp_path / "key").write_text(key)
    source = export(tmp_path, version("n", "x"), version("n", "y", 2))
    done = ask("import", source, "--folder", "writer", "--key-file", str(tmp_path / "key"), "--json")
    assert (done.code, prompt(done, "n")["written"]) == (0, [1, 2]), done.err + done.out
    assert {each["author"]["name"] for each in versions_of(server, "writer/n")} != {"ada"}
    assert "Imported-Author: ada@example.com" in git(server.bare, "log", "--format=%B", "-1", "main")


def test_a_repository_that_is_not_there_is_told(ask: Run, tmp_path: Path) -> None:
    done = ask("import", export(tmp_path, version("n", "x")), "--repository", "nosuch")
    assert (done.code, "nosuch" in done.err, done.out) == (1, True, ""), done.err

"""``list``, ``get``, ``log``, ``search`` and ``diff`` against a real server."""

import re
from typing import Any

import pytest
from rich.cells import cell_len

from api.commands.pages import read_all
from tests.cli.conftest import Run, url_of
from tests.cli.remote import on_a_terminal
from tests.running import Running
from tests.stock import TRIAGE

pytestmark = pytest.mark.e2e

ANSI = re.compile(r"\x1b\[[0-9;]*m")


def test_list(ask: Run) -> None:
    done = ask("list")
    lines = done.out.splitlines()
    assert (done.code, done.err) == (0, "")
    assert lines[0].split() == ["NAME", "VERSION", "TYPE", "STATUS", "LABELS", "UPDATED", "DESCRIPTION"]
    assert [line.split()[0] for line in lines[1:]] == ["partials/tone", "support/triage", "고객지원/환불"]
    assert "\x1b" not in done.out
    starts = {cell_len(line[: re.search(r" (text|chat) ", line).start()]) for line in lines[1:]}  # type: ignore[union-attr]
    assert len(starts) == 1, "the columns begin at the same place, Korean names counting two a letter"


def test_list_filters_and_pages(ask: Run) -> None:
    assert [t["name"] for t in ask("list", "support", "--json").json["templates"]] == ["support/triage"]
    assert [t["name"] for t in ask("list", "--tag", "환불", "--json").json["templates"]] == ["고객지원/환불"]
    assert [t["name"] for t in ask("list", "--label", "production", "--json").json["templates"]] == ["support/triage"]
    assert ask("list", "nowhere").out == ""
    short = ask("list", "--limit", "2")
    assert len(short.out.splitlines()) == 3
    assert "more than these 2" in short.err
    page = ask("list", "--limit", "2", "--json").json
    assert (len(page["templates"]), page["next_cursor"] is None) == (2, False)


def test_pages_are_read_to_the_end_or_the_limit() -> None:
    class Numbers:
        """Five entries, at most two a page."""

        def get(self, *path: str, needs: list[str], limit: int, cursor: str | None) -> dict[str, Any]:
            start = int(cursor or 0)
            stop = min(start + min(limit, 2), 5)
            return {"entries": list(range(start, stop)), "next_cursor": str(stop) if stop < 5 else None}

    def read(limit: int) -> tuple[list[int], str | None]:
        page = read_all(Numbers(), "numbers", entries="entries", limit=limit, largest=2)  # type: ignore[arg-type]
        return page["entries"], page["next_cursor"]

    assert read(100) == ([0, 1, 2, 3, 4], None)
    assert read(3) == ([0, 1, 2], "3")


def test_get(ask: Run) -> None:
    assert ask("get", "support/triage").out == TRIAGE
    state = ask("get", "support/triage", "--label", "production", "--json").json
    assert (state["version"], state["labels"], list(state["partials"])) == (1, ["production"], ["partials/tone"])
    assert ask("get", "support/triage", "--version", "2", "--document").json["type"] == "chat"
    assert ask("get", "support/triage", "--reference").out.startswith("support/triage@2#")
    assert ask("get", "support/triage", "--ref", "main", "--reference").out.startswith("support/triage@")
    assert "환불을 도와드리겠습니다" in ask("get", "고객지원/환불").out


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["get", "support/traige"], 1, ["support/traige", "support/triage"]),
        (["get", "support/triage", "--version", "99"], 1, ["99"]),
        (["get", "support/triage", "--label", "nosuch"], 1, ["nosuch"]),
        (["get", "support/triage", "--label", "x", "--version", "1"], 2, ["version="]),
        (["get", "support/triage", "--at", "yesterday"], 2, ["at="]),
        (["get", "support/triage", "--json", "--document"], 2, ["three outputs"]),
        (["get", "../index"], 2, ["no template name"]),
        (["get", "a", "--repository", "a/b"], 2, ["repository"]),
        (["get", "support/triage", "--repository", "nosuch"], 1, ["nosuch"]),
        (["log", "support/traige"], 1, ["support/triage"]),
        (["diff", "support/triage", "1", "77"], 1, ["77"]),
        (["diff", "support/triage", "at:x"], 2, ["at="]),
        (["list", "--type", "image"], 2, ["type"]),
        (["list", "--limit", "0"], 2, ["--limit"]),
        (["render", "support/nosuch", "--label", "production"], 1, ["support/nosuch"]),
    ],
)
def test_what_is_not_there_is_one_clear_line(ask: Run, arguments: list[str], code: int, words: list[str]) -> None:
    done = ask(*arguments)
    assert (done.code, done.out) == (code, ""), done.err
    assert [word for word in words if word not in done.err] == [], done.err


def test_log(ask: Run) -> None:
    done = ask("log", "support/triage")
    lines = done.out.splitlines()
    assert (done.code, lines[0].split()) == (0, ["VERSION", "TIME", "AUTHOR", "PUSHER", "LABELS", "CAUSE", "SUBJECT"])
    assert re.fullmatch(r"2 +\d{4}-\d\d-\d\d \d\d:\d\d +Ada Park +ada +partials/tone +Shorten the tone *", lines[1])
    assert re.fullmatch(r"1 +\d{4}-\d\d-\d\d \d\d:\d\d +Ada Park +ada +production +Add the first templates *", lines[2])
    versions = ask("log", "support/triage", "--json").json["versions"]
    assert [(v["version"], v["labels"]) for v in versions] == [(2, []), (1, ["production"])]


def test_search(ask: Run) -> None:
    done = ask("search", "ticket")
    assert done.code == 0
    assert done.out.splitlines()[:2] == ["support/triage v2 production=1", "  Sorts one ticket into a queue."]
    assert "tag: support 1  triage 1" in done.out
    assert ("1 found" in done.err, "\x1b" in done.out) == (True, False)
    assert [hit["name"] for hit in ask("search", "환불", "--json").json["hits"]] == ["고객지원/환불"]
    alike = ask("search", "--like", "support/triage", "--json")
    assert "support/triage" not in [hit["name"] for hit in alike.json["hits"]]
    for both in (("search",), ("search", "ticket", "--like", "support/triage")):
        assert "--like with a template's name" in ask(*both).err
    nothing = ask("search", "nosuchword")
    assert (nothing.code, "0 found" in nothing.err) == (1, True)


def test_diff(ask: Run) -> None:
    done = ask("diff", "support/triage", "production", "latest")
    assert (done.code, "support/triage@1#" in done.err) == (0, True)
    assert "-  Be brief and kind.\n+  Be short and kind.\n" in done.out
    assert "\x1b" not in done.out
    assert ask("diff", "support/triage", "1", "2", "--json").json["from"]["version"] == 1
    assert "equal" in ask("diff", "support/triage", "2", "ref:main").err
    assert "-  Be brief" in ask("diff", "support/triage", "1").out


@pytest.mark.parametrize("command", [["list"], ["log", "support/triage"], ["search", "환불"], ["label", "list"]])
def test_a_terminal_of_40_columns(server: Running, command: list[str]) -> None:
    code, screen = on_a_terminal(server, *command, columns=40)
    assert code == 0
    assert [line for line in ANSI.sub("", screen).splitlines() if cell_len(line) > 40] == []
    assert {"list": "고객지원/환불", "log": "production", "search": "고객지원/환불", "label": "production"}[
        command[0]
    ] in ANSI.sub("", screen)


def test_a_narrow_terminal_leaves_columns_out_before_it_cuts_names(server: Running) -> None:
    lines = ANSI.sub("", on_a_terminal(server, "list", columns=40)[1]).splitlines()
    header = next(line for line in lines if "NAME" in line)
    rows = [line for line in lines if re.search(r" [12] ", line)]
    assert [word for word in header.split() if word in {"NAME", "VERSION", "UPDATED"}] == ["NAME", "VERSION"]
    assert "no room for TYPE, STATUS," in " ".join(lines)
    assert {cell_len(line[: re.search(r" [12] ", line).start()]) for line in rows} == {header.index("VERSION") - 1}  # type: ignore[union-attr]
    wide = ANSI.sub("", on_a_terminal(server, "list", columns=140)[1])
    assert ("UPDATED" in wide, "환불 요청에 답합니다." in wide) == (True, True)
    narrowest = ANSI.sub("", on_a_terminal(server, "log", "support/triage", columns=16)[1])
    assert "VERSION: 2" in narrowest


def test_an_empty_list_is_told(ask: Run) -> None:
    done = ask("list", "nofolder")
    assert (done.code, done.out, done.err) == (0, "", "promptuary: no template fits that\n")
    as_json = ask("list", "nofolder", "--json")
    assert (as_json.json["templates"], as_json.err) == ([], "")


def test_colours_are_for_terminals_only(server: Running) -> None:
    _, screen = on_a_terminal(server, "search", "환불", columns=100)
    assert "\x1b[" in screen
    _, quiet = on_a_terminal(server, "search", "환불", columns=100, NO_COLOR="1")
    assert re.findall(r"\x1b\[[0-9;]*3[0-9]m", quiet) == []
    _, compared = on_a_terminal(server, "diff", "support/triage", "1", "2", columns=100)
    assert "\x1b[31m-  Be brief and kind.\x1b[0m" in compared


def test_options_say_which_server_and_key(ask: Run, run: Run, server: Running) -> None:
    key = server.data / "admin-key"
    done = run("list", "--url", url_of(server), "--key-file", str(key), "--repository", "default")
    assert (done.code, len(done.out.splitlines())) == (0, 4)
    assert run("list", "--url", url_of(server), "--key-file", "nowhere").code == 2

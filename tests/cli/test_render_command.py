"""``promptuary render`` here, without a server."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run

PATH = "prompts/support/triage.prompt.yaml"


def test_a_file_and_a_name_give_the_same(run: Run, checkout: Path) -> None:
    by_file = run("render", PATH, "--var", "ticket=Help", cwd=checkout)
    by_name = run("render", "support/triage", "--var", "ticket=Help", cwd=checkout)
    assert by_file.code == by_name.code == 0
    assert by_file.out == by_name.out
    assert "Answer in en." in by_file.out
    assert "Be brief and kind." in by_file.out
    assert "<ticket>Help</ticket>" in by_file.out


def test_values_from_a_file_and_on_top(run: Run, checkout: Path) -> None:
    (checkout / "values.json").write_text(json.dumps({"ticket": "A", "language": "ko"}))
    done = run("render", PATH, "--vars", "values.json", "--var", "ticket=B", "--json", cwd=checkout)
    assert done.json["messages"][1]["content"] == "<ticket>B</ticket>"
    assert "Answer in ko." in done.json["messages"][0]["content"]
    piped = run("render", PATH, "--vars", "-", "--json", stdin='{"ticket": "C"}', cwd=checkout)
    assert piped.json["messages"][1]["content"] == "<ticket>C</ticket>"


def test_a_korean_text_template(run: Run, checkout: Path) -> None:
    done = run("render", "고객지원/환불", "--var", "이름=지우", "--var", "더:=[1]", cwd=checkout)
    assert done.out == "지우 고객님, 환불을 도와드리겠습니다.\n"
    assert "더" in done.err


def test_request_bodies(run: Run, checkout: Path) -> None:
    done = run("render", PATH, "--var", "ticket=x", "--format", "openai", cwd=checkout)
    assert done.json["model"] == "gpt-4o-mini"
    assert run("render", PATH, "--var", "ticket=x", "--format", "anthropic", cwd=checkout).json["system"]


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (["support/triage"], 1, "ticket"),
        (["support/triage", "--var", "ticket=x", "--var", "more=1", "--strict"], 1, "more"),
        (["support/triage", "--var", "ticket"], 2, "name=text"),
        (["support/triage", "--var", "ticket:=x"], 2, "JSON"),
        (["support/triage", "--vars", "nowhere.json"], 2, "nowhere.json"),
        (["nowhere.prompt.yaml"], 2, "no such file"),
        (["support/traige"], 2, "PROMPTUARY_KEY"),
        (["a//b"], 2, "PROMPTUARY_KEY"),
        ([""], 2, "no template name"),
    ],
)
def test_what_goes_wrong_is_one_clear_message(
    run: Run, checkout: Path, arguments: list[str], code: int, word: str
) -> None:
    done = run("render", *arguments, cwd=checkout)
    assert (done.code, done.out, word in done.err) == (code, "", True), done.err


@pytest.mark.parametrize(
    ("selector", "word"),
    [(["--version", "0"], "no version"), (["--version", "-1"], "no version"), (["--label", ""], "label"),
     (["--ref", ""], "ref="), (["--repository", ""], "repository")],
)  # fmt: skip
def test_a_selector_that_is_none_is_never_the_local_file(
    run: Run, checkout: Path, selector: list[str], word: str
) -> None:
    done = run("render", "support/triage", "--var", "ticket=x", *selector, cwd=checkout, PROMPTUARY_KEY="pmt_x")
    assert (done.code, done.out, word in done.err) == (2, "", True), done.err


def test_a_lone_file_is_named_as_it_was_given(run: Run, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("# no template\n")
    done = run("render", "README.md")
    assert (done.code, "README.md:1:" in done.err, "prompts/" in done.err) == (1, True, False), done.err


def test_a_broken_template_shows_its_diagnostics(run: Run, checkout: Path) -> None:
    (checkout / PATH).write_text('schema: prompt/v1\ntype: text\ntext: "{{ x }}"\n')
    done = run("render", PATH, cwd=checkout)
    assert (done.code, f"{PATH}:3:" in done.err) == (1, True)


def test_a_server_that_is_not_there(run: Run, tmp_path: Path) -> None:
    done = run("render", "a", PROMPTUARY_KEY="pmt_x", PROMPTUARY_URL="http://127.0.0.1:9")
    assert (done.code, "127.0.0.1:9" in done.err) == (2, True)
    assert run("render", "a", PROMPTUARY_KEY="pmt_x", PROMPTUARY_URL="ftp://x").code == 2


@pytest.mark.parametrize("around", ["{}\r\n", "{}\r", "\ufeff{}", "{} x", "pmt_\x01{}", "a\n{}", "{}\r\nX: y", "키{}"])
def test_a_key_is_never_printed(run: Run, around: str) -> None:
    key = "pmt_secretsecret"
    for address in ("http://127.0.0.1:9", "http://user:secretsecret@127.0.0.1:9/", "http://a b", "secretsecret@x:9"):
        done = run("render", "a", PROMPTUARY_KEY=around.format(key), PROMPTUARY_URL=address)
        assert done.code == 2
        assert "secretsecret" not in done.out + done.err
        assert len(done.err.strip().splitlines()) == 1
    if around.strip() != "{}":
        assert "PROMPTUARY_KEY holds" in done.err

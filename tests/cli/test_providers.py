"""``promptuary provider``: identity providers in the data folder, with their secrets out of sight."""

import shutil
from pathlib import Path

import pytest

from tests.certified_provider import SECRET, certified_provider
from tests.cli.conftest import Done, Run


@pytest.fixture
def data(tmp_path: Path, stocked_folder: Path) -> Path:
    folder = tmp_path / "data"
    shutil.copytree(stocked_folder, folder)
    return folder


def stored(data: Path) -> bytes:
    return b"".join(path.read_bytes() for path in data.glob("catalogue*"))


def test_a_provider_is_added_changed_and_removed(run: Run, data: Path, tmp_path: Path) -> None:
    def done(*words: str, stdin: str = "") -> Done:
        found = run("provider", *words, stdin=stdin)
        assert found.code == 0, found
        assert SECRET not in found.out + found.err
        return found

    done("add", "gitlab", "--kind", "gitlab", "--client-id", "5f", "--secret-file", "-", stdin=f"{SECRET}\n")
    assert SECRET.encode() not in stored(data)
    groups = ("--group", "acme/a=b=writers", "--require-group", "acme", "--domain", "Example.com", "--sign-up")
    done("add", "gitlab", *groups)
    (made,) = done("list", "--json").json["providers"]
    assert (made["issuer"], made["client_id"], made["has_secret"]) == ("https://gitlab.com", "5f", True)
    assert made["settings"]["groups"] == {"acme/a=b": "writers"}
    assert (made["settings"]["domains"], made["settings"]["sign_up"]) == (["example.com"], True)
    file = tmp_path / "secret.txt"
    file.write_text(SECRET)
    done("add", "gitlab", "--secret-file", str(file), "--no-sign-up", "--disable")
    assert "disabled" in done("list").out
    (made,) = done("list", "--json").json["providers"]
    assert (made["settings"]["sign_up"], made["settings"]["required_groups"]) == (False, ["acme"])
    told = run("audit", "list", "--action", "provider.changed", "--json")
    assert len(told.json["entries"]) == 3
    assert SECRET not in told.out
    done("remove", "gitlab")
    assert done("list", "--json").json == {"providers": []}


def test_a_rotation_of_the_key_ring_encrypts_secrets_anew(run: Run, data: Path) -> None:
    run("provider", "add", "gitlab", "--kind", "gitlab", "--client-id", "5f", "--secret-file", "-", stdin=SECRET)
    before = run("keyring", "list", "--json").json["keys"][-1]["id"]
    assert f"pk1.{before}.".encode() in stored(data)
    rotated = run("keyring", "rotate", "--json").json
    assert rotated["renewed"] >= 1
    assert f"pk1.{rotated['id']}.".encode() in stored(data)
    assert run("provider", "test", "gitlab").code in {0, 2}, "the secret can be read; the network may be away"


def test_what_a_provider_says_is_shown_with_what_to_enter_there(run: Run, data: Path, tmp_path: Path) -> None:
    with certified_provider(tmp_path, ["http://127.0.0.1:8000/sign-in/corp/callback"], {}) as real:
        words = ("--issuer", real.issuer, "--client-id", "promptuary", "--public")
        assert run("provider", "add", "corp", *words).code == 2, "this machine is a private address"
        assert run("provider", "add", "corp", *words, "--allow-private").code == 0
        found = run("provider", "test", "corp")
        assert (found.code, real.issuer in found.out) == (0, True), found
        assert "http://127.0.0.1:8000/sign-in/corp/callback" in found.out
        assert "PROMPTUARY_PUBLIC_URL" in found.err
        public = run("provider", "test", "corp", "--json", PROMPTUARY_PUBLIC_URL="https://prompts.example.com")
        assert public.json["redirect_uri"] == "https://prompts.example.com/sign-in/corp/callback"
    away = run("provider", "test", "corp")
    assert (away.code, "cannot be asked" in away.err) == (2, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("corp", "--client-id", "x", "--public"), "issuer"),
        (("corp", "--issuer", "https://a.example", "--public"), "--client-id"),
        (("corp", "--issuer", "https://a.example", "--client-id", "x"), "--secret-file"),
        (("corp", "--kind", "nosuch", "--client-id", "x", "--public"), "keycloak"),
        (("corp", "--kind", "gitlab", "--client-id", "x", "--secret-file", "nosuch.txt"), "nosuch.txt"),
        (("corp", "--kind", "gitlab", "--client-id", "x", "--secret-file", "-"), "empty"),
        (("corp", "--kind", "gitlab", "--client-id", "x", "--public", "--group", "a"), "acme/prompts=writers"),
        (("Corp", "--kind", "gitlab", "--client-id", "x", "--public"), "small letters"),
    ],
)
def test_what_cannot_be_is_one_line(run: Run, data: Path, words: tuple[str, ...], said: str) -> None:
    found = run("provider", "add", *words)
    assert (found.code, said in found.err) == (2, True), found
    assert run("provider", "list", "--json").json == {"providers": []}

"""``promptuary user invite`` and ``reset-password``, ``mail test``, and what ``doctor`` says of mail."""

import json
import re
from collections.abc import Iterator
from email.headerregistry import Address
from typing import Any

import pytest

from tests.cli.conftest import Done, Run
from tests.mailing import MailServer, link_in, mail_server_beside, text_of
from tests.ports import free_port

PUBLIC = "https://prompts.example.com"
SECRET = re.compile(r"pml_[A-Za-z0-9_-]{43}[0-9a-f]{8}")


@pytest.fixture
def mail() -> Iterator[MailServer]:
    with mail_server_beside() as server:
        yield server


@pytest.fixture
def mailing(run: Run, mail: MailServer) -> Run:
    """Runs the program with a server of mail."""
    run("init", "default")
    settings = {
        "PROMPTUARY_SMTP_URL": f"smtp://127.0.0.1:{mail.port}",
        "PROMPTUARY_MAIL_FROM": "Promptuary <prompts@example.com>",
        "PROMPTUARY_PUBLIC_URL": PUBLIC,
    }

    def call(*words: str, **more: str) -> Done:
        return run(*words, **(settings | more))

    return call


def test_an_invitation_is_mailed(mailing: Run, mail: MailServer) -> None:
    mailing("group", "put", "writers")
    words = ("--email", "kim@example.com", "--name", "김민지", "--group", "writers", "--role", "author")
    done = mailing("user", "invite", "kim", *words, "--at", "default/고객지원")
    assert (done.code, done.out.startswith("Mailed to kim <kim@example.com>, for one use")) == (0, True)
    assert done.err == "promptuary: there is no template in default/고객지원 yet\n"
    assert SECRET.search(done.out) is None
    assert mail.letters[0]["to"].addresses == (Address("김민지", "kim", "example.com"),)
    assert link_in(mail.letters[0])[0] == PUBLIC
    assert "author at default/고객지원" in mailing("user", "list").out
    assert "kim" in mailing("group", "list").out
    again = json.loads(mailing("user", "invite", "kim", "--email", "kim@example.com", "--print", "--json").out)
    assert (again["mailed"], again["link"].startswith(f"{PUBLIC}/join#"), again["kind"]) == (False, True, "invitation")
    told = json.loads(mailing("audit", "list", "--json").out)["entries"]
    assert {"user.created", "group.changed", "role.granted", "link.created"} <= {each["action"] for each in told}
    assert SECRET.search(json.dumps(told)) is None


def test_a_link_is_shown_where_none_is_mailed(run: Run) -> None:
    run("init", "default")
    port = str(free_port())
    shown = run("user", "invite", "kim", "--email", "kim@example.com", PROMPTUARY_PORT=port)
    assert (shown.code, shown.out.startswith(f"http://127.0.0.1:{port}/join#pml_")) == (0, True)
    assert "PROMPTUARY_SMTP_URL is not set" in shown.err
    reset = run("user", "reset-password", "kim")
    assert (reset.code, len(reset.out.splitlines()), bool(SECRET.search(reset.out))) == (0, 1, True)
    assert "for one use until" in reset.err
    unknown = run("user", "reset-password", "nobody")
    assert (unknown.code, "no user 'nobody'" in unknown.err) == (1, True)
    run("user", "put", "deploy", "--service")
    robot = run("user", "reset-password", "deploy")
    assert (robot.code, "service account" in robot.err) == (1, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--email", "kim"), "no e-mail address"),
        (("--email", "kim@example.com\nBcc: x@example.com"), "cannot stand in a commit"),
        (("--email", "kim@example.com", "--at", "default"), "--role"),
        (("--email", "kim@example.com", "--role", "reader", "--at", "No Such"), "repository name"),
        (("--email", "kim@example.com", "--role", "reader", "--at", ""), "leave --at out for the server"),
    ],
)
def test_what_no_invitation_can_be_made_of(run: Run, words: tuple[str, ...], said: str) -> None:
    run("init", "default")
    done = run("user", "invite", "kim", *words)
    assert (done.code, said in done.err, len(done.err.splitlines())) == (2, True, 1), done


def test_a_reset_is_mailed_and_the_settings_are_tried_out(mailing: Run, mail: MailServer) -> None:
    mailing("user", "put", "kim", "--email", "kim@example.com")
    assert mailing("user", "reset-password", "kim", "--mail").out.startswith("Mailed to kim")
    assert "비밀번호" in text_of(mail.letters[0])
    assert mailing("mail", "test", "lee@example.com").out == "Sent to lee@example.com.\n"
    assert mail.envelopes[-1].rcpt_tos == ["lee@example.com"]
    mail.refuses["RCPT"] = "550 no"
    refused = mailing("mail", "test", "lee@example.com")
    assert (refused.code, "(550)" in refused.err) == (1, True)
    shown = mailing("user", "reset-password", "kim", "--mail")
    assert (shown.code, "(550)" in shown.err, bool(SECRET.search(shown.out))) == (0, True, True)
    assert mailing("mail", "test", "lee").code == 1


def test_doctor_looks_at_mail(mailing: Run, mail: MailServer) -> None:
    def found(**more: str) -> dict[str, Any]:
        findings = mailing("doctor", "--json", **more).json["findings"]
        return {each["check"]: each for each in findings if each["check"].startswith("mail")}

    assert {check: each["grade"] for check, each in found().items()} == {"mail": "ok"}
    assert mail.asked == 0, "nothing is sent"
    away = found(PROMPTUARY_SMTP_URL=f"smtp://127.0.0.1:{free_port()}", PROMPTUARY_PUBLIC_URL="")
    assert {check: each["grade"] for check, each in away.items()} == {"mail": "problem", "mail-links": "warning"}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"PROMPTUARY_SMTP_URL": "http://mail.example.com"}, "address of a mail server"),
        ({"PROMPTUARY_SMTP_URL": "smtp://"}, "address of a mail server"),
        ({"PROMPTUARY_SMTP_URL": "smtp://a:b#c@mail.example.com"}, "%23"),
        ({"PROMPTUARY_SMTP_URL": "smtp://mail.example.com"}, "PROMPTUARY_MAIL_FROM"),
        ({"PROMPTUARY_MAIL_FROM": "a@example.com, b@example.com"}, "one address"),
        ({"PROMPTUARY_MAIL_FROM": "Promptuary"}, "one address"),
        (
            {
                "PROMPTUARY_SMTP_URL": "smtp://a:secret-1@mail.example.com",
                "PROMPTUARY_MAIL_FROM": "a@example.com",
                "PROMPTUARY_SMTP_STARTTLS": "off",
            },
            "in the clear",
        ),
    ],
)
def test_settings_of_mail_that_cannot_be_used(run: Run, settings: dict[str, str], said: str) -> None:
    done = run("mail", "test", "kim@example.com", **settings)
    assert (done.code, said in done.err, "secret-1" in done.err) == (2, True, False), done

"""The secret scan. Every credential here is made up at random while the test runs."""

import random
import string
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.domain.diagnostics import Severity
from registry.domain.secrets import MAX_FINDINGS, find_secrets, find_secrets_in

ALNUM = string.ascii_letters + string.digits
UPPER = string.ascii_uppercase + string.digits


def made_up(length: int, alphabet: str = ALNUM, seed: int = 11) -> str:
    r = random.Random(seed + length)
    return (
        "".join(r.choice(alphabet) for _ in range(length - 3))
        + "a1Z"[: 3 if alphabet is ALNUM else 0]
        + "7" * (0 if alphabet is ALNUM else 3)
    )


CREDENTIALS: dict[str, str] = {
    "aws": "AKIA" + made_up(16, UPPER),
    "openai": "sk-proj-" + made_up(20) + "T3Blbk" + "FJ" + made_up(20),
    "openai-old": "sk-" + made_up(20) + "T3Blbk" + "FJ" + made_up(20),
    "langfuse": "sk-" + "lf-5f0c7d1e-9a3b-4c2d-8e6f-" + "0b1c2d3e4f50",
    "anthropic": "sk-ant-" + "api03-" + made_up(93),
    "github": "ghp_" + made_up(36),
    "promptuary": "pmt_" + made_up(43) + "0a1b2c3d",
    "github-new": "github_pat_" + made_up(82),
    "gitlab": "glpat-" + made_up(20),
    "slack": "xoxb-" + "123456789012-" + made_up(24, string.ascii_lowercase),
    "stripe": "sk_live_" + made_up(24),
    "sendgrid": "SG." + made_up(22) + "." + made_up(43),
    "google": "AIza" + made_up(35),
    "hugging-face": "hf_" + made_up(34),
    "telegram": "123456789:" + made_up(35),
    "jwt": "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxMjM0NSJ9." + made_up(43),
    "private-key": "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIEpAIBAAKCAQEA" + made_up(40),
    "openssh": "-----BEGIN OPENSSH " + "PRIVATE KEY-----\nb3BlbnNzaC1r",
    "url": "postgres://admin:" + "hu7Nter9x" + "@db.internal/app",
    "bearer": "Authorization: Bearer " + made_up(40),
    "password": "password: " + "Tr0ub4dor&3",
    "quoted": '{"api_key": "' + "f3a9c1d27be84410" + '"}',
    "korean": "비밀번호: " + "Qw3rTy!9zz",
    "aws-secret": 'aws_secret_key = "' + made_up(40) + '"',
}


def rules(text: str) -> list[str]:
    """The codes of what is found."""
    return [finding.rule for finding in find_secrets(text, "p")]


@pytest.mark.parametrize("kind", CREDENTIALS)
def test_a_credential_is_found_at_its_place_and_never_shown(kind: str) -> None:
    credential = CREDENTIALS[kind]
    text = f"schema: prompt/v1\ntype: text\ntext: |\n  안녕하세요 {credential}\n  more\n"
    (finding,) = find_secrets(text, "prompts/a.prompt.yaml")
    assert (finding.rule, finding.path, finding.place.line) == ("secret", "prompts/a.prompt.yaml", 4)
    start = finding.place.column - 1
    assert text.split("\n")[3][start:], "the place is in the line"
    shown = str(finding)
    for position in range(len(credential) - 8):
        piece = credential[position : position + 9]
        assert (
            piece not in shown
            or piece.lower() in {"password:", 'api_key":'}
            or "RIVATE KE" in piece
            or not any(c.isdigit() for c in piece)
        )


def test_the_column_is_where_the_credential_begins() -> None:
    (finding,) = find_secrets(f"가나 {CREDENTIALS['github']} x", "p")
    assert finding.place.column == 4
    (finding,) = find_secrets(f"password: {'Tr0ub4dor&3'}", "p")
    assert finding.place.column == 11


@pytest.mark.parametrize(
    "text",
    [
        "api_key: {{ api_key }}",
        "Authorization: Bearer {{ token }}",
        "Authorization: Bearer <your-token-here-1234567>",
        "OPENAI_API_KEY=sk-...",
        "OPENAI_API_KEY=sk-your-key-1234",
        "sk-" + "x" * 48,
        "ghp_" + "x" * 36,
        "api_key: sk-...abcd",
        "password: ********",
        "password: {type: string, description: the password of the account}",
        "password: at least 8 characters with 1 digit",
        "비밀번호: 8자 이상으로 입력하세요",
        "the secret: always be 100% honest",
        "secret: ${SECRET_KEY_1}",
        "secret_key: process.env.SECRET1",
        "token: your-api-key-here",
        "model: {parameters: {max_tokens: 600}}",
        "tokens: 1000-2000",
        "tokenizer: cl100k_base",
        "token: gpt-4o-mini-2024-07-18",
        "postgres://user:password@localhost/db",
        "https://{{ user }}:{{ password }}@host/",
        "mailto://someone@example.org",
        "-----BEGIN RSA " + "PRIVATE KEY-----\n...",
        "Explain what a PRIVATE KEY is.",
        "https://docs.example.com/guides/support/how-to-answer-questions?page=12&lang=ko",
        "digest: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "commit 83a5f3e1c2b4d6a7f8091a2b3c4d5e6f70819203",
        "url: data:image/png;base64," + made_up(400),
        "ASIA AND EUROPE, xoxo, SG. Kim, hf_ is a prefix",
        "eyJ is how a token begins",
        "order_id: 123e4567-e89b-12d3-a456-426614174000",
    ],
)
def test_what_prompts_say_is_let_through(text: str) -> None:
    assert find_secrets(f"text: |\n  {text}\n", "p") == []


def test_a_line_may_say_that_it_holds_no_secret() -> None:
    key = CREDENTIALS["github"]
    assert rules(f"a: {key}  # pragma: allowlist secret\n") == ["secret-allowed"]
    assert rules(f"# pragma: allowlist nextline secret\na: {key}\n") == ["secret-allowed"]
    assert rules(f"<!-- pragma: allowlist secret --> {key}") == ["secret-allowed"]
    assert rules(f"# pragma: allowlist secret\na: {key}\n") == ["secret"]
    assert rules(f"a: {key} # pragma: allowlist nextline secret\n") == ["secret"]
    (let,) = find_secrets(f"b: 1\na: {key}  # pragma: allowlist secret\n", "p")
    assert (let.severity, let.place.line, let.place.column) == (Severity.WARNING, 2, 4)
    assert "GitHub" in let.message
    assert key not in let.message


def test_what_lines_allow_displaces_no_finding() -> None:
    allowed = f"a: {CREDENTIALS['gitlab']}  # pragma: allowlist secret\n" * 200
    assert rules(f"{allowed}b: {CREDENTIALS['github']}\n").count("secret") == 1
    assert len(find_secrets(allowed, "p")) == MAX_FINDINGS


def test_findings_come_in_order_and_are_bounded() -> None:
    text = "\n".join([CREDENTIALS["gitlab"], CREDENTIALS["aws"], CREDENTIALS["password"]])
    assert [finding.place.line for finding in find_secrets(text, "p")] == [1, 2, 3]
    assert len(find_secrets((CREDENTIALS["gitlab"] + "\n") * 1000, "p")) == MAX_FINDINGS


@given(st.text(max_size=200) | st.text(alphabet="eyJ.-_sk:/@= \n\"'passwordtoken19AKIİ", max_size=200))
def test_any_text_is_scanned(text: str) -> None:
    for finding in find_secrets(text, "p"):
        assert finding.place.line <= text.count("\n") + 1


@pytest.mark.parametrize(
    "text",
    [
        "eyJ" * 87_000,
        "sk-" * 80_000 + "T3Blbk" + "FJ",
        "://a:" * 50_000 + "@",
        "password=" * 28_000,
        "aws_key" * 36_000,
        "//a/:_authToken=" * 16_000,
        "-----BEGIN " * 20_000 + "PRIVATE KEY",
        "password:" + " " * 250_000,
        "eyJaaaaaaa.aaaaaaaa " * 13_000,
        "1:" * 128_000,
    ],
    ids=lambda text: text[:12],
)
def test_no_text_takes_long(text: str) -> None:
    start = time.process_time()
    find_secrets(text, "p")
    assert time.process_time() - start < 10


def best_of(call: Callable[[], object], times: int = 200) -> float:
    best = 1.0
    for _ in range(times):
        start = time.process_time()
        call()
        best = min(best, time.process_time() - start)
    return best


def test_a_clean_file_costs_next_to_nothing() -> None:
    clean = ("You are a careful assistant. Sort the ticket into one queue. 고객이 환불을 요청하면 확인하세요.\n" * 40)[
        :2000
    ]
    assert best_of(lambda: find_secrets(clean, "p")) < 300e-6, "measured: 45 µs; the bound allows for a busy machine"


STRUCTURED = ["aws", "openai", "github", "google", "jwt", "private-key", "openssh"]


@pytest.mark.parametrize("kind", STRUCTURED)
@pytest.mark.parametrize(
    ("encoding", "before"),
    [
        ("utf-8", b"\0\n"),
        ("utf-8", b"\x89PNG\0\xff\xe9"),
        ("utf-8", b"\xff\xfe\0\0"),
        ("utf-16", b""),
        ("utf-16-le", b""),
        ("utf-16-be", b""),
        ("utf-16-le", b"MZ\0\x01\xff"),
        ("utf-16-be", b"MZ\0\x01\xff"),
        ("utf-32-le", b""),
        ("utf-32-be", b""),
    ],
)
def test_bytes_that_are_no_utf8_hide_no_credential(kind: str, encoding: str, before: bytes) -> None:
    data = before + f"key = {CREDENTIALS[kind]}\n".encode(encoding)
    assert {finding.rule for finding in find_secrets_in(data, "x.bin")} == {"secret"}
    assert find_secrets_in(before + "key = sk-..., a long word without meaning\n".encode(encoding), "x.bin") == []


def test_a_credential_at_the_very_end_of_wide_text_is_found() -> None:
    for encoding in ("utf-16-le", "utf-16-be", "utf-32-be"):
        assert len(find_secrets_in(CREDENTIALS["aws"].encode(encoding), "x")) == 1, encoding


def test_places_in_bytes_are_lines_and_bytes() -> None:
    key = CREDENTIALS["github"]
    (finding,) = find_secrets_in(b"\0one\n\xff\xff" + key.encode(), "x")
    assert (finding.place.line, finding.place.column) == (2, 3)
    (finding,) = find_secrets_in(f"가나\n다 {key}\n".encode("utf-16"), "x")
    assert (finding.place.line, finding.place.column) == (2, 3)


def test_values_of_telling_words_count_in_text_only() -> None:
    line = CREDENTIALS["password"]
    assert len(find_secrets_in(line.encode("utf-16"), "x")) == 1
    assert len(find_secrets_in(b"x" * 9000 + b"\n" + line.encode() + b"\0", "x")) == 1
    assert find_secrets_in(b"\0" + line.encode(), "x") == []


def test_a_line_in_bytes_may_say_that_it_holds_no_secret() -> None:
    line = f"{CREDENTIALS['github']} # pragma: allowlist secret\n"
    assert {finding.rule for finding in find_secrets_in(b"\0" + line.encode(), "x")} == {"secret-allowed"}
    assert find_secrets_in(line.encode("utf-16-le"), "x") == []


@pytest.mark.parametrize(
    "data",
    [
        random.Random(1).randbytes(250_000),
        b"a\0" * 125_000,
        (b"a\0" * 18 + b"\xff") * 6_700,
        (b"AKIA" + b"\0") * 50_000,
        b"\0" * 250_000,
    ],
    ids=["random", "wide", "short-runs", "marks", "nul"],
)
def test_no_binary_takes_long(data: bytes) -> None:
    start = time.process_time()
    assert find_secrets_in(data, "x") == []
    assert time.process_time() - start < 2, "measured: 5 to 60 ms"


def test_clean_bytes_cost_as_little_as_text() -> None:
    clean = ("Sort the ticket into one queue. 고객이 환불을 요청하면 확인하세요.\n" * 40).encode()[:2000]
    assert best_of(lambda: find_secrets_in(clean, "p")) < 300e-6, "the bound allows for a busy machine"

"""Whether two e-mail addresses are the same."""

import pytest

from registry.domain.mail_addresses import is_same_address


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("kim@example.com", "kim@example.com"),
        ("Kim@Example.COM", "kim@example.com"),
        ("kim@예시.kr", "kim@xn--vv4b11d.kr"),
        ("KIM@XN--VV4B11D.KR", "kim@예시.kr"),
        ("kim@b\u00fccher.example", "kim@bu\u0308cher.example"),
        ("김@example.com", "\u1100\u1175\u11b7@example.com"),
        ("a@b@example.com", "a@b@example.com"),
        (f"kim@{'a' * 70}.example", f"kim@{'a' * 70}.example"),
    ],
)
def test_the_same(one: str, other: str) -> None:
    assert is_same_address(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("kim@example.com", "lee@example.com"),
        ("kim@example.com", "kim@example.org"),
        ("kim@example.com", "kim@example.com.evil.example"),
        ("kim+a@example.com", "kim@example.com"),
        ("k.im@example.com", "kim@example.com"),
        ("straße@example.com", "strasse@example.com"),
        ("kim@straße.example", "kim@strasse.example"),
        ("kim@ｅxample.com", "kim@example.com"),
        ("kim@xn--\u00fc.example", "kim@xn--.example"),
        ("kіm@example.com", "kim@example.com"),
        ("kim@exampłe.com", "kim@example.com"),
        ("", ""),
        ("kim", "kim"),
        ("@example.com", "@example.com"),
        ("kim@", "kim@"),
        ("kim@example.com ", "kim@example.com"),
    ],
)
def test_not_the_same(one: str, other: str) -> None:
    assert not is_same_address(one, other)

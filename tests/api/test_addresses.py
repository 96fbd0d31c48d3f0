"""Who a client is: trusted proxies are believed, everybody else is not."""

import asyncio
import json
from collections import Counter
from ipaddress import ip_network

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from api.addresses import TrustedProxies
from api.answers import make_answer
from api.edge import Edge
from registry.domain.networks import network_of
from registry.settings import Settings
from tests.observatory import grade
from tests.serving import served

TRUSTED = TrustedProxies([ip_network("127.0.0.1"), ip_network("10.0.0.0/8"), ip_network("2001:db8:1::/48")])
STRANGERS = TrustedProxies([ip_network("10.0.0.0/8")])


async def who(scope: Scope, _receive: Receive, send: Send) -> None:
    """Says who asks, and how."""
    await make_answer(json.dumps([scope["client"][0], scope["scheme"]]).encode()).send(send)


async def asked(proxies: TrustedProxies, *headers: tuple[str, str]) -> httpx.Response:
    edge = Edge(proxies=proxies, hsts_seconds=31_536_000)
    async with served(who, edge) as port, httpx.AsyncClient() as client:
        return await client.get(f"http://127.0.0.1:{port}/", headers=list(headers))


@pytest.mark.parametrize(
    ("said", "client"),
    [
        ([], "127.0.0.1"),
        (["192.0.2.1"], "192.0.2.1"),
        (["192.0.2.1:4711"], "192.0.2.1"),
        (["2001:db8:2::1"], "2001:db8:2::1"),
        (["[2001:db8:2::1]:4711"], "2001:db8:2::1"),
        (["::ffff:192.0.2.1"], "192.0.2.1"),
        (["198.51.100.9, 192.0.2.1"], "192.0.2.1"),
        (["198.51.100.9", "192.0.2.1"], "192.0.2.1"),
        (["198.51.100.9, 192.0.2.1, 10.1.2.3, 2001:db8:1::7"], "192.0.2.1"),
        (["10.0.0.1, 10.0.0.2"], "10.0.0.1"),
        (["192.0.2.1, unknown, 10.0.0.2"], "10.0.0.2"),
        (["192.0.2.1, rubbish"], "127.0.0.1"),
        (["198.51.100.9, " * 50 + "192.0.2.1"], "192.0.2.1"),
        ([""], "127.0.0.1"),
    ],
)
async def test_the_client_is_the_first_from_the_right_that_is_no_proxy(said: list[str], client: str) -> None:
    answer = await asked(TRUSTED, *(("X-Forwarded-For", each) for each in said))
    assert answer.json() == [client, "http"]


@pytest.mark.parametrize("proxies", [TrustedProxies(), STRANGERS])
async def test_nobody_else_is_believed(proxies: TrustedProxies) -> None:
    said = [
        ("X-Forwarded-For", "192.0.2.1"),
        ("X-Forwarded-Proto", "https"),
        ("Forwarded", "for=192.0.2.1;proto=https"),
    ]
    answer = await asked(proxies, *said)
    assert answer.json() == ["127.0.0.1", "http"]
    assert "strict-transport-security" not in answer.headers


@pytest.mark.parametrize(
    ("said", "scheme"),
    [(["https"], "https"), (["HTTPS"], "https"), (["http"], "http"), (["https", "http"], "http"), (["wss"], "http")],
)
async def test_only_over_tls_browsers_are_told_to_stay_with_it(said: list[str], scheme: str) -> None:
    answer = await asked(TRUSTED, *(("X-Forwarded-Proto", each) for each in said))
    assert answer.json()[1] == scheme
    found = grade(answer.headers, tls=scheme == "https")
    assert (found.letter, found.findings) == ("A+", ())
    assert answer.headers.get("strict-transport-security") == ("max-age=31536000" if scheme == "https" else None)


async def test_connections_of_a_proxy_are_not_those_of_one_client() -> None:
    refused: Counter[str] = Counter()
    async with served(who, Edge(proxies=TRUSTED, connections=1, refused=refused)) as port:
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"http://127.0.0.1:{port}/")).status_code == 200
        for _, writer in held:
            writer.close()
    assert not refused


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("", "", True),
    ],
)
def test_which_addresses_are_one_client(one: str, other: str, same: bool) -> None:
    assert (network_of(one) == network_of(other)) is same


@pytest.mark.parametrize(
    ("text", "words"),
    [("proxy.local", "no address and no network"), ("10.0.0.1/8", "10.0.0.0/8"), ("0.0.0.0/0", "everybody")],
)
def test_proxies_that_are_none_are_refused(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Settings(trusted_proxies=text)


def test_proxies_stand_with_spaces_or_commas_between() -> None:
    assert Settings(trusted_proxies="10.0.0.0/8, 127.0.0.1 ::1").proxies == tuple(
        map(ip_network, ["10.0.0.0/8", "127.0.0.1", "::1"])
    )

"""What the client logs: each thing once, with the reason, and nothing that was not so."""

import logging
from collections.abc import Callable

import pytest

from promptuary_client import AsyncClient, BadRequest, Client, NotFound, Unavailable, notices
from tests.client.conftest import eventually
from tests.client.nasty import KEY, Handler, Nasty

NAME = "support/hello"
Connect = Callable[..., Client]


@pytest.fixture(autouse=True)
def level(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)


def absent(detail: str, kind: str = "not-found") -> Callable[[Handler], None]:
    return lambda handler: handler.answer(404, {"type": f"/docs/errors#{kind}", "status": 404, "detail": detail})


def test_a_default_for_what_is_not_there_is_told_once_for_each_reason(
    nasty: Nasty, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    nasty.script = absent("There is no repository 'nope'")
    client = connect(repository="nope", ttl=0.0)
    for _ in range(3):
        assert client.get(NAME, default="Hi").origin == "default"
        assert client.render(NAME, default="Hi").text == "Hi"
    client.get("support/other", default="Hi")
    nasty.script = absent("There is no label 'prodution'")
    client.get(NAME, label="prodution", default="Hi")
    assert caplog.messages == [
        f"{NAME} was answered from the default: There is no repository 'nope'",
        "support/other was answered from the default: There is no repository 'nope'",
        f"{NAME} was answered from the default: There is no label 'prodution'",
    ]


def test_it_is_told_again_after_a_while(
    nasty: Nasty, connect: Connect, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    nasty.script = absent("no")
    monkeypatch.setattr(notices, "QUIET_ABSENT_SECONDS", 0.0)
    client = connect()
    for _ in range(2):
        client.get(NAME, default="Hi")
    assert len(caplog.messages) == 2


async def test_asyncio_tells_it_too(nasty: Nasty, caplog: pytest.LogCaptureFixture) -> None:
    nasty.script = absent("There is no repository 'nope'")
    async with AsyncClient(nasty.url, KEY) as client:
        assert (await client.render(NAME, default="Hi")).text == "Hi"
    assert caplog.messages == [f"{NAME} was answered from the default: There is no repository 'nope'"]


def test_what_is_raised_is_not_logged(nasty: Nasty, connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    nasty.script = absent("no")
    client = connect(retries=0)
    with pytest.raises(NotFound):
        client.get(NAME)
    nasty.script = Handler.drop
    with pytest.raises(Unavailable):
        client.render("support/other")
    with pytest.raises(BadRequest):
        client.get(NAME, version=0, default="Hi")
    assert caplog.messages == []


def test_an_outage_and_its_end_are_told_once(nasty: Nasty, connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    client = connect(ttl=0.0, retries=0)
    client.get(NAME)
    nasty.stop()
    nasty.script = Handler.drop  # for the connection that is still open
    for _ in range(5):
        client.get(NAME)
    eventually(lambda: len(caplog.messages) == 1)
    nasty.script = lambda handler: handler.template(version=2)
    nasty.start()
    eventually(lambda: client.get(NAME).version == 2)
    for _ in range(5):
        client.get(NAME)
    assert caplog.messages[1:] == ["The server answers again"]


def test_an_answer_that_cannot_be_trusted_is_no_outage(
    nasty: Nasty, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """Somebody answered; whether the server does again is not known."""
    nasty.script = lambda handler: handler.answer(200, b"<html>a proxy's page</html>")
    client = connect(ttl=0.0, retries=0)
    client.get(NAME, default="Hi")
    nasty.script = Handler.template
    client.get(NAME)
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith(f"{NAME} was answered from the default: ")


def test_a_refusal_is_no_outage(nasty: Nasty, connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    nasty.script = lambda handler: handler.answer(403, {"type": "/docs/errors#denied", "detail": "Too narrow"})
    client = connect()
    client.get(NAME, default="Hi")
    nasty.script = Handler.template
    client.get(NAME, label="production")
    assert caplog.messages == [f"{NAME} was answered from the default: Too narrow"]


def test_a_default_that_was_a_prompt_is_told_as_the_default(
    nasty: Nasty, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    kept = connect().get(NAME)
    nasty.stop()
    assert connect(retries=0).get(NAME, default=kept) is kept
    assert caplog.messages == [
        f"{NAME} was answered from the default: The server cannot be reached: Connection refused"
    ]

"""An answer leaves a process whole: else one that is killed between head and body fails a read that a proxy could save."""

import asyncio
from collections.abc import Iterable

import pytest

from api.http_protocol import TypedUrlProtocol
from api.joined_writes import JoinedWrites


class Recorder(asyncio.Transport):
    """Keeps what reaches the system, call by call."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1)})
        self.calls: list[bytes | str] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.calls.append(bytes(data))

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        self.calls.append(b"".join(list_of_data))

    def close(self) -> None:
        self.calls.append("closed")

    def is_closing(self) -> bool:
        return "closed" in self.calls


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


async def test_what_is_written_in_one_go_leaves_in_one_call(recorder: Recorder) -> None:
    joined = JoinedWrites(recorder, asyncio.get_running_loop())
    joined.write(b"head")
    joined.write(b"body")
    assert recorder.calls == []
    await asyncio.sleep(0)
    assert recorder.calls == [b"headbody"]
    joined.write(b"event")
    await asyncio.sleep(0)
    assert recorder.calls == [b"headbody", b"event"]


async def test_what_is_large_or_much_is_not_held(recorder: Recorder) -> None:
    joined = JoinedWrites(recorder, asyncio.get_running_loop())
    joined.write(b"head")
    joined.write(b"x" * 100_000)
    assert recorder.calls == [b"head" + b"x" * 100_000]
    for _ in range(100):
        joined.write(b"y")
    assert len(recorder.calls) > 1


async def test_closing_sends_what_is_held_first(recorder: Recorder) -> None:
    joined = JoinedWrites(recorder, asyncio.get_running_loop())
    joined.write(b"last")
    joined.close()
    await asyncio.sleep(0)
    assert recorder.calls == [b"last", "closed"]
    assert joined.is_closing()
    assert joined.get_extra_info("peername") == ("127.0.0.1", 1)


async def test_an_answer_of_the_server_leaves_in_one_call(recorder: Recorder) -> None:
    from uvicorn import Config
    from uvicorn.server import ServerState

    async def application(scope: object, receive: object, send: object) -> None:
        assert callable(send)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
        await send({"type": "http.response.body", "body": b"body"})

    config = Config(application, lifespan="off", log_config=None)
    config.load()
    protocol = TypedUrlProtocol(config, ServerState(), {})
    protocol.connection_made(recorder)
    protocol.data_received(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
    for _ in range(5):
        await asyncio.sleep(0)
    assert len(recorder.calls) == 1
    assert bytes(recorder.calls[0]).startswith(b"HTTP/1.1 200 OK\r\n")
    assert bytes(recorder.calls[0]).endswith(b"\r\n\r\nbody")
    protocol.timeout_keep_alive_task.cancel()

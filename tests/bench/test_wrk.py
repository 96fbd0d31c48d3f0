"""What wrk prints is read, whatever the unit; after seconds it prints a blank."""

from pathlib import Path

import pytest

from bench.wrk import Load, read_load, write_paths

PRINTED = """Running 2s test @ http://127.0.0.1:8000
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   309.56ms  317.65ms   1.25s    83.40%
    Req/Sec   209.89     85.35   370.00     68.42%
  Latency Distribution
     50%  {p50}
     75%  495.51ms
     90%  833.62ms
     99%  {p99}
  425 requests in 2.07s, 2.23MB read
Requests/sec:    205.49
Transfer/sec:      1.08MB
"""


@pytest.mark.parametrize(
    ("p50", "p99", "expected"),
    [
        ("127.67ms", "  1.25s ", Load(205.49, 127.67, 1250.0)),
        ("569.00us", " 28.71ms", Load(205.49, 0.569, 28.71)),
    ],
)
def test_times_are_milliseconds(p50: str, p99: str, expected: Load) -> None:
    found = read_load(PRINTED.format(p50=p50, p99=p99))
    assert (found.per_second, found.p50_ms, found.p99_ms) == pytest.approx(
        (expected.per_second, expected.p50_ms, expected.p99_ms)
    )


def test_something_else_is_refused() -> None:
    with pytest.raises(RuntimeError, match="something unknown"):
        read_load("unable to connect")


def test_a_script_names_every_path_as_it_is(tmp_path: Path) -> None:
    paths = ["/a/b?label=x", '/with"quote', "/%ED%95%9C"]
    text = write_paths(tmp_path / "paths.lua", paths).read_text()
    assert all(line in text for line in ('"/a/b?label=x"', r'"/with\"quote"', '"/%ED%95%9C"'))


def test_refusals_are_told_apart() -> None:
    text = PRINTED.format(p50="1.00ms", p99="2.00ms").replace(
        "Requests/sec", "  Non-2xx or 3xx responses: 340\nRequests/sec"
    )
    assert read_load(text) == Load(205.49, 1.0, 2.0, pytest.approx(205.49 * 340 / 425))

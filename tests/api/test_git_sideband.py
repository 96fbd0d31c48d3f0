"""What a receive-pack's answer becomes on its way to the client."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from api.git_sideband import FLUSH, Ending

PLAIN = b"000eunpack ok\n0019ok refs/heads/main\n0000"
REPORT = b"%04x\x01%b" % (len(PLAIN) + 5, PLAIN)


def through(answer: bytes, lines: list[str], cuts: list[int] | None = None) -> bytes:
    """The answer, in pieces, with the lines said at its end."""
    ending = Ending()
    marks = [0, *sorted(cut % (len(answer) + 1) for cut in cuts or []), len(answer)]
    sent = b"".join(ending.pass_on(answer[start:end]) for start, end in pairwise(marks))
    return sent + ending.close(lines)


def packets(stream: bytes) -> list[bytes]:
    """The packets before the closing flush."""
    found = []
    while stream != FLUSH:
        length = int(stream[:4], 16)
        assert 4 < length <= 65_520
        found.append(stream[4:length])
        stream = stream[length:]
    return found


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"])), max_size=5), st.lists(st.integers(0), max_size=9)
)
def test_lines_are_said_before_the_flush_however_the_answer_is_cut(lines: list[str], cuts: list[int]) -> None:
    report, *said = packets(through(REPORT + FLUSH, lines, cuts))
    assert report == REPORT[4:]
    assert all(packet[:1] == b"\x02" for packet in said)
    assert b"".join(packet[1:] for packet in said).decode() == "".join(f"{line}\n" for line in lines)


@given(st.lists(st.integers(0), max_size=9))
def test_an_answer_without_side_bands_is_passed_on_as_it_is(cuts: list[int]) -> None:
    assert through(PLAIN, ["x is live"], cuts) == PLAIN


@given(st.binary(max_size=12), st.lists(st.integers(0), max_size=4))
def test_an_answer_that_was_cut_off_gets_nothing_added(start: bytes, cuts: list[int]) -> None:
    broken = REPORT + start + b"x"
    assert through(broken, ["x is live"], cuts) == broken
    assert through(b"000", ["x is live"]) == b"000"
    assert through(FLUSH, ["x is live"]) == FLUSH
    assert through(b"", ["x is live"]) == b""


def test_more_than_a_packet_holds_is_said_in_several() -> None:
    lines = ["가" * 1_000] * 100
    said = packets(through(REPORT + FLUSH, lines))[1:]
    assert len(said) > 1
    assert b"".join(packet[1:] for packet in said).decode().splitlines() == lines

"""Which coding a client wants, and bytes that come out of it as they went in."""

import gzip

import pytest
import zstandard

from api.content_codings import Coding, choose_coding, encode

ZSTD, GZIP, IDENTITY = Coding.ZSTD, Coding.GZIP, Coding.IDENTITY


@pytest.mark.parametrize(
    ("header", "chosen"),
    [
        ("", IDENTITY),
        ("identity", IDENTITY),
        ("gzip", GZIP),
        ("GZIP;q=0.5", GZIP),
        ("x-gzip", GZIP),
        ("zstd", ZSTD),
        ("gzip, deflate, br, zstd", ZSTD),
        ("gzip;q=1.0, zstd;q=0.9", GZIP),
        ("zstd;q=0.8, gzip;q=0.8", ZSTD),
        ("identity, gzip;q=0.5", IDENTITY),
        ("identity;q=0.5, gzip", GZIP),
        ("gzip;q=0.001", GZIP),
        ("gzip;q=0", IDENTITY),
        ("gzip; q=0.000, br", IDENTITY),
        ("zstd;q=0, gzip ; q=0.3", GZIP),
        ("*", ZSTD),
        ("*;q=0.5, zstd;q=0", GZIP),
        ("br, gzip;q=1.0, *;q=0", GZIP),
        ("identity;q=0, *;q=0", IDENTITY),  # nothing is left, so that the header is passed over
        ("br;q=1, *;q=0", IDENTITY),
        ("identity;q=0, gzip;q=0.1", GZIP),
        ("gzip;q=2, zstd;q=high", IDENTITY),
        ("gzip;q=-1", IDENTITY),
        ("gzip;q=0.1234", IDENTITY),
        ("gzipped, zstandard", IDENTITY),
        ("gzip;level=5;q=0.5", GZIP),
        (",, ;q=1 ,gzip", GZIP),
    ],
)
def test_what_is_wanted_most(header: str, chosen: Coding) -> None:
    assert choose_coding(header) is chosen


def test_bytes_come_out_as_they_went_in() -> None:
    body = '{"source": "환불 안내"}'.encode() * 2_000
    small = {coding: encode(body, coding) for coding in Coding}
    assert small[IDENTITY] == body
    assert gzip.decompress(small[GZIP]) == body
    assert zstandard.ZstdDecompressor().decompress(small[ZSTD]) == body
    assert max(len(small[ZSTD]), len(small[GZIP])) < len(body) / 20
    assert {coding: encode(body, coding) for coding in Coding} == small
    told = zstandard.get_frame_parameters(small[ZSTD])
    assert (told.content_size, told.has_checksum) == (len(body), True)
    assert told.window_size <= 8 * 1_048_576, "RFC 9659: more need not be taken"

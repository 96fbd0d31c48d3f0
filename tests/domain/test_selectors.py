"""Selectors."""

from datetime import UTC, datetime, timedelta

import pytest

from registry.domain.errors import BadRequest
from registry.domain.selectors import Selector, parse_selector, parse_state, parse_time


def test_what_can_be_said() -> None:
    assert parse_selector() == Selector()
    assert parse_selector(label="production") == Selector(label="production")  # type: ignore[arg-type]  # a literal
    assert parse_selector(label="latest").label == "latest"
    assert parse_selector(version="12").version == 12
    assert parse_selector(ref="feature/환불").ref == "feature/환불"
    assert parse_selector(ref="-odd").ref == "-odd"
    asked = parse_selector(label="production", at="2025-03-01T12:00:00Z")
    assert asked.at == datetime(2025, 3, 1, 12, tzinfo=UTC)
    assert str(asked) == "label=production&at=2025-03-01T12:00:00+00:00"
    assert parse_selector(label="production", ref="v1.0").ref == "v1.0"


@pytest.mark.parametrize(
    "said",
    [
        {"label": "Production"},
        {"label": ""},
        {"version": "0"},
        {"version": "1.0"},
        {"version": "-1"},
        {"version": "١٢"},
        {"version": "12", "label": "production"},
        {"version": "12", "ref": "main"},
        {"version": "12", "at": "2025-03-01T12:00:00Z"},
        {"ref": "main", "at": "2025-03-01T12:00:00Z"},
        {"ref": ""},
        {"ref": "main~1"},
        {"ref": "main^"},
        {"ref": "a@{1}"},
        {"ref": "HEAD:file"},
        {"ref": "a b"},
        {"ref": "a..b"},
        {"ref": "x" * 300},
        {"at": "yesterday"},
        {"at": "2025-03-01"},
        {"at": "2025-03-01T12:00:00"},
        {"at": "2025-02-30T12:00:00Z"},
        {"at": ""},
    ],
)
def test_what_cannot(said: dict[str, str]) -> None:
    with pytest.raises(BadRequest):
        parse_selector(**said)


def test_times_with_fractions_offsets_and_a_lost_plus() -> None:
    assert parse_time("2025-03-01T12:00:00.123456789Z").microsecond == 123456
    assert parse_time("2025-03-01t12:00:00.5z").microsecond == 500_000
    assert parse_time("2025-03-01T12:00:00+09:00").utcoffset() == timedelta(hours=9)
    assert parse_time("2025-03-01T12:00:00 09:00") == parse_time("2025-03-01T12:00:00+09:00")


def test_one_text_says_the_same_as_several() -> None:
    time = "2025-03-01T12:00:00Z"
    assert parse_state("version:12") == parse_selector(version=12)
    assert parse_state("label:production") == parse_selector(label="production")
    assert parse_state("ref:feature/a,b") == parse_selector(ref="feature/a,b")
    assert parse_state(f"at:{time}") == parse_selector(at=time)
    assert parse_state(f"label:production,at:{time}") == parse_selector(label="production", at=time)
    assert parse_state("label:latest,ref:v1.0") == parse_selector(label="latest", ref="v1.0")


@pytest.mark.parametrize(
    "text",
    [
        *("", "12", "main", "tag:v1", "LABEL:a", "version:", "version:x", "version:1\n", ",version:1"),
        *("version:1,label:a", "label:", "label:a,", "label:a,b", "label:a,label:b", "label:a,version:1"),
        *("ref:", "ref:a:b"),
    ],
)
def test_one_text_that_names_no_state(text: str) -> None:
    with pytest.raises(BadRequest):
        parse_state(text)

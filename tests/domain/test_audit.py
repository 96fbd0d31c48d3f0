"""The chain of the audit: whatever is done to the entries, it says where."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from registry.domain.audit import (
    FIRST_HASH,
    AuditAction,
    AuditChain,
    AuditDraft,
    AuditEntry,
    AuditFault,
    AuditOrigin,
    entry_hash,
    seal,
)

AT = datetime(2026, 11, 30, 1, 2, 3, 456789, tzinfo=UTC)

texts = st.none() | st.text(max_size=12)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
drafts = st.builds(
    AuditDraft,
    action=st.sampled_from(AuditAction),
    at=st.integers(0, 10**9).map(lambda seconds: AT + timedelta(seconds=seconds)),
    origin=st.builds(AuditOrigin, texts, texts, texts, texts),
    repository=texts,
    name=texts,
    label=texts,
    ref=texts,
    old=values,
    new=values,
    operation=texts,
)


def chained(told: list[AuditDraft], number: int = 0, hash_: str = FIRST_HASH) -> list[AuditEntry]:
    found: list[AuditEntry] = []
    for each in told:
        entry = seal(hash_, number + 1, each)
        found.append(entry)
        number, hash_ = entry.number, entry.hash
    return found


def fault(entries: list[AuditEntry]) -> AuditFault | None:
    chain = AuditChain()
    return next((found for entry in entries if (found := chain.take(entry)) is not None), None)


@given(told=st.lists(drafts, max_size=6))
def test_what_was_entered_fits(told: list[AuditDraft]) -> None:
    assert fault(chained(told)) is None


@given(told=st.lists(drafts, min_size=1, max_size=5), where=st.integers(0, 4), other=drafts)
def test_a_changed_entry_is_named(told: list[AuditDraft], where: int, other: AuditDraft) -> None:
    entries, where = chained(told), where % len(told)
    changed = replace(entries[where], draft=seal(FIRST_HASH, 1, other).draft)
    if changed == entries[where]:
        return
    found = fault([*entries[:where], changed, *entries[where + 1 :]])
    assert found is not None
    assert (found.number, "changed" in found.reason) == (where + 1, True)


@given(told=st.lists(drafts, min_size=2, max_size=5), where=st.integers(0, 3), other=drafts)
def test_one_that_was_changed_with_its_hash_shows_in_the_next(
    told: list[AuditDraft], where: int, other: AuditDraft
) -> None:
    entries = chained(told)
    where %= len(told) - 1
    forged = seal(entries[where - 1].hash if where else FIRST_HASH, where + 1, other)
    if forged == entries[where]:
        return
    found = fault([*entries[:where], forged, *entries[where + 1 :]])
    assert found is not None
    assert found.number == where + 2


@given(told=st.lists(drafts, min_size=2, max_size=5), where=st.integers(0, 3))
def test_a_removed_entry_is_named(told: list[AuditDraft], where: int) -> None:
    entries = chained(told)
    where %= len(told) - 1
    assert fault([*entries[:where], *entries[where + 1 :]]) == AuditFault(
        where + 1, f"it is missing: {where + 2} follows on {where}"
    )


@given(told=st.lists(drafts, min_size=2, max_size=5), where=st.integers(0, 3))
def test_a_removed_entry_shows_though_the_rest_is_numbered_anew(told: list[AuditDraft], where: int) -> None:
    entries = chained(told)
    where %= len(told) - 1
    moved = [replace(entry, number=entry.number - 1) for entry in entries[where + 1 :]]
    found = fault([*entries[:where], *moved])
    assert found is not None
    assert found.number == where + 1


@given(told=st.lists(drafts, min_size=1, max_size=5), where=st.integers(0, 4), other=drafts)
def test_an_inserted_entry_is_named(told: list[AuditDraft], where: int, other: AuditDraft) -> None:
    entries, where = chained(told), where % len(told)
    inserted = seal(entries[where].hash, where + 1, other)
    found = fault([*entries[: where + 1], inserted, *entries[where + 1 :]])
    assert found is not None
    assert found.number == where + 1


@given(told=st.lists(drafts, min_size=2, max_size=5), where=st.integers(0, 3))
def test_entries_in_another_order_are_named(told: list[AuditDraft], where: int) -> None:
    entries = chained(told)
    where %= len(told) - 1
    swapped = [*entries[:where], entries[where + 1], entries[where], *entries[where + 2 :]]
    found = fault(swapped)
    assert found is not None
    assert found.number == where + 1


def test_every_field_counts() -> None:
    draft = AuditDraft(AuditAction.KEY_CREATED, AT)
    first = entry_hash(FIRST_HASH, 1, draft)
    others = [
        *(replace(draft, **{name: "x"}) for name in ("repository", "name", "label", "ref", "old", "new", "operation")),
        *(replace(draft, origin=AuditOrigin(**{n: "x"})) for n in ("actor", "key_id", "address", "request_id")),
        replace(draft, action=AuditAction.KEY_REVOKED),
        replace(draft, at=AT + timedelta(microseconds=1)),
    ]
    hashes = [entry_hash(FIRST_HASH, 1, other) for other in others]
    assert len({first, *hashes, entry_hash(FIRST_HASH, 2, draft), entry_hash("1" * 64, 1, draft)}) == len(others) + 3


def test_the_hash_is_the_one_that_others_can_compute() -> None:
    """The page has the line and its hash."""
    page = (Path(__file__).parents[2] / "docs/audit.md").read_text()
    line = page.partition("```json\n")[2].partition("\n```")[0]
    assert f"`{hashlib.sha256(line.encode()).hexdigest()}`" in page
    draft = AuditDraft(AuditAction.LABEL_MOVED, AT, AuditOrigin("kim"), new={"version": 12})
    assert entry_hash(FIRST_HASH, 1, draft) == hashlib.sha256(line.encode()).hexdigest()


def test_what_no_database_can_hold_is_replaced() -> None:
    told = AuditDraft(AuditAction.ACCESS_DENIED, AT, AuditOrigin(address="a\x00b\ud800"), new={"x\x00": ["\udfff" * 3]})
    kept = seal(FIRST_HASH, 1, told).draft
    assert (kept.origin.address, kept.new) == ("a\ufffdb\ufffd", {"x\ufffd": ["\ufffd" * 3]})
    assert len(seal(FIRST_HASH, 1, replace(told, repository="x" * 5000)).draft.repository or "") == 1000

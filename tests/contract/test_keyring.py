"""What every key ring promises, run against the one in a file (``FileKeyRing``)."""

import json
import stat
import string
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.adapters.local.keyring import FileKeyRing
from registry.domain.errors import Conflict, Unavailable
from registry.domain.keyring import RingKeyState, read_token
from registry.ports.keyring import KeyRing

ROOT = Path(__file__).parents[2]
AT = datetime(2026, 11, 30, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ring" / "keyring.json"


@pytest.fixture
def ring(path: Path) -> KeyRing:
    return FileKeyRing(path, makes=True)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> KeyRing:
    return FileKeyRing(tmp_path_factory.mktemp("ring") / "keyring.json", makes=True)


@given(plain=st.binary(max_size=300), purpose=st.text(max_size=20), record=st.text(max_size=20))
def test_what_is_encrypted_comes_back(shared: KeyRing, plain: bytes, purpose: str, record: str) -> None:
    token = shared.encrypt(purpose, record, plain)
    assert shared.decrypt(purpose, record, token) == plain
    assert shared.encrypt(purpose, record, plain) != token  # another nonce


@given(
    plain=st.binary(max_size=60),
    where=st.integers(min_value=0, max_value=10_000),
    sign=st.sampled_from(string.ascii_letters + string.digits + "-_"),
)
def test_no_letter_of_a_token_can_change(shared: KeyRing, plain: bytes, where: int, sign: str) -> None:
    token = shared.encrypt("webhook", "7", plain)
    where %= len(token)
    changed = f"{token[:where]}{sign}{token[where + 1 :]}"
    if changed == token:
        return
    try:
        found = shared.decrypt("webhook", "7", changed)
    except Unavailable:
        return
    # The last letter of base64 has bits that say nothing.
    assert (found, where) == (plain, len(token) - 1)


@given(parts=st.lists(st.text(max_size=6), min_size=4, max_size=4))
def test_a_token_belongs_to_its_purpose_and_record(shared: KeyRing, parts: list[str]) -> None:
    purpose, record, other_purpose, other_record = parts
    token = shared.encrypt(purpose, record, b"secret")
    if (purpose, record) == (other_purpose, other_record):
        return
    with pytest.raises(Unavailable, match="damaged"):
        shared.decrypt(other_purpose, other_record, token)


@given(statement=st.binary(max_size=100), other=st.binary(max_size=100))
def test_a_signature_fits_its_statement_alone(shared: KeyRing, statement: bytes, other: bytes) -> None:
    signed = shared.sign("audit", statement)
    assert shared.verify("audit", statement, signed) is True
    assert shared.verify("audit", other, signed) is (statement == other)
    assert shared.verify("else", statement, signed) is False


def test_the_ring_is_made_when_it_is_needed_and_only_its_owner_reads_it(ring: KeyRing, path: Path) -> None:
    assert list(ring.list_keys()) == []
    assert not path.exists()
    ring.encrypt("a", "b", b"c")
    assert [key.state for key in ring.list_keys()] == [RingKeyState.CURRENT]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_where_it_is_not_made_its_absence_names_the_way_out(path: Path) -> None:
    with pytest.raises(Unavailable, match="PROMPTUARY_KEYRING_FILE"):
        FileKeyRing(path, makes=False).encrypt("a", "b", b"c")
    assert not path.exists()


def test_what_was_encrypted_before_a_rotation_is_read_after_it(ring: KeyRing, path: Path) -> None:
    running = FileKeyRing(path, makes=False)
    token, signed = ring.encrypt("a", "b", b"c"), ring.sign("a", b"statement")
    assert running.decrypt("a", "b", token) == b"c"
    made = ring.rotate(AT)
    assert (made.state, made.made_at) == (RingKeyState.CURRENT, AT)
    assert [key.state for key in ring.list_keys()] == [RingKeyState.FORMER, RingKeyState.CURRENT]
    newer = running.encrypt("a", "b", b"c")
    assert read_token(newer).key_id == made.id != read_token(token).key_id
    assert (running.decrypt("a", "b", token), ring.decrypt("a", "b", newer)) == (b"c", b"c")
    assert running.verify("a", b"statement", signed) is True


def test_a_prepared_key_waits_until_it_is_wanted(ring: KeyRing) -> None:
    first = read_token(ring.encrypt("a", "b", b"c")).key_id
    prepared = ring.rotate(AT, prepare=True)
    assert prepared.state is RingKeyState.PREPARED
    assert read_token(ring.encrypt("a", "b", b"c")).key_id == first
    with pytest.raises(Conflict, match=prepared.id):
        ring.rotate(AT, prepare=True)
    assert ring.rotate(AT).id == prepared.id
    assert read_token(ring.encrypt("a", "b", b"c")).key_id == prepared.id


def test_the_key_of_another_ring_is_named(ring: KeyRing, tmp_path: Path) -> None:
    other = FileKeyRing(tmp_path / "other.json", makes=True)
    token, signed = other.encrypt("webhook", "7", b"c"), other.sign("audit", b"s")
    ring.encrypt("webhook", "7", b"c")
    with pytest.raises(Unavailable, match=f"{read_token(token).key_id}.*put back the key ring"):
        ring.decrypt("webhook", "7", token)
    assert ring.verify("audit", b"s", signed) is None
    for none in ("", "pk1", "pmt_secret", f"pk1.{'0' * 12}.short"):
        with pytest.raises(Unavailable, match="damaged"):
            ring.decrypt("webhook", "7", none)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": "promptuary-keyring/v2", "keys": []}'])
def test_a_damaged_file_is_said_and_left_alone(ring: KeyRing, path: Path, text: str) -> None:
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(Unavailable, match="damaged"):
        ring.encrypt("a", "b", b"c")
    with pytest.raises(Unavailable, match="damaged"):
        ring.rotate(AT)
    assert path.read_text() == text


def test_a_rotation_that_is_cut_off_changes_nothing(ring: KeyRing, path: Path) -> None:
    token = ring.encrypt("a", "b", b"c")
    path.with_name("keyring.json.new").write_text("half a fi")  # as a kill leaves it
    assert FileKeyRing(path, makes=False).decrypt("a", "b", token) == b"c"
    ring.rotate(AT)
    assert ring.decrypt("a", "b", token) == b"c"


MAKES = """
import sys
from pathlib import Path
from registry.adapters.local.keyring import FileKeyRing
print(FileKeyRing(Path(sys.argv[1]), makes=True).encrypt("a", "b", b"c"))
"""


def test_several_processes_that_need_it_first_make_one_ring(ring: KeyRing, path: Path) -> None:
    command = [sys.executable, "-c", MAKES, str(path)]
    children = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    tokens = [child.communicate(timeout=60)[0].strip() for child in children]
    assert [ring.decrypt("a", "b", token) for token in tokens] == [b"c"] * 4
    assert len(json.loads(path.read_text())["keys"]) == 1


def test_no_key_shows_in_what_is_printed(ring: KeyRing, path: Path) -> None:
    ring.encrypt("a", "b", b"c")
    secret = json.loads(path.read_text())["keys"][0]["secret"]
    assert secret not in f"{ring.list_keys()!r} {ring!r} {vars(ring)!r}"

"""What every journal of refs promises, run against the one in files (``FileRefJournal``): what was intended is kept."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from registry.adapters.local.ref_journal import FileRefJournal
from registry.domain.audit import AuditOrigin
from registry.domain.errors import Unavailable
from registry.domain.ref_intents import RefIntent
from registry.domain.refs import RefUpdate
from registry.ports.ref_journal import RefJournal

ROOT = Path(__file__).parents[2]
AT = datetime(2026, 11, 30, 1, 2, 3, 4, tzinfo=UTC)
ORIGIN = AuditOrigin("김", "k1", "192.0.2.7", "r-1")


def intent(number: int, **changes: object) -> RefIntent:
    update = RefUpdate(f"refs/heads/a\udcff{number}", "0" * 40, f"{number:040x}")
    return replace(RefIntent(f"op-{number}", "default", update, ORIGIN, AT, pushed=True), **changes)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "ref-journal"


@pytest.fixture
def journal(folder: Path) -> RefJournal:
    return FileRefJournal(folder)


def test_nothing_is_made_before_there_is_something(journal: RefJournal, folder: Path) -> None:
    assert journal.waiting() == []
    journal.settle(["nothing"], landed=True)
    journal.forget(["nothing"])
    journal.close()
    assert not folder.exists()


def test_what_was_intended_waits_until_it_is_forgotten(journal: RefJournal, folder: Path) -> None:
    journal.intend([intent(1), intent(2)])
    journal.intend([intent(3)])
    journal.settle(["op-2"], landed=True)
    assert journal.waiting() == [intent(1), intent(2, landed=True), intent(3)]
    journal.forget(["op-1", "op-3"])
    assert journal.waiting() == [intent(2, landed=True)]
    journal.forget(["op-2"])
    assert journal.waiting() == []
    assert [path.stat().st_size for path in folder.iterdir()] == [0]
    journal.close()
    assert list(folder.iterdir()) == []


def test_another_process_has_it_to_itself_as_long_as_it_lives(journal: RefJournal, folder: Path) -> None:
    other = FileRefJournal(folder)
    journal.intend([intent(1)])
    other.intend([intent(2)])
    assert (journal.waiting(), other.waiting()) == ([intent(1)], [intent(2)])
    journal.settle(["op-1"], landed=False)
    journal.close()
    assert other.waiting() == [intent(2), intent(1, landed=False)]
    assert FileRefJournal(folder).waiting() == []
    other.close()
    assert FileRefJournal(folder).waiting() == [intent(2), intent(1, landed=False)]


LEAVES = """
import os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from tests.contract.test_ref_journal import FileRefJournal, intent
journal = FileRefJournal(Path(sys.argv[1]))
journal.intend([intent(1), intent(2), intent(3, purge="p")])
journal.settle(["op-1"], landed=True)
journal.forget(["op-2"])
os.kill(os.getpid(), 9)
"""


def test_what_a_killed_process_left_is_taken_over_once(journal: RefJournal, folder: Path) -> None:
    ended = subprocess.run([sys.executable, "-c", LEAVES, str(folder), str(ROOT)], cwd=ROOT, check=False)
    assert ended.returncode == -signal.SIGKILL
    (file,) = folder.iterdir()
    whole = file.read_bytes()
    file.write_bytes(whole + whole.splitlines()[0][:40])  # and the power went in the middle of a line
    assert journal.waiting() == [intent(1, landed=True), intent(3, purge="p")]
    assert journal.waiting() == [intent(1, landed=True), intent(3, purge="p")]
    assert not file.exists()
    file.write_bytes(whole)  # killed between the two steps of taking over
    assert sorted(each.operation for each in journal.waiting()) == ["op-1", "op-3"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_refuses(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(Unavailable, match="Nothing was changed"):
        FileRefJournal(tmp_path / "ref-journal").intend([intent(1)])


def test_where_it_cannot_be_kept_nothing_may_move(tmp_path: Path) -> None:
    (tmp_path / "ref-journal").write_text("a file where the folder should be")
    journal = FileRefJournal(tmp_path / "ref-journal")
    with pytest.raises(Unavailable, match="Nothing was changed"):
        journal.intend([intent(1)])
    assert journal.waiting() == []

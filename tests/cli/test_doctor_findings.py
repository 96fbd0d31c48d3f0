"""How findings are shown: for people on any terminal, for programs as JSON; and the judgements no set-up can bring."""

import re
from pathlib import Path

import pytest
from rich.cells import cell_len

from registry.adapters.local.places import LocalPlaces
from registry.domain.health import Finding, Grade
from registry.ports.health import GitVersions, Trial
from registry.services.health_disks import disk_clock_finding, file_system_finding
from registry.services.health_programs import libgit2_finding, numbers, postgres_finding, shell_finding, sqlite_finding
from tests.cli.conftest import ROOT, Run
from tests.cli.test_doctor import CASES

PLACE = Path("/data")


def graded(finding: Finding) -> tuple[str, bool]:
    """The grade, and whether a finding says all that it has to."""
    return finding.grade, finding.grade is Grade.OK or bool(finding.found and finding.why and finding.remedy)


def test_programs_that_this_machine_has_in_order() -> None:
    assert numbers("2.39.5 (Apple Git-154)") == (2, 39, 5)
    assert graded(sqlite_finding("3.40.1", [])) == ("ok", True)
    assert graded(sqlite_finding("3.34.0", [])) == ("problem", True)
    assert graded(postgres_finding("15.18", [])) == ("ok", True)
    assert graded(postgres_finding("14.9", [])) == graded(postgres_finding("", [])) == ("problem", True)
    assert "pg_trgm" in postgres_finding("16.1", ["the extension pg_trgm"]).found
    assert "full text" in sqlite_finding("3.40.1", ["full text on trigrams (FTS5)"]).found
    assert graded(libgit2_finding(GitVersions("2.39", "1.5.0", "1.11.1"))) == ("problem", True)
    assert graded(shell_finding("No such file or directory")) == ("problem", True)


@pytest.mark.parametrize(
    ("line", "grade", "word"),
    [
        ("ext4 /dev/sda1 rw", "ok", "ext4"),
        ("nfs4 host:/export rw", "warning", "nfs4"),
        ("fuse.sshfs host:/x rw", "warning", "fuse.sshfs"),
        ("tmpfs tmpfs rw", "warning", "in memory"),
    ],
)
def test_kinds_of_file_systems(tmp_path: Path, line: str, grade: str, word: str) -> None:
    folder = tmp_path / "with space"
    folder.mkdir()
    mounts = tmp_path / "mounts"
    point = str(folder).replace(" ", "\\040")
    mounts.write_text(f"22 1 8:1 / / rw,relatime shared:1 - btrfs /dev/root rw\n99 22 8:2 / {point} rw - {line}\n")
    disk = LocalPlaces(mounts).disk(folder)
    assert disk is not None
    finding = file_system_finding(folder, disk)
    assert (graded(finding), word in finding.found) == ((grade, True), True)
    elsewhere = LocalPlaces(mounts).disk(tmp_path)
    assert elsewhere is not None
    assert elsewhere.kind == "btrfs"
    unknown = LocalPlaces(tmp_path / "nowhere").disk(tmp_path)
    assert unknown is not None
    assert graded(file_system_finding(folder, unknown)) == ("ok", True)


@pytest.mark.parametrize(("skew", "grade"), [(0.0, "ok"), (-2.0, "ok"), (90.0, "problem"), (-90.0, "problem")])
def test_a_file_server_with_another_time(skew: float, grade: str) -> None:
    assert graded(disk_clock_finding(Trial(None, skew_seconds=skew))) == (grade, True)


def test_locks_and_pipes_are_really_tried(tmp_path: Path) -> None:
    trial = LocalPlaces().try_out(tmp_path)
    assert (trial.write, trial.pipe, trial.link, trial.run, trial.lock) == (None,) * 5
    assert abs(trial.skew_seconds) < 5
    assert list(tmp_path.iterdir()) == []
    assert LocalPlaces().try_out(tmp_path / "nowhere").write == "No such file or directory"


def test_people_see_grade_reason_and_way_out(run: Run, tmp_path: Path) -> None:
    done = run("doctor", "--data", "데이터/nowhere")
    assert (done.code, done.err, "\x1b" in done.out) == (1, "", False)
    assert re.search(r"^problem  data: there is no folder .*/데이터/nowhere$", done.out, re.MULTILINE)
    assert re.search(r"^ {9}\$ promptuary serve --data '.*/데이터/nowhere'$", done.out, re.MULTILINE)
    assert re.search(r"^\d well, 0 warnings, 1 problem$", done.out, re.MULTILINE)
    narrow = run("doctor", "--data", "데이터/nowhere", FORCE_COLOR="1", COLUMNS="40")
    assert "\x1b[" in narrow.out
    lines = re.sub(r"\x1b\[[0-9;]*m", "", narrow.out).splitlines()
    long = [line for line in lines if cell_len(line) > 40]
    assert [line for line in long if "$ " not in line and str(tmp_path) not in line] == [], (
        "commands can be copied whole"
    )


def test_every_check_is_on_its_page() -> None:
    page = (ROOT / "docs/doctor.md").read_text()
    told = set(re.findall(r"^\| `([a-z0-9-]+)` \|", page, re.MULTILINE))
    source = "".join(
        path.read_text() for path in [*ROOT.glob("registry/services/health*.py"), *ROOT.glob("api/commands/doctor*.py")]
    )
    made = set(re.findall(r'(?:Finding|well)\(\s*"([a-z0-9-]+)"', source))
    assert told == made
    assert {case.check for case in CASES.values()} <= made

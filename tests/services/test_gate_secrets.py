"""Places where a push may hide a secret: all that a clone holds is looked at, not only templates."""

import asyncio
import subprocess
from collections.abc import Callable

import pytest

from registry.domain.diagnostics import Severity
from registry.domain.errors import Refused
from registry.domain.ids import ZERO_COMMIT, CommitId, RefName
from registry.domain.refs import RefUpdate
from registry.services import gate_secrets
from tests.pushing import ADMIN, MAIN, Pusher, rules, text_template
from tests.running import clean_environment

SECRET = "AKIA" + "QYLPMN5HHHFPZAM2"
DRAFT = RefName("refs/heads/draft")
LINE = f"key {SECRET}\n"


class Plumber:
    """Makes commits that no ordinary git would make, straight into the repository."""

    def __init__(self, pusher: Pusher, tip: CommitId) -> None:
        self.folder = str(pusher.registry.git.path(pusher.repository))
        self.tip = tip
        self.tree = self.git("rev-parse", f"{tip}^{{tree}}")

    def git(self, *arguments: str, given: str = "", **identity: str) -> str:
        people = {
            f"GIT_{who}_{what}": value
            for who in ("AUTHOR", "COMMITTER")
            for what, value in {"NAME": "Kim", "EMAIL": "kim@example.com"}.items()
        }
        done = subprocess.run(
            ["git", "-C", self.folder, *arguments],
            input=given,
            capture_output=True,
            check=True,
            text=True,
            env=clean_environment(**(people | identity)),
        )
        return done.stdout.strip()

    def blob(self, text: str) -> str:
        return self.git("hash-object", "-w", "--stdin", given=text)

    def with_entry(self, path: str, text: str, mode: str = "100644") -> str:
        """The tip's tree with one more file at its root or in a folder of its own."""
        *folders, name = path.split("/")
        entry = f"{mode} blob {self.blob(text)}\t{name}"
        for folder in reversed(folders):
            entry = f"040000 tree {self.git('mktree', '--missing', given=entry + chr(10))}\t{folder}"
        return self.git("mktree", "--missing", given=self.git("ls-tree", self.tree) + f"\n{entry}\n")

    def commit(self, tree: str, *parents: str, message: str = "change", **identity: str) -> CommitId:
        before = [word for parent in parents for word in ("-p", parent)]
        return CommitId(self.git("commit-tree", tree, *before, "-m", message, **identity))

    def written(self, headers: str, message: str = "change") -> CommitId:
        """A commit with other headers than git writes."""
        who = "Kim <kim@example.com> 1700000000 +0900"
        text = f"tree {self.tree}\nparent {self.tip}\nauthor {who}\ncommitter {who}\n{headers}\n{message}\n"
        return CommitId(self.git("hash-object", "-t", "commit", "-w", "--stdin", "--literally", given=text))

    def with_file(self, path: str, text: str = LINE, mode: str = "100644") -> CommitId:
        return self.commit(self.with_entry(path, text, mode), self.tip)


def removed_again(p: Plumber) -> CommitId:
    return p.commit(p.tree, p.with_file("notes.txt"), message="take it out")


def side_branch_of_a_merge(p: Plumber) -> CommitId:
    return p.commit(p.tree, p.tip, p.with_file("notes.txt"))


def evil_merge(p: Plumber) -> CommitId:
    side = p.commit(p.tree, p.tip, message="side")
    return p.commit(p.with_entry("notes.txt", LINE), p.tip, side)


def renamed_and_changed(p: Plumber) -> CommitId:
    return p.commit(p.with_entry("moved.txt", "x\n" * 50 + LINE), p.with_file("old.txt", "x\n" * 50))


COMMITS: dict[str, Callable[[Plumber], CommitId]] = {
    "readme": lambda p: p.with_file("docs/READ.md"),
    "label file": lambda p: p.with_file("labels/production.yaml", f"# {SECRET}\n"),
    "owners": lambda p: p.with_file("CODEOWNERS", f"# {SECRET}\n"),
    "attributes": lambda p: p.with_file(".gitattributes", f"* binary\n# {SECRET}\n"),
    "called binary": lambda p: p.with_file("image.png"),
    "without a name's end": lambda p: p.with_file("LICENSE"),
    "an executable": lambda p: p.with_file("run.sh", mode="100755"),
    "a template": lambda p: p.with_file("prompts/a.prompt.yaml", text_template(f"Key {SECRET}", variables="{}")),
    "an escaped template": lambda p: p.with_file(
        "prompts/a.prompt.yaml", f'schema: prompt/v1\ntype: text\ntext: "\\x41{SECRET[1:]}"\n'
    ),
    "file's name": lambda p: p.with_file(f"docs/{SECRET}.md", "x"),
    "folder's name": lambda p: p.with_file(f"{SECRET}/a.md", "x"),
    "removed by the next commit": removed_again,
    "side of a merge": side_branch_of_a_merge,
    "brought by a merge itself": evil_merge,
    "renamed and changed": renamed_and_changed,
    "a history of its own": lambda p: p.commit(p.with_entry("notes.txt", LINE)),
    "message": lambda p: p.commit(p.tree, p.tip, message=f"change\n\n{LINE}"),
    "subject": lambda p: p.commit(p.tree, p.tip, message=SECRET),
    "message over lines": lambda p: p.commit(p.tree, p.tip, message=f"x\n\n{SECRET[:9]}\n{SECRET[9:]}"),
    "author's name": lambda p: p.commit(p.tree, p.tip, GIT_AUTHOR_NAME=SECRET),
    "author's address": lambda p: p.commit(p.tree, p.tip, GIT_AUTHOR_EMAIL=f"{SECRET}@example.com"),
    "committer's name": lambda p: p.commit(p.tree, p.tip, GIT_COMMITTER_NAME=f"Kim {SECRET}"),
    "a header": lambda p: p.written(f"x-note {SECRET}\n"),
    "a signature": lambda p: p.written(f"gpgsig -----BEGIN PGP SIGNATURE-----\n {SECRET}\n -----END\n"),
    "a merged tag": lambda p: p.written(f"mergetag object {p.tip}\n type commit\n tag v1\n \n {SECRET}\n"),
    "a message in another encoding": lambda p: p.written("encoding ISO-8859-1\n", LINE),
}
DRAFTS_ONLY = {"side of a merge", "a history of its own"}


@pytest.mark.parametrize("ref", [MAIN, DRAFT])
@pytest.mark.parametrize("way", COMMITS)
async def test_no_place_of_a_push_hides_a_secret(pusher: Pusher, way: str, ref: RefName) -> None:
    plumber = Plumber(pusher, await pusher.land({"README.md": "x"}))
    new = COMMITS[way](plumber)
    verdict = await pusher.judge(RefUpdate(ref, plumber.tip if ref == MAIN else ZERO_COMMIT, new), actor=ADMIN)
    assert not verdict.accepted
    if ref == DRAFT or way not in DRAFTS_ONLY:
        assert "secret" in rules(verdict)
    assert all(SECRET not in each.message for each in verdict.diagnostics)
    assert all(SECRET not in each.path for each in verdict.diagnostics if each.rule == "secret")


@pytest.mark.parametrize("ref", [f"refs/heads/{SECRET}", f"refs/tags/v1-{SECRET}", f"refs/heads/fix/{SECRET}/a"])
async def test_no_ref_is_called_like_a_secret(pusher: Pusher, ref: str) -> None:
    tip = await pusher.land({"README.md": "x"})
    verdict = await pusher.judge(RefUpdate(RefName(ref), ZERO_COMMIT, tip))
    assert rules(verdict) == ["secret"]
    assert SECRET not in str(verdict.diagnostics)


@pytest.mark.parametrize("headers", [f"tag {SECRET}\ntagger K <k@e.kr>", f"tag v1\ntagger {SECRET} <k@e.kr>"])
async def test_no_header_of_a_tag_hides_a_secret(pusher: Pusher, headers: str) -> None:
    tip = await pusher.land({"README.md": "x"})
    text = f"object {tip}\ntype commit\n{headers} 1700000000 +0900\n\nv1\n"
    git = Plumber(pusher, tip).git
    tag = CommitId(git("hash-object", "-t", "tag", "-w", "--stdin", "--literally", given=text))
    verdict = await pusher.judge(RefUpdate(RefName("refs/tags/v1"), ZERO_COMMIT, tag))
    assert rules(verdict) == ["secret"]
    assert SECRET not in str(verdict.diagnostics)


async def test_what_is_too_large_is_refused_and_the_rest_is_scanned(pusher: Pusher) -> None:
    verdict = await pusher.push({"large.txt": "x" * 300_000 + SECRET, "small.txt": SECRET}, DRAFT)
    assert sorted(rules(verdict)) == ["file-size", "secret"]


async def test_what_a_line_allows_is_told_to_the_pusher(pusher: Pusher) -> None:
    for ref in (MAIN, DRAFT):
        verdict = await pusher.push({f"{ref[-4:]}.txt": f"{SECRET}  # pragma: allowlist secret\n"}, ref)
        assert verdict.accepted
        (warning,) = verdict.diagnostics
        assert (warning.rule, warning.severity, warning.place.line) == ("secret-allowed", Severity.WARNING, 1)


async def test_names_of_many_files_leave_turns_to_others(pusher: Pusher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate_secrets, "NAMES_AT_ONCE", 2)
    paths = [f"docs/{i}.md" for i in range(5)] + [f"docs/{SECRET}.md", "docs/9.md"]
    checking = asyncio.create_task(gate_secrets.check_file_names(paths))
    turns = 0
    while not checking.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns >= 3
    (finding,) = await checking
    assert "docs/…" in finding.message


@pytest.mark.parametrize("text", [f"Key {SECRET}", f"Key {SECRET[:8]}\n  {SECRET[8:]}"])
async def test_a_write_of_ours_passes_the_same_scan(pusher: Pusher, text: str) -> None:
    source = text_template(text, variables="{}").encode()
    await pusher.land({"README.md": "x"})
    assert (await pusher.push({"README.md": "y"}, DRAFT)).accepted
    for branch in (None, "draft"):
        with pytest.raises(Refused) as refused:
            await pusher.registry.edits.put(
                pusher.repository, "a", source, actor=ADMIN, if_none_match="*", branch=branch
            )
        assert [each.rule for each in refused.value.diagnostics] == ["secret"]
        assert SECRET not in str(refused.value)

"""Purging through the registry's services, on real Git and SQLite."""

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from registry.bootstrap import Registry
from registry.domain.audit import AuditAction, AuditDraft, AuditFilter, AuditOrigin
from registry.domain.errors import BadRequest, Unavailable, VersionNotFound, VersionPurged
from registry.domain.graph import closure_digest
from registry.domain.ids import ZERO_COMMIT, RefName, TemplateName
from registry.domain.purging import LeakedText, PurgePlan
from registry.domain.refs import RefUpdate
from registry.domain.selectors import Selector
from registry.services.audit_origin import acting
from registry.services.purge_numbers import Numbers, read_numbers
from registry.services.purging import Wanted
from tests.pushing import ADMIN, MAIN, REPOSITORY, Pusher, rules, text_template
from tests.running import clean_environment, git

SECRET = "Kim Minsu 010-1234-5678"
TEXT = Wanted(LeakedText(SECRET))
TONE, REPLY = TemplateName("partials/tone"), TemplateName("reply")
TONE_FILE, REPLY_FILE = "prompts/partials/tone.prompt.yaml", "prompts/reply.prompt.yaml"


def silent(_what: str, _done: int, _total: int) -> None:
    """Shows nothing."""


def plain(text: str) -> str:
    return text_template(text, variables="{}")


def numbers(registry: Registry) -> Numbers:
    with registry.git.open(REPOSITORY) as store:
        return read_numbers(store, MAIN, silent)


def digests(found: Numbers) -> dict[tuple[TemplateName, int], str]:
    return {key: closure_digest(closure) for key, closure in found.closures.items()}


def objects(registry: Registry) -> bytes:
    """Everything that the repository's object store has, unpacked."""
    command = ["git", "cat-file", "--batch-all-objects", "--batch"]
    path = registry.git.path(REPOSITORY)
    done = subprocess.run(command, cwd=path, env=clean_environment(), capture_output=True, check=True)
    return done.stdout


async def leak(pusher: Pusher) -> None:
    """Four commits, the third of which leaks; reply includes the partial that leaks."""
    await pusher.land({TONE_FILE: plain("Be brief.")})
    await pusher.land({REPLY_FILE: plain('Hello {% include "partials/tone" %}')})
    await pusher.land({TONE_FILE: plain(f"Call {SECRET}.")})
    await pusher.land({TONE_FILE: plain("Be kind.")})


async def purge(registry: Registry, wanted: Wanted = TEXT) -> PurgePlan:
    plan = await registry.purging.run(REPOSITORY, wanted, silent)
    assert plan is not None
    assert not await registry.indexing.waiting()
    assert (await registry.verifying.verify(REPOSITORY)) == []
    return plan


async def test_a_text_goes_from_a_former_version_and_all_else_stays(registry: Registry, pusher: Pusher) -> None:
    await leak(pusher)
    before = digests(numbers(registry))
    await pusher.land({"labels/production.yaml": f"reply: {{version: 2, digest: {before[REPLY, 2][:12]}}}\n"})
    assert (await pusher.push({"a.md": f"see {SECRET}"}, RefName("refs/heads/draft"))).accepted

    would = await registry.purging.plan(REPOSITORY, TEXT, silent)
    assert SECRET.encode() in objects(registry), "a plan changes nothing"
    done = await purge(registry)
    assert would is not None
    assert replace(done, became={}) == replace(would, became={})
    assert done.became.keys() == would.became.keys()
    assert done.versions == ((TONE, 2),)
    assert done.through == ((REPLY, 2),)
    assert done.emptied == ()
    assert set(done.refs) == {MAIN, "refs/heads/draft"}
    assert set(done.paths) == {TONE_FILE, "a.md"}

    after = digests(numbers(registry))
    assert before.keys() == after.keys()
    assert {key for key in after if after[key] != before[key]} == {(TONE, 2), (REPLY, 2)}
    assert SECRET.encode() not in objects(registry)
    read = await registry.templates.read(REPOSITORY, REPLY, Selector(label="production"))  # type: ignore[arg-type]
    assert (read.version, read.digest) == (2, after[REPLY, 2])
    assert "***REMOVED***" in read.partials[TONE]
    labels = git(registry.git.path(REPOSITORY), "show", "main:labels/production.yaml")
    assert labels == f"reply: {{version: 2, digest: {after[REPLY, 2][:12]}}}\n"
    assert await registry.purging.plan(REPOSITORY, TEXT, silent) is None
    assert await registry.purging.run(REPOSITORY, TEXT, silent) is None
    git(registry.git.path(REPOSITORY), "fsck", "--full", "--strict", "--no-dangling")


async def test_messages_people_and_tags_are_cleaned(registry: Registry, pusher: Pusher) -> None:
    tip = await pusher.land({"a.md": "x"})
    path = registry.git.path(REPOSITORY)
    who = ["-c", f"user.name={SECRET}", "-c", "user.email=kim@example.com"]
    tree = git(path, "rev-parse", f"{tip}^{{tree}}").strip()
    text = f"tree {tree}\nparent {tip}\nauthor {SECRET} <kim@example.com> 1 +0000\ncommitter a <b@c> 1 +0000\n"
    signed = f"{text}gpgsig -----BEGIN PGP SIGNATURE-----\n \n abc\n -----END PGP SIGNATURE-----\n\nsee {tip}\n"
    commit = git(path, "hash-object", "-t", "commit", "-w", "--stdin", data=signed.encode()).strip()
    git(path, "update-ref", "refs/heads/signed", commit)
    git(path, *who, "tag", "-a", "v1", "-m", f"for {SECRET}", commit)
    git(path, "tag", "-a", "outer", "-m", "of a tag", "v1")
    await registry.indexing.poke(REPOSITORY)

    plan = await purge(registry)
    assert (plan.messages, len(plan.became), plan.versions) == (2, 1, ())
    assert set(plan.refs) == {"refs/heads/signed", "refs/tags/v1", "refs/tags/outer"}
    assert pusher.tip() == tip, "what does not change keeps its id"
    shown = git(path, "cat-file", "commit", "refs/heads/signed")
    assert "author ***REMOVED*** <kim@example.com> 1 +0000\n" in shown
    assert "gpgsig" not in shown, "a signature of what was changed says nothing"
    assert shown.endswith(f"see {tip}\n")
    assert git(path, "rev-parse", "outer^{commit}") == git(path, "rev-parse", "refs/heads/signed")
    assert "for ***REMOVED***" in git(path, "cat-file", "tag", "refs/tags/v1")


async def test_what_no_ref_reaches_goes_too(registry: Registry, pusher: Pusher) -> None:
    await pusher.land({"a.md": "x"})
    pusher.commit({"b.md": SECRET}, parent=pusher.tip())
    plan = await purge(registry)
    assert (plan.objects, len(plan.became), plan.refs) == (1, 0, ())
    assert SECRET.encode() not in objects(registry)


async def test_a_purged_version_is_told_and_keeps_its_number(registry: Registry, pusher: Pusher) -> None:
    await leak(pusher)
    before = digests(numbers(registry))
    plan = await purge(registry, Wanted(version=(TONE, 2)))
    assert plan.emptied == ((TONE, 2), (REPLY, 2))
    for name in (TONE, REPLY):
        with pytest.raises(VersionPurged, match="was purged"):
            await registry.templates.read(REPOSITORY, name, Selector(version=2))
        assert (await registry.templates.read(REPOSITORY, name, Selector())).version == 3
    after = digests(numbers(registry))
    assert before.keys() == after.keys()
    assert {key for key in after if after[key] != before[key]} == {(TONE, 2), (REPLY, 2)}
    assert SECRET.encode() not in objects(registry)
    assert await registry.purging.run(REPOSITORY, Wanted(version=(TONE, 2)), silent) is None, "it is a tombstone"


async def test_who_pushed_is_still_known(stocked: Registry) -> None:
    name = TemplateName("partials/tone")
    await stocked.ref_audit.drain()
    before = [each.pushed_by for each in (await stocked.versions.list_versions(REPOSITORY, name)).items]
    assert before == ["ada", "ada"]
    plan = await stocked.purging.run(REPOSITORY, Wanted(LeakedText("Be brief and kind")), silent)
    assert plan is not None
    found = (await stocked.versions.list_versions(REPOSITORY, name)).items
    assert [each.pushed_by for each in found] == before
    assert {each.commit for each in found} <= set(plan.became.values())


async def test_refusals(registry: Registry, pusher: Pusher) -> None:
    await leak(pusher)
    await pusher.land({"labels/production.yaml": "reply: 2\n"})
    tip = pusher.tip()
    with pytest.raises(BadRequest, match=r"Labels point to what would be lost: production of reply\."):
        await registry.purging.run(REPOSITORY, Wanted(version=(TONE, 2)), silent)
    with pytest.raises(BadRequest, match=r"The present state of partials/tone@3, reply@3 would be lost"):
        await registry.purging.run(REPOSITORY, Wanted(version=(TONE, 3)), silent)
    with pytest.raises(VersionNotFound, match="its versions are 1 to 3"):
        await registry.purging.run(REPOSITORY, Wanted(version=(TONE, 4)), silent)
    with pytest.raises(VersionNotFound, match="there never was"):
        await registry.purging.run(REPOSITORY, Wanted(version=(TemplateName("other"), 1)), silent)
    with pytest.raises(BadRequest, match=r"names of files or refs: reply\.prompt\.yaml\."):
        await registry.purging.run(REPOSITORY, Wanted(LeakedText("reply.prompt")), silent)
    assert pusher.tip() == tip
    await pusher.land({"a.md": "the repository is open"})


async def test_old_clones_cannot_bring_it_back(registry: Registry, pusher: Pusher, tmp_path: Path) -> None:
    await leak(pusher)
    path, old = registry.git.path(REPOSITORY), pusher.tip()
    clone = tmp_path / "clone.git"
    git(tmp_path, "clone", "--quiet", "--bare", str(path), str(clone))
    await purge(registry)
    new = pusher.tip()
    assert old is not None
    assert new is not None
    git(path, "fetch", "--quiet", str(clone), "refs/heads/main:refs/old")  # as a push does, in quarantine
    for ref, before in ((MAIN, new), (RefName("refs/heads/old"), ZERO_COMMIT), (RefName("refs/tags/old"), ZERO_COMMIT)):
        verdict = await pusher.judge(RefUpdate(ref, before, old), actor=ADMIN)
        assert rules(verdict) == ["purged-content"]
        assert "Clone again" in verdict.diagnostics[0].message
        assert TONE_FILE in {each.path for each in verdict.diagnostics}
    git(path, "update-ref", "-d", "refs/old")
    verdict = await pusher.push({TONE_FILE: plain(f"Call {SECRET}.")})
    assert rules(verdict) == ["purged-content"], "nor does a write of the same file"
    assert (await pusher.push({TONE_FILE: plain("Be quick.")})).accepted


async def test_a_purged_tag_and_commit_do_not_come_back(registry: Registry, pusher: Pusher) -> None:
    tip = await pusher.land({"a.md": "x"})
    path = registry.git.path(REPOSITORY)
    commit = pusher.commit({"b.md": "x"}, parent=tip, message=f"by {SECRET}\n")
    git(path, "update-ref", "refs/heads/other", commit)
    git(path, "tag", "-a", "v1", "-m", f"for {SECRET}", tip)
    tag = git(path, "rev-parse", "refs/tags/v1").strip()
    raw = {kind: git(path, "cat-file", kind, each).encode() for kind, each in (("commit", commit), ("tag", tag))}
    await purge(registry)
    for kind, ref in (("commit", "refs/heads/again"), ("tag", "refs/tags/again")):
        again = git(path, "hash-object", "-t", kind, "-w", "--stdin", data=raw[kind]).strip()
        verdict = await pusher.judge(RefUpdate(RefName(ref), ZERO_COMMIT, again), actor=ADMIN)  # type: ignore[arg-type]
        assert rules(verdict) == ["purged-content"]


async def test_while_a_purge_is_under_way_nothing_is_written(registry: Registry, pusher: Pusher) -> None:
    tip = await pusher.land({"a.md": "x"})
    mark = registry.git.path(REPOSITORY) / "promptuary-purge"
    mark.write_text('{"said": {}}')
    commit = pusher.commit({"b.md": "x"}, parent=tip)
    with pytest.raises(Unavailable, match="being purged"):
        await pusher.judge(RefUpdate(MAIN, tip, commit))
    with registry.git.open(REPOSITORY) as store, pytest.raises(Unavailable, match="being purged"):
        store.move(RefUpdate(MAIN, tip, commit))
    with pytest.raises(Unavailable, match="being purged"):
        await registry.writes.submit(REPOSITORY, MAIN, lambda _base: {"c.md": b"x"}, actor=ADMIN, message="x\n")
    assert pusher.tip() == tip
    mark.write_text("{}")
    assert (await pusher.judge(RefUpdate(MAIN, tip, commit))).accepted, "one that was killed before it began gives way"
    assert await registry.purging.run(REPOSITORY, TEXT, silent) is None
    assert not mark.exists()
    await pusher.land({"b.md": "x"})


async def test_it_is_audited_before_it_rewrites_and_where_that_fails_nothing_happens(
    registry: Registry, pusher: Pusher, monkeypatch: pytest.MonkeyPatch
) -> None:
    await leak(pusher)
    old = pusher.tip()

    async def away(*_drafts: AuditDraft) -> int:
        raise Unavailable("SQL is away")

    with monkeypatch.context() as patch:
        patch.setattr(registry.audit, "enter", away)
        with pytest.raises(Unavailable, match=r"SQL is away$"):
            await registry.purging.run(REPOSITORY, TEXT, silent)
    assert pusher.tip() == old
    await pusher.land({"a.md": "it is open"})
    old = pusher.tip()
    with acting(AuditOrigin("root", None, "local")):
        await purge(registry)
    found = (await registry.audit.list_entries(AuditFilter(repository=REPOSITORY, address="local"))).items
    ended, forced, begun = (entry.draft for entry in found)
    assert [str(each.action) for each in (begun, forced, ended)] == ["purge.started", "ref.forced", "content.purged"]
    assert (begun.new, begun.operation) == (ended.new, f"{ended.operation}/started")
    assert (forced.ref, forced.old) == (MAIN, {"commit": old})
    assert forced.new == {"commit": pusher.tip(), "purge": ended.operation}
    assert registry.ref_audit._journal.waiting() == []


async def test_it_is_audited_without_the_text(registry: Registry, pusher: Pusher) -> None:
    await leak(pusher)
    await purge(registry)
    await purge(registry, Wanted(version=(TONE, 1)))
    found = (await registry.audit.list_entries(AuditFilter(action=AuditAction.CONTENT_PURGED))).items
    version, text = (entry.draft for entry in found)
    assert (text.repository, text.name, text.new["kind"]) == (REPOSITORY, None, "text")
    assert text.new["versions"] == ["partials/tone@2"]
    assert (version.name, version.new["kind"], version.new["emptied"]) == (TONE, "version", 2)
    assert "Minsu" not in str(found)
    assert (await registry.audit.verify()).fault is None

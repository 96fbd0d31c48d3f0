"""The gate: what a push may and may not do. Every refusal names the thing, the place and the way out."""

import asyncio
import subprocess
import threading
import time

import pytest

from registry.domain.access import Actor
from registry.domain.diagnostics import Severity
from registry.domain.ids import ZERO_COMMIT, CommitId, RefName, TemplateName, UserName
from registry.domain.refs import RefUpdate
from registry.domain.rights import on_server
from registry.domain.roles import Role
from registry.services import gate_files
from registry.services.tree_changes import in_thread
from tests.pushing import ADMIN, AUTHOR, MAIN, Pusher, rules, text_template

T = "prompts/{}.prompt.yaml"
PARTIAL = "schema: prompt/v1\ntype: text\ntext: |\n  Be kind.\n"


def commit_by_plumbing(pusher: Pusher, path: str) -> CommitId:
    """A commit with one file at a path that our own writer would not write."""
    git = ["git", "-C", str(pusher.registry.git.path(pusher.repository))]

    def run(*arguments: str, text: bytes = b"") -> str:
        return subprocess.run([*git, *arguments], input=text, capture_output=True, check=True).stdout.decode().strip()

    entry = ("100644 blob", run("hash-object", "-w", "--stdin", text=text_template().encode()))
    for component in reversed(path.split("/")):
        line = f"{entry[0]} {entry[1]}\t".encode() + component.encode("utf-8", "surrogateescape") + b"\0"
        entry = ("040000 tree", run("mktree", "-z", text=line))
    identity = ["-c", "user.name=Kim", "-c", "user.email=kim@example.com"]
    git[1:1] = identity
    return CommitId(run("commit-tree", entry[1], "-m", "change"))


async def test_a_valid_template_lands(pusher: Pusher) -> None:
    verdict = await pusher.push({T.format("greet"): text_template()})
    assert verdict.accepted
    assert verdict.diagnostics == ()


async def test_one_bad_file_among_many_refuses_everything(pusher: Pusher) -> None:
    files = {T.format(f"many/t{i}"): text_template() for i in range(30)}
    files[T.format("many/bad")] = "schema: prompt/v1\ntype: text\nvariables: {}\ntext: |\n  Hi {{ nobody }}\n"
    verdict = await pusher.push(files)
    assert not verdict.accepted
    assert pusher.tip() is None
    [error] = [d for d in verdict.diagnostics if d.severity is Severity.ERROR]
    assert str(error).startswith("prompts/many/bad.prompt.yaml:5:")
    assert "nobody" in error.message


async def test_every_finding_of_every_file_is_told(pusher: Pusher) -> None:
    verdict = await pusher.push(
        {T.format("a"): "schema: prompt/v2\nfoo: 1\n", T.format("b"): "[", T.format("c"): "a: &x 1\n"}
    )
    paths = {d.path for d in verdict.diagnostics}
    assert paths == {T.format("a"), T.format("b"), T.format("c")}
    assert len(verdict.diagnostics) >= 5


@pytest.mark.parametrize(
    "ref", ["refs/heads/-x", "refs/heads/--upload-pack=x", "refs/notes/x", "refs/merge-requests/1/head"]
)
async def test_refs_that_may_not_be_pushed(pusher: Pusher, ref: str) -> None:
    tip = await pusher.land({"README.md": "x"})
    verdict = await pusher.judge(RefUpdate(RefName(ref), ZERO_COMMIT, tip), actor=ADMIN)
    assert not verdict.accepted
    assert rules(verdict)[0] in {"ref-name", "ref-not-allowed"}


async def test_branches_that_differ_by_case_only(pusher: Pusher) -> None:
    tip = await pusher.land({"README.md": "x"})
    verdict = await pusher.judge(RefUpdate(RefName("refs/heads/Main"), ZERO_COMMIT, tip))
    assert rules(verdict) == ["ref-name"]


async def test_main_cannot_be_deleted(pusher: Pusher) -> None:
    tip = await pusher.land({"README.md": "x"})
    verdict = await pusher.judge(RefUpdate(MAIN, tip, ZERO_COMMIT), actor=ADMIN)
    assert rules(verdict) == ["default-branch"]


async def test_main_cannot_be_rewritten(pusher: Pusher) -> None:
    await pusher.land({"README.md": "x"})
    other = pusher.commit({"README.md": "y"})
    verdict = await pusher.push_commit(other, actor=ADMIN)
    assert rules(verdict) == ["default-branch"]
    assert "git pull --rebase" in verdict.diagnostics[0].message


async def test_a_merge_the_wrong_way_round_is_refused_with_the_way_out(pusher: Pusher) -> None:
    base = await pusher.land({"README.md": "x"})
    mine = pusher.commit({"a.md": "mine"}, parent=base)
    theirs = await pusher.land({"b.md": "theirs"})
    with pusher.registry.git.open(pusher.repository) as store:
        import pygit2

        raw = pygit2.Repository(str(store.path))
        signature = pygit2.Signature("Kim", "kim@example.com")
        tree = raw[mine].tree.id
        merged = raw.create_commit(None, signature, signature, "Merge branch 'main'\n", tree, [mine, theirs])
    verdict = await pusher.push_commit(CommitId(str(merged)))
    assert rules(verdict) == ["first-parent"]
    assert "git pull --rebase" in verdict.diagnostics[0].message


async def test_other_branches_may_hold_work_in_progress(pusher: Pusher) -> None:
    await pusher.land({"README.md": "x"})
    verdict = await pusher.push({T.format("wip"): "["}, ref=RefName("refs/heads/wip"))
    assert verdict.accepted
    assert {d.severity for d in verdict.diagnostics} == {Severity.WARNING}


async def test_a_broken_state_on_the_way_is_a_warning_and_takes_an_invalid_number(pusher: Pusher) -> None:
    await pusher.land({"README.md": "x"})
    broken = pusher.commit({T.format("a"): "["}, parent=pusher.tip())
    mended = pusher.commit({T.format("a"): text_template()}, parent=broken)
    verdict = await pusher.push_commit(mended)
    assert verdict.accepted
    assert rules(verdict) == ["broken-on-the-way"]
    page = await pusher.registry.versions.list_versions(pusher.repository, TemplateName("a"))
    assert [(v.number, v.valid) for v in page.items] == [(2, True), (1, False)]


async def test_secrets_are_refused_on_every_branch_and_not_repeated(pusher: Pusher) -> None:
    await pusher.land({"README.md": "x"})
    secret = "AKIA" + "QYLPMN5HHHFPZAM2"
    verdict = await pusher.push({"notes.md": f"key = {secret}\n"}, ref=RefName("refs/heads/wip"))
    assert not verdict.accepted
    assert rules(verdict) == ["secret"]
    assert secret not in str(verdict.diagnostics)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
async def test_no_nul_and_no_encoding_hides_a_secret(pusher: Pusher, encoding: str) -> None:
    key = "key = AKIA" + "QYLPMN5HHHFPZAM2"
    verdict = await pusher.push({"x.bin": b"\0\n" * (encoding == "utf-8") + key.encode(encoding)})
    assert [(d.rule, d.path) for d in verdict.diagnostics] == [("secret", "x.bin")]


async def test_commit_messages_hold_no_secret(pusher: Pusher) -> None:
    secret = "AKIA" + "QYLPMN5HHHFPZAM2"
    for before in ("", "word " * 20_000):
        commit = pusher.commit({"README.md": "x"}, message=f"change\n\n{before}key {secret}\n")
        verdict = await pusher.push_commit(commit)
        assert rules(verdict) == ["secret"]
        assert commit[:10] in verdict.diagnostics[0].message
        assert secret not in str(verdict.diagnostics)


async def test_messages_of_annotated_tags_hold_no_secret(pusher: Pusher) -> None:
    secret = "AKIA" + "QYLPMN5HHHFPZAM2"
    tip = await pusher.land({"README.md": "x"})
    git = [
        "git",
        "-C",
        str(pusher.registry.git.path(pusher.repository)),
        "-c",
        "user.name=K",
        "-c",
        "user.email=k@e.kr",
    ]

    def tag(name: str, message: str, target: str) -> CommitId:
        subprocess.run([*git, "tag", "-a", "-m", message, name, target], check=True)
        found = subprocess.run([*git, "rev-parse", f"refs/tags/{name}"], capture_output=True, check=True, text=True)
        subprocess.run([*git, "update-ref", "-d", f"refs/tags/{name}"], check=True)
        return CommitId(found.stdout.strip())

    harmless = tag("one", "one\n\nall is well", tip)
    told = tag("two", f"two\n\nkey {secret}", tip)
    around = tag("three", "three", told)
    ref = RefName("refs/tags/v1")
    assert (await pusher.judge(RefUpdate(ref, ZERO_COMMIT, harmless))).accepted
    for new in (told, around):
        verdict = await pusher.judge(RefUpdate(ref, ZERO_COMMIT, new))
        assert rules(verdict) == ["secret"]
        assert "refs/tags/v1" in verdict.diagnostics[0].message
        assert secret not in str(verdict.diagnostics)


async def test_a_partial_that_is_removed_names_who_still_includes_it(pusher: Pusher) -> None:
    includers = {T.format(f"uses/n{i}"): text_template("{% include 'tone' %}", variables="{}") for i in range(7)}
    await pusher.land({T.format("tone"): PARTIAL, **includers})
    verdict = await pusher.push({T.format("tone"): None, T.format("uses/n0"): None})
    found = [d for d in verdict.diagnostics if d.path == T.format("tone")]
    assert [d.rule for d in found] == ["include-missing"]
    assert "still included by uses/n1, uses/n2, uses/n3, uses/n4, uses/n5 and 1 more" in found[0].message
    assert (await pusher.push({T.format("tone"): None, **dict.fromkeys(includers)})).accepted


async def test_what_follows_in_other_files_is_told_after_what_is_wrong_in_those_that_changed(pusher: Pusher) -> None:
    including = text_template("{% include 'tone' %}", variables="{}")
    await pusher.land({T.format("tone"): PARTIAL, T.format("a"): including})
    verdict = await pusher.push({T.format("tone"): "text: [", T.format("z"): text_template("{{ x", variables="{}")})
    assert [d.path for d in verdict.diagnostics] == [T.format("tone"), T.format("z"), T.format("a")]


async def test_one_file_that_is_too_large_is_told_once_however_it_comes(pusher: Pusher) -> None:
    large = text_template() + "#" * 300_000
    commit = pusher.commit({T.format("big"): large}, parent=await pusher.land({"README.md": "x"}))
    update = RefUpdate(MAIN, pusher.tip() or ZERO_COMMIT, commit)
    assert rules(await pusher.judge(update)) == ["file-size"]
    with pusher.registry.git.open(pusher.repository) as store:
        verdict = await pusher.registry.gate.judge_commit(pusher.repository, store, update, ADMIN)
    assert rules(verdict) == ["file-size"]


async def test_files_that_are_too_large(pusher: Pusher) -> None:
    verdict = await pusher.push({"big.md": b"x" * 2_097_152, T.format("big"): b"#" * 2_097_152})
    assert not verdict.accepted
    assert {d.path for d in verdict.diagnostics if d.rule == "file-size"} == {"big.md", T.format("big")}


@pytest.mark.parametrize(
    "path",
    [
        "prompts/../x.prompt.yaml",
        "prompts/caf\udce9.prompt.yaml",
        "prompts/Foo\x01.prompt.yaml",
        "prompts/-a.prompt.yaml",
        "prompts/1234.prompt.yaml",
    ],
)
async def test_paths_that_are_no_names(pusher: Pusher, path: str) -> None:
    verdict = await pusher.push_commit(commit_by_plumbing(pusher, path))
    assert not verdict.accepted


async def test_names_that_collide_by_case_or_normal_form(pusher: Pusher) -> None:
    await pusher.land({T.format("support/triage"): text_template(), T.format("Zeta/a"): text_template()})
    for new, path, older in (
        ("Support/other", "prompts/Support", "prompts/support"),
        ("support/Triage", T.format("support/Triage"), T.format("support/triage")),
        ("zeta/b", "prompts/zeta", "prompts/Zeta"),
    ):
        verdict = await pusher.push({T.format(new): text_template()})
        assert [(d.rule, d.path) for d in verdict.diagnostics] == [("name-collision", path)]
        assert f'differs from "{older}" only' in verdict.diagnostics[0].message


async def test_a_replacement_leads_to_a_template(pusher: Pusher) -> None:
    def deprecated(by: str) -> str:
        return text_template(more=f"status: deprecated\nreplaced_by: {by}\n")

    await pusher.land({T.format("here"): text_template(), T.format("gone"): text_template()})
    verdict = await pusher.push({T.format("a"): deprecated("hear"), T.format("b"): deprecated("here")})
    [nowhere] = verdict.diagnostics
    assert verdict.accepted
    assert str(nowhere).startswith(
        "prompts/a.prompt.yaml:5:14: warning: [replaced-by-nowhere] there is no template hear"
    )
    assert (await pusher.push({T.format("a"): deprecated("b")})).diagnostics == ()
    [left] = (await pusher.push({T.format("a"): deprecated("gone"), T.format("gone"): None})).diagnostics
    assert "there is no template gone" in left.message
    [circle] = (await pusher.push({T.format("here"): deprecated("a"), T.format("a"): deprecated("b")})).diagnostics[:1]
    assert (circle.rule, circle.path) == ("replaced-by-nowhere", T.format("a"))
    assert "a → b → here → a" in circle.message
    [draft] = (await pusher.push({T.format("c"): deprecated("no")}, RefName("refs/heads/draft"))).diagnostics
    assert (draft.rule, draft.path) == ("replaced-by-nowhere", T.format("c"))


async def test_others_have_their_turns_while_replacements_are_followed(pusher: Pusher) -> None:
    many = 200
    more = "status: deprecated\nreplaced_by: chain/t{}\n"
    files = {T.format(f"chain/t{n}"): text_template(more=more.format(n + 1)) for n in range(many)}
    pushing = asyncio.create_task(pusher.push({**files, T.format(f"chain/t{many}"): text_template()}))
    longest = 0.0
    while not pushing.done():
        started = time.monotonic()
        await asyncio.sleep(0)
        longest = max(longest, time.monotonic() - started)
    assert (await pushing).diagnostics == ()
    assert longest < 1, "following them anew for each template takes several seconds"


async def test_whoever_stops_waiting_for_a_thread_waits_for_its_end() -> None:
    reading, may_end, ended = threading.Event(), threading.Event(), threading.Event()

    def read() -> None:
        reading.set()
        may_end.wait(10)
        ended.set()

    asking = asyncio.create_task(in_thread(read))
    while not reading.is_set():
        await asyncio.sleep(0.001)
    asking.cancel()
    asyncio.get_running_loop().call_later(0.05, may_end.set)
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert ended.is_set()


async def test_a_push_that_is_given_up_leaves_nothing_running(pusher: Pusher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate_files, "KEPT_BYTES", 0)  # so that looking for secrets reads files, like in a large push
    commit = pusher.commit({T.format(f"many/t{n}"): text_template(f"Number {n} " + "{{ name }}") for n in range(400)})
    judging = asyncio.create_task(pusher.judge(RefUpdate(MAIN, ZERO_COMMIT, commit)))

    def scanning() -> bool:
        return any("check_secrets" in repr(task.get_coro()) for task in asyncio.all_tasks())

    while not scanning() and not judging.done():
        await asyncio.sleep(0)
    await asyncio.sleep(0.001)
    judging.cancel()
    with pytest.raises(asyncio.CancelledError):
        await judging
    assert not scanning()


async def test_symlinks_and_submodules_are_refused(pusher: Pusher) -> None:
    import pygit2

    with pusher.registry.git.open(pusher.repository) as store:
        raw = pygit2.Repository(str(store.path))
        builder = raw.TreeBuilder()
        builder.insert("link", raw.create_blob(b"/etc/passwd"), pygit2.enums.FileMode.LINK)
        builder.insert("module", pygit2.Oid(hex="1" * 40), pygit2.enums.FileMode.COMMIT)
        signature = pygit2.Signature("Kim", "kim@example.com")
        commit = raw.create_commit(None, signature, signature, "links\n", builder.write(), [])
    verdict = await pusher.push_commit(CommitId(str(commit)))
    assert rules(verdict) == ["file-mode", "file-mode"]


async def test_a_partial_that_is_included_cannot_be_removed(pusher: Pusher) -> None:
    including = text_template('{% include "partials/tone" %}{{ name }}')
    await pusher.land({T.format("partials/tone"): PARTIAL, T.format("a"): including})
    verdict = await pusher.push({T.format("partials/tone"): None})
    assert not verdict.accepted
    assert [d.path for d in verdict.diagnostics] == [T.format("partials/tone"), T.format("a")]
    assert all("partials/tone" in d.message for d in verdict.diagnostics)


async def test_a_partial_that_breaks_its_includers_is_refused(pusher: Pusher) -> None:
    including = text_template('{% include "partials/tone" %}{{ name }}')
    await pusher.land({T.format("partials/tone"): PARTIAL, T.format("a"): including})
    broken = text_template("Be {{ mood }}.", variables="{mood: {type: string}}")
    verdict = await pusher.push({T.format("partials/tone"): broken})
    assert not verdict.accepted
    assert any(d.path == T.format("a") and "mood" in d.message for d in verdict.diagnostics)


async def test_offline_tests_are_run(pusher: Pusher) -> None:
    failing = text_template(more="tests: [{name: greets, variables: {name: Kim}, expect: [{contains: Goodbye}]}]\n")
    verdict = await pusher.push({T.format("a"): failing})
    assert rules(verdict) == ["test-failed"]
    assert "greets" in verdict.diagnostics[0].message
    assert verdict.diagnostics[0].place.line == 4


async def test_a_render_bomb_in_a_test_is_told_as_render_limit(pusher: Pusher) -> None:
    bomb = text_template(
        "{{ ['x'*100000]*100000 }}{{ name }}",
        more="tests: [{name: bomb, variables: {name: x}, expect: [{contains: x}]}]\n",
    )
    verdict = await pusher.push({T.format("a"): bomb})
    assert rules(verdict) == ["render-limit"]


async def test_a_reader_cannot_push(pusher: Pusher) -> None:
    reader = Actor(UserName("r"), "Reader", "r@example.com", on_server(Role.READER))
    verdict = await pusher.push({"README.md": "x"}, actor=reader)
    assert rules(verdict) == ["push-not-allowed"]


async def test_push_rights_and_rules_are_those_before_the_push(pusher: Pusher) -> None:
    closed = "schema: registry/v1\nbranches:\n  main: {push: [maintainer]}\n"
    await pusher.land({".registry.yaml": closed})
    opened = {".registry.yaml": "schema: registry/v1\n"}
    assert rules(await pusher.push(opened, actor=AUTHOR)) == ["push-not-allowed"]
    assert (await pusher.push(opened, actor=ADMIN)).accepted


async def test_a_broken_registry_file_is_refused(pusher: Pusher) -> None:
    verdict = await pusher.push({".registry.yaml": "branches: 3\n"}, actor=ADMIN)
    assert not verdict.accepted
    assert {d.path for d in verdict.diagnostics} == {".registry.yaml"}


async def test_models_and_tokens_are_limited(pusher: Pusher) -> None:
    await pusher.land({".registry.yaml": "schema: registry/v1\nlimits: {tokens: 5}\nmodels: {allow: ['openai/*']}\n"})
    long = text_template("word " * 40 + "{{ name }}", more="model: {provider: acme, id: m1}\n")
    verdict = await pusher.push({T.format("a"): long}, actor=ADMIN)
    assert set(rules(verdict)) == {"token-limit", "model-not-allowed"}
    place = next(d.place for d in verdict.diagnostics if d.rule == "model-not-allowed")
    assert long.splitlines()[place.line - 1][place.column - 1 :] == "m1}"


async def test_a_grown_partial_counts_for_those_that_include_it(pusher: Pusher) -> None:
    including = text_template('{% include "partials/tone" %}{{ name }}', more="model: {provider: acme, id: m1}\n")
    await pusher.land({T.format("partials/tone"): PARTIAL, T.format("a"): including})
    await pusher.land({".registry.yaml": "schema: registry/v1\nlimits: {tokens: 25}\nmodels: {allow: ['openai/*']}\n"})
    # The model of what depends on the change was there before, so it does not stand in the way.
    assert (await pusher.push({T.format("partials/tone"): PARTIAL.replace("kind", "nice")})).accepted
    verdict = await pusher.push({T.format("partials/tone"): PARTIAL.replace("kind", "very kind " * 8)})
    assert [(d.rule, d.path) for d in verdict.diagnostics] == [("token-limit", T.format("a"))]


async def test_commit_identity_verified(pusher: Pusher) -> None:
    await pusher.land({".registry.yaml": "schema: registry/v1\ncommit_identity: verified\n"})
    assert (await pusher.push({"a.md": "x"}, actor=AUTHOR)).accepted
    assert rules(await pusher.push({"b.md": "x"}, actor=ADMIN)) == ["commit-identity"]

"""Who may read one folder cannot tell a registry with other folders from one without them."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from registry.domain.ids import RepositoryName
from registry.domain.rights import Place
from registry.domain.roles import Scope
from tests.api.conftest import BASE
from tests.api.two_worlds import GREET, INCLUDING, SECRET, SUPPORT, TONE, World, ask, bearer, two_worlds
from tests.stock import write_files

GETS = [
    "/templates",
    "/templates?sort=updated",
    "/templates?tag=spies",
    "/templates?folder=secret",
    "/templates?limit=1",
    *[f"/templates/{name}" for name in ("support/greet", "secret/greet", "secret/none", "support/grete", "greet")],
    "/templates/secret/greet?version=1",
    "/templates/secret/greet?label=spying",
    "/templates/secret/greet?ref=main",
    *[
        f"/templates/{name}?{query}"
        for name in ("support/greet", "support/was", "support/gone", "secret/greet", "secret/none")
        for query in (
            "ref=main",
            "ref={commit}",
            "ref=none",
            "at=2100-01-01T00:00:00Z",
            "at=2000-01-01T00:00:00Z",
            "version=1",
            "label=production&ref=main",
            "label=latest&ref={commit}",
            "version=9",
        )
    ],
    "/templates/support2/greets",
    "/templates/support/gone",
    "/templates/support/was",
    "/versions/secret/greet",
    "/versions/secret/greet/1",
    "/versions/support/was",
    "/versions/support/greet",
    "/blame/secret/greet",
    "/blame/support/greet",
    "/blame/support/greet?ref=main",
    "/blame/secret/greet?ref=main",
    "/blame/support/greet?version=1",
    "/diff/secret/greet?from=version:1&to=version:1",
    "/diff/secret/greet?to=ref:main",
    "/diff/support/greet?to=ref:main",
    "/diff/support/greet?from=version:1&to=ref:{commit}",
    "/diff/support/greet?from=ref:main&to=at:2100-01-01T00:00:00Z",
    *[
        f"/{noun}/support/{name}"
        for noun in ("templates", "versions", "blame", "diff")
        for name in ("moved", "fresh", "came", "back")
    ],
    *[
        f"/{noun}/support/{name}{'/1' if noun == 'versions' else f'?{query}'}"
        for noun, query in (
            ("templates", "ref=main"),
            ("templates", "version=1"),
            ("blame", "ref=main"),
            ("blame", "version=1"),
            ("diff", "to=ref:main"),
            ("diff", "to=version:1"),
            ("versions", ""),
        )
        for name in ("moved", "fresh", "came", "back")
    ],
    "/resolve/{moved}",
    "/bundle",
    "/bundle?label=spying",
    "/bundle?folder=secret",
    "/labels",
    "/labels/spying",
    "/labels/production",
    "/labels/spying/secret/greet",
    "/labels/production/support/greet",
    "/resolve/{digest}",
    "/reads",
    "/reads?by=name",
    "/reads?name=secret/greet",
    "/branches",
    "/branches/main",
    "/index",
    "/search",
    "/search?limit=1",
    "/search?sort=updated",
    *[f"/search?q={words}" for words in ("hello", "spies", "안녕", "비밀", "secret", "greet", "words&versions=all")],
    "/search?q=hello&folder=secret",
    "/search?tag=spies",
    *[f"/search?like={name}" for name in ("support/greet", "secret/greet", "secret/none")],
    "/search/suggestions?q=gre",
    "/search/suggestions?q=sec",
    "/search/suggestions?q=비",
]
WRITES: list[tuple[str, str, Any]] = [
    ("PUT", "/templates/secret/greet", TONE),
    ("PUT", "/templates/secret/new", TONE),
    ("DELETE", "/templates/secret/greet", None),
    ("POST", "/move/secret/greet", {"to": "support/mine"}),
    ("POST", "/move/support/deep/thanks", {"to": "secret/greet"}),
    ("PUT", "/labels/production/secret/greet", {"version": 1}),
    ("DELETE", "/labels/spying/secret/greet", None),
    ("POST", "/rollbacks", {"label": "spying", "name": "secret/greet", "reason": "x"}),
    ("POST", "/promotions", {"label": "staging", "versions": {"secret/greet": 1}}),
    ("POST", "/promotions", {"label": "staging", "from": "spying"}),
    ("POST", "/render/secret/greet", {"variables": {}}),
    ("POST", "/render/secret/greet?ref=main", {"variables": {}}),
    ("POST", "/render/support/greet?ref=main", {"variables": {}}),
    ("POST", "/commits", {"message": "x", "changes": [{"action": "delete", "name": "secret/greet", "if_match": "*"}]}),
    ("POST", "/branches", {"name": "mine"}),
    ("DELETE", "/branches/main", None),
    ("PUT", "/templates/support/copy", INCLUDING),
    ("PUT", "/templates/support/old", TONE + "status: deprecated\nreplaced_by: secret/greet\n"),
    ("POST", "/check", {"files": {"prompts/support/copy.prompt.yaml": INCLUDING}}),
]
UNSEEN = [
    *[f"prompts/secret/{name}.prompt.yaml" for name in ("greet", "none", "Greet")],
    *["prompts/Secret/new.prompt.yaml", "prompts/secret", "prompts/secret.prompt.yaml", "prompts/greet.prompt.yaml"],
    *["prompts/secret/greet.prompt.yaml/x.prompt.yaml", "prompts/support/greet.yaml", "prompts/비밀/인사.prompt.yaml"],
    *[f"labels/{path}.yaml" for path in ("spying/secret", "none/secret", "Spying/secret", "spying/비밀", "spying")],
    *["README.md", "none.md", "a", ".registry.yaml", "CODEOWNERS", "../x", ".git/config"],
]


@pytest.fixture
async def worlds(tmp_path: Path) -> AsyncIterator[tuple[World, World]]:
    async with two_worlds(tmp_path) as found:
        yield found


async def digest_of(world: World, name: str) -> str:
    found = await world.client.get(f"{BASE}/templates/{name}", headers={"Authorization": f"Bearer {world.whole}"})
    return str(found.json()["digest"])


async def etag_of(world: World, path: str) -> str:
    found = await world.client.get(BASE + path, headers=bearer(world.key))
    return str(found.headers.get("etag", "none"))


async def filled(worlds: tuple[World, World], path: str) -> list[str]:
    """The path with a hidden template's digest and each world's last commit."""
    digest = await digest_of(worlds[0], "secret/greet")
    found = []
    for world in worlds:
        seen = await world.client.get(f"{BASE}/templates", headers=bearer(world.whole))
        moved = await digest_of(world, "support/moved")
        found.append(path.format(digest=digest, moved=moved, commit=seen.headers["promptuary-commit"]))
    return found


async def test_reads_tell_nothing_of_other_folders(worlds: tuple[World, World]) -> None:
    with_it, without = worlds
    for path in GETS:
        asked, elsewhere = await filled(worlds, path)
        one, other = await ask(with_it, "GET", asked), await ask(without, "GET", elsewhere)
        assert one == other, path
        assert "spies" not in one[1].replace(asked, "") or "tag=spies" in asked
        assert await ask(with_it, "GET", asked) == await ask(without, "GET", elsewhere), f"{path}, from memory"
        assert await ask(with_it, "HEAD", asked) == await ask(without, "HEAD", elsewhere), f"{path}, its headers"
        known = [await etag_of(with_it, asked), await etag_of(without, elsewhere)]
        again = [
            await ask(world, "GET", at, if_none_match=tag)
            for world, at, tag in zip(worlds, (asked, elsewhere), known, strict=True)
        ]
        assert again[0] == again[1], f"{path}, where it is known"
        assert (again[0][0] == 304) == (known[0] != "none")


async def test_a_state_read_by_ref_is_told_by_the_last_commit_that_changed_it(worlds: tuple[World, World]) -> None:
    for key in (worlds[0].key, worlds[0].whole):
        _, text, _ = await ask(worlds[0], "GET", "/templates/support/greet?ref=main", key=key)
        assert '"message":"Begin"' in text
        _, text, _ = await ask(worlds[0], "GET", "/templates/support/was?ref=main", key=key)
        assert '"message":"More"' in text


async def test_answers_that_others_were_given_are_not_given(worlds: tuple[World, World]) -> None:
    with_it, without = worlds
    for path in GETS:
        asked, elsewhere = await filled(worlds, path)
        await ask(with_it, "GET", asked, key=with_it.whole)
        await ask(without, "GET", elsewhere, key=without.whole)
        assert (await ask(with_it, "GET", asked))[:2] == (await ask(without, "GET", elsewhere))[:2], path


async def test_writes_tell_nothing_of_other_folders(worlds: tuple[World, World]) -> None:
    with_it, without = worlds
    for method, path, body in WRITES:
        one, other = await ask(with_it, method, path, body), await ask(without, method, path, body)
        assert one == other, (method, path, body)
        assert "invalid-body" not in one[1], (method, path, one[1])
    for path in ("/templates/secret/greet", "/templates/secret/new"):
        status, text, _ = await ask(with_it, "GET", path, key=with_it.whole)
        assert (status, "Hello agent" in text) == ((200, True) if path.endswith("greet") else (404, False))


async def test_what_is_seen_is_all_there(worlds: tuple[World, World]) -> None:
    world = worlds[0]
    _, listed, _ = await ask(world, "GET", "/templates")
    names = ("back", "deep/thanks", "fresh", "greet", "moved", "was")
    assert re.findall(r'"name": ?"(\S+?)"', listed) == [f"support/{name}" for name in names]
    status, read, _ = await ask(world, "GET", "/templates/support/greet")
    assert (status, "kind words" in read) == (200, True), "with the partials' text"
    status, made, _ = await ask(world, "PUT", "/templates/support/new", TONE)
    assert status == 201, made
    status, _, _ = await ask(world, "PUT", "/labels/production/support/new", {"version": 1})
    assert status == 200


async def test_what_one_sees_but_may_not_do_is_403(worlds: tuple[World, World]) -> None:
    world = worlds[0]
    _, key = await world.registry.accounts.create_key(user="lee", scope=Scope.READ, places=[SUPPORT])
    for method, path, body in (
        ("PUT", "/templates/support/new", TONE),
        ("PUT", "/labels/production/support/greet", {"version": 1}),
        ("GET", "/branches", None),
        ("GET", "/index", None),
    ):
        status, text, _ = await ask(world, method, path, body, key=key)
        assert (status, "/docs/errors#denied" in text) == (403, True), text


async def test_a_partial_that_is_not_read_is_not_included_but_stays_where_others_put_it(
    worlds: tuple[World, World],
) -> None:
    world = worlds[0]
    source = TONE.replace("kind words", "'{% include \"shared/part\" %}'")
    status, text, _ = await ask(world, "PUT", "/templates/support/new", source)
    assert (status, "include-missing" in text) == (422, True), text
    tag = (await world.client.get(f"{BASE}/templates/support/greet", headers=bearer(world.key))).headers["etag"]
    headers = {**bearer(world.key), "Content-Type": "application/yaml", "If-Match": tag}
    changed = await world.client.put(
        f"{BASE}/templates/support/greet", headers=headers, content=GREET.replace("Hello", "Hi").encode()
    )
    assert changed.status_code == 200, changed.text


async def test_no_branch_shows_a_partial_that_is_not_read(worlds: tuple[World, World]) -> None:
    """A branch takes broken templates: but whoever includes what he may not read would read it there."""
    say = TONE.replace("kind words", "%s")
    tag = '{% include "secret/greet" %}'
    sources = {
        "plain": say % f"'{tag}'",
        "none": (say % f"'{tag}'").replace("greet", "none"),
        "comment": say % f"'{{# {tag} #}}'",
        "description": say % f"hello\ndescription: '{tag}'",
        "broken": say % f"'{tag}\n: [",
    }
    for world in worlds:
        assert (await ask(world, "POST", "/branches", {"name": "feature/x"}, key=world.whole))[0] == 201
    for query in ("", "?branch=feature/x"):
        for kind, source in sources.items():
            one, other = [await ask(world, "PUT", f"/templates/support/{kind}{query}", source) for world in worlds]
            assert one == other, (kind, query)
            assert (one[0], "include-missing" in one[1]) == (422, True), (kind, query, one)
        missing = say % "'{% include \"support/none\" %}'"
        assert (await ask(worlds[0], "PUT", f"/templates/support/n{query}", missing))[0] == (201 if query else 422)


async def test_what_others_include_on_a_branch_stays_and_can_be_renamed(worlds: tuple[World, World]) -> None:
    world = worlds[0]
    headers = {**bearer(world.key), "If-Match": "*"}
    yaml = {**headers, "Content-Type": "application/yaml"}
    await ask(world, "POST", "/branches", {"name": "feature/x"}, key=world.whole)
    put = await ask(world, "PUT", "/templates/support/theirs?branch=feature/x", INCLUDING, key=world.whole)
    assert put[0] == 201, put
    changed = await world.client.put(
        f"{BASE}/templates/support/theirs?branch=feature/x", headers=yaml, content=f"{INCLUDING}# mine\n".encode()
    )
    assert changed.status_code == 200, changed.text
    for name, query in (("theirs", "?branch=feature/x"), ("greet", "?branch=feature/x"), ("theirs-too", "")):
        if not query:
            assert (await ask(world, "PUT", f"/templates/support/{name}", INCLUDING, key=world.whole))[0] == 201
        body = {"to": f"support/{name}-new"}
        moved = await world.client.post(f"{BASE}/move/support/{name}{query}", headers=headers, json=body)
        assert moved.status_code == 200, moved.text
    kept = TONE.replace("kind words", "'{% include \"secret/none\" %}'")
    again = f"{BASE}/templates/support/theirs-new?branch=feature/x"
    assert (await world.client.put(again, headers=yaml, content=kept.encode())).status_code == 422


async def test_dependents_tell_nothing_of_a_partial_that_is_included_unseen(worlds: tuple[World, World]) -> None:
    needy = {"prompts/secret/needy.prompt.yaml": TONE.replace("kind words", "'{{ codeword }}'")}
    needy = {path: text + "variables: {codeword: {type: string}}\n" for path, text in needy.items()}
    uses = {"prompts/support/uses.prompt.yaml": TONE.replace("kind words", "'{% include \"support/deep/thanks\" %}'")}
    source = TONE.replace("kind words", "'{% include \"secret/needy\" %}'")
    answers = []
    for world in worlds:
        await write_files(world.registry, uses | (needy if world is worlds[0] else {"a": "3"}), "Needs")
        headers = {**bearer(world.key), "If-Match": "*", "Content-Type": "application/yaml"}
        put = await world.client.put(f"{BASE}/templates/support/deep/thanks", headers=headers, content=source.encode())
        found = {(each["path"], each["rule"]) for each in put.json()["diagnostics"] if each["path"]}
        assert "codeword" not in put.text
        answers.append((put.status_code, found))
    assert answers[0] == answers[1]


async def test_checks_refuse_alike_what_is_not_seen(worlds: tuple[World, World]) -> None:
    for world in worlds:
        await write_files(world.registry, {"README.md": "x"} if world is worlds[0] else {"b": "1"}, "More")
    for path in UNSEEN:
        told = set()
        for content in (None, "x", SECRET, "greet: 1\n", TONE):
            for against in (None, "label:latest", "ref:main", "version:1"):
                body = {"files": {path: content}} | ({"against": against} if against else {})
                one, other = [await ask(world, "POST", "/check", body) for world in worlds]
                assert one == other, body
                told.add(one[:2])
        assert len(told) == 1, (path, told)
        assert "you have no role there" in told.pop()[1]


async def test_checks_judge_what_is_seen_beside_what_is_not(worlds: tuple[World, World]) -> None:
    files = {"prompts/support/new.prompt.yaml": TONE, "prompts/secret/new.prompt.yaml": TONE}
    status, text, _ = await ask(
        worlds[0], "POST", "/check", {"files": files | {"prompts/support/bad.prompt.yaml": "x"}}
    )
    assert status == 200
    assert set(re.findall(r'"path": ?"([^"]*)"', text)) == {
        "prompts/secret/new.prompt.yaml",
        "prompts/support/bad.prompt.yaml",
    }
    status, text, _ = await ask(worlds[0], "POST", "/check", {"files": {"prompts/support/new.prompt.yaml": TONE}})
    assert re.search(r'"accepted": ?true', text), text


async def test_labels_to_compare_with_are_those_that_are_seen(worlds: tuple[World, World]) -> None:
    files = {"prompts/support/greet.prompt.yaml": TONE}
    for label, status in (("spying", 404), ("none", 404), ("production", 200), ("latest", 200)):
        body = {"files": files, "against": f"label:{label}"}
        one, other = [await ask(world, "POST", "/check", body) for world in worlds]
        assert (one, one[0]) == (other, status)


async def test_a_collision_of_names_does_not_name_what_is_not_seen(worlds: tuple[World, World]) -> None:
    world = worlds[0]
    place = Place(RepositoryName("default"), "Secret")
    _, key = await world.registry.accounts.create_key(user="lee", scope=Scope.WRITE, places=[place])
    put = await ask(world, "PUT", "/templates/Secret/mine", TONE, key=key)
    checked = await ask(world, "POST", "/check", {"files": {"prompts/Secret/mine.prompt.yaml": TONE}}, key=key)
    for status, text, _ in (put, checked):
        assert "name-collision" in text, (status, text)
        assert '"prompts/Secret"' in text
        assert "secret" not in text


async def test_what_would_break_unseen_templates_is_refused_without_naming_them(worlds: tuple[World, World]) -> None:
    world = worlds[0]
    headers = {**bearer(world.key), "If-Match": "*"}
    gone = await world.client.delete(f"{BASE}/templates/support/deep/thanks", headers=headers)
    assert gone.status_code == 422, gone.text
    assert "templates that you may not read" in gone.text
    assert "support2" not in gone.text
    needs = TONE.replace("kind words", "'{{ a }}'") + "variables: {a: {type: string}}\n"
    tag = {"Content-Type": "application/yaml", **headers}
    changed = await world.client.put(f"{BASE}/templates/support/deep/thanks", headers=tag, content=needs.encode())
    assert changed.status_code == 422, changed.text
    assert "may not read" in changed.text
    assert "support2" not in changed.text


async def test_repositories_that_one_does_not_see_are_not_there(worlds: tuple[World, World]) -> None:
    world = worlds[0]
    world.registry.repositories.create("other")
    listed = await world.client.get("/api/v1/repositories", headers=bearer(world.key))
    assert [each["name"] for each in listed.json()["repositories"]] == ["default"]
    answers = [
        await world.client.get(f"/api/v1/repositories/{name}/templates", headers=bearer(world.key))
        for name in ("other", "nowhere")
    ]
    assert [each.status_code for each in answers] == [404, 404]
    assert len({each.text.replace("nowhere", "other").split("request_id")[0] for each in answers}) == 1

"""Versions, rendering, labels, roll-backs, search and index state over HTTP."""

import asyncio

import httpx
import pytest

from api.answer_cache import BACKSTOP_SECONDS
from registry.bootstrap import Registry
from tests.pushing import MAIN, REPOSITORY
from tests.running import git
from tests.stock import TRIAGE, write_files


async def test_versions(client: httpx.AsyncClient) -> None:
    page = (await client.get("/versions/support/triage")).json()
    assert [v["version"] for v in page["versions"]] == [2, 1]
    assert page["versions"][0]["cause"] == "partials/tone"
    one = (await client.get("/versions/support/triage/1")).json()
    assert (one["version"], one["valid"], one["subject"]) == (1, True, "Add the first templates")
    assert one["author"] == {"name": "Ada Park", "email": "ada@example.com"}
    assert (await client.get("/versions/support/triage/3")).json()["type"].endswith("#version-not-found")
    assert (await client.get("/versions/support/traige")).json()["nearest"] == ["support/triage"]
    assert (await client.get(f"/versions/support/triage/{'9' * 5000}")).status_code == 400


async def test_versions_page(client: httpx.AsyncClient) -> None:
    first = (await client.get("/versions/support/triage?limit=1")).json()
    second = (await client.get(f"/versions/support/triage?limit=1&cursor={first['next_cursor']}")).json()
    assert [v["version"] for v in first["versions"] + second["versions"]] == [2, 1]
    assert second["next_cursor"] is None


async def test_rendering(client: httpx.AsyncClient) -> None:
    answer = await client.post("/render/support/triage", json={"variables": {"ticket": "Help", "extra": 1}})
    body = answer.json()
    assert answer.status_code == 200
    assert body["messages"][0]["content"].startswith("You sort support tickets. Answer in en.")
    assert body["messages"][1] == {"role": "user", "content": "<ticket>Help</ticket>"}
    assert (body["text"], body["ignored_variables"], body["version"]) == (None, ["extra"], 2)
    old = await client.post("/render/support/triage?label=production", json={"variables": {"ticket": "x"}})
    assert old.json()["version"] == 1
    korean = await client.post("/render/고객지원/환불", json={"variables": {"이름": "지우"}})
    assert korean.json()["text"].startswith("지우 고객님")


async def test_request_bodies_for_providers(client: httpx.AsyncClient) -> None:
    values = {"variables": {"ticket": "Help"}}
    openai = (await client.post("/render/support/triage?format=openai", json=values)).json()
    assert (openai["model"], openai["temperature"], len(openai["messages"])) == ("gpt-4o-mini", 0.2, 2)
    anthropic = (await client.post("/render/support/triage?format=anthropic", json=values)).json()
    assert "You sort support tickets" in str(anthropic["system"])
    assert [m["role"] for m in anthropic["messages"]] == ["user"]
    assert (await client.post("/render/support/triage?format=cohere", json=values)).status_code == 400


async def test_a_missing_variable_names_itself(client: httpx.AsyncClient) -> None:
    answer = await client.post("/render/support/triage", json={})
    assert answer.status_code == 422
    assert [p["field"] for p in answer.json()["problems"]] == ["ticket"]
    assert "ticket" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("values", "query", "named"),
    [
        ({"ticket": 3}, "", "ticket"),
        ({"ticket": "x" * 201}, "", "ticket"),
        ({"ticket": "x", "language": "fr"}, "", "language"),
        ({"ticket": "x", "extra": 1}, "?strict=true", "extra"),
    ],
)
async def test_values_that_do_not_fit(
    client: httpx.AsyncClient, values: dict[str, object], query: str, named: str
) -> None:
    answer = await client.post(f"/render/support/triage{query}", json={"variables": values})
    assert (answer.status_code, answer.json()["type"]) == (422, "/docs/errors#variables-invalid")
    assert named in {p["field"] for p in answer.json()["problems"]}


@pytest.mark.parametrize("body", ["{", "[]", '{"variables": []}', '{"variabels": {}}', "null", ""])
async def test_a_render_body_that_does_not_fit(client: httpx.AsyncClient, body: str) -> None:
    answer = await client.post("/render/support/triage", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["type"]) == (422, "/docs/errors#invalid-body")
    assert answer.json()["problems"]


async def test_a_render_bomb_is_told_and_the_server_lives(client: httpx.AsyncClient, stocked: Registry) -> None:
    bomb = "schema: prompt/v1\ntype: text\ntext: \"{{ ['x'*100000]*100000 }}\"\n"
    await write_files(stocked, {"prompts/bomb.prompt.yaml": bomb}, "Bomb")
    answer = await client.post("/render/bomb", json={})
    assert (answer.status_code, answer.json()["type"]) == (422, "/docs/errors#render-limit")
    assert (await client.post("/render/support/triage", json={"variables": {"ticket": "x"}})).status_code == 200


async def test_labels(client: httpx.AsyncClient) -> None:
    assert (await client.get("/labels")).json() == {"labels": {"production": {"support/triage": 1}}}
    assert (await client.get("/labels/production")).json()["templates"] == {"support/triage": 1}
    assert (await client.get("/labels/nightly")).json()["type"].endswith("#label-not-found")
    assert (await client.get("/labels/LATEST")).status_code == 400
    moved = await client.put("/labels/production/support/triage", json={"version": 2})
    assert moved.status_code == 200
    assert (moved.json()["version"], moved.json()["previous"]) == (2, 1)
    state = (await client.get("/labels/production/support/triage")).json()
    assert [move["version"] for move in state["history"]] == [2, 1]
    assert (await client.get("/templates/support/triage?label=production")).json()["version"] == 2


async def test_label_moves_that_cannot_be(client: httpx.AsyncClient, read_only: httpx.AsyncClient) -> None:
    move = {"version": 1}
    assert (await client.put("/labels/production/support/triage", json={"version": 9})).status_code == 404
    assert (await client.put("/labels/production/support/traige", json=move)).json()["nearest"] == ["support/triage"]
    assert (await client.put("/labels/latest/support/triage", json=move)).status_code == 400
    assert (await client.put("/labels/production/support/triage", json={"version": 0})).status_code == 422
    assert (await client.put("/labels/production/support/triage", json={"version": 2**40})).status_code == 422
    assert (await client.put("/labels/production/support/triage", json={"versoin": 1})).status_code == 422
    assert (await read_only.put("/labels/production/support/triage", json=move)).status_code == 403
    assert (await client.delete("/labels/staging/support/triage")).json()["type"].endswith("#label-not-found")
    assert (await client.get("/labels/staging/support/triage")).json()["type"].endswith("#label-not-found")


async def test_dropping_a_label(client: httpx.AsyncClient) -> None:
    done = (await client.delete("/labels/production/support/triage")).json()
    assert (done["version"], done["previous"]) == (None, 1)
    problem = (await client.get("/templates/support/triage?label=production")).json()
    assert (problem["status"], problem["type"]) == (404, "/docs/errors#label-not-found")
    state = (await client.get("/labels/production/support/triage")).json()
    assert (state["version"], state["history"][0]["version"]) == (None, None)


async def test_rolling_back(client: httpx.AsyncClient) -> None:
    await client.put("/labels/production/support/triage", json={"version": 2, "message": "Promote"})
    target = {"label": "production", "name": "support/triage", "reason": "Answers in the wrong language"}
    back = await client.post("/rollbacks", json=target)
    assert (back.status_code, back.json()["version"], back.json()["previous"]) == (200, 1, 2)
    history = (await client.get("/labels/production/support/triage")).json()["history"]
    assert "back to version 1" in history[0]["subject"]
    never = await client.post("/rollbacks", json={**target, "to": 7})
    assert never.status_code == 400
    assert (await client.post("/rollbacks", json={**target, "name": "support/traige"})).status_code == 404
    assert (await client.post("/rollbacks", json={**target, "reason": ""})).status_code == 422


async def test_search(client: httpx.AsyncClient) -> None:
    body = (await client.get("/search?q=ticket")).json()
    assert [hit["name"] for hit in body["hits"]] == ["support/triage"]
    assert (body["total"], body["exact"], body["degraded"]) == (1, True, False)
    assert {"value": "triage", "count": 1} in body["facets"]["tag"]
    highlight = next(h for hit in body["hits"] for h in hit["highlights"])
    start, end = highlight["ranges"][0]
    assert highlight["fragment"][start:end].lower() == "ticket"
    korean = (await client.get("/search", params={"q": "환불을"})).json()
    assert korean["hits"][0]["name"] == "고객지원/환불"
    assert (await client.get("/search?q=ticket&type=text")).json()["total"] == 0
    assert (await client.get("/search?q=ticket&cursor=nonsense")).status_code == 400
    assert (await client.get("/search", params={"q": "x" * 1001})).status_code == 400
    assert (await client.get("/search", params={"q": "\"'*-:(){}[]^~ AND OR NEAR"})).status_code == 200


async def test_templates_like_one(client: httpx.AsyncClient) -> None:
    found = await client.get("/search", params={"like": "support/triage"})
    assert found.status_code == 200
    assert "support/triage" not in {hit["name"] for hit in found.json()["hits"]}
    assert (await client.get("/search?like=nosuch")).status_code == 404
    assert (await client.get("/search?like=support/triage&q=ticket")).status_code == 400
    assert (await client.get("/search?like=a//b")).status_code == 400


async def test_old_texts(client: httpx.AsyncClient) -> None:
    current = (await client.get("/search", params={"q": "ticket", "limit": 100})).json()
    everything = (await client.get("/search", params={"q": "ticket", "versions": "all", "limit": 100})).json()
    assert [hit for hit in everything["hits"] if hit["version"] is None] == current["hits"]
    assert everything["total"] == len(everything["hits"])
    assert (await client.get("/search?q=ticket&versions=some")).status_code == 400


async def test_suggestions(client: httpx.AsyncClient) -> None:
    (one,) = (await client.get("/search/suggestions?q=tri")).json()["suggestions"]
    assert (one["name"], one["name"][slice(*one["ranges"][0])]) == ("support/triage", "tri")
    korean = (await client.get("/search/suggestions", params={"q": "ㅎㅂ"})).json()["suggestions"]
    assert [each["name"] for each in korean] == ["고객지원/환불"]
    assert (await client.get("/search/suggestions")).json() == {"suggestions": [], "degraded": False}
    assert (await client.get("/search/suggestions?q=tri&limit=0")).status_code == 400


async def test_an_emptied_catalogue_is_no_empty_registry(client: httpx.AsyncClient, stocked: Registry) -> None:
    bundle = await client.get("/bundle")
    assert bundle.json()["templates"]
    await stocked.indexing._projection.drop(REPOSITORY)
    name = "support/triage"
    lost = ["/templates", "/labels", "/labels/production", f"/labels/production/{name}", f"/versions/{name}"]
    for path in (*lost, f"/versions/{name}/1", "/bundle?label=production"):
        answer = await client.get(path)
        assert (answer.status_code, "still being read from Git" in answer.text) == (503, True), path
    await asyncio.sleep(BACKSTOP_SECONDS)  # for so long an answer is as good as new
    for path in ("/search?q=ticket", "/search/suggestions?q=tri", "/search?q=nowhere"):
        assert (await client.get(path)).json()["degraded"], path
    again = await client.get("/bundle")
    assert (again.status_code, again.content, again.headers["promptuary-degraded"]) == (200, bundle.content, "cache")
    git(stocked.git.path(REPOSITORY), "update-ref", "-d", MAIN)
    assert (await client.get("/templates")).json()["templates"] == [], "now it has no commit"
    assert not (await client.get("/search?q=nowhere")).json()["degraded"], "nothing is missing"


async def test_everything_is_found_page_by_page(client: httpx.AsyncClient) -> None:
    names, cursor = [], ""
    while cursor is not None:
        page = (await client.get("/search", params={"limit": 2, **({"cursor": cursor} if cursor else {})})).json()
        names += [hit["name"] for hit in page["hits"]]
        cursor = page["next_cursor"]
    assert sorted(names) == sorted({"partials/tone", "support/triage", "고객지원/환불"})


async def test_the_index_state(client: httpx.AsyncClient) -> None:
    answer = await client.get("/index")
    body = answer.json()
    assert (body["behind"], body["outbox"], body["ordinal"], body["schema"] > 0) == (0, 0, 3, True)
    assert body["indexed"] == body["tip"] == answer.headers["promptuary-commit"]


async def test_readiness_says_what_is_missing(anonymous: httpx.AsyncClient, stocked: Registry) -> None:
    starting = await anonymous.get("/readyz")
    assert (starting.status_code, starting.json()["status"]) == (503, "starting")
    assert starting.json()["reasons"]
    assert "retry-after" in starting.headers
    await stocked.indexing.reconcile()
    assert (await anonymous.get("/readyz")).json() == {"status": "ready", "reasons": [], "dependencies": []}


async def test_what_a_push_changes_is_read_within_moments(client: httpx.AsyncClient, stocked: Registry) -> None:
    assert (await client.get("/templates/support/triage")).json()["version"] == 2
    changed = TRIAGE.replace("Sorts one", "Sorts each")
    await write_files(stocked, {"prompts/support/triage.prompt.yaml": changed}, "Change")
    await asyncio.sleep(0)
    assert (await client.get("/templates/support/triage")).json()["version"] == 3


async def test_two_writers_on_one_template(client: httpx.AsyncClient) -> None:
    etag = (await client.get("/templates/support/triage")).headers["etag"]
    headers = {"Content-Type": "application/yaml", "If-Match": etag}
    answers = await asyncio.gather(
        *(
            client.put("/templates/support/triage", content=TRIAGE.replace("queue", f"queue {n}"), headers=headers)
            for n in range(4)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412]


async def test_writers_on_different_templates_all_win(client: httpx.AsyncClient) -> None:
    note = "schema: prompt/v1\ntype: text\ntext: A note.\n"
    headers = {"Content-Type": "application/yaml", "If-None-Match": "*"}
    answers = await asyncio.gather(
        *(client.put(f"/templates/notes/n{n}", content=note, headers=headers) for n in range(8))
    )
    assert [answer.status_code for answer in answers] == [201] * 8


async def test_rolling_back_what_was_deleted_answers_as_reading_it(client: httpx.AsyncClient) -> None:
    gone = await client.delete("/templates/support/triage?drop_labels=true", headers={"If-Match": "*"})
    assert gone.status_code == 200, gone.text
    target = {"label": "production", "name": "support/triage", "to": 1, "reason": "Answers in the wrong language"}
    back, read = await client.post("/rollbacks", json=target), await client.get("/templates/support/triage")
    assert (back.status_code, back.json()["type"]) == (410, read.json()["type"])
    assert back.json()["last_version"] == read.json()["last_version"]

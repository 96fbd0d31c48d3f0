"""Whatever a caller sends, the answer is a problem that says so, never a failure of the server."""

import json

import httpx

HUGE = "9" * 400

READS = [
    "/templates/%00",
    "/templates/a%0Ab",
    "/templates/" + "a" * 5000,
    "/templates/" + "%ED%A0%80",
    "/templates/%F0%9F%98%80",
    "/templates/a?version=" + HUGE,
    "/templates/a?at=0000-00-00T00:00:00Z",
    "/templates/a?at=9999-12-31T23:59:59-23:59",
    "/templates/support/triage?at=0001-01-01T00:00:00%2B23:59",
    "/templates/support/triage?ref=HEAD~1",
    "/templates/support/triage?ref=-x",
    "/templates/support/triage?ref=%00",
    "/templates/support/triage?ref=refs/merge-requests/1/meta",
    "/templates/support/triage?label=",
    "/templates/support/triage?label=%ED%A0%80",
    "/templates?limit=" + HUGE,
    "/templates?cursor=" + "A" * 3000,
    "/templates?cursor=%ED%A0%80",
    "/templates?cursor=e30",
    "/templates?cursor=W10",
    "/templates?folder=%00",
    "/templates?folder=../..",
    "/templates?tag=%27%22%25_*",
    "/templates?sort=name&sort=-updated_at",
    "/templates?" + "&".join(f"tag=t{n}" for n in range(500)),
    "/versions/support/triage?cursor=x",
    "/versions/support/triage/0",
    "/versions/support/triage/2147483648",
    "/labels/%EA%B0%80",
    "/labels/production/%00",
    "/diff/support/triage?from=%00",
    "/diff/support/triage?from=version:" + HUGE,
    "/diff/support/triage?from=label:%ED%A0%80",
    "/diff/support/triage?to=at:0001-01-01T00:00:00%2B23:59",
    "/diff/support/triage?to=ref:refs/merge-requests/1/meta",
    "/diff/support/triage?to=" + "label:a," * 500,
    "/diff/%00",
    "/blame/a%0Ab",
    "/blame/support/triage?ref=-x",
    "/resolve/%00",
    "/resolve/" + "0" * 5000,
    "/resolve/%D9%A0%D9%A0%D9%A0%D9%A0%D9%A0%D9%A0%D9%A0%D9%A0",
    "/bundle?folder=%00",
    "/bundle?folder=../..",
    "/bundle?folder=" + "/" * 900,
    "/bundle?label=%00",
    "/templates?min_commit=" + "%D9%A0" * 40,
    "/index?min_commit=" + HUGE,
    "/labels?min_commit=%00",
    "/search?q=%00",
    "/search?q=%ED%A0%80",
    "/search?q=%22",
    "/search?q=" + "(" * 900,
    "/search?q=a&cursor=e30",
    "/search?q=%EA%B0%80%00%EA%B0%81&tag=%00",
]

VALUES = [
    '{"variables": {"ticket": "\\ud800"}}',
    '{"variables": {"ticket": "x", "\\udfff": 1}}',
    '{"variables": {"ticket": NaN}}',
    '{"variables": {"ticket": "x", "extra": 1e999}}',
    '{"variables": {"ticket": "x", "extra": ' + HUGE + "}}",
    '{"variables": {"ticket": "x", "extra": ' + "[" * 50_000 + "]" * 50_000 + "}}",
    '{"variables": {"ticket": ' + "[" * 200 + "]" * 200 + "}}",
    '{"variables": {"ticket": ' + "[" * 500 + "]" * 500 + "}}",
    '{"variables": {"ticket": "\\u0000"}}',
    "\ufeff{}",
    '{"variables": {}} trailing',
]


async def test_reads(client: httpx.AsyncClient) -> None:
    for path in READS:
        answer = await client.get(path)
        assert answer.status_code < 500, (path, answer.text)
        assert answer.status_code < 400 or answer.headers["content-type"] == "application/problem+json", path


async def test_values(client: httpx.AsyncClient) -> None:
    headers = {"Content-Type": "application/json"}
    for body in VALUES:
        answer = await client.post("/render/support/triage", content=body.encode(), headers=headers)
        assert answer.status_code < 500, (body[:200], answer.text)
    assert (await client.post("/render/support/triage", json={"variables": {"ticket": "x"}})).status_code == 200


async def test_documents(client: httpx.AsyncClient) -> None:
    headers = {"Content-Type": "application/json", "If-None-Match": "*"}
    for body in VALUES:
        answer = await client.put("/templates/new", content=body.encode(), headers=headers)
        assert 400 <= answer.status_code < 500, (body[:200], answer.text)


WRITES = [
    ("/templates/new?message=%00%07", {"If-None-Match": "*"}),
    ("/templates/new?message=" + "x" * 10_001, {"If-None-Match": "*"}),
    ("/templates/new?branch=../main", {"If-None-Match": "*"}),
    ("/templates/new?branch=-x", {"If-None-Match": "*"}),
    ("/templates/new?branch=%00", {"If-None-Match": "*"}),
    ("/templates/new", {"If-None-Match": '"x"'}),
    ("/templates/new", {"If-Match": ""}),
    ("/templates/new", {"If-Match": ",,,"}),
    ("/templates/support/triage", {"If-Match": "W/"}),
    ("/templates/support/triage", {"If-Match": '"v2"'}),
    ("/templates/support/Triage", {"If-None-Match": "*"}),
    ("/templates/support/triage/x", {"If-None-Match": "*", "Content-Length": "-1"}),
    ("/templates/12", {"If-None-Match": "*"}),
    ("/templates/a.yaml", {"If-None-Match": "*"}),
    ("/templates/con", {"If-None-Match": "*", "Content-Type": "multipart/form-data"}),
]


async def test_writes(client: httpx.AsyncClient) -> None:
    text = "schema: prompt/v1\ntype: text\ntext: x\n"
    for path, headers in WRITES:
        answer = await client.put(path, content=text, headers={"Content-Type": "application/yaml", **headers})
        assert answer.status_code < 500, (path, headers, answer.text)
        assert answer.status_code < 400 or answer.headers["content-type"] == "application/problem+json", path


ROLLBACKS: list[dict[str, object]] = [
    {"label": "", "name": "support/triage", "reason": "x"},
    {"label": "production", "name": "", "reason": "x"},
    {"label": "production", "name": "support/triage", "reason": "\ud800"},
    {"label": "production", "name": "support/triage", "reason": " "},
    {"label": "production", "name": "support/triage", "reason": "x", "to": 10**30},
    {"label": ["production"], "name": {}, "reason": 1},
]


async def test_rollbacks(client: httpx.AsyncClient) -> None:
    for body in ROLLBACKS:
        content = json.dumps(body).encode()
        answer = await client.post("/rollbacks", content=content, headers={"Content-Type": "application/json"})
        assert 400 <= answer.status_code < 500, (body, answer.text)

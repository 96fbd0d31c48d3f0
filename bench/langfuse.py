"""A generated Langfuse project, and what answers for it as Langfuse's REST API does."""

import json
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bench.history import PEOPLE
from bench.prose import english, korean
from bench.vocabulary import lexicon

ENVIRONMENT = {"LANGFUSE_PUBLIC_KEY": "pk-lf-bench", "LANGFUSE_SECRET_KEY": "sk-lf-bench"}
_PROMPTS = "/api/public/v2/prompts"
_FIRST = datetime(2024, 1, 1, tzinfo=UTC)


def make_project(prompts: int, versions: int, seed: int) -> list[dict[str, Any]]:
    """Versions as the API answers them, in the order of their times; the same seed gives the same ones."""
    random = Random(seed)
    domains = {language: list(lexicon(language).domains) for language in ("english", "korean")}
    names = []
    for number in range(prompts):
        language = "korean" if number % 5 == 4 else "english"
        domain = domains[language][number // 5 % len(domains[language])]
        names.append((f"{domain}/prompt-{number}", domain, language))
    # Each has one, some have many; the order mixes them as years of work do.
    drawn = [int(prompts * random.random() ** 1.5) for _ in range(versions - prompts)]
    order = [*range(prompts), *drawn]
    random.shuffle(order)
    counts: defaultdict[int, int] = defaultdict(int)
    found = []
    for place, number in enumerate(order):
        counts[number] += 1
        name, domain, language = names[number]
        found.append(_version(name, domain, language, counts[number], place, random))
    for entry in found:
        if entry["version"] == counts[int(entry["name"].rpartition("-")[2])]:
            entry["labels"] = ["production", "latest"]
    return found


def _version(name: str, domain: str, language: str, number: int, place: int, random: Random) -> dict[str, Any]:
    """``place`` is that among all versions, by time."""
    prose = korean(domain) if language == "korean" else english(domain)
    text = "\n".join([prose.paragraph(random, 400), "Answer in {{language}}.", prose.paragraph(random, 300)])
    chat = place % 3
    messages = [{"role": "system", "content": text}, {"role": "user", "content": "<input>{{input-text}}</input>"}]
    return {
        "name": name,
        "version": number,
        "type": "chat" if chat else "text",
        "prompt": messages if chat else f"{text}\n{{{{input-text}}}}",
        "labels": [],
        "tags": [domain],
        "config": {"model": "gpt-4o-mini", "temperature": 0.2},
        "commitMessage": prose.sentence(random),
        "createdBy": PEOPLE[place % len(PEOPLE)][1],
        "createdAt": (_FIRST + timedelta(hours=place)).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
    }


def langfuse_app(project: Path) -> Starlette:
    """Answers the lists and versions of the project in a file; the keys are not looked at."""
    versions: dict[tuple[str, str], Any] = {}
    numbers: defaultdict[str, list[int]] = defaultdict(list)
    for entry in json.loads(project.read_text("utf-8")):
        versions[entry["name"], str(entry["version"])] = entry
        numbers[entry["name"]].append(entry["version"])
    names = sorted(numbers)

    async def listed(request: Request) -> Response:
        page, limit = int(request.query_params.get("page", 1)), int(request.query_params.get("limit", 50))
        part = names[(page - 1) * limit : page * limit]
        data = [{"name": name, "versions": numbers[name], "labels": [], "tags": []} for name in part]
        meta = {"page": page, "limit": limit, "totalItems": len(names), "totalPages": -(-len(names) // limit)}
        return JSONResponse({"data": data, "meta": meta})

    async def version(request: Request) -> Response:
        entry = versions.get((request.path_params["name"], request.query_params.get("version", "")))
        return JSONResponse(entry or {"message": "Prompt not found"}, 200 if entry else 404)

    async def ready(_request: Request) -> Response:
        return Response("ready")

    return Starlette(
        routes=[Route("/readyz", ready), Route(_PROMPTS, listed), Route(f"{_PROMPTS}/{{name:path}}", version)]
    )

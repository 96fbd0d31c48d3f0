"""Rendering a template of the sample over HTTP, beside MiniJinja alone on the same strings."""

import asyncio
import json
import time

import minijinja

from bench.bench import Bench
from bench.data import repository_name
from bench.machine import wait_for_quiet
from bench.product import Client, api, serving
from bench.rows import Row, at_most, middle
from registry.bootstrap import open_registry
from registry.domain.rights import EVERY_RIGHT
from registry.settings import Settings

RENDERS = 100
NAME = "support/triage"
VALUES = {"ticket": "My card was charged twice for order A-20431.", "language": "en"}


def measure(bench: Bench) -> list[Row]:
    """One caller, one request after the other."""
    data = bench.data.out / "run-sample"
    floor_runs: list[float] = []
    product_runs: list[float] = []
    asyncio.run(_seed(Settings(data=data)))
    body = json.dumps({"variables": VALUES}).encode()
    with serving(data) as product:
        client = product.client()
        read = client.get(api("templates", NAME))
        environment = minijinja.Environment(templates={"body": _strings(read)})
        environment.undefined_behavior = "lenient"
        for _ in range(20):
            _render(client, body)
        for _ in range(bench.runs):
            wait_for_quiet()
            floor_runs.append(middle([_floor(environment) for _ in range(RENDERS)]))
            product_runs.append(middle([_render(client, body) for _ in range(RENDERS)]))
    return [
        Row(
            figure="render of a sample template over HTTP, p50",
            size="sample",
            unit="ms",
            product_runs=product_runs,
            floor_runs=floor_runs,
            floor_words="MiniJinja alone, compiled, in process",
            must=at_most(3, "ms"),
            aim=at_most(1, "ms"),
        )
    ]


async def _seed(settings: Settings) -> None:
    async with open_registry(settings) as registry:
        await registry.accounts.ensure_administrator()
        if repository_name() not in registry.repositories.names(EVERY_RIGHT):
            await registry.seeding.seed(sample=True, progress=lambda _done, _total: None)


def _strings(read: dict[str, object]) -> str:
    """The template's texts without includes, whose partials are put behind them."""
    document, partials = read["document"], read["partials"]
    assert isinstance(document, dict)
    assert isinstance(partials, dict)
    texts = [str(message.get("content", "")) for message in document["messages"]]
    own = "\n".join(texts).replace("{% include", "{# ").replace("%}", "#}") if partials else "\n".join(texts)
    return own if "{%" not in own else own.replace("{%", "{#")


def _floor(environment: minijinja.Environment) -> float:
    started = time.perf_counter()
    environment.render_template("body", **VALUES)
    return (time.perf_counter() - started) * 1000


def _render(client: Client, body: bytes) -> float:
    return client.timed("POST", api("render", NAME), body, Content_Type="application/json")

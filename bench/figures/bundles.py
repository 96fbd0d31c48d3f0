"""All templates of a label in one answer, beside the same bytes from a bare route, and beside parsing the files."""

import gzip
import json
import time
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path

import orjson
import zstandard

from bench.bench import Bench, shown
from bench.floors.parsing import timed_parse
from bench.floors.process import floor_server
from bench.floors.server import ROUTE
from bench.machine import wait_for_quiet
from bench.product import Client, Product, api, serving
from bench.rows import Row, middle, ratio_at_most

TEMPLATES = 1_000
REQUESTS = 30
"""Requests of a run; their median is the run's value."""
MOVES = 5
LEAST = TEMPLATES * 0.9
"""Some are in no bundle: invalid or deleted."""
UNCHANGED = "304"
PATH = api("bundle", label="latest")
UNPACK: Mapping[str, Callable[[bytes], bytes]] = {
    "identity": bytes,
    "gzip": gzip.decompress,
    "zstd": lambda body: zstandard.ZstdDecompressor().decompress(body),
}
Runs = defaultdict[str, list[float]]


def measure(bench: Bench) -> list[Row]:
    """Kept in memory, unchanged (304), the first after a start, and the first after a label has moved."""
    product: Runs = defaultdict(list)
    floor: Runs = defaultdict(list)
    sizes: dict[str, int] = {}
    with bench.data.copy(TEMPLATES, TEMPLATES * 2) as data:
        for number in range(bench.runs):
            wait_for_quiet()
            with serving(data) as served:
                client = served.client()
                client.get(api("templates", limit=1))  # the key is checked, the connection open
                product["first"].append(client.timed("GET", PATH, Accept_Encoding="zstd"))
                floor["first"].append(timed_parse([each["source"].encode() for each in client.get(PATH)["templates"]]))
                _kept(served, data, product, floor, sizes)
                spent, alone = _moved(client, number)
                product["moved"].append(spent)
                floor["moved"].append(alone)
    return _rows(product, floor, sizes)


def _kept(served: Product, data: Path, product: Runs, floor: Runs, sizes: dict[str, int]) -> None:
    """The bundle again and again, in turns with the same bytes from a bare route."""
    client = served.client()
    for coding in (*UNPACK, UNCHANGED):
        wanted = {"Accept_Encoding": coding} if coding in UNPACK else {"If_None_Match": _etag(served)}
        body = client.call("GET", PATH, headers={name.replace("_", "-"): value for name, value in wanted.items()})[1]
        if coding in UNPACK and len(json.loads(UNPACK[coding](body))["templates"]) < LEAST:
            raise RuntimeError(f"the bundle in {coding} does not hold the templates")
        sizes[coding] = len(body)
        file = data / f"bundle.{coding}"
        file.write_bytes(body)
        with floor_server("route", file) as port:
            bare = Client(port, served.key)
            spent, alone = [], []
            for _ in range(REQUESTS):
                alone.append(bare.timed("GET", ROUTE))
                spent.append(client.timed("GET", PATH, None, **wanted))
        product[coding].append(middle(spent))
        floor[coding].append(middle(alone))


def _etag(served: Product) -> str:
    request = urllib.request.Request(f"{served.url}{PATH}", headers={"Authorization": f"Bearer {served.key}"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return str(answer.headers["etag"])


def _moved(client: Client, number: int) -> tuple[float, float]:
    """The first bundle after a label has moved, and making the same bytes of what is parsed already."""
    spent, alone = [], []
    names = [each["name"] for each in client.get(api("templates", limit=MOVES, status="active"))["templates"]]
    for name in names:
        version = client.get(api("templates", name))["version"]
        body = json.dumps({"version": version}).encode()
        client.timed("PUT", api(f"labels/bench-{number}", name), body, Content_Type="application/json")
        spent.append(client.timed("GET", PATH, Accept_Encoding="zstd"))
        known = client.get(PATH)
        started = time.perf_counter()
        zstandard.ZstdCompressor().compress(orjson.dumps(known))
        alone.append((time.perf_counter() - started) * 1000)
    return middle(spent), middle(alone)


def _rows(product: Runs, floor: Runs, sizes: dict[str, int]) -> list[Row]:
    def row(kind: str, figure: str, floor_words: str, must: float, aim: float) -> Row:
        return Row(
            figure=f"bundle of {shown(TEMPLATES)} templates, {figure}",
            size=shown(TEMPLATES),
            unit="ms",
            product_runs=product[kind],
            floor_runs=floor[kind],
            floor_words=floor_words,
            must=ratio_at_most(must),
            aim=ratio_at_most(aim),
        )

    kept = [
        row(coding, f"kept, {coding}", f"Starlette route, the same {sizes[coding]:,} bytes", 2, 1.2)
        for coding in UNPACK
    ]
    return [
        *kept,
        row(UNCHANGED, "304", "Starlette route, an empty answer", 2, 1.3),
        row("first", "the first after a start, zstd", "C events of the same files alone", 4, 2),
        row("moved", "the first after a label moved, zstd", "the same as JSON and zstd, parsed before", 6, 3),
    ]

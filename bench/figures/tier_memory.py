"""Memory of an API worker and of the indexer at the larger size, after a day's work; shared pages counted once."""

from bench.bench import Bench, shown
from bench.figures.servers import use
from bench.figures.writes import some_names, write
from bench.machine import memory_mib
from bench.rows import Row, at_most
from bench.tier import tier
from bench.tier_data import VERSIONS_EACH

WRITES = 20


def measure(bench: Bench) -> list[Row]:
    """Each with its child processes; both workers count."""
    size = bench.sizes.large
    with tier(bench, size) as product:
        for _ in range(2):  # connections are spread over the workers as they come
            use(product, bench.data.repository(size, size * VERSIONS_EACH))
        client = product.client()
        for number, name in enumerate(some_names(client, min(WRITES, size // 4))):
            write(client, name, f"memory{number}")
        workers = [memory_mib(pid) for pid in product.workers()]
        indexer = memory_mib(product.indexers[0].process.pid)
        node = memory_mib(product.git.process.pid)
    if not workers:
        raise RuntimeError("the workers were not found among the replica's processes")
    rows = (
        ("API worker", [each for each, _ in workers], max(whole for _, whole in workers), (200, 120)),
        ("indexer", [indexer[0]], indexer[1], (400, 250)),
    )
    return [
        Row(
            figure=f"memory of an {name} with its children, in use",
            size=shown(size),
            unit="MiB",
            product_runs=[max(sizes)],
            floor_words="(none)",
            must=at_most(bounds[0], "MiB"),
            aim=at_most(bounds[1], "MiB"),
            note=f"proportional; resident summed up {resident:.0f} MiB; the Git node has {node[0]:.0f} MiB",
        )
        for name, sizes, resident, bounds in rows
    ]

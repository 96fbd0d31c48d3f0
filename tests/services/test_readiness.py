"""What is said of what still has to be projected, and to whom."""

from types import SimpleNamespace
from typing import Any

from registry.process_kinds import ProcessKind
from registry.services.readiness import Readiness


async def test_whoever_asks_is_told_how_many_repositories_are_behind_and_not_which() -> None:
    async def status() -> list[Any]:
        behind = {"acme-merger": 1, "default": None, "there": 0}
        return [SimpleNamespace(repository=name, behind=count) for name, count in behind.items()]

    indexing: Any = SimpleNamespace(status=status)
    readiness = Readiness(process=ProcessKind.SERVE, indexing=indexing, is_projected=lambda: False)
    assert await readiness.public_reasons() == ["2 repositories to be projected"]
    assert await readiness.reasons() == [
        "acme-merger: 1 commit to be projected",
        "default: to be projected from the beginning",
    ]

"""A small server that speaks the part of MLflow's REST API that lists registered models and their versions."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.cli.peers import Peer, serving

API = "/api/2.0/mlflow"


@dataclass
class Mlflow(Peer):
    """A registry; ``round`` gives the same page for ever, with ``fresh`` under another token each time."""

    models: list[dict[str, Any]] = field(default_factory=list)
    versions: list[dict[str, Any]] = field(default_factory=list)
    round: bool = False
    fresh: bool = False

    def probe(self, path: str) -> tuple[int, str] | None:
        return (200, "3.17.2") if path == "/version" else None

    def answer(self, path: str, query: dict[str, list[str]]) -> tuple[int, Any]:
        held = {"registered-models": self.models, "model-versions": self.versions}.get(path.split("/")[4])
        if held is None or query["filter"] != ["tag.`mlflow.prompt.is_prompt` = 'true'"]:
            return 400, {"error_code": "INVALID_PARAMETER_VALUE", "message": "Invalid filter"}
        start, most = int(query.get("page_token", ["0"])[0]), int(query["max_results"][0])
        end = start if self.round else start + most
        more = {"next_page_token": str(end)} if end < len(held) else {}
        entries = held[start : start + most]
        if self.fresh:
            entries, more = held[:most], {"next_page_token": str(start + 1)} if start < 20 else {}
        return 200, ({path.split("/")[4].replace("-", "_"): entries} if entries else {}) | more


@contextmanager
def mlflow(*versions: dict[str, Any], **more: Any) -> Iterator[Mlflow]:
    """The server while it runs, with a registered model for each name."""
    names = dict.fromkeys(each["name"] for each in versions)
    with serving(Mlflow(models=[model(name) for name in names], versions=list(versions), **more)) as peer:
        yield peer


def model(name: str, aliases: dict[str, int] | None = None, **tags: str) -> dict[str, Any]:
    """A registered model as the API answers it."""
    said: dict[str, Any] = {"name": name, "tags": _tags({"mlflow.prompt.is_prompt": "true", **tags})}
    if aliases:
        said["aliases"] = [{"alias": alias, "version": str(number)} for alias, number in aliases.items()]
    return said


def version(name: str, text: str, number: int = 1, **more: Any) -> dict[str, Any]:
    """A version as the API answers it; later numbers are a day younger each."""
    tags = {"mlflow.prompt.is_prompt": "true", "_mlflow_prompt_type": "text", "mlflow.prompt.text": text}
    created = 1_704_067_200_000 + number * 86_400_000
    said = {"name": name, "version": str(number), "creation_timestamp": created, "description": "", "user_id": ""}
    return {**said, **more, "tags": _tags(tags | more.get("tags", {}))}


def _tags(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in tags.items()]

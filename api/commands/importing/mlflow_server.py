"""Reading all prompts of an MLflow server over its REST API."""

import base64
import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Any

from api.commands.importing.kept_reads import AGAIN, kept_reads
from api.commands.importing.source_server import SourceServer, plain_address
from api.commands.progress import shown_progress
from registry.domain.importing.imported import Found, SourceUnreadable
from registry.domain.importing.mlflow import IS_PROMPT, gather
from registry.settings import MlflowSettings

MODELS = "/api/2.0/mlflow/registered-models/search"
VERSIONS = "/api/2.0/mlflow/model-versions/search"
PAGE = 100
_PROMPTS = f"tag.`{IS_PROMPT}` = 'true'"
KEYS = "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"


def read_mlflow(address: str) -> Found:
    """Every version of every prompt. Raises SourceUnreadable where the server cannot be read to the end."""
    server = SourceServer(plain_address(address, "/api/2.0"), "MLflow", f"what is in {KEYS}", credentials(), AGAIN)
    with (
        shown_progress("read", None) as step,
        kept_reads("mlflow", server.address, MlflowSettings().username) as kept,
    ):
        models = list(search_all(server, MODELS, "registered_models", ["name ASC"]))
        state = hashlib.sha256(json.dumps(models, sort_keys=True).encode()).hexdigest()

        def ask(path: str, **query: Any) -> dict[str, Any]:
            return kept.get(json.dumps([state, path, query]), lambda: server.get(path, **query))

        versions = []
        for each in search_all(server, VERSIONS, "model_versions", ["name ASC", "version_number ASC"], ask):
            versions.append(each)
            step()
    return gather(models, versions, server.address)


def credentials() -> dict[str, str]:
    """The header for what the environment holds. Raises SourceUnreadable."""
    settings = MlflowSettings()
    if settings.username:
        password = settings.password.get_secret_value() if settings.password is not None else ""
        keys = base64.b64encode(f"{settings.username}:{password}".encode()).decode()
        return {"Authorization": f"Basic {keys}"}
    token = settings.token.get_secret_value().strip() if settings.token is not None else ""
    if not token.isascii() or not token.isprintable():
        raise SourceUnreadable("MLFLOW_TRACKING_TOKEN holds signs that no token has: set it anew")
    return {"Authorization": f"Bearer {token}"} if token else {}


def search_all(
    server: SourceServer, path: str, entries: str, order: list[str], ask: Callable[..., dict[str, Any]] | None = None
) -> Iterator[Any]:
    """All that a search finds, page by page, by ``ask`` in place of ``server.get`` where it is given.

    An answer without entries has no such key.
    """
    query: dict[str, Any] = {"filter": _PROMPTS, "max_results": PAGE, "order_by": order}
    seen: set[str] = set()
    before = None
    while True:
        answer = (ask or server.get)(path, **query)
        found, token = answer.get(entries, []), answer.get("next_page_token")
        if not isinstance(found, list):
            raise SourceUnreadable(f"{server.address}{path} answered no list: check the address")
        if token in seen or (found and found == before):
            raise SourceUnreadable(f"{server.address}{path} goes round in a circle with its pages")
        yield from found
        if not isinstance(token, str) or not token:
            return
        seen.add(token)
        before = found
        query["page_token"] = token

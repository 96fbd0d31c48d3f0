"""The client against the real product: reads, renders, writes, labels, events, and the examples of the pages."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from promptuary_client import AsyncClient, Client, NotFound, PreconditionFailed, Refused, Unauthorized, VariablesInvalid
from tests.client.conftest import Product, eventually
from tests.client.examples import PAGES, page_script
from tests.running import ROOT, text_template

pytestmark = pytest.mark.e2e

TRIAGE = "support/triage"
VALUES = {"ticket": "My card was charged twice {{ x }}"}


@pytest.fixture
def client(product: Product) -> Iterator[Client]:
    with Client(product.url, product.key, ttl=1000) as made:
        yield made


def test_reading(client: Client) -> None:
    by_label = client.get(TRIAGE, label="production")
    by_version = client.get(TRIAGE, version=by_label.version)
    by_ref = client.get(TRIAGE, ref="main")
    assert by_label.reference == by_version.reference
    assert by_ref.document["type"] == "chat"


def test_every_template_of_the_sample_can_be_read(client: Client) -> None:
    prompts = ROOT / "sample-repo/prompts"
    names = [p.relative_to(prompts).as_posix().removesuffix(".prompt.yaml") for p in prompts.rglob("*.prompt.yaml")]
    assert len(names) > 40
    for name in names:
        assert client.get(name, label="latest").source == (prompts / f"{name}.prompt.yaml").read_text()


def test_rendering_there_and_here_is_the_same(client: Client) -> None:
    there, here = (client.render(TRIAGE, VALUES, local=local) for local in (False, True))
    assert there == here
    for provider in ("openai", "anthropic"):
        bodies = [client.request_body(TRIAGE, VALUES, provider=provider, local=local) for local in (False, True)]
        assert bodies[0] == bodies[1]


@pytest.mark.parametrize("local", [False, True])
def test_values_that_do_not_fit_are_named(client: Client, local: bool) -> None:
    with pytest.raises(VariablesInvalid) as caught:
        client.render(TRIAGE, {}, local=local)
    assert caught.value.names == ("ticket",)
    with pytest.raises(VariablesInvalid) as caught:
        client.render(TRIAGE, {**VALUES, "tiket": 1}, strict=True, local=local)
    assert caught.value.names == ("tiket",)


def test_a_misspelt_name_is_told_what_is_like_it(client: Client) -> None:
    with pytest.raises(NotFound) as caught:
        client.get("support/triag")
    assert TRIAGE in caught.value.nearest


def test_writes_and_labels(client: Client) -> None:
    first = client.put("client/hello", text_template("Hello"), message="A greeting")
    assert (first.created, first.version) == (True, 1)
    known = client.get("client/hello")
    second = client.put("client/hello", {**known.document, "text": "Good day\n"}, etag=known.etag)
    assert client.get("client/hello").version == second.version == 2
    with pytest.raises(PreconditionFailed, match="has changed since you read it and is version 2 now: read") as caught:
        client.put("client/hello", text_template("Too late"), etag=known.etag)
    assert caught.value.version == 2
    with pytest.raises(PreconditionFailed, match=r'exists already and is version 2 now: .* etag="\*"'):
        client.put("client/hello", text_template("Again"))
    with pytest.raises(PreconditionFailed, match=r"client/nothing does not exist .*: leave out etag="):
        client.put("client/nothing", text_template("Late"), etag=known.etag)
    with pytest.raises(Refused) as refused:
        client.put("client/hello", text_template("{{ who }}"), etag="*")
    assert refused.value.diagnostics[0]["rule"] == "variable-undeclared"
    with pytest.raises(NotFound):
        client.get("client/hello", label="staging")
    for version in (1, 2):
        client.move_label("client/hello", "staging", version)
        assert client.get("client/hello", label="staging").version == version
    assert client.roll_back("client/hello", "staging", reason="Too formal").version == 1
    assert client.get("client/hello", label="staging").version == 1
    state = client.label("client/hello", "staging")
    assert (state.version, [move.version for move in state.history]) == (1, [1, 2, 1])


@pytest.mark.parametrize("old", ['it\'s "quoted"', " before", "after ", ".hidden", "a.json", "Upper/Case", "/lead//x/"])
def test_a_name_from_before_an_import_is_answered(client: Client, old: str) -> None:
    """Such names cannot be given here; programs that still use them need not change at once."""
    new = f"client/imported-{old.encode().hex()}"
    imported = {"imported": {"from": "langfuse", "name": old}}
    client.put(new, {"schema": "prompt/v1", "type": "text", "text": "Hi", "metadata": imported})
    assert client.get(old).name == client.render(old).name == new
    assert client.get(old) is client.get(old)


def test_a_changed_partial_is_seen_by_who_changed_it(client: Client) -> None:
    client.put("client/part", text_template("one"))
    client.put("client/whole", text_template('{% include "client/part" %}'))
    assert client.render("client/whole", local=True).text == "one\n\n"
    client.put("client/part", text_template("two"), etag="*")
    assert client.render("client/whole", local=True).text == "two\n\n"


def test_a_bundle_of_the_server_is_enough_for_a_start(client: Client, product: Product, tmp_path: Path) -> None:
    known = client.get(TRIAGE, label="production")
    client.save_bundle(tmp_path / "all.json", label="production")
    with Client("http://127.0.0.1:9", product.key, bundle=tmp_path / "all.json", retries=0) as alone:
        assert alone.get(TRIAGE, label="production").reference == known.reference
        rendered = alone.render(TRIAGE, VALUES, label="production")
        assert (rendered.messages, rendered.origin) == (
            client.render(TRIAGE, VALUES, version=known.version).messages,
            "bundle",
        )


def test_a_key_that_is_none(product: Product) -> None:
    with Client(product.url, "pk_wrong") as client, pytest.raises(Unauthorized):
        client.get(TRIAGE)


async def test_the_same_for_asyncio(product: Product) -> None:
    async with AsyncClient(product.url, product.key) as client:
        with pytest.raises(TypeError, match="name= is a string, not int"):
            await client.get(5)  # type: ignore[arg-type]
        with pytest.raises(PreconditionFailed, match="leave out etag="):
            await client.put("client/nothing", text_template("Late"), etag='"v1.0"')
        assert (await client.render(TRIAGE, VALUES)) == (await client.render(TRIAGE, VALUES, local=True))
        body = await client.request_body(TRIAGE, VALUES, provider="openai")
        assert body == await client.request_body(TRIAGE, VALUES, provider="openai", local=True)
        await client.put("client/async", text_template("one"))
        moved = await client.move_label("client/async", "staging", 1)
        assert (await client.label("client/async", "staging")).version == moved.version == 1
        await client.put("client/async", text_template("two"), etag="*")
        await client.move_label("client/async", "staging", 2)
        assert (await client.roll_back("client/async", "staging", reason="no", to=1)).version == 1


def test_another_clients_label_move_is_seen_at_once(client: Client, product: Product) -> None:
    for text in ("one", "two"):
        client.put("client/followed", text_template(text), etag=None if text == "one" else "*")
    client.move_label("client/followed", "staging", 1)
    with Client(product.url, product.key, ttl=1000, events=True) as follower:
        assert follower.get("client/followed", label="staging").version == 1
        time.sleep(0.3)  # the stream begins; what was read before is read again
        follower.get("client/followed", label="staging")
        client.move_label("client/followed", "staging", 2)
        eventually(lambda: follower.get("client/followed", label="staging").version == 2)


def test_a_killed_product_breaks_nothing_and_is_found_again(tmp_path: Path) -> None:
    product = Product(tmp_path / "data", tmp_path / "log")
    product.start()
    file = tmp_path / "prompts.json"
    try:
        with Client(product.url, product.key, ttl=0.0, bundle=file, events=True, retries=0) as client:
            known = client.get(TRIAGE, label="production")
            product.kill()
            for _ in range(20):
                assert client.get(TRIAGE, label="production").reference == known.reference
                rendered = client.render(TRIAGE, VALUES, label="production")
                assert rendered.reference == known.reference
            client.close()
        with Client(product.url, product.key, bundle=file, ttl=0.0, retries=0) as client:
            assert client.get(TRIAGE, label="production").origin == "bundle"
            assert client.get("support/unread", default="Hello").origin == "default"
            product.start()
            eventually(lambda: client.get(TRIAGE, label="production").origin == "server", 20)
    finally:
        product.stop()


@pytest.mark.parametrize("page", PAGES)
def test_the_examples_of_the_pages_run(product: Product, tmp_path: Path, page: str) -> None:
    environment = {**product.variables, "PYTHONPATH": str(ROOT / "clients/python")}
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", page_script(page, "client/example")],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr

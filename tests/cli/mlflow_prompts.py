"""Run by MLflow's own Python: registers prompts on the server, and prints what MLflow makes of some of them."""

import json
import sys
from typing import Any

import mlflow  # type: ignore[import-not-found]  # it lives in .venv-mlflow

SCHEMA = {"title": "Queue", "type": "object", "properties": {"queue": {"type": "string"}}}
MODEL = {"provider": "openai", "model_name": "gpt-4o", "temperature": 0.2, "max_tokens": 9, "extra": "kept"}
CHAT = [
    {"role": "system", "content": '너는 {{역할}} 이다. {{{역할}}} {"json": 1}'},
    {"role": "user", "content": "Hi {{ name }}"},
]  # fmt: skip
LOOP = "{% for item in items %}- {{ item }}\n{% endfor %}{{ name|upper }}"


def main(address: str) -> None:
    mlflow.set_tracking_uri(address)
    register = mlflow.genai.register_prompt
    register("triage", "Sort {{ticket}}.", commit_message="Begin\n\n환불부터", tags={"team": "support"})
    register("triage", "Sort {{ticket}} for {{ team }} {x} {{ }}", model_config=MODEL, response_format=SCHEMA)
    register("chat-1", CHAT)
    register("loop", LOOP)
    mlflow.genai.set_prompt_alias("triage", "production", 1)
    mlflow.genai.set_prompt_alias("triage", "Stage_2", 2)
    mlflow.MlflowClient().set_prompt_tag("triage", "분류", "고객")
    sys.stdout.write(json.dumps([
        made("triage", 1, ticket="A\\1"),
        made("triage", 2, ticket="A", team="B"),
        made("chat-1", 1, 역할="상담원", name="Ada"),
        made("loop", 1, items=["a", "b"], name="ada"),
    ]))  # fmt: skip


def made(name: str, version: int, /, **values: Any) -> dict[str, Any]:
    rendered = mlflow.genai.load_prompt(f"prompts:/{name}/{version}").format(**values)
    return {"name": name, "version": version, "values": values, "rendered": rendered}


main(sys.argv[1])

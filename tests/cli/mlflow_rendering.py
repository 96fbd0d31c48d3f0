"""Run by MLflow's own Python: prints what MLflow makes of prompts, given as JSON: a list of (uri, values)."""

import json
import sys

import mlflow  # type: ignore[import-not-found]  # it lives in .venv-mlflow

mlflow.set_tracking_uri(sys.argv[1])
if sys.argv[2] == "model":
    mlflow.MlflowClient().create_registered_model(sys.argv[3])
    print(json.dumps(None))  # noqa: T201 - the test reads it
else:
    print(json.dumps([mlflow.genai.load_prompt(uri).format(**values) for uri, values in json.loads(sys.argv[2])]))  # noqa: T201

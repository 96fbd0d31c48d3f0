"""Writing prompts to an MLflow server over its REST API; what came there before is left."""

from collections.abc import Iterator, Mapping
from typing import Any

from api.commands.exporting.report import ToldPrompt
from api.commands.importing.mlflow_server import KEYS, MODELS, VERSIONS, credentials, search_all
from api.commands.importing.source_server import Refused, SourceServer, plain_address
from api.commands.output import UNUSABLE, fail
from api.commands.progress import shown_progress
from registry.domain.exporting.forms import Written, write_state
from registry.domain.exporting.histories import Histories, by_time
from registry.domain.exporting.mlflow import MLFLOW, NAME, REFERENCE, is_alias, name_models
from registry.domain.exporting.states import ExportedState
from registry.domain.importing.imported import SourceUnreadable
from registry.domain.importing.mlflow import aliases_of, identity_of, name_of, tags_of
from registry.domain.importing.source_values import mapping_of, number_of

API = "/api/2.0/mlflow"
SOURCE = "dummy-source"
"""The source that MLflow's own client gives to versions of prompts; its server takes no other."""
_AGAIN = "repeat the export: it goes on where it stopped"


def export_mlflow(address: str, histories: Histories, prompts: Mapping[str, ToldPrompt]) -> int:
    """Registers what is not there yet, and sets aliases; how many versions that were. Ends where it cannot go on."""
    try:
        server = SourceServer(plain_address(address, "/api/2.0"), "MLflow", f"what is in {KEYS}", credentials(), _AGAIN)
        return _Registering(server, name_models(histories), prompts).run(histories)
    except SourceUnreadable as error:
        fail(str(error), UNUSABLE)


class _Registering:
    """One export to one server."""

    def __init__(self, server: SourceServer, names: Mapping[str, str], prompts: Mapping[str, ToldPrompt]) -> None:
        self._server = server
        self._names = names
        self._prompts = prompts
        models = search_all(server, MODELS, "registered_models", [])
        self._models = {name_of(each, server.address): each for each in models}
        self._there: dict[tuple[str, str], int] = {}
        for each in search_all(server, VERSIONS, "model_versions", []):
            name, number = identity_of(each, server.address)
            if (reference := tags_of(each).get(REFERENCE)) is not None:
                self._there[name, reference] = number

    def run(self, histories: Histories) -> int:
        """Writes the versions in the order of their time, as MLflow dates them itself; then the aliases."""
        count = 0
        numbers: dict[str, dict[int, int]] = {name: {} for name in histories}
        for name in histories:
            self._prompts[name].called = self._names[name]
        with shown_progress("written", sum(map(len, histories.values()))) as step:
            for state in by_time(histories):
                told = self._prompts[state.name]
                tags = tuple(histories[state.name][-1].document.get("tags") or ())
                made = self._state(state, tags, told, there=bool(numbers[state.name]))
                if made is not None:
                    numbers[state.name][state.number] = made[0]
                    count += made[1]
                step()
        for name, states in histories.items():
            labels = {label: numbers[name].get(state.number) for state in states for label in state.labels}
            self._aliases(self._prompts[name], {label: number for label, number in labels.items() if number})
        return count

    def _state(
        self, state: ExportedState, tags: tuple[str, ...], told: ToldPrompt, *, there: bool
    ) -> tuple[int, bool] | None:
        """The number of a state's version there, and whether it is new; None where there cannot be one."""
        try:
            written = write_state(state, MLFLOW, name=told.called, tags=tags)
        except SourceUnreadable as error:
            told.note(f"it is left out: {error}", state.number)
            return None
        told.tell(written)
        return self._version(written, told) if there or self._has_prompt(written, told) else None

    def _has_prompt(self, written: Written[dict[str, Any]], told: ToldPrompt) -> bool:
        """Whether the prompt is there, or could be made."""
        wanted: dict[str, str] = written.data["model_tags"]
        model = self._models.get(told.called)
        if model is not None and tags_of(model).get(NAME) != told.name:
            told.note(f"MLflow has a prompt {told.called} that does not come from here, so nothing is written")
            return False
        try:
            if model is None:
                self._post("registered-models/create", name=told.called, tags=list(_pairs(wanted)))
                self._models[told.called] = {"name": told.called, "tags": list(_pairs(wanted))}
            else:
                for pair in _pairs({key: value for key, value in wanted.items() if tags_of(model).get(key) != value}):
                    self._post("registered-models/set-tag", name=told.called, **pair)
        except Refused as error:
            if error.code == "RESOURCE_ALREADY_EXISTS":
                told.note(f"MLflow has a model {told.called} that is no prompt, so nothing is written")
            else:
                told.note(f"MLflow refuses it: {error}")
            return False
        return True

    def _version(self, written: Written[dict[str, Any]], told: ToldPrompt) -> tuple[int, bool] | None:
        """The version's number there, and whether it is new; None where it is refused."""
        tags: dict[str, str] = written.data["tags"]
        there = self._there.get((told.called, tags[REFERENCE]))
        if there is not None:
            return there, False
        try:
            answer = self._post(
                "model-versions/create",
                name=told.called,
                source=SOURCE,
                description=written.data["description"],
                tags=list(_pairs(tags)),
            )
        except Refused as error:
            told.note(f"MLflow refuses it: {error}", written.state.number)
            return None
        number = number_of(mapping_of(answer.get("model_version")).get("version"))
        if number is None:
            said = f"{self._server.address} tells no number of a version that it made: check the address"
            raise SourceUnreadable(said)
        return number, True

    def _aliases(self, told: ToldPrompt, labels: Mapping[str, int]) -> None:
        now = aliases_of(self._models.get(told.called, {}))
        for label, number in labels.items():
            if label == "latest" or now.get(label) == number:
                continue
            if not is_alias(label):
                told.note(f"the label {label} is left out: MLflow keeps that word for itself")
                continue
            try:
                self._post("registered-models/alias", name=told.called, alias=label, version=str(number))
            except Refused as error:
                told.note(f"the label {label} is left out: MLflow refuses it: {error}")

    def _post(self, path: str, **body: Any) -> dict[str, Any]:
        return self._server.post(f"{API}/{path}", body)


def _pairs(tags: Mapping[str, str]) -> Iterator[dict[str, str]]:
    return ({"key": key, "value": value} for key, value in tags.items())

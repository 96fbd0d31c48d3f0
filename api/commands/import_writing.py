"""Writing an import to a server: what is there already is left, what is new becomes a commit each."""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from api.commands.import_progress import shown_progress
from api.commands.import_state import TemplateState, read_state
from api.commands.output import UNUSABLE, fail
from api.commands.remote import NoAnswer, Reply, Server, refusal_lines, refuse
from registry.domain.compatibility import with_trailer
from registry.domain.importing.plans import PromptPlan, Step

ATTEMPTS = 8
LONGEST_MESSAGE = 8_000
_YEARS = (1971, 2099)
_ANGLES = re.compile("[<>]")
_BUSY = frozenset({429, 502, 503, 504})
_MOVED_ON = frozenset({409, 412, 428})


@dataclass(slots=True)
class Outcome:
    """What became of one prompt: numbers of the source's versions, labels, and notes with the version they are of."""

    plan: PromptPlan
    written: list[int] = field(default_factory=list)
    there: list[int] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    labelled: list[str] = field(default_factory=list)
    said: list[tuple[int | None, str]] = field(default_factory=list)

    @property
    def notes(self) -> list[tuple[int | None, str]]:
        """All notes: those of the prompt, those of its versions (each once), and what the server said."""
        found: dict[str, int | None] = dict.fromkeys(self.plan.notes)
        for step in self.plan.steps:
            for note in step.notes:
                found.setdefault(note, step.number)
        return [*((number, note) for note, number in found.items()), *self.said]

    @property
    def document(self) -> dict[str, object]:
        """For programs."""
        return {
            "name": self.plan.name,
            "from": {"format": self.plan.source, "name": self.plan.old_name},
            "versions": [step.number for step in self.plan.steps],
            "written": self.written,
            "there": self.there,
            "refused": self.refused,
            "labels": self.labelled,
            "notes": [{"version": number, "note": note} for number, note in self.notes],
        }


class Writing:
    """One import onto one server."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._states: dict[str, TemplateState] = {}
        self._names_authors = True

    def run(self, plans: Sequence[PromptPlan], steps: Sequence[tuple[PromptPlan, Step]]) -> list[Outcome]:
        """Writes the steps in order, then the labels. Ends the program where the server cannot be asked."""
        self._server.get("labels")  # says so at once where the repository or the key is none
        outcomes = {plan.name: Outcome(plan) for plan in plans}
        with shown_progress("written", len(steps)) as done:
            for plan, step in steps:
                self._take(plan, step, outcomes[plan.name])
                done()
        labels = self._server.get("labels").get("labels") or {}
        for plan in plans:
            for label, number in plan.labels.items():
                self._label(plan, label, number, labels.get(label, {}).get(plan.name), outcomes[plan.name])
        return list(outcomes.values())

    def _take(self, plan: PromptPlan, step: Step, outcome: Outcome) -> None:
        if step.source is None:
            outcome.refused.append(step.number)
            return
        for attempt in range(ATTEMPTS):
            state = self._state(plan)
            if step.number in state.numbers:
                outcome.there.append(step.number)
                return
            if state.blocked is not None:
                outcome.refused.append(step.number)
                if (None, state.blocked) not in outcome.said:
                    outcome.said.append((None, state.blocked))
                return
            author = author_of(step, plan.source) if self._names_authors else None
            reply = self._ask("POST", "commits", body=_commit(step, state, author))
            if reply is not None and reply.status < 300:
                self._written(plan, step, reply, outcome)
                return
            del self._states[plan.name]
            if reply is not None and reply.status == 403 and author is not None and not _judged(reply):
                self._names_authors = False  # only administrators may; the trailers say it too
                continue
            if reply is not None and reply.status not in _BUSY | _MOVED_ON:
                self._refused(step, reply, outcome)
                return
            time.sleep(0.0 if reply is not None and reply.status in _MOVED_ON else min(10.0, 0.2 * 2**attempt))
        fail(f"{self._server.shown} does not answer for {plan.name}. Repeat the import: it goes on there", UNUSABLE)

    def _written(self, plan: PromptPlan, step: Step, reply: Reply, outcome: Outcome) -> None:
        made = self._server.read(reply)["changes"][0]
        outcome.written.append(step.number)
        if made["version"] is None or made["etag"] is None:
            del self._states[plan.name]
        else:
            self._states[plan.name].add(step.number, made["version"], made["etag"])

    def _refused(self, step: Step, reply: Reply, outcome: Outcome) -> None:
        if reply.status in {401, 403} and not _judged(reply):
            refuse(reply)  # the key may not write at all
        outcome.refused.append(step.number)
        outcome.said.append((step.number, "; ".join(line.strip() for line in refusal_lines(reply)[:5])))

    def _label(self, plan: PromptPlan, label: str, number: int, now: int | None, outcome: Outcome) -> None:
        version = self._state(plan).numbers.get(number)
        if version is None:
            outcome.said.append((number, f"the label {label} is not set: the version that it names did not come"))
            return
        if now == version:
            return
        said = f"Import the label {label} of {plan.name} from {plan.source}"
        before = self._ask("GET", "labels", label, plan.name)
        moves = (before.json().get("history") or []) if before is not None and before.status == 200 else []
        if moves and moves[0].get("subject") != said:
            outcome.said.append((number, f"the label {label} is left as it is: it was moved here"))
            return
        reply = self._ask("PUT", "labels", label, plan.name, body={"version": version, "message": said})
        if reply is not None and reply.status < 300:
            outcome.labelled.append(label)
            return
        lines = (
            refusal_lines(reply) if reply is not None else [f"{self._server.shown} gave no answer; repeat the import"]
        )
        outcome.said.append((number, f"the label {label} is not set: {lines[0]}"))

    def _state(self, plan: PromptPlan) -> TemplateState:
        if plan.name not in self._states:
            self._states[plan.name] = read_state(self._server, plan)
        return self._states[plan.name]

    def _ask(self, method: str, *path: str, body: dict[str, object] | None = None) -> Reply | None:
        """The server's answer, None where there is none and nobody knows what became of the request."""
        try:
            return self._server.call(method, *path, body=body)
        except NoAnswer:
            return None


def _commit(step: Step, state: TemplateState, author: dict[str, str] | None) -> dict[str, object]:
    assert step.source is not None, "a step without a file is not sent"
    change = {"action": "put", "name": step.name, "source": step.source.decode()}
    if state.etag is not None:
        change["if_match"] = state.etag
    return {"message": commit_message(step), "changes": [change]} | ({"author": author} if author is not None else {})


def author_of(step: Step, source: str) -> dict[str, str] | None:
    """Git's author for a version: who wrote it there, and when. None where the source does not say when.

    Somebody without an address gets one that leads nowhere.
    """
    if step.time is None or not _YEARS[0] <= step.time.year < _YEARS[1]:
        return None
    said = " ".join(_ANGLES.sub(" ", _printable(step.author)).split())
    email = next((word for word in said.split() if "@" in word), "")
    name = " ".join(word for word in said.split() if word != email) or email.partition("@")[0] or source
    return {"name": name, "email": email or f"{source}@imported.invalid", "time": step.time.isoformat()}


def commit_message(step: Step) -> str:
    """The subject that a later import knows it by, what the source said, and trailers: who wrote it there, and when.

    The history of a prompt may break its callers; it did so where it comes from, so that is announced.
    """
    said = "".join(sign for sign in step.message.replace("\r\n", "\n") if sign.isprintable() or sign in "\n\t").strip()
    trailers = [f"Imported-Author: {author}"] if (author := " ".join(_printable(step.author).split())) else []
    trailers += [f"Imported-Time: {step.time.isoformat()}"] if step.time is not None else []
    paragraphs = [
        step.subject,
        *([said[:LONGEST_MESSAGE]] if said else []),
        *(["\n".join(trailers)] if trailers else []),
    ]
    return with_trailer("\n\n".join(paragraphs), "this is how it was where it comes from")


def _judged(reply: Reply) -> bool:
    """Whether the gate looked at the change, so that the refusal is of this change alone."""
    return bool(reply.problem.get("diagnostics"))


def _printable(text: str) -> str:
    return "".join(sign if sign.isprintable() else " " for sign in text)[:200]

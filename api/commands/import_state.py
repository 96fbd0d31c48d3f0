"""What a server has of a prompt that is imported: which of its versions came before, and whether more may come."""

from dataclasses import dataclass, field

from api.commands.output import UNUSABLE, fail
from api.commands.pages import read_all
from api.commands.remote import NoAnswer, Server, refuse
from registry.domain.importing.plans import PromptPlan, subject_of

MOST_VERSIONS = 1_000_000


@dataclass(slots=True)
class TemplateState:
    """``numbers`` leads from the source's versions to the template's; ``blocked`` says why no more may come."""

    numbers: dict[int, int] = field(default_factory=dict)
    etag: str | None = None
    blocked: str | None = None

    def add(self, number: int, version: int, etag: str) -> None:
        """Notes a version that was written."""
        self.numbers[number] = version
        self.etag = etag


def read_state(server: Server, plan: PromptPlan) -> TemplateState:
    """What the server has. Ends the program where it cannot be asked."""
    try:
        now = server.call("GET", "templates", plan.name, query={"label": "latest"})
    except NoAnswer as error:
        fail(f"{error}. Repeat the import: it goes on where it stopped", UNUSABLE)
    if now.status == 404:
        return TemplateState()
    if now.status not in {200, 308, 410}:
        refuse(now)
    subjects = {subject_of(plan.source, plan.old_name, step.number): step.number for step in plan.steps}
    versions = read_all(server, "versions", plan.name, entries="versions", limit=MOST_VERSIONS)["versions"]
    own = [each for each in versions if each["cause"] is None]
    numbers = {subjects[each["subject"]]: each["version"] for each in reversed(own) if each["subject"] in subjects}
    return TemplateState(numbers, now.headers.get("etag"), _blocked(now.status, own, subjects, numbers))


def _blocked(
    status: int, own: list[dict[str, object]], subjects: dict[str, int], numbers: dict[int, int]
) -> str | None:
    if status == 308:
        return "it was renamed here, so nothing more is taken over"
    if status == 410:
        return "it was deleted here, so nothing more is taken over" if numbers else None
    if not numbers:
        return "there is a template of that name which does not come from here; import with --folder"
    if own and own[0]["subject"] not in subjects:
        return "it was changed here since it came, so nothing more is taken over"
    return None

"""Imports over HTTP."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from api.schemas.fields import Answered, QueryModel, example
from registry.domain.errors import BadRequest
from registry.domain.names import check_folder
from registry.domain.prompt_formats import PromptFormat

MOST_FILES = 10_000

_NOTE = {"version": 1, "note": 'the variable "user-name" is user_name here'}


class ImportQuery(QueryModel):
    """How the files are read, and where their prompts go."""

    format: PromptFormat | None = Field(None, description="The format of all files; recognised where absent.")
    folder: str = Field("", max_length=1_000, description="A folder to put all of it in.")
    dry_run: bool = Field(False, description="Say what would come and what would be refused; write nothing.")

    def checked_folder(self) -> str:
        """The folder. Raises BadRequest for one that no template can lie in."""
        folder = self.folder.strip("/")
        problem = check_folder(folder)
        if problem is not None:
            raise BadRequest(f"folder: {problem}")
        return folder


IMPORT_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["files"],
                    "properties": {
                        "files": {
                            "type": "array",
                            "items": {"type": "string", "contentMediaType": "application/octet-stream"},
                            "minItems": 1,
                            "maxItems": MOST_FILES,
                            "description": "The files; their filenames are paths, from which names are made.",
                        }
                    },
                },
                "examples": {"a file": {"value": {"files": ["Shorten {{text}} in one sentence."]}}},
            }
        },
    }
}


class ImportSource(Answered):
    """Where a prompt comes from."""

    format: str
    name: str = Field(description="Its name there; reads of it answer 308 with the new name.")


class ImportNote(Answered):
    """What could not be carried over, or is otherwise here."""

    version: int | None = Field(description="The source's version that it is of; null: of the prompt.")
    note: str


class ImportedPrompt(BaseModel):
    """What became of one prompt, or would. All numbers are those of the source's versions."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    name: str
    source: ImportSource = Field(alias="from")
    versions: list[int]
    written: list[int]
    there: list[int] = Field(description="Came before.")
    refused: list[int] = Field(description="Could not come; the notes say why.")
    labels: list[str] = Field(description="The labels that were set.")
    labels_not_set: list[str] = Field(description="Those that were not; the notes say why.")
    notes: list[ImportNote] = Field(description="What was refused first, then what was lost, then hints.")


class ImportLeftOut(Answered):
    """A file, or a prompt, that was not taken over."""

    what: str
    why: str


class ImportAnswer(Answered):
    """The report of an import."""

    model_config = example(
        dry_run=False,
        written=2,
        refused=0,
        labels_not_set=0,
        prompts=[
            {
                "name": "support/triage",
                "from": {"format": "langfuse", "name": "Support/Triage"},
                "versions": [1, 2],
                "written": [1, 2],
                "there": [],
                "refused": [],
                "labels": ["production"],
                "labels_not_set": [],
                "notes": [_NOTE],
            }
        ],
        left_out=[{"what": "README.md", "why": "README.md is about a project and no prompt"}],
    )

    dry_run: bool
    written: int = Field(description="How many versions were written; in a dry run, would be.")
    refused: int = Field(description="How many versions could not come.")
    labels_not_set: int = Field(description="How many labels were not set.")
    prompts: list[ImportedPrompt]
    left_out: list[ImportLeftOut]

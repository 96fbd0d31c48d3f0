"""Taking over the prompts of another tool from uploaded files."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from api.dependencies import Answers, RegistryDep, Repository
from api.disconnects import while_connected
from api.documented import WRITE, problems
from api.json_bodies import check_encoding
from api.needs import Author
from api.schemas.imports import IMPORT_BODY, MOST_FILES, ImportAnswer, ImportQuery
from registry.domain.errors import BadRequest
from registry.domain.importing.files import SourceFile
from registry.domain.importing.imported import SourceUnreadable
from registry.domain.importing.outcomes import import_report

router = APIRouter(tags=["imports"])

FIELD = "files"


@router.post("/imports", openapi_extra=IMPORT_BODY, response_model=ImportAnswer, responses=problems(*WRITE, 415))
async def import_files(
    registry: RegistryDep,
    caller: Author,
    repository: Repository,
    query: Annotated[ImportQuery, Query()],
    request: Request,
    answers: Answers,
) -> dict[str, object]:
    """Takes over the prompts in uploaded files: each version a commit, then the labels.

    Files are of the formats that `promptuary import` reads (a Langfuse export, Prompty, Dotprompt, GitHub Models,
    Markdown …), sent as the parts `files` of a form. Sent again it adds what is new and nothing else. What could not
    be carried over stands in the answer; a dry run tells it, and what would be refused, beforehand. Only with a key of
    scope admin do the commits name the source's authors.
    """
    folder = query.checked_folder()
    files = await _uploaded(request)
    try:
        plans, left_out = await while_connected(request, registry.imports.plan(files, query.format, folder))
    except SourceUnreadable as error:
        raise BadRequest(f"{error}.") from error
    if query.dry_run:
        outcomes = await while_connected(request, registry.imports.rehearse(repository, plans, actor=caller))
    else:
        outcomes = await registry.imports.run(repository, plans, actor=caller)
        answers.bump(repository)
    return import_report(outcomes, left_out, dry_run=query.dry_run)


async def _uploaded(request: Request) -> list[SourceFile]:
    """The files of the form. Raises BadRequest, and HTTPException for a body that is no form."""
    check_encoding(request)
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != "multipart/form-data":
        raise HTTPException(415, "Send the files as multipart/form-data, such as: curl -F files=@export.json")
    files: list[SourceFile] = []
    async with request.form(max_files=MOST_FILES, max_fields=1) as form:
        for field, part in form.multi_items():
            if field != FIELD or not isinstance(part, UploadFile):
                raise BadRequest(
                    f"The form holds a part {field!r} that is no file: send each file as a part {FIELD!r}."
                )
            name = (part.filename or "").lstrip("/")
            files.append(SourceFile(name, await part.read(), name))
    if not files:
        raise BadRequest(f"The form holds no file: send each as a part {FIELD!r}, such as: curl -F files=@export.json")
    return files

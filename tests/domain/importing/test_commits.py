"""What the commit of an import said where it comes from."""

import pytest

from registry.domain.importing.commits import commit_message, imported_subject
from registry.domain.importing.langfuse import gather
from registry.domain.importing.plans import plan_import


@pytest.mark.parametrize(
    ("said", "subject"),
    [("Begin\n\nAs ever", "Begin"), ("", None), ("  ", None), ("환불 문구\nmore", "환불 문구")],
)
def test_what_an_imported_version_said_is_found_again(said: str, subject: str | None) -> None:
    entry = {
        "name": 'a "b" from c [00000000]', "version": 1, "prompt": "x", "commitMessage": said, "createdBy": "ada",
        "createdAt": "2024-01-01T00:00:00Z",
    }  # fmt: skip
    ((step,),) = [plan.steps for plan in plan_import(gather([entry], "x"))]
    assert imported_subject(commit_message(step)) == subject


@pytest.mark.parametrize("message", ["Begin\n\nAs ever", "Import version 1 of x\n\nAs ever", ""])
def test_what_was_written_here_said_nothing_elsewhere(message: str) -> None:
    assert imported_subject(message) is None

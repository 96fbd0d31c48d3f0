"""The formats that prompts are imported from."""

from enum import StrEnum


class SourceFormat(StrEnum):
    """A format, by the word that ``--from`` takes."""

    LANGFUSE = "langfuse"
    MLFLOW = "mlflow"
    PROMPTY = "prompty"
    DOTPROMPT = "dotprompt"
    GITHUB = "github"
    PROMPTFOO = "promptfoo"
    TEXT = "text"
    PROMPTUARY = "promptuary"
    GIT = "git"

"""The formats that prompts are imported from and templates exported to."""

from enum import StrEnum


class PromptFormat(StrEnum):
    """A format, by the word that ``--from`` and ``--format`` take."""

    LANGFUSE = "langfuse"
    MLFLOW = "mlflow"
    PROMPTY = "prompty"
    DOTPROMPT = "dotprompt"
    GITHUB = "github"
    PROMPTFOO = "promptfoo"
    TEXT = "text"
    PROMPTUARY = "promptuary"
    GIT = "git"
    """A repository with its history; exported it is a bundle."""

"""The formats that templates are exported to."""

from enum import StrEnum


class TargetFormat(StrEnum):
    """A format, by the word that ``--format`` takes."""

    LANGFUSE = "langfuse"
    MLFLOW = "mlflow"
    PROMPTY = "prompty"
    DOTPROMPT = "dotprompt"
    GITHUB = "github"
    PROMPTFOO = "promptfoo"
    TEXT = "text"
    PROMPTUARY = "promptuary"
    BUNDLE = "bundle"

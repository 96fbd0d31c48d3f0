"""Every rule of the product: its code, what it says in a line, and how much it weighs.

Each has a page, ``docs/rules/<code>.md``, with an example that breaks it and one that does not; a test holds table,
pages and code together.
"""

from dataclasses import dataclass

from registry.domain.diagnostics import Severity


@dataclass(frozen=True, slots=True)
class Rule:
    """A check. ``needs_repository`` says that no single file shows it: it is checked at push."""

    code: str
    title: str
    severity: Severity = Severity.ERROR
    needs_repository: bool = False


_ALL = (
    Rule("breaking-change", "A template no longer fits its callers", needs_repository=True),
    Rule("broken-on-the-way", "A commit on the way was broken", severity=Severity.WARNING, needs_repository=True),
    Rule("change-not-allowed", "You may not change this file", needs_repository=True),
    Rule("closure-size", "A template includes too much"),
    Rule("commit-identity", "The committer is somebody else", needs_repository=True),
    Rule("default-branch", "The default branch cannot be deleted or rewritten", needs_repository=True),
    Rule("empty-content", "A message is empty", severity=Severity.WARNING),
    Rule("environment-lookup", "A file asks for an environment variable"),
    Rule("file-mode", "An entry is no regular file", needs_repository=True),
    Rule("file-size", "A file is too large"),
    Rule("filter-unknown", "There is no such filter"),
    Rule("first-parent", "The branch's tip is not on the first-parent chain of the push", needs_repository=True),
    Rule("forbidden-field", "A file holds credentials or an address"),
    Rule("force-push", "The branch may not be rewritten", needs_repository=True),
    Rule("function-unknown", "There is no such function"),
    Rule("include-cycle", "Templates include each other in a circle"),
    Rule("include-depth", "Includes lie too deep"),
    Rule("include-form", "An include tag has another form"),
    Rule("include-hidden", "An include cannot be seen in the file's bytes"),
    Rule("include-missing", "An included partial does not exist, or is broken"),
    Rule("include-not-text", "A chat template is included"),
    Rule("json-schema", "A schema is no JSON Schema"),
    Rule("label-digest", "A label's version and digest do not fit", needs_repository=True),
    Rule("label-draft", "A protected label names a draft", needs_repository=True),
    Rule("label-form", "A label file cannot be read"),
    Rule("label-in-use", "A template that a label names is removed or renamed", needs_repository=True),
    Rule("label-invalid-version", "A label names an invalid version", needs_repository=True),
    Rule("label-not-allowed", "You may not move this label", needs_repository=True),
    Rule("label-review", "The label moves by reviewed merge requests only", needs_repository=True),
    Rule("label-unknown-template", "A label names a template that does not exist", needs_repository=True),
    Rule("label-unknown-version", "A label names a version that does not exist yet", needs_repository=True),
    Rule("label-word", "A label has no usable name"),
    Rule("media-source", "A part's address or data cannot be used"),
    Rule("misplaced-key", "A key cannot stand here"),
    Rule("missing-key", "A key is missing"),
    Rule("model-not-allowed", "The model is not allowed in this repository", needs_repository=True),
    Rule("name-collision", "Two paths differ in case or Unicode form only"),
    Rule("name-encoding", "A template's path has another encoding"),
    Rule("name-form", "A template's name cannot be used"),
    Rule("not-allowed-value", "A value is not among those allowed"),
    Rule("not-rendered", "Template syntax stands where nothing is rendered", severity=Severity.WARNING),
    Rule("operator-not-allowed", "An operator is not part of the template language"),
    Rule("out-of-range", "A number is out of range"),
    Rule("part-variable", "A part names a variable of another type"),
    Rule("path-form", "A path cannot be used"),
    Rule("path-not-utf8", "A path is no UTF-8 text", needs_repository=True),
    Rule("placeholder-variable", "A placeholder names a variable of another type"),
    Rule("push-not-allowed", "You may not push here", needs_repository=True),
    Rule("ref-name", "A ref's name cannot be used", needs_repository=True),
    Rule("ref-not-allowed", "This ref cannot be pushed", needs_repository=True),
    Rule("ref-target", "A ref points to something that is no commit", needs_repository=True),
    Rule("registry-file", "The repository's rules cannot be read"),
    Rule("render-limit", "Rendering was stopped", needs_repository=True),
    Rule("replaced-by", "A replacement is no other template"),
    Rule("replaced-by-nowhere", "A replacement leads nowhere", severity=Severity.WARNING, needs_repository=True),
    Rule("role-content", "A part does not go with the role of its message"),
    Rule("secret", "Something looks like a credential"),
    Rule("secret-allowed", "A line says that it holds no credential", severity=Severity.WARNING),
    Rule("sensitive-value", "A value of a sensitive variable stands in the file", severity=Severity.WARNING),
    Rule("tag-duplicate", "A tag stands twice"),
    Rule("tag-form", "A tag has no usable form"),
    Rule("tag-not-allowed", "A tag is not part of the template language"),
    Rule("template-syntax", "A template string cannot be read"),
    Rule("test-expect", "Something is expected beside an error"),
    Rule("test-failed", "An offline test failed", needs_repository=True),
    Rule("test-message", "An offline test looks into a message that is not there"),
    Rule("test-name", "Two offline tests have the same name"),
    Rule("test-pattern", "An expected pattern is no regular expression"),
    Rule("test-unknown", "There is no such test"),
    Rule("test-variable", "An offline test passes a variable that is not declared"),
    Rule("token-limit", "A template has too many tokens", needs_repository=True),
    Rule("too-many-findings", "There are more findings than are shown"),
    Rule("tool-call-id", "A tool result answers no call"),
    Rule("tool-choice", "The chosen tool does not exist"),
    Rule("tool-name", "Two tools have the same name"),
    Rule("unknown-key", "A key is not part of the format"),
    Rule("untrusted-placement", "An untrusted variable stands where it could give orders"),
    Rule("variable-default", "A default does not fit its own variable"),
    Rule("variable-enum", "An enum holds a value that does not fit"),
    Rule("variable-examples", "An example does not fit its own variable"),
    Rule("variable-limits", "A least value is greater than the greatest"),
    Rule("variable-mismatch", "A variable does not fit what a partial declares"),
    Rule("variable-name", "A variable has no usable name"),
    Rule("variable-pattern", "A pattern is no regular expression"),
    Rule("variable-required", "A variable is required and has a default"),
    Rule("variable-undeclared", "A variable is used but not declared"),
    Rule("variable-unused", "A variable is declared and nowhere used", severity=Severity.WARNING),
    Rule("wrong-form", "A text has the wrong form"),
    Rule("wrong-size", "Something is too short, too long or too many"),
    Rule("wrong-type", "A value has the wrong type"),
    Rule("yaml-alias", "An alias stands in the file"),
    Rule("yaml-anchor", "An anchor stands in the file"),
    Rule("yaml-depth", "The file is nested too deeply"),
    Rule("yaml-directive", "A directive stands in the file"),
    Rule("yaml-documents", "A second document stands in the file"),
    Rule("yaml-duplicate-key", "A key stands twice"),
    Rule("yaml-encoding", "The file is no clean UTF-8 text"),
    Rule("yaml-key", "A key is no string"),
    Rule("yaml-nodes", "The file has too many values"),
    Rule("yaml-number", "A number cannot be stored exactly"),
    Rule("yaml-syntax", "The file is no YAML"),
    Rule("yaml-tag", "A tag stands in the file"),
)

RULES: dict[str, Rule] = {rule.code: rule for rule in _ALL}
"""By code."""

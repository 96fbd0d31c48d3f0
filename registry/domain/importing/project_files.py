"""Files that many projects hold, with the endings of prompts, and that are none."""

_STEMS = frozenset({
    "readme", "changelog", "changes", "license", "licence", "copying", "notice", "authors", "contributors",
    "contributing", "code_of_conduct", "security", "support", "maintainers", "codeowners", "governance",
    "pull_request_template", "issue_template",
})  # fmt: skip
_NAMES = frozenset({"requirements.txt", "constraints.txt", "cmakelists.txt", "robots.txt", "manifest.txt"})
_TEXT = (".md", ".txt")


def is_project_file(name: str) -> bool:
    """Whether a file is about a project, by its name: ``README.md``, ``README.ko.md``, ``LICENSE.txt`` ..."""
    last = name.rpartition("/")[2].lower()
    if not last.endswith(_TEXT):
        return False
    stem = last.partition(".")[0].replace("-", "_")
    return last in _NAMES or stem in _STEMS or stem.startswith(("requirements_", "license_"))

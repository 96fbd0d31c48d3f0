"""What is searched of a template's file: what people wrote, without the words of the format."""

import re

_KEYS = (
    "schema|description|type|tags|status|replaced_by|variables|messages|text|role|content|placeholder|model|provider|"
    "id|parameters|temperature|max_tokens|top_p|tools|tool_choice|output|format|name|tests|expect|metadata|required|"
    "default|enum|examples|min_length|max_length|pattern|minimum|maximum|items|properties|untrusted|sensitive|"
    "contains|not_contains"
)
_ROLES = "system|developer|user|assistant|tool"
_TYPES = "chat|string|integer|number|boolean|array|object|messages|image|file|audio|tool_result|tool_call|text|function"
_FORMAT = re.compile(
    rf"""
    ^[ ]*(?:-[ ]+)*
    (?: schema:[ ]*prompt/v1
      | role:[ ]*["']?(?:{_ROLES})["']?
      | type:[ ]*["']?(?:{_TYPES})["']?
      | status:[ ]*["']?(?:draft|active|deprecated)["']?
      | required:[ ]*(?:true|false)
      | (?:{_KEYS}):(?:[ ]*[|>][-+0-9]*)?
    )[ ]*(?:$|(?<=[ ]))
    """,
    re.MULTILINE | re.VERBOSE,
)
_INDENTS = re.compile(r"^ +", re.MULTILINE)
_EMPTY_LINES = re.compile(r"\n(?:[ -]*\n)+")


def searchable(source: str) -> str:
    """The text of a template file without the format's own keys and words, so that ``role`` finds no template of all.

    Works on lines, not on the parsed document: it is quick, and it serves broken files too. A line of a prompt that
    looks like the format (``role: user``) is lost to search.
    """
    return _EMPTY_LINES.sub("\n", _INDENTS.sub("", _FORMAT.sub("", source))).strip("\n")

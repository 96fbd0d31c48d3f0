"""What is wrong with a text that is no JSON, in words for whoever wrote it; Python's own speak of its reader."""

from json import JSONDecodeError

_SAID = {
    "Expecting value": "a value is needed here",
    "Expecting property name enclosed in double quotes": "a key in double quotes is needed here",
    "Expecting ':' delimiter": "a colon is needed after the key",
    "Expecting ',' delimiter": "a comma, or the end of the list or object, is needed here",
    "Unterminated string starting at": "the string that begins here has no end",
    "Invalid control character at": "a string may hold no line break or other control character as it is",
    "Invalid \\escape": "a backslash stands here before what it does not escape",
    "Invalid \\uXXXX escape": "four hexadecimal digits are needed after \\u",
    "Illegal trailing comma before end of object": "a comma stands before the end",
    "Illegal trailing comma before end of array": "a comma stands before the end",
    "Extra data": "something follows after its end",
}
_EMPTY = ("Expecting value", "Input is a zero-length, empty document")


def json_fault(error: JSONDecodeError) -> str:
    """What is wrong, with line and column: ``a value is needed here (line 1, column 1)``; orjson's words are kept."""
    if error.msg.startswith(_EMPTY) and not error.doc.strip():
        return "it is empty"
    if error.doc.startswith("\ufeff"):
        return "it begins with a byte order mark"
    what = next((words for message, words in _SAID.items() if error.msg.startswith(message)), error.msg)
    return f"{what} (line {error.lineno}, column {error.colno})"

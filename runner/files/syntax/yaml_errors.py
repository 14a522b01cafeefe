"""Explains why a YAML document can't be read, with a remedy. Pure."""

import re

from runner.files.syntax.source import Broken

_WORDS = {  # what libyaml says -> ours
    "found character that cannot start any token": "this character can't begin a value: put the value in quotes",
    "mapping values are not allowed in this context": "a second `: ` in one value, or wrong indentation: put the value in quotes, or line the keys up",
    "mapping keys are not allowed in this context": "a `?` that can't stand here: put the value in quotes",
    "block sequence entries are not allowed in this context": "a list can't begin here: put it into the next line, indented",
    "could not find expected ':'": "a key without `:`: write `key: value`, and line the keys up",
    "found unexpected ':'": "a `:` in a value between braces or brackets: put the value in quotes",
    "did not find expected key": "this line doesn't fit the lines above: line the keys up, and close quotes and brackets",
    "did not find expected '-' indicator": "this line is not part of the list above: begin it with `- ` at the same indentation",
    "did not find expected ',' or '}'": "a `{` is not closed: write a comma between entries and `}` at the end",
    "did not find expected ',' or ']'": "a `[` is not closed: write a comma between entries and `]` at the end",
    "did not find expected node content": "a value is missing here, or a bracket is not closed",
    "did not find expected alphabetic or numeric character": "a `&` or `*` without a name behind it: put the value in quotes",
    "did not find expected tag URI": "tags (`!…`) are not used here: remove the tag, or put the value in quotes",
    "did not find expected whitespace or line break": "tags (`!…`) are not used here: remove the tag, or put the value in quotes",
    "did not find the expected '!'": "tags (`!…`) are not used here: remove the tag, or put the value in quotes",
    "did not find the expected '>'": "tags (`!…`) are not used here: remove the tag, or put the value in quotes",
    "found undefined tag handle": "tags (`!…`) are not used here: remove the tag",
    "found unexpected end of stream": "a quote is not closed: close it",
    "found unexpected document indicator": "a quote is not closed before `---`: close it",
    "found unknown escape character": "an unknown `\\` escape: use single quotes",
    "did not find expected hexdecimal number": "an unfinished `\\x` or `\\u` escape: use single quotes, or write the character itself",
    "found invalid Unicode character escape code": "an escape that is no character: write the character itself",
    "found a tab character where an indentation space is expected": "a tab can't indent in YAML: use spaces",
    "found a tab character that violates indentation": "a tab can't indent in YAML: use spaces",
    "did not find expected comment or line break": "text behind `|` or `>`: put it into the next line, indented",
    "found an indentation indicator equal to 0": "a `|0` or `>0`: remove the 0",
    "found incompatible YAML document": "this YAML version is not known: remove the %YAML line",
    "did not find expected version number": "a line that begins with `%` is not used here: remove it",
    "found unknown directive name": "a line that begins with `%` is not used here: remove it",
    "found extremely long version number": "a line that begins with `%` is not used here: remove it",
    "found unexpected non-alphabetical character": "a line that begins with `%` is not used here: remove it",
    "found duplicate %YAML directive": "a second %YAML line: remove it",
    "found duplicate %TAG directive": "tags are not used here: remove the %TAG lines",
    "did not find expected <document start>": "a second document, or text after the end: keep one document in a file",
}
_OTHERWISE = "this can't be read as YAML: check the indentation, quotes and brackets here"
_ESCAPED = re.compile(r"\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})")  # how JSON writes an emoji


def not_yaml(line: int, column: int, said: str, text: str) -> Broken:
    """The problem that libyaml `said` there is at `line`:`column`; `text` is the whole line."""
    if text[column - 1 : column] == "\t":
        return Broken(line, column, "a tab can't indent or begin a value in YAML: use spaces", "tab")
    if said.startswith("found invalid Unicode") and (found := _ESCAPED.search(text, max(column - 3, 0))):
        character = bytes.fromhex(found[1] + found[2]).decode("utf-16-be")
        message = (
            f"`{found[0]}` is how JSON writes {character} (U+{ord(character):X}), which YAML does not know: "
            f"write {character} itself, or \\U{ord(character):08X}"
        )
        return Broken(line, column, message, "json-escape")
    return Broken(line, column, _WORDS.get(said, _OTHERWISE), "yaml")

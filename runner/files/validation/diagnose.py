"""Turns the findings of jsonschema into messages: the field, what was found, what to write, and the place.

The schemas carry the words themselves (`errorMessage`, `examples`), so that editors show the same.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from runner.core.values.text import clean
from runner.files.syntax.csv_dialects import nameless
from runner.files.syntax.nodes import Kind, Node
from runner.files.syntax.scalars import OddNumber, plain_value
from runner.files.syntax.split_values import is_rest, split_values
from runner.files.syntax.written_numbers import as_amount, as_whole
from runner.files.validation.findings import Findings

if TYPE_CHECKING:
    from jsonschema import ValidationError

_SHOWN = 60  # characters of a value in a message
_OTHER_NAMES = {  # what other tools call a field
    "url": "link",
    "page": "link",
    "qty": "quantity",
    "amount": "quantity",
    "count": "quantity",
    "units": "quantity",
    "service_id": "service",
    "order": "order_id",
}
_AN_AMOUNT = "1.00"  # what a pattern for money takes
_CODES = {
    "type": "wrong-type",
    "pattern": "bad-format",
    "enum": "bad-choice",
    "const": "bad-choice",
    "minimum": "out-of-range",
    "maximum": "out-of-range",
    "minLength": "bad-format",
    "maxLength": "too-long",
    "minItems": "empty-list",
}
_PLAIN_DIGITS = ": write plain digits, with no sign, point, exponent, separator or leading zero"


def report_errors(
    errors: "Iterable[ValidationError]", root: Node, findings: Findings, *, secrets: frozenset[str] = frozenset()
) -> None:
    """Add each of `errors`, found in the value of `root`, to `findings`; values under the keys `secrets` are never shown."""
    errors = list(errors)
    before = findings.errors
    split = [] if secrets else [*_split(errors, root, findings)]
    meant = {name for error in errors if error.validator == "additionalProperties" for name in _meant(error)}
    told: set[tuple[object, ...]] = set()
    of_wrong_type = {tuple(error.absolute_path) for error in errors if error.validator == "type"}
    for error in errors:
        path = tuple(error.absolute_path)
        if error.validator != "type" and path in of_wrong_type:
            continue  # nothing else means anything then
        if path in split:
            told.add((path, error.validator))
            continue  # the whole number was told
        if error.validator == "required" and (path, error.validator) in told:
            continue  # one error tells all missing keys
        told.add((path, error.validator))
        _report(error, *_locate(root, path), findings, meant, hidden=bool(secrets & set(path)))
    if findings.errors == before:  # what the schema rejects is never passed over in silence
        findings.error(root.line, root.column, "schema", "this does not fit the format: see `runner schema`")


def wrong_fields(errors: "Iterable[ValidationError]") -> frozenset[str]:
    """The fields of one value that `errors` are about, those among them that were probably meant by unknown keys."""
    fields: set[str] = set()
    for error in errors:
        path = tuple(error.absolute_path)
        if path:
            fields.add(str(path[0]))
        elif error.validator == "additionalProperties":
            fields |= _meant(error)
    return frozenset(fields)


def _close(name: str, known: Collection[str]) -> list[str]:
    """The name among the `known` ones that was probably meant, if there is one."""
    word = name.casefold().replace(" ", "_").replace("-", "_")
    other = _OTHER_NAMES.get(word)
    return [other] if other is not None and other in known else get_close_matches(word, known, 1)


def _split(errors: "Iterable[ValidationError]", root: Node, findings: Findings) -> Iterator[tuple[object, ...]]:
    """Report numbers that a comma has split; the paths of their beginnings."""
    for error in errors:
        node, _ = _locate(root, tuple(error.absolute_path))
        if error.validator == "additionalProperties":
            for one in split_values(node):
                findings.error(one.value.line, one.value.column, "split-number", one.message)
                yield (*error.absolute_path, one.field)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """` did you mean `x`?` if one is close, else a list of what is known."""
    known = sorted(known)
    close = _close(name, known)
    return f"did you mean `{close[0]}`?" if close else f"known are {', '.join(f'`{clean(k, _SHOWN)}`' for k in known)}"


def report_columns(names: Sequence[str], known: Collection[str], findings: Findings) -> tuple[str, ...]:
    """Report columns that have no name, an unknown one, or that of another column; the names, those of such columns empty."""
    if empty := nameless(names):
        findings.error(1, empty[0], "unknown-column", empty[1])
    right = []
    for column, name in enumerate(names, 1):
        is_new = name in known and name not in names[: column - 1]
        right.append(name if is_new else "")
        if name in known and not is_new:
            findings.error(1, column, "duplicate-column", f"column `{name}` stands here twice: keep one")
        elif name and not is_new:
            shown = clean(name, _SHOWN)
            findings.error(1, column, "unknown-column", f"unknown column `{shown}`: {did_you_mean(name, known)}")
    return tuple(right)


def _report(
    error: "ValidationError", node: Node, field: str, findings: Findings, meant: set[str], *, hidden: bool
) -> None:
    """Report an error of the value of `node`, which stands under the dotted path `field`."""
    line, column = node.line, node.column
    inside = f" in `{field}`" if field else ""
    details: Any = error.schema
    rule: Any = error.validator_value
    found: Any = error.instance
    if error.validator == "additionalProperties":
        for key, value in node.entries:
            if key.text not in details["properties"] and not is_rest(key, value):
                _report_unknown(key, details["properties"], inside, findings, hidden=hidden)
    elif error.validator == "required":
        for name in rule:
            if name not in found and name not in meant:
                example = details["properties"][name].get("examples", ["…"])[0]
                message = f"`{name}` is missing{inside}: add `{name}: {example}`"
                findings.error(line, column, "missing-key", message)
    elif error.validator == "oneOf":
        names = [name for choice in rule for name in choice["required"]]
        both = " and ".join(f"`{name}`" for name in names if name in found)
        if both:
            findings.error(line, column, "exclusive-keys", f"{both} exclude each other{inside}: keep one")
        elif any(key.kind is Kind.CELL for key, _ in node.entries):
            findings.error(line, column, "missing-key", f"`{names[0]}` is empty: fill the cell, or remove the row")
        elif not meant.intersection(names):
            wanted = " or ".join(f"`{name}: {details['properties'][name].get('examples', ['…'])[0]}`" for name in names)
            findings.error(line, column, "missing-key", f"`{names[0]}` is missing{inside}: add {wanted}")
    elif error.validator == "dependencies":
        for name, needed in rule.items():
            if name in found and "from" in found:
                spot = _key(node, name)
                message = f"`{name}` goes with `{needed[0]}` only, a CSV file has a column for it: remove it here"
                findings.error(spot.line, spot.column, "exclusive-keys", message)
    else:
        code = _CODES.get(str(error.validator), "schema")
        advice = details.get("errorMessage", "is not what is expected here")
        if "propertyNames" in error.absolute_schema_path:
            spot = _key(node, str(found))
            findings.error(spot.line, spot.column, code, f"the name `{clean(str(found), _SHOWN)}`{inside} {advice}")
            return
        name = f"`{field}`" if field else "this"
        findings.error(line, column, code, f"{name} {advice}" + ("" if hidden else _found(node, found, details)))


def _report_unknown(key: Node, known: Iterable[str], inside: str, findings: Findings, *, hidden: bool) -> None:
    if key.text == "<<":
        findings.error(
            key.line,
            key.column,
            "merge-key",
            "merge keys (`<<`) are not used here: write the keys out, or use `defaults:`",
        )
        return
    name = "key" if hidden else f"key `{clean(key.text, _SHOWN)}`"
    findings.error(key.line, key.column, "unknown-key", f"unknown {name}{inside}: {did_you_mean(key.text, known)}")


def _key(node: Node, name: str) -> Node:
    """The key `name`, or the mapping if it has no such key."""
    return next((key for key, _ in node.entries if key.text == name), node)


def _meant(error: "ValidationError") -> set[str]:
    """Keys that were probably meant by unknown ones: saying that they are missing too would be noise."""
    properties: Any = error.schema["properties"]  # type: ignore[index]  # a schema with this keyword is an object
    found: Any = error.instance
    return {meant for key in found if key not in properties for meant in _close(str(key), properties)}


def _found(value: Node, found: object, details: dict[str, Any]) -> str:
    if not value.is_single:
        kind = "a list" if value.kind is Kind.LIST else "a mapping"
        return "" if isinstance(found, list | dict) and "type" not in details else f"; found {kind}"
    if not value.text and value.kind is not Kind.QUOTED:
        return "; nothing stands here"
    wants_number = "integer" in _types(details)
    if value.kind is Kind.QUOTED:
        would_fit = {bool: "boolean", int: "integer"}.get(type(plain_value(value.text)))
        quotes = ": remove the quotes" if isinstance(found, str) and would_fit in _types(details) else ""
        return f'; found "{clean(value.text, _SHOWN)}" in quotes{quotes or _remedy(value, details)}'
    digits = _PLAIN_DIGITS if wants_number and isinstance(found, OddNumber) else ""
    return f"; found `{clean(value.text, _SHOWN)}`{_remedy(value, details) or digits}"


def _remedy(value: Node, details: dict[str, Any]) -> str:
    """`: write 1000` where it is plain to see which number was meant; else empty."""
    types, pattern = _types(details), str(details.get("pattern", ""))
    if "integer" in types and (number := as_whole(value.text)) and number != value.text:
        return f": write {number}"
    if "integer" not in types and pattern and re.search(pattern, _AN_AMOUNT):
        amount = value.text if re.search(pattern, value.text) else as_amount(value.text) or ""
        return f': write "{amount}"' if re.search(pattern, amount) else ""
    return ""


def _types(details: dict[str, Any]) -> Sequence[str]:
    types: str | list[str] = details.get("type", [])
    return [types] if isinstance(types, str) else types


def _locate(root: Node, path: Sequence[object]) -> tuple[Node, str]:
    """The node at a path of keys and numbers, as far as it goes, and its keys with dots between them."""
    node, fields = root, []
    for step in path:
        if isinstance(step, int):
            node = node.items[step] if node.items else node  # a CSV cell holds a whole list
            continue
        found = node.get(str(step))
        if found is None:
            break
        node = found
        fields.append(str(step))
    return node, clean(".".join(fields), _SHOWN)

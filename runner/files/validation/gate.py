"""Validates against the schemas: jsonschema-rs quickly accepts what is right, jsonschema says what is wrong.

Where jsonschema-rs rejects a value, or raises because JSON can't express it, jsonschema decides.
"""

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import jsonschema_rs

from runner.files.validation.schemas import schema

if TYPE_CHECKING:
    from jsonschema import Draft7Validator, ValidationError


class Gate:
    """One schema, or one definition of it."""

    def __init__(self, name: str, definition: str | None = None) -> None:
        whole = schema(name)
        self._schema: dict[str, Any] = whole
        if definition is not None:
            self._schema = {"$ref": f"#/definitions/{definition}", "definitions": whole["definitions"]}
        self._one = jsonschema_rs.Draft7Validator(self._schema)
        many = {"type": "array", "items": {"$ref": f"#/definitions/{definition}"}, "definitions": whole["definitions"]}
        self._many = self._one if definition is None else jsonschema_rs.Draft7Validator(many)
        self._slow: Draft7Validator | None = None

    def accepts_all(self, values: Sequence[object]) -> bool:
        """True if every value surely fits the definition; after False, ask `accepts` for each."""
        return _is_valid(self._many, values)

    def accepts(self, value: object) -> bool:
        """True if the value surely fits; after False, `errors` decides."""
        return _is_valid(self._one, value)

    def errors(self, value: object) -> "Sequence[ValidationError]":
        """What is wrong, in the schema's order; empty if nothing is, which is quick to tell."""
        if self.accepts(value):
            return []
        if self._slow is None:
            from jsonschema import Draft7Validator  # 0.2 s that a good file need not pay

            self._slow = Draft7Validator(self._schema)
        return list(self._slow.iter_errors(value))


@cache
def gate(name: str, definition: str | None = None) -> Gate:
    """The gate of a schema, or of one of its definitions."""
    return Gate(name, definition)


def _is_valid(validator: jsonschema_rs.Draft7Validator, value: object) -> bool:
    try:
        return validator.is_valid(value)
    except (ValueError, RecursionError):  # a lone surrogate, an object JSON does not know, nesting
        return False

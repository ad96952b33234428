"""The description of the API for people: what /docs shows of /openapi.json, as plain values for its template.

Laws (tests/service/api/test_described.py):
- every operation, parameter, body and shape of the description is on the page, with an example of each body;
- the page needs nothing from another host, and no script.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Schema = Mapping[str, Any]
DEPTH = 6
"""How deep an example follows shapes within shapes."""
EMPTY: Mapping[str, Any] = {
    "object": {},
    "array": [],
    "string": "",
    "number": 0,
    "integer": 0,
    "boolean": False,
}
"""The example of a type that has none."""
VALUES = ("example", "default", "const")
MULTIPART = "multipart/form-data"


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter or a field of a shape; `shape` is the one that its type names, "" for none."""

    name: str
    type: str
    shape: str
    is_required: bool
    description: str


@dataclass(frozen=True, slots=True)
class Body:
    """What an operation takes or answers in one media type."""

    media_type: str
    type: str
    shape: str
    fields: list[Field]
    example: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One request: its address, what it takes, what it answers."""

    method: str
    path: str
    summary: str
    needs_key: bool
    parameters: list[Field]
    bodies: list[Body]
    answers: list[tuple[str, str, list[Body]]]
    call: str

    @property
    def anchor(self) -> str:
        """Its place on the page."""
        return f"{self.method.lower()}{''.join(c if c.isalnum() else '-' for c in self.path)}"


class Description:
    """An OpenAPI document, read for people."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._paths: Mapping[str, Any] = document["paths"]
        self._shapes: Mapping[str, Schema] = document.get("components", {}).get("schemas", {})

    @property
    def groups(self) -> dict[str, list[Operation]]:
        """The operations by their tag."""
        groups: dict[str, list[Operation]] = {}
        for path, operations in self._paths.items():
            for method, operation in operations.items():
                tag = next(iter(operation.get("tags", ())), "others")
                groups.setdefault(tag, []).append(self._operation(method, path, operation))
        return groups

    @property
    def shapes(self) -> dict[str, tuple[str, list[Field]]]:
        """Every named shape: what it is, and its fields."""
        return {
            name: (schema.get("description", ""), list(self._fields(schema)))
            for name, schema in sorted(self._shapes.items())
        }

    def _operation(self, method: str, path: str, operation: Schema) -> Operation:
        parameters = [
            self._field(each["name"], each.get("schema", {}), is_required=each.get("required", False),
                        description=each.get("description", ""))
            for each in operation.get("parameters", ())
        ]  # fmt: skip
        bodies = list(self._bodies(operation.get("requestBody", {})))
        answers = [
            (status, answer.get("description", ""), list(self._bodies(answer)))
            for status, answer in operation.get("responses", {}).items()
        ]
        needs_key = bool(operation.get("security"))
        return Operation(
            method.upper(), path, operation.get("description") or operation.get("summary", ""),
            needs_key, parameters, bodies, answers, _call(method, path, bodies, needs_key=needs_key),
        )  # fmt: skip

    def _bodies(self, holder: Schema) -> Iterator[Body]:
        for media_type, content in holder.get("content", {}).items():
            schema = content.get("schema", {})
            shape = self._shape_of(schema)
            example = content.get("example", self._example(schema))
            text = example if isinstance(example, str) else json.dumps(example, ensure_ascii=False, indent=2)
            # a named shape has its table further down
            fields = [] if shape else list(self._fields(schema))
            yield Body(media_type, self._type(schema), shape, fields, "" if media_type == MULTIPART else text)

    def _fields(self, schema: Schema) -> Iterator[Field]:
        required = schema.get("required", ())
        for name, inner in schema.get("properties", {}).items():
            yield self._field(name, inner, is_required=name in required)

    def _field(self, name: str, schema: Schema, *, is_required: bool, description: str = "") -> Field:
        words = [description or schema.get("description", "")]
        if schema.get("default") not in (None, "", [], {}):
            words.append(f"Default: {json.dumps(schema['default'])}.")
        return Field(
            name, self._type(schema), self._shape_of(schema), is_required, " ".join(filter(None, words))
        )

    def _type(self, schema: Schema) -> str:
        """A type in words: text, number or null, list of ResultShape."""
        if "$ref" in schema:
            return self._shape_of(schema)
        choices = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf")
        if choices:
            return " or ".join(dict.fromkeys(map(self._type, choices)))
        if "enum" in schema or "const" in schema:
            return " | ".join(json.dumps(value) for value in schema.get("enum", [schema.get("const")]))
        kind = str(schema.get("type", "anything"))
        if kind == "array":
            return f"list of {self._type(schema.get('items', {}))}"
        if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
            return f"object of {self._type(schema['additionalProperties'])}"
        return str(schema.get("format", "text")).replace("binary", "file") if kind == "string" else kind

    def _shape_of(self, schema: Schema) -> str:
        """The named shape in a type, "" for none."""
        if "$ref" in schema:
            return str(schema["$ref"]).rsplit("/", 1)[1]
        inner = [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
        inner += [
            schema[name] for name in ("items", "additionalProperties") if isinstance(schema.get(name), dict)
        ]
        return next(filter(None, map(self._shape_of, inner)), "")

    def _example(self, schema: Schema, depth: int = 0) -> Any:
        if "$ref" in schema:
            schema = self._shapes.get(self._shape_of(schema), {})
        values = [*schema.get("examples", ()), *(schema[name] for name in VALUES if name in schema)]
        if values or "enum" in schema:
            return (values or schema["enum"])[0]
        choices = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf")
        if choices or depth > DEPTH:
            return self._example(choices[0], depth + 1) if choices and depth <= DEPTH else None
        if "properties" in schema:
            return {name: self._example(inner, depth + 1) for name, inner in schema["properties"].items()}
        if "items" in schema:
            return [self._example(schema["items"], depth + 1)]
        return EMPTY.get(str(schema.get("type")))


def _call(method: str, path: str, bodies: list[Body], *, needs_key: bool) -> str:
    """The request as a command for curl."""
    words = ["curl"] + (["-X", method.upper()] if method != "get" else [])
    words += [shlex.quote(f"localhost:8000{path}")]
    if needs_key:
        words += ["-H", '"X-API-Key: $VLCLIP_API_KEY"']
    if bodies and bodies[0].media_type != MULTIPART:
        words += ["-H", shlex.quote(f"content-type: {bodies[0].media_type}"), "-d", "@body.json"]
    return " ".join(words)

"""Generate the JSON Schema of schedules.yaml, for editors, from the sections that parse it."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from daemon.config.sections import FileSection


class _Generator(GenerateJsonSchema):
    """Describes the file as people write it: keys may be absent but not null."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        """Describe the value only."""
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """Describe the value only; defaults are in the descriptions."""
        return self.generate_inner(schema["schema"])

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        """Allow only names of the right form."""
        described = super().dict_schema(schema)
        if "patternProperties" in described:
            described["additionalProperties"] = False
        return described

    def sort(self, value: JsonSchemaValue, parent_key: str | None = None) -> JsonSchemaValue:  # noqa: ARG002  # as pydantic has it
        """Keep keys as they are declared: in examples they stand as people write them."""
        return value

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002  # as pydantic has it
        """Leave out titles that only repeat the key."""
        return False


def json_schema() -> dict[str, object]:
    """Return the JSON Schema (draft 2020-12) of schedules.yaml, for editors."""
    described = FileSection.model_json_schema(schema_generator=_Generator)
    for section in (described, *described["$defs"].values()):
        for field in section.get("properties", {}).values():
            _offer(field)
    head = {"$schema": GenerateJsonSchema.schema_dialect, "title": "schedules.yaml"}
    return head | {key: value for key, value in described.items() if key != "title"}


def _offer(field: dict[str, Any]) -> None:
    """Make snippets of examples that are lists of mappings, which editors would not write out.

    Source: yaml-language-server, `getInsertTextForProperty` of its completion.
    """
    lists = [each for each in field["examples"] if _has_mapping(each)]
    if lists:
        field["examples"] = [each for each in field["examples"] if each not in lists]
        field["defaultSnippets"] = [
            {"label": f"an example: {', '.join(each[0])}", "body": each} for each in lists
        ]


def _has_mapping(example: object) -> bool:
    return isinstance(example, list) and any(isinstance(item, dict) for item in example)

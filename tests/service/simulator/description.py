"""Requests and answers held to an OpenAPI description, and a client that is made from one."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote, unquote, urlencode

import jsonschema
import yaml

from daemon.simulator.api.request import parsed_query
from daemon.simulator.connections import Reply

JSON = "application/json"
_NO_PAGE = b"404 page not found\n"
_READER = json.JSONDecoder()
# JSON Schema takes 1.0 for an integer; Go does not.
_VALIDATOR = jsonschema.validators.extend(
    jsonschema.Draft202012Validator,
    type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine(
        "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
    ),
)


@dataclass(frozen=True)
class Operation:
    """A call: where it is, what it is given, and what may come of it."""

    id: str
    method: str
    path: str
    parameters: tuple[dict[str, Any], ...]
    body: dict[str, Any] | None
    responses: Mapping[str, dict[str, Any]]

    @property
    def call(self) -> str:
        """Return the method and the path, as a table has it."""
        return f"{self.method} {self.path}"

    @property
    def query(self) -> dict[str, dict[str, Any]]:
        """Return the parameters of the query, by name."""
        return {each["name"]: each for each in self.parameters if each["in"] == "query"}

    @property
    def takes_json(self) -> bool:
        """Check whether a body of JSON is read."""
        return self.body is not None and bool(self.body["content"].get(JSON, {}).get("schema"))

    def matches(self, method: str, path: str) -> bool:
        """Check whether a request is this call."""
        pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(self.path))
        return method == self.method and re.fullmatch(pattern, path) is not None

    def example(self) -> dict[str, Any]:
        """Return the arguments that the description has as its example."""
        given = {each["name"]: each["example"] for each in self.parameters}
        if self.body:
            given["body"] = next(iter(self.body["content"].values()))["example"]
        return given


class Description:
    """What a file describes."""

    def __init__(self, file: Path, root: str = "") -> None:
        """Read a file; the paths of its operations begin with *root* where it is not theirs."""
        self.spec: dict[str, Any] = yaml.safe_load(file.read_text())
        self.operations = tuple(self._operations(root))

    def _operations(self, root: str) -> Iterator[Operation]:
        own = self.spec["servers"][0]["url"].rstrip("/")
        for path, item in self.spec["paths"].items():
            server = item.get("servers", [{"url": own}])[0]["url"].rstrip("/")
            shared = item.get("parameters", [])
            # In the file's order: several workers have to collect the same tests.
            for method in [each for each in item if each not in {"servers", "parameters"}]:
                each = item[method]
                yield Operation(
                    each["operationId"],
                    method.upper(),
                    server.removeprefix(root) + path,
                    tuple(self.resolved(one) for one in (*shared, *each.get("parameters", []))),
                    self.resolved(each["requestBody"]) if "requestBody" in each else None,
                    {code: self.resolved(one) for code, one in each["responses"].items()},
                )

    def resolved(self, node: dict[str, Any]) -> dict[str, Any]:
        """Follow references."""
        while "$ref" in node:
            found: Any = self.spec
            for part in node["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            node = found
        return node

    def find(self, method: str, path: str) -> Operation | None:
        """Return the call that a request is; that with the most fixed parts if it is several."""
        wanted = "GET" if method == "HEAD" else method
        found = [each for each in self.operations if each.matches(wanted, path)]
        return min(found, key=lambda each: each.path.count("{"), default=None)

    def problem(self, schema: Mapping[str, Any], value: object) -> str:
        """Return what is wrong with a value; empty if nothing is."""
        whole = {**schema, "components": self.spec["components"]}
        found = jsonschema.exceptions.best_match(_VALIDATOR(whole).iter_errors(value))
        return found.message if found else ""

    def problems(
        self, method: str, path: str, query: str, body: bytes, reply: Reply
    ) -> Iterator[str]:
        """Return what the description does not have of a request and its answer."""
        operation = self.find(method, path)
        if operation is None:
            if reply.status not in {200, 400, 404, 405, 401, 403}:
                yield f"{method} {path} is no call, and answers {reply.status}"
            return
        for what in self._of_answer(operation, reply):
            yield f"{operation.call} {reply.status}: {what} in {reply.body[:200]!r}"
        for what in self._of_request(operation, query, body, reply):
            yield f"{operation.call} {reply.status}: {what} in {query!r} {body[:200]!r}"

    def _of_answer(self, operation: Operation, reply: Reply) -> Iterator[str]:
        if str(reply.status) not in operation.responses:
            yield "there is no such answer"
            return
        content = operation.responses[str(reply.status)].get("content", {})
        if reply.kind not in (content or {""}):
            yield f"its Content-Type is {reply.kind!r}"
        schema = content.get(reply.kind, {}).get("schema")
        if schema is None:
            if reply.body:
                yield "its body is not empty"
        elif reply.kind == JSON:
            yield from filter(None, [self.problem(schema, json.loads(reply.body))])

    def _of_request(
        self, operation: Operation, query: str, body: bytes, reply: Reply
    ) -> Iterator[str]:
        problem = self._of_body(operation, body)
        if reply.status == 200:
            yield from filter(None, [problem])
            for name, values in parsed_query(query).items():
                if name not in operation.query:
                    yield f"there is no parameter {name}"
                elif wrong := self._of_parameter(operation.query[name], values[0]):
                    yield f"{name}: {wrong}"
        elif b"json: cannot unmarshal" in reply.body and not problem:
            yield "it is refused, and described"

    def _of_body(self, operation: Operation, body: bytes) -> str:
        if not operation.takes_json or not body.strip():
            return ""
        text = body.decode(errors="replace").lstrip()
        try:
            # The first value counts.
            value = _READER.raw_decode(text)[0]
        except ValueError:
            return "it is no JSON"
        if value is None:
            # The same as no field at all.
            return ""
        schema = cast("dict[str, Any]", operation.body)["content"][JSON]["schema"]
        return self.problem(schema, value)

    def _of_parameter(self, parameter: dict[str, Any], text: str) -> str:
        schema = self.resolved(parameter["schema"])
        kind = schema.get("type")
        value: object = text
        if not text:
            return ""
        if kind == "integer" and text.lstrip("-").isdecimal():
            # Zeros before it say nothing, and Python reads no more than 4,300 digits.
            value = int(re.sub("^(-*)0+(?=[0-9])", r"\1", text))
        if kind == "boolean":
            value = text.lower() in {"true", "t", "1", "false", "f", "0"} or text
        return self.problem(schema, value)


class Refused(Exception):  # noqa: N818  # an answer, not a fault
    """Raised by a made client for an answer that is no success."""

    def __init__(self, reply: Reply) -> None:
        """Keep the answer."""
        super().__init__(reply.status, reply.body)
        self.reply = reply


Send = Callable[[str, str, bytes], Reply]
"""Sends a method, a path with its query, and a body."""


class Client:
    """A client with a method for each operation, as a generator makes one."""

    def __init__(self, description: Description, send: Send) -> None:
        """Make one that sends by *send*."""
        self._description, self._send = description, send

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Return the operation of this id; arguments that are None are left out."""
        for operation in self._description.operations:
            if operation.id == name:
                return lambda **given: self._call(operation, given)
        raise AttributeError(name)

    def _call(self, operation: Operation, given: dict[str, Any]) -> Any:
        body = given.pop("body", None)
        path = re.sub(
            r"\{(\w+)\}", lambda part: quote(str(given.pop(part[1])), safe=""), operation.path
        )
        unknown = given.keys() - operation.query.keys()
        if unknown or (body is not None and operation.body is None):
            raise TypeError(f"{operation.id} has no {unknown or 'body'}")
        asked = urlencode({name: _written(value) for name, value in given.items()})
        sent = _encoded(operation, body)
        reply = self._send(operation.method, f"{path}?{asked}" if asked else path, sent)
        problems = self._description.problems(operation.method, unquote(path), asked, sent, reply)
        if found := list(problems):
            raise AssertionError(found)
        if reply.status >= 300:
            raise Refused(reply)
        return json.loads(reply.body or b"null")


def _written(value: object) -> str:
    return json.dumps(value) if isinstance(value, bool) else str(value)


def _encoded(operation: Operation, body: object) -> bytes:
    if body is None:
        return b""
    if operation.takes_json or JSON in cast("dict[str, Any]", operation.body)["content"]:
        return json.dumps(body).encode()
    return urlencode(cast("dict[str, str]", body)).encode()

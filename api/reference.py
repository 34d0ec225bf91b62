"""Prints the API reference as a Markdown page, from the OpenAPI document: `python -m api.reference`.

The page is made when it is wanted (`make reference`) and never kept in the repository: it is always that of the code.
"""

import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import msgspec

from api import document

Json = Mapping[str, Any]
_METHODS = ("get", "post", "put", "patch", "delete")
_BOUNDS = {
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minimum": "at least {}",
    "maximum": "at most {}",
    "exclusiveMinimum": "more than {}",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
}


def render(openapi: Json) -> str:
    """The whole page: every operation by its tag, then every schema that one of them names."""
    return "\n".join([*_head(openapi), *_operations(openapi), *_schemas(openapi)]) + "\n"


def _head(openapi: Json) -> Iterator[str]:
    yield "# API reference"
    yield ""
    yield f"{openapi['info']['title']}, made from the OpenAPI document that every server has at `/api/v1/openapi.json`."
    yield ""
    yield "Calls need `Authorization: Bearer <token>` unless they say otherwise. Refusals are RFC 9457 problems; these"
    yield "may come from every call, others stand with theirs:"
    yield ""
    yield "| status | meaning |"
    yield "|---|---|"
    for status, meaning in sorted(_common(openapi).items()):
        yield f"| {status} | {_cell(meaning)} |"


def _operations(openapi: Json) -> Iterator[str]:
    common = _common(openapi)
    by_tag: dict[str, list[tuple[str, str, Json]]] = {}
    for path, methods in openapi["paths"].items():
        for method in _METHODS:
            if method in methods:
                by_tag.setdefault(methods[method]["tags"][0], []).append((method.upper(), path, methods[method]))
    for tag, operations in sorted(by_tag.items(), key=lambda each: each[0].lower()):
        yield ""
        yield f"## {tag[0].upper()}{tag[1:]}"
        for method, path, operation in operations:
            yield ""
            yield from _operation(method, path, operation, common)


def _operation(method: str, path: str, operation: Json, common: Json) -> Iterator[str]:
    yield f"### `{method} {path}`"
    yield ""
    yield f"{operation['summary'].rstrip('.')}."
    text = operation.get("description", "")
    if text and text.rstrip(".") != operation["summary"].rstrip("."):
        yield ""
        yield text
    if "security" not in operation:
        yield ""
        yield "Needs no token."
    if parameters := operation.get("parameters"):
        yield ""
        yield "| parameter | in | type | |"
        yield "|---|---|---|---|"
        for each in parameters:
            name = f"`{each['name']}`" + (" (required)" if each.get("required") and each["in"] != "path" else "")
            yield f"| {name} | {each['in']} | {_type(each['schema'])} | {_cell(each.get('description', ''))} |"
    for kind, media in operation.get("requestBody", {}).get("content", {}).items():
        yield ""
        yield f"Body, `{kind}`: {_type(media.get('schema', {}))}"
    yield ""
    yield "| answer | |"
    yield "|---|---|"
    for status, response in sorted(operation["responses"].items()):
        if common.get(status) != response["description"]:
            kinds = [_type(media["schema"]) for media in response.get("content", {}).values() if "schema" in media]
            shape = "" if status >= "400" or not kinds else f" {' or '.join(kinds)}"
            headers = "".join(f", `{name}`" for name in response.get("headers", {}))
            yield f"| {status} | {_cell(response['description'])}{shape}{headers} |"


def _schemas(openapi: Json) -> Iterator[str]:
    yield ""
    yield "## Schemas"
    for name, schema in sorted(openapi["components"]["schemas"].items()):
        yield ""
        yield f"### {name}"
        if text := schema.get("description"):
            yield ""
            yield text
        required = set(schema.get("required", ()))
        if properties := schema.get("properties"):
            yield ""
            yield "| field | type | |"
            yield "|---|---|---|"
            for field, of in properties.items():
                shown = f"`{field}`" + (" (required)" if field in required else "")
                yield f"| {shown} | {_type(of)} | {_cell(_notes(of))} |"
        elif not text or "properties" not in schema:
            yield ""
            yield _type(schema)
        for example in schema.get("examples", ()):
            yield ""
            yield "```json"
            yield msgspec.json.format(msgspec.json.encode(example), indent=2).decode()
            yield "```"


def _common(openapi: Json) -> dict[str, str]:
    """What more than half of all operations say of a refusal, by status."""
    said: Counter[tuple[str, str]] = Counter()
    count = 0
    for methods in openapi["paths"].values():
        for operation in methods.values():
            count += 1
            said.update((status, each["description"]) for status, each in operation["responses"].items())
    return {status: text for (status, text), times in said.items() if status >= "400" and times * 2 > count}


def _type(schema: Json) -> str:
    """A type in few words; other schemas as links."""
    if "$ref" in schema:
        name = str(schema["$ref"]).rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            kinds = [_type(each) for each in cast("Sequence[Json]", schema[several])]
            return " or ".join(dict.fromkeys(kinds))
    if "enum" in schema:
        return ", ".join(f"`{each}`" for each in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    kind = schema.get("type")
    if kind == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), Mapping):
        return f"object of {_type(schema['additionalProperties'])}"
    if isinstance(kind, str):
        return f"{kind} ({schema['format']})" if "format" in schema else kind
    return "any JSON"


def _notes(schema: Json) -> str:
    """What is said of a field, its default and its bounds."""
    notes = [str(schema["description"])] if "description" in schema else []
    for each in [schema, *schema.get("anyOf", ())]:
        notes += [words.format(f"{each[bound]:g}") for bound, words in _BOUNDS.items() if bound in each]
    if schema.get("default") is not None:
        notes.append(f"default `{msgspec.json.encode(schema['default']).decode()}`")
    return "; ".join(dict.fromkeys(notes))


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def main() -> None:
    """Write the page to standard output."""
    sys.stdout.write(render(document.made()))


if __name__ == "__main__":
    main()

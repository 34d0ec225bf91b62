"""The OpenAPI document: complete, unambiguous, and the same as what is answered."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema_rs
import pytest

from api.schemas import examples
from tests.support import access
from tests.support import api as support
from tests.support.api import Api, Documented

DOCUMENT = support.document()


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every operation of the native API: method, path, what is said of it."""
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            if path.startswith(access.NATIVE):
                yield method.upper(), path, operation


def test_it_is_openapi_3_1() -> None:
    assert DOCUMENT["openapi"].startswith("3.1")
    assert DOCUMENT["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"


def test_every_operation_has_a_name_of_its_own() -> None:
    names = [o["operationId"] for path in DOCUMENT["paths"].values() for o in path.values()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(("method", "path", "operation"), [*operations()], ids=lambda part: str(part)[:60])
def test_every_operation_says_what_it_does_and_may_answer(method: str, path: str, operation: dict[str, Any]) -> None:
    assert operation["summary"]
    assert operation["tags"]
    responses: dict[str, Any] = operation["responses"]
    if (method, path) in access.PUBLIC:
        assert "security" not in operation
    else:
        assert operation["security"] == [{"bearer": []}]
        assert {"400", "401", "403", "404", "503"} <= set(responses)
    assert any(status.startswith("2") for status in responses)
    for status, response in responses.items():
        assert response["description"], status
        if status >= "400":
            schema = response["content"]["application/problem+json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/ProblemView"}
            assert "urn:" not in response["description"]
    if method in {"POST", "PUT", "PATCH"}:
        assert "413" in responses
    for parameter in operation.get("parameters", ()):
        assert parameter["in"] in {"path", "query", "header"}


def test_every_reference_leads_somewhere() -> None:
    def references(node: Any) -> Iterator[str]:
        if isinstance(node, dict):
            for name, value in node.items():  # pyright: ignore[reportUnknownVariableType] - JSON
                if name == "$ref":
                    yield str(value)  # pyright: ignore[reportUnknownArgumentType] - JSON
                yield from references(value)
        elif isinstance(node, list):
            for each in node:  # pyright: ignore[reportUnknownVariableType] - JSON
                yield from references(each)

    known = {f"#/components/schemas/{name}" for name in DOCUMENT["components"]["schemas"]}
    assert set(references(DOCUMENT)) <= known


@pytest.mark.parametrize("name", examples.EXAMPLES)
def test_examples_fit_their_schemas(name: str) -> None:
    schema = {"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]}
    validator = jsonschema_rs.validator_for(schema)
    assert [*validator.iter_errors(examples.EXAMPLES[name])] == []
    assert [*validator.iter_errors({})] != []
    assert DOCUMENT["components"]["schemas"][name]["examples"] == [examples.EXAMPLES[name]]


@pytest.mark.parametrize("name", ["QueueBody", "TaskBody", "ClaimBody", "CompleteBody"])
def test_examples_of_requests_fit_theirs(name: str) -> None:
    schema = DOCUMENT["components"]["schemas"][name]
    validator = jsonschema_rs.validator_for({**schema, "components": DOCUMENT["components"]})
    assert schema["examples"]
    for example in schema["examples"]:
        assert [*validator.iter_errors(example)] == []


async def test_it_is_served(api: Api) -> None:
    answer = await api(None).get("/api/v1/openapi.json")
    assert answer.json() == json.loads(json.dumps(api.app.openapi()))


@pytest.mark.parametrize(
    ("status", "body", "what"),
    [
        (418, {}, "not documented"),
        (200, {"tenant": 1}, "tenant"),
        (401, {"type": "x"}, "application/json"),
    ],
)
async def test_an_answer_that_is_not_as_documented_fails_a_test(status: int, body: Any, what: str) -> None:
    transport = Documented(httpx.MockTransport(lambda _: httpx.Response(status, json=body)), DOCUMENT)
    async with httpx.AsyncClient(transport=transport, base_url="http://penstock.test") as client:
        with pytest.raises(AssertionError, match=what):
            await client.get("/api/v1/me")

"""What ADSP's task service answers to everybody: what it is, how it does, its OpenAPI document (contract adsp 1)."""

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api import context, replies, routing
from core import errors

router = APIRouter(route_class=routing.Plain, tags=["ADSP task service"])

HEALTH, DOCS = "/health", "/swagger/docs/v1"
_JSON: dict[int | str, dict[str, Any]] = {200: {"content": {replies.JSON: {"schema": {"type": "object"}}}}}


@router.get(HEALTH, responses=_JSON)
async def adsp_health(request: Request) -> Response:
    """Say which of the parts are there that ADSP's health check names; here tenants and access are in the record."""
    parts = context.of(request).parts
    try:
        kept = await parts.record.tenants.get("core") is not None
    except errors.Unavailable:
        kept = False
    told = parts.broker.publishing.connected
    return replies.reply({"access": kept, "directory": kept, "tenant": kept, "event": told, "db": kept})


@router.get(DOCS, responses=_JSON)
async def adsp_document(request: Request) -> Response:
    """The OpenAPI document, of everything that is answered here."""
    return replies.reply(request.app.openapi())


def about(request: Request) -> dict[str, Any]:
    """What the service is, for a program that asks for `/`."""
    base = str(request.base_url)
    paths = {"self": "", "health": HEALTH[1:], "api": "task/v1", "docs": DOCS[1:]}
    return {
        "name": "Task service",
        "description": "Queues of tasks for people and programs.",
        "_links": {name: {"href": base + path} for name, path in paths.items()},
    }

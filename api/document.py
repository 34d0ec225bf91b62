"""Prints the OpenAPI document: `python -m api.document > openapi.json`. No server is needed for it."""

import sys
from typing import Any

import msgspec

from api import app
from core.settings import Settings


def made() -> dict[str, Any]:
    """The document."""
    nowhere = Settings.model_validate(
        {
            "environment": "local",
            "mongodb_url": "mongodb://nowhere",
            "rabbitmq_url": "amqp://nowhere",
            "auth_url": "http://nowhere",
        }
    )
    return app.build(nowhere).openapi()


def main() -> None:
    """Write the document, its keys in their order, to standard output."""
    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(made()), indent=1))


if __name__ == "__main__":
    main()

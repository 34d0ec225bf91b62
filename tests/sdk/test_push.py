"""Push targets: what the server signed is accepted, everything else is not; in FastAPI and in Flask."""

import base64
import json
import secrets
from datetime import UTC, datetime

import fastapi
import flask
import httpx
import pytest
import standardwebhooks
from penstock import UsageError, push

KEY = base64.b64encode(secrets.token_bytes(24)).decode()
SECRET = f"whsec_{KEY}"
BODY = json.dumps({"id": "t1", "params": {"ü": 1}}).encode()


def signed(body: bytes = BODY, *, at: int | None = None, secret: str = SECRET) -> dict[str, str]:
    """Headers as the library of Standard Webhooks makes them."""
    moment = datetime.now(UTC) if at is None else datetime.fromtimestamp(at, UTC)
    signature = standardwebhooks.Webhook(secret).sign("msg_1", moment, body.decode())
    return {
        "Webhook-Id": "msg_1", "Webhook-Timestamp": str(int(moment.timestamp())), "Webhook-Signature": signature,
    }  # fmt: skip


def test_what_was_signed_is_accepted() -> None:
    delivery = push.verify(signed(), BODY, SECRET)
    assert (delivery.id, delivery.body) == ("msg_1", {"id": "t1", "params": {"ü": 1}})
    assert push.verify(signed(), BODY, KEY.rstrip("=")).id == "msg_1"
    assert push.sign("msg_1", 1_700_000_000, BODY, SECRET) == signed(at=1_700_000_000)["Webhook-Signature"]
    assert push.verify(signed(at=1_700_000_000), BODY, SECRET, now=1_700_000_299).at.timestamp() == 1_700_000_000


def test_one_of_several_signatures_and_secrets_is_enough() -> None:
    headers = signed()
    headers["Webhook-Signature"] = f"v1,bm9wZQ== v2,x {headers['Webhook-Signature']}"
    assert push.verify(headers, BODY, ["whsec_" + base64.b64encode(b"old").decode(), SECRET])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"Webhook-Signature": ""}, "carries no"),
        ({"Webhook-Id": "msg_2"}, "does not fit"),
        ({"Webhook-Signature": "v1,nonsense"}, "does not fit"),
        ({"Webhook-Signature": "ü"}, "does not fit"),
        ({"Webhook-Timestamp": "soon"}, "not a number"),
        ({"Webhook-Timestamp": "1700000000"}, "too old"),
    ],
)
def test_what_was_changed_is_refused(change: dict[str, str], words: str) -> None:
    with pytest.raises(push.BadSignature, match=words):
        push.verify(signed() | change, BODY, SECRET)


def test_another_body_another_secret_and_no_json_are_refused() -> None:
    with pytest.raises(push.BadSignature):
        push.verify(signed(), BODY + b" ", SECRET)
    with pytest.raises(push.BadSignature):
        push.verify(signed(), BODY, "whsec_" + base64.b64encode(b"other").decode())
    with pytest.raises(push.BadSignature, match="not JSON"):
        push.verify(signed(b"nope"), b"nope", SECRET)
    for bad in ("whsec_", "whsec_%%%"):
        with pytest.raises(UsageError):
            push.verify(signed(), BODY, bad)


async def test_in_fastapi() -> None:
    app = fastapi.FastAPI()

    @app.post("/tasks")
    async def target(request: fastapi.Request) -> dict[str, str]:
        try:
            return {"id": (await push.areceive(request, SECRET)).id}
        except push.BadSignature as error:
            raise fastapi.HTTPException(401, str(error)) from error

    assert target is not None
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://target.test") as client:
        assert (await client.post("/tasks", content=BODY, headers=signed())).json() == {"id": "msg_1"}
        assert (await client.post("/tasks", content=b"{}", headers=signed())).status_code == 401


def test_in_flask() -> None:
    app = flask.Flask("target")

    @app.post("/tasks")
    def target() -> dict[str, str]:
        try:
            return {"id": push.receive(flask.request, SECRET).id}
        except push.BadSignature as error:
            flask.abort(401, str(error))

    assert target is not None
    client = app.test_client()
    assert client.post("/tasks", data=BODY, headers=signed()).json == {"id": "msg_1"}
    assert client.post("/tasks", data=b"{}", headers=signed()).status_code == 401

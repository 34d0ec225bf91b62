"""How ADSP's task service looks from outside: queue, page and error bodies (contract adsp 1.1-1.3)."""

import hashlib
from collections.abc import Iterable
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from api import replies
from core import errors
from core.queue import Queue


class Refused(errors.PenstockError):
    """The request cannot be carried out."""

    def __init__(self, status: int, detail: str) -> None:
        """`status` and the text of `errorMessage`."""
        super().__init__(detail)
        self.answered = status


def invalid(faults: Iterable[tuple[str, str]]) -> Refused:
    """The refusal of a request whose (field, location) pairs failed a check each, in the order of the checks."""
    listed = ", ".join(f"{field} ({location}) - Invalid value" for field, location in faults)
    return Refused(400, f"Validation failed with error(s): {listed}")


def missing(kind: str, name: str) -> Refused:
    """There is no such queue or task for this caller."""
    return Refused(404, f"{kind} with ID '{name}' could not be found.")


def refusal(error: errors.PenstockError) -> Response:
    """Any refusal in ADSP's shape; 401 is bare text there."""
    status = error.answered if isinstance(error, Refused) else error.status
    if status == 401:
        return PlainTextResponse("Unauthorized", status_code=401)
    headers = {} if error.retry_after is None else {"Retry-After": str(max(1, round(error.retry_after)))}
    return replies.reply({"errorMessage": error.detail}, status=status, headers=headers)


def tagged(request: Request, answer: Response) -> Response:
    """The answer with a weak ETag of its body (contract adsp 1), or 304 where the reader has this one already.

    A stream goes untagged.
    """
    if request.method != "GET" or answer.status_code != 200 or isinstance(answer, StreamingResponse):
        return answer
    body = bytes(answer.body)
    tag = f'W/"{len(body):x}-{hashlib.sha256(body).hexdigest()[:27]}"'
    known = {each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")}
    if tag.removeprefix("W/") in known or "*" in known:
        return Response(status_code=304, headers={"ETag": tag})
    answer.headers["ETag"] = tag
    return answer


def queue_view(queue: Queue) -> dict[str, Any]:
    """A queue (contract 1.5)."""
    view: dict[str, Any] = {"namespace": queue.namespace, "name": queue.name}
    if queue.display_name is not None:
        view["displayName"] = queue.display_name
    return view | {
        "context": queue.context,
        "assignerRoles": queue.bindings.assigners,
        "workerRoles": queue.bindings.workers,
    }


def page_view(tasks: list[dict[str, Any]], *, after: str | None, following: str | None) -> dict[str, Any]:
    """A page (contract 1.3): `after` echoes the request, `next` is left out on the last page."""
    page: dict[str, Any] = {"size": len(tasks)}
    if after is not None:
        page["after"] = after
    if following is not None:
        page["next"] = following
    return {"page": page, "results": tasks}

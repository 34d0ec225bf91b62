"""Errors mirror the server's, class by class, and anything that answers becomes one."""

import httpx
import pytest
from penstock import errors

from core import errors as server


def every(base: type[server.PenstockError]) -> list[type[server.PenstockError]]:
    return [found for child in base.__subclasses__() for found in (child, *every(child))]


THEIRS = [each for each in every(server.PenstockError) if each.__module__ == server.__name__]


@pytest.mark.parametrize("theirs", THEIRS, ids=lambda each: each.__name__)
def test_every_refusal_of_the_server_has_its_class_here(theirs: type[server.PenstockError]) -> None:
    problem = errors.Problem(type=f"urn:penstock:problem:{theirs.code}", status=theirs.status, detail="So.")
    ours = errors.of(problem)
    assert (type(ours).__name__, type(ours).code) == (theirs.__name__, theirs.code)
    parent = theirs.__bases__[0]
    assert type(ours).__bases__[0].__name__ == ("ApiError" if parent is server.PenstockError else parent.__name__)
    assert str(ours) == "So."


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.Invalid),
        (404, errors.NotFound),
        (409, errors.Conflict),
        (422, errors.Invalid),
        (418, errors.ApiError),
    ],
)
def test_an_unknown_code_becomes_the_class_of_its_status(status: int, kind: type[errors.ApiError]) -> None:
    found = errors.of(errors.Problem(type="urn:penstock:problem:brand-new", status=status))
    assert type(found) is kind


def response(status: int, text: str, content_type: str = "text/html") -> httpx.Response:
    request = httpx.Request("GET", "https://penstock.example/x")
    return httpx.Response(status, text=text, headers={"content-type": content_type}, request=request)


def test_a_proxys_page_is_an_error_in_one_line() -> None:
    error = errors.of_response(response(502, "<h1>Bad\n gateway</h1>" + "x" * 1000))
    assert error.problem.status == 502
    assert error.detail.startswith("penstock.example answered with status 502: <h1>Bad gateway</h1>x")
    assert len(error.detail) < 300


def test_the_status_line_counts_not_what_the_body_says() -> None:
    error = errors.of_response(response(503, '{"status": 200, "title": "Fine"}', "application/json"))
    assert type(error) is errors.Unavailable


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("3", 3.0), ("0.5", 0.5), ("-1", 0.0), ("Mon, 05 Jan 2026 12:00:30 GMT", 30.0), ("soon", None), (None, None)],
)
def test_retry_after_is_a_number_or_a_date(value: str | None, seconds: float | None) -> None:
    headers = {"date": "Mon, 05 Jan 2026 12:00:00 GMT"} | ({} if value is None else {"retry-after": value})
    assert errors.retry_after(httpx.Headers(headers)) == seconds

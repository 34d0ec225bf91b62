"""How a handler may end, besides returning its result: raised, or returned."""

from typing import Any


class Outcome(Exception):
    """A way to end that a handler chose."""


class Fail(Outcome):
    """The work failed; with `retryable=False` for good: no further attempt, a dead letter."""

    def __init__(self, message: str = "", *, retryable: bool = False, error: Any = None) -> None:
        self.retryable = retryable
        self.error: Any = {"type": type(self).__name__, "message": message} if error is None else error
        super().__init__(message)


class Retry(Fail):
    """The work failed this time: another attempt after the task's backoff, while it has attempts left."""

    def __init__(self, message: str = "", *, error: Any = None) -> None:
        super().__init__(message, retryable=True, error=error)


class Release(Outcome):
    """Give the task back unfinished, to its old place in the queue; no attempt is spent."""


class Stopped(BaseException):
    """Raised by `Context.check` in a synchronous handler that is to stop; not an `Exception`, so that no handler's
    own `except Exception` swallows it.
    """

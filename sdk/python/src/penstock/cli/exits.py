"""What the exit status of every command means."""

from enum import IntEnum

from penstock import errors


class Exit(IntEnum):
    """The statuses; `penstock exits` lists them with their meaning."""

    DONE = 0
    BUG = 1
    USAGE = 2
    SIGN_IN = 3
    FORBIDDEN = 4
    NOT_FOUND = 5
    CONFLICT = 6
    INVALID = 7
    AWAY = 8
    PARTLY = 9
    NOT_SUCCEEDED = 10
    INTERRUPTED = 130


MEANING = {
    Exit.DONE: "done",
    Exit.BUG: "something unexpected went wrong; PENSTOCK_DEBUG=1 shows where",
    Exit.USAGE: "the command line is wrong, or no server is chosen",
    Exit.SIGN_IN: "not signed in, or no longer",
    Exit.FORBIDDEN: "signed in, but not allowed to do this",
    Exit.NOT_FOUND: "there is no such thing",
    Exit.CONFLICT: "it does not fit the present state, or somebody changed it meanwhile",
    Exit.INVALID: "what was sent is wrong, or lines of the file are; nothing was done",
    Exit.AWAY: "the server is away or overloaded; try again later",
    Exit.PARTLY: "some of it was done, some was refused",
    Exit.NOT_SUCCEEDED: "the task that was waited for did not succeed, or did not end in time",
    Exit.INTERRUPTED: "interrupted (Ctrl-C)",
}


def of(error: errors.PenstockError) -> Exit:
    """The status that an error ends a command with."""
    match error:
        case errors.UsageError():
            return Exit.USAGE
        case errors.Unauthenticated() | errors.TokenRefused():
            return Exit.SIGN_IN
        case errors.Forbidden():
            return Exit.FORBIDDEN
        case errors.NotFound():
            return Exit.NOT_FOUND
        case errors.Conflict() | errors.PreconditionFailed() | errors.PreconditionRequired():
            return Exit.CONFLICT
        case errors.Invalid() | errors.TooLarge():
            return Exit.INVALID
        case errors.TooManyRequests() | errors.TooSlow() | errors.Unavailable() | errors.ConnectionLost():
            return Exit.AWAY
        case errors.ApiError() if error.problem.status >= 500:
            return Exit.AWAY
        case _:
            return Exit.BUG

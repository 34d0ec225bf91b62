"""Who may do what on the ADSP face: ADSP's own matrix (contract adsp 4.2), with its quirks and without its leaks.

A caller of the realm `core` (`is_core`) acts in the tenant that it names, where the matrix lets core accounts in. Queue
roles are those of the tenant alone: a core account's role never meets a queue binding of the same name.
"""

from auth.principal import CORE, TASK_ADMIN, TASK_READER, TASK_WRITER, Principal
from core.queue import Bindings
from core.task import Task

EXPORT_JOB = "urn:ads:platform:export-service:export-job"
RESOLVER = "urn:ads:platform:directory-service:resource-resolver"
STREAM_LISTENER = "urn:ads:platform:push-service:stream-listener"


def is_core(who: Principal) -> bool:
    """Whether the token comes from the platform's own realm."""
    return who.home == CORE


def _has(who: Principal, *roles: str, core: bool = False) -> bool:
    return (core or not is_core(who)) and not who.roles.isdisjoint(roles)


def _bound(who: Principal, roles: tuple[str, ...]) -> bool:
    return not is_core(who) and not who.roles.isdisjoint(roles)


def access(who: Principal, bindings: Bindings) -> bool:
    """Read a task, list a queue, metrics; the precondition of everything by id."""
    return (
        _has(who, TASK_ADMIN, TASK_READER, core=True)
        or _bound(who, bindings.workers)
        or _bound(who, bindings.assigners)
    )


def resolves(who: Principal) -> bool:
    """The directory's resolver may read any task by its id."""
    return _has(who, RESOLVER, core=True)


def assigns(who: Principal, bindings: Bindings) -> bool:
    """Give tasks to anybody."""
    return _has(who, TASK_ADMIN) or _bound(who, bindings.assigners)


def works(who: Principal, bindings: Bindings) -> bool:
    """A worker of the queue. An admin is none unless it also has a worker role."""
    return _bound(who, bindings.workers)


def progresses(who: Principal, bindings: Bindings, task: Task) -> bool:
    """Start, change data, complete: a worker, of a task that is nobody's or its own."""
    return works(who, bindings) and (task.assignee is None or task.assignee.id == who.subject)


def creates(who: Principal, bindings: Bindings) -> bool:
    """Add tasks; our queues' submitters may, too."""
    return _has(who, TASK_ADMIN, TASK_WRITER, core=True) or _bound(who, bindings.submitters)


def updates(who: Principal) -> bool:
    """PATCH, on top of access."""
    return _has(who, TASK_ADMIN, TASK_WRITER)


def sets_priority(who: Principal, bindings: Bindings) -> bool:
    """Change the priority, on top of access."""
    return _has(who, TASK_ADMIN, TASK_WRITER, core=True) or assigns(who, bindings)


def deletes(who: Principal) -> bool:
    """Remove a task, on top of access."""
    return _has(who, TASK_ADMIN)


def lists_all(who: Principal) -> bool:
    """List all tasks of the tenant."""
    return _has(who, TASK_ADMIN, TASK_READER) or _has(who, EXPORT_JOB, core=True)


def subscribes(who: Principal) -> bool:
    """Listen to the stream of the tenant's task events."""
    return _has(who, TASK_ADMIN, TASK_READER, STREAM_LISTENER, core=True)

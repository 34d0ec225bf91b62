"""Who may do what, as one pure table; every face and every route asks here and nowhere else.

| action     | service roles              | roles of the queue's        | on a task, also                    |
|------------|----------------------------|-----------------------------|------------------------------------|
| manage     | task-admin                 |                             |                                    |
| submit     | task-admin, task-writer    | submitters                  |                                    |
| read       | task-admin, task-reader    | workers, assigners, readers | creator: task-writer, submitters   |
| work       |                            | workers                     |                                    |
| assign     | task-admin                 | assigners                   |                                    |
| take       | task-admin                 | assigners                   | free: workers                      |
| prioritize | task-admin                 | assigners                   |                                    |
| patch      | task-admin                 |                             | readable: task-writer, submitters  |
| cancel     | task-admin                 | assigners                   | holder: workers                    |
|            |                            |                             | creator: task-writer, submitters   |
| retry      | task-admin                 | assigners                   |                                    |
| redrive    | task-admin                 |                             |                                    |
| purge      | task-admin                 |                             |                                    |
| delete     | task-admin                 |                             |                                    |
| audit      | task-admin                 |                             |                                    |
| settings   | task-admin, platform-admin |                             |                                    |
| tenants    | platform-admin             |                             |                                    |

`creator`, `holder`: the caller made the task, or holds it. `free`: it is assigned to nobody else.
`readable`: the caller may read it. `task-admin` is not a worker, as in ADSP. `platform-admin` counts in the
realm `core` only (`Principal.is_operator`), and the tenant `core` has no tasks: nobody has any other right
there. An operator who chose a tenant (`Principal.acting_in`) is `task-admin` in it. A test compares this
table with what `allowed` answers.
"""

from collections.abc import Iterator
from enum import StrEnum

import msgspec

from auth.principal import CORE, PLATFORM_ADMIN, TASK_ADMIN, TASK_READER, TASK_WRITER, Principal
from core import errors, queue, task


class Action(StrEnum):
    """What a handler needs its caller to be allowed to do."""

    MANAGE = "manage"
    """Create, change, delete, pause and resume queues; definitions, schedules, webhooks, templates."""
    SUBMIT = "submit"
    READ = "read"
    """Queues, tasks, history, metrics, events."""
    WORK = "work"
    """Claim, start, heartbeat, complete, fail, release."""
    ASSIGN = "assign"
    """Give a task to anybody, or take it away."""
    TAKE = "take"
    """Assign a task that nobody has to oneself, or give one's own back."""
    PRIORITIZE = "prioritize"
    PATCH = "patch"
    CANCEL = "cancel"
    RETRY = "retry"
    """Run one ended task again."""
    REDRIVE = "redrive"
    """Run many dead letters again, or undo that."""
    PURGE = "purge"
    DELETE = "delete"
    AUDIT = "audit"
    SETTINGS = "settings"
    """A tenant's own settings. The route checks that it is the caller's tenant, or the caller an operator."""
    TENANTS = "tenants"
    """Create, list, suspend and delete tenants."""


class Ties(msgspec.Struct, frozen=True, kw_only=True):
    """The subjects that a task names; a right may hang on being one of them."""

    creator: str | None = None
    holder: str | None = None
    assignee: str | None = None


class Tie(StrEnum):
    """How a caller must be tied to the task for a grant to count; the values are words for people."""

    NONE = ""
    CREATOR = "on a task of one's own making"
    HOLDER = "while holding the task"
    FREE = "on a task assigned to nobody else"
    READABLE = "on a task that one may read"


class Reach(StrEnum):
    """Which tasks of a queue a caller may list."""

    ALL = "all"
    OWN = "own"
    """Those that it created."""
    NONE = "none"


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """One way to a right: hold one of `roles`, or a role in the queue's lists `bindings`; and be tied by
    `tie`.
    """

    roles: tuple[str, ...] = ()
    bindings: tuple[str, ...] = ()
    tie: Tie = Tie.NONE


_ADMIN = Grant(roles=(TASK_ADMIN,))
_ADMIN_OR_ASSIGNER = Grant(roles=(TASK_ADMIN,), bindings=("assigners",))


def _submitter(tie: Tie) -> Grant:
    return Grant(roles=(TASK_WRITER,), bindings=("submitters",), tie=tie)


def _worker(tie: Tie) -> Grant:
    return Grant(bindings=("workers",), tie=tie)


TABLE: dict[Action, tuple[Grant, ...]] = {
    Action.MANAGE: (_ADMIN,),
    Action.SUBMIT: (Grant(roles=(TASK_ADMIN, TASK_WRITER), bindings=("submitters",)),),
    Action.READ: (
        Grant(roles=(TASK_ADMIN, TASK_READER), bindings=("workers", "assigners", "readers")),
        _submitter(Tie.CREATOR),
    ),
    Action.WORK: (_worker(Tie.NONE),),
    Action.ASSIGN: (_ADMIN_OR_ASSIGNER,),
    Action.TAKE: (_ADMIN_OR_ASSIGNER, _worker(Tie.FREE)),
    Action.PRIORITIZE: (_ADMIN_OR_ASSIGNER,),
    Action.PATCH: (_ADMIN, _submitter(Tie.READABLE)),
    Action.CANCEL: (_ADMIN_OR_ASSIGNER, _worker(Tie.HOLDER), _submitter(Tie.CREATOR)),
    Action.RETRY: (_ADMIN_OR_ASSIGNER,),
    Action.REDRIVE: (_ADMIN,),
    Action.PURGE: (_ADMIN,),
    Action.DELETE: (_ADMIN,),
    Action.AUDIT: (_ADMIN,),
    Action.SETTINGS: (Grant(roles=(TASK_ADMIN, PLATFORM_ADMIN)),),
    Action.TENANTS: (Grant(roles=(PLATFORM_ADMIN,)),),
}


_EVERYBODYS = frozenset({"offline_access", "uma_authorization"})
_MOST_NAMED = 10


def ties_of(found: task.Task) -> Ties:
    """The subjects that `found` names."""
    return Ties(
        creator=found.created_by.id,
        holder=found.holder.id if found.holder else None,
        assignee=found.assignee.id if found.assignee else None,
    )


def allowed(who: Principal, action: Action, bindings: queue.Bindings | None = None, ties: Ties | None = None) -> bool:
    """May `who` do `action` here? Pure and total.

    `bindings` are those of the queue concerned, None where no queue is (then bindings grant nothing).
    `ties` name the task concerned; None means the queue as a whole (then nothing that hangs on a tie is
    granted). The caller has made sure that queue and task belong to `who.tenant`: a foreign one was
    answered 404 before.
    """
    return any(_holds(who, grant, bindings) and _tied(who, grant.tie, bindings, ties) for grant in TABLE[action])


def require(who: Principal, action: Action, bindings: queue.Bindings | None = None, ties: Ties | None = None) -> None:
    """Raise `Forbidden` unless `allowed`; it names the right, every role that would grant it, and the caller's."""
    if not allowed(who, action, bindings, ties):
        ways = "; or ".join(_words(grant, bindings) for grant in TABLE[action])
        raise errors.Forbidden(
            f"The right '{action}' is missing. It needs {ways}. {_yours(who)}", extra={"right": action.value}
        )


def reach(who: Principal, bindings: queue.Bindings | None = None) -> Reach:
    """Which tasks of a queue `who` may list: all, those of its own making, or none."""
    if allowed(who, Action.READ, bindings):
        return Reach.ALL
    mine = Ties(creator=who.subject)
    return Reach.OWN if allowed(who, Action.READ, bindings, mine) else Reach.NONE


def rights(who: Principal, bindings: queue.Bindings | None = None, ties: Ties | None = None) -> frozenset[Action]:
    """Everything that `who` may do here: what a worklist shows as buttons."""
    return frozenset(action for action in Action if allowed(who, action, bindings, ties))


def _holds(who: Principal, grant: Grant, bindings: queue.Bindings | None) -> bool:
    if who.is_operator and PLATFORM_ADMIN in grant.roles:
        return True
    if who.tenant == CORE:
        return False
    named = [role for role in grant.roles if role != PLATFORM_ADMIN]
    return not who.roles.isdisjoint(named) or not who.roles.isdisjoint(_bound(grant, bindings))


def _bound(grant: Grant, bindings: queue.Bindings | None) -> Iterator[str]:
    if bindings is not None:
        for which in grant.bindings:
            yield from _roles_in(bindings, which)


def _roles_in(bindings: queue.Bindings, which: str) -> tuple[str, ...]:
    roles: tuple[str, ...] = getattr(bindings, which)
    return roles


def _tied(who: Principal, tie: Tie, bindings: queue.Bindings | None, ties: Ties | None) -> bool:
    if tie is Tie.NONE:
        return True
    if ties is None:
        return False
    match tie:
        case Tie.CREATOR:
            return ties.creator == who.subject
        case Tie.HOLDER:
            return ties.holder == who.subject
        case Tie.FREE:
            return ties.assignee in (None, who.subject)
        case Tie.READABLE:
            return allowed(who, Action.READ, bindings, ties)


def _yours(who: Principal) -> str:
    """The caller's roles, but for those that Keycloak gives to everybody."""
    own = sorted(role for role in who.roles if role not in _EVERYBODYS and not role.startswith("default-roles-"))
    if not own:
        return "You have no role."
    more = "" if len(own) <= _MOST_NAMED else f" and {len(own) - _MOST_NAMED} more"
    return f"You have {', '.join(own[:_MOST_NAMED])}{more}."


def _words(grant: Grant, bindings: queue.Bindings | None) -> str:
    parts = [*grant.roles]
    for which in grant.bindings:
        held_by = "" if bindings is None else f" ({', '.join(_roles_in(bindings, which)) or 'none set'})"
        parts.append(f"a role of the queue's {which}{held_by}")
    words = " or ".join(parts)
    return f"{words}, {grant.tie}" if grant.tie else words

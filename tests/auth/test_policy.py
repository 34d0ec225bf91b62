"""Every cell of the table of rights: the docstring's words against what is answered, for every set of roles."""

import itertools
from datetime import UTC, datetime

import msgspec
import pytest

from auth import policy
from auth.policy import Action, Reach, Ties
from auth.principal import CORE, Principal
from core import errors, priority, task
from core.queue import Bindings

ME, OTHER = "me", "somebody else"
LISTS = ("submitters", "workers", "assigners", "readers")
BINDINGS = Bindings(submitters=("clerk",), workers=("reviewer",), assigners=("supervisor",), readers=("auditor",))
ROLE_OF = {"submitters": "clerk", "workers": "reviewer", "assigners": "supervisor", "readers": "auditor"}
SERVICE = ("task-admin", "task-reader", "task-writer", "platform-admin")


class Way(msgspec.Struct, frozen=True):
    """One cell of the table in the module's docstring, read."""

    roles: frozenset[str]
    lists: frozenset[str]
    tie: str


def caller(*roles: str, tenant: str = "demo", operator: bool = False) -> Principal:
    return Principal(
        tenant=tenant,
        home=CORE if operator else tenant,
        subject=ME,
        name="Me",
        roles=frozenset(roles),
        is_operator=operator,
        expires_at=datetime(2030, 1, 1, tzinfo=UTC),
    )


def written_table() -> dict[Action, list[Way]]:
    """The docstring's table. A row without an action goes on with the one above."""
    table: dict[Action, list[Way]] = {}
    rows = [line for line in (policy.__doc__ or "").splitlines() if line.startswith("|")]
    action = Action.MANAGE
    for row in rows[2:]:
        name, roles, lists, tied = (cell.strip() for cell in row.strip("|").split("|"))
        action = Action(name) if name else action
        ways = table.setdefault(action, [])
        if roles or lists:
            ways.append(Way(words(roles), words(lists), ""))
        if tied:
            tie, _, who = tied.partition(": ")
            ways.append(Way(words(who) - set(LISTS), words(who) & set(LISTS), tie))
    return table


def words(cell: str) -> frozenset[str]:
    return frozenset(word.strip() for word in cell.split(",") if word.strip())


def holds(tie: str, ties: Ties | None, *, readable: bool) -> bool:
    if tie == "":
        return True
    if ties is None:
        return False
    return {
        "creator": ties.creator == ME,
        "holder": ties.holder == ME,
        "free": ties.assignee in (None, ME),
        "readable": readable,
    }[tie]


TABLE = written_table()
ALL_TIES = [
    None,
    *(Ties(creator=c, holder=h, assignee=a) for c, h, a in itertools.product((None, ME, OTHER), repeat=3)),
]
ALL_ROLES = [
    frozenset(chosen)
    for size in range(len(SERVICE) + len(LISTS) + 1)
    for chosen in itertools.combinations((*SERVICE, *ROLE_OF.values()), size)
]


def expected(action: Action, roles: frozenset[str], bindings: Bindings | None, ties: Ties | None) -> bool:
    """What the written table says of a caller who is no operator."""
    bound = {which for which, role in ROLE_OF.items() if role in roles} if bindings else set[str]()
    counted = roles - {"platform-admin"}
    readable = action is not Action.READ and expected(Action.READ, roles, bindings, ties)
    return any(
        (counted & way.roles or bound & way.lists) and holds(way.tie, ties, readable=readable) for way in TABLE[action]
    )


def test_the_written_table_has_a_row_for_every_action() -> None:
    assert set(TABLE) == set(Action) == set(policy.TABLE)


@pytest.mark.parametrize("action", Action)
def test_every_set_of_roles_gets_what_the_table_says(action: Action) -> None:
    answers = set[bool]()
    for roles, bindings, ties in itertools.product(ALL_ROLES, (BINDINGS, Bindings(), None), ALL_TIES):
        mine = bindings if bindings is BINDINGS else None
        got = policy.allowed(caller(*roles), action, bindings, ties)
        assert got is bool(expected(action, roles, mine, ties)), (roles, bindings, ties)
        answers.add(got)
    assert answers == ({False} if action is Action.TENANTS else {True, False})


@pytest.mark.parametrize("action", Action)
def test_in_core_an_operator_has_the_platforms_rights_and_nobody_any_other(action: Action) -> None:
    ties = Ties(creator=ME, holder=ME, assignee=ME)
    for roles in ALL_ROLES:
        someone = caller(*roles, tenant=CORE)
        operator = caller(*roles, tenant=CORE, operator=True)
        assert not policy.allowed(someone, action, BINDINGS, ties)
        assert policy.allowed(operator, action, BINDINGS, ties) is (action in (Action.SETTINGS, Action.TENANTS))


@pytest.mark.parametrize("action", Action)
def test_an_operator_in_a_tenant_is_its_task_admin_and_keeps_the_platforms_rights(action: Action) -> None:
    operator = caller(*ROLE_OF.values(), "platform-admin", tenant=CORE, operator=True).acting_in("demo")
    ties = Ties(creator=OTHER, holder=OTHER, assignee=OTHER)
    as_admin = policy.allowed(caller("task-admin"), action, BINDINGS, ties)
    assert policy.allowed(operator, action, BINDINGS, ties) is (as_admin or action is Action.TENANTS)


# What must hold whatever the table says: written down a second time, by hand.
PROMISES = [
    ("a task-admin is not a worker", ("task-admin",), Action.WORK, None, False),
    ("a worker works", ("reviewer",), Action.WORK, None, True),
    ("a worker does not manage", ("reviewer",), Action.MANAGE, None, False),
    ("a worker does not submit", ("reviewer",), Action.SUBMIT, None, False),
    ("a worker takes what nobody has", ("reviewer",), Action.TAKE, Ties(), True),
    ("a worker does not take what another has", ("reviewer",), Action.TAKE, Ties(assignee=OTHER), False),
    ("a worker gives back", ("reviewer",), Action.TAKE, Ties(assignee=ME), True),
    ("a worker gives nobody anything", ("reviewer",), Action.ASSIGN, Ties(), False),
    ("a holder cancels", ("reviewer",), Action.CANCEL, Ties(holder=ME), True),
    ("a worker who does not hold it cannot cancel", ("reviewer",), Action.CANCEL, Ties(holder=OTHER), False),
    ("a former worker cannot cancel", (), Action.CANCEL, Ties(holder=ME), False),
    ("an assigner assigns", ("supervisor",), Action.ASSIGN, Ties(), True),
    ("an assigner sets priorities", ("supervisor",), Action.PRIORITIZE, Ties(), True),
    ("an assigner retries one", ("supervisor",), Action.RETRY, Ties(), True),
    ("an assigner redrives no crowd", ("supervisor",), Action.REDRIVE, None, False),
    ("an assigner purges nothing", ("supervisor",), Action.PURGE, None, False),
    ("an assigner does not delete", ("supervisor",), Action.DELETE, Ties(), False),
    ("a reader only reads", ("auditor",), Action.PATCH, Ties(creator=ME), False),
    ("a reader does not cancel", ("task-reader",), Action.CANCEL, Ties(creator=ME), False),
    ("a writer submits", ("task-writer",), Action.SUBMIT, None, True),
    ("a writer reads its own", ("task-writer",), Action.READ, Ties(creator=ME), True),
    ("a writer reads no other", ("task-writer",), Action.READ, Ties(creator=OTHER), False),
    ("a writer patches its own", ("clerk",), Action.PATCH, Ties(creator=ME), True),
    ("a writer patches no other", ("clerk",), Action.PATCH, Ties(creator=OTHER), False),
    ("a writer who reads patches any", ("task-writer", "task-reader"), Action.PATCH, Ties(creator=OTHER), True),
    ("a writer cancels its own", ("clerk",), Action.CANCEL, Ties(creator=ME), True),
    ("who lost the right to submit cannot cancel", (), Action.CANCEL, Ties(creator=ME), False),
    ("nobody does nothing", (), Action.READ, Ties(creator=ME, holder=ME, assignee=ME), False),
    ("another client's task-admin is none", ("hr:task-admin",), Action.MANAGE, None, False),
    ("platform-admin of a tenant is nothing", ("platform-admin",), Action.TENANTS, None, False),
    ("a tenant's settings are its admin's", ("task-admin",), Action.SETTINGS, None, True),
    ("a tenant's admin makes no tenants", ("task-admin",), Action.TENANTS, None, False),
]


@pytest.mark.parametrize(("roles", "action", "ties", "answer"), [p[1:] for p in PROMISES], ids=[p[0] for p in PROMISES])
def test_promises(roles: tuple[str, ...], action: Action, ties: Ties | None, *, answer: bool) -> None:
    assert policy.allowed(caller(*roles), action, BINDINGS, ties) is answer


def test_a_refusal_names_the_right_and_every_role_that_would_grant_it() -> None:
    with pytest.raises(errors.Forbidden) as refusal:
        policy.require(caller("auditor"), Action.CANCEL, BINDINGS, Ties())
    said = refusal.value.detail
    assert "'cancel'" in said
    assert refusal.value.extra == {"right": "cancel"}
    for word in ("task-admin", "supervisor", "reviewer", "task-writer", "clerk", "while holding the task"):
        assert word in said
    assert said.endswith("You have auditor.")


def test_a_refusal_names_the_callers_roles_without_those_that_everybody_has() -> None:
    with pytest.raises(errors.Forbidden, match=r"You have no role\.$"):
        policy.require(caller("offline_access", "default-roles-demo"), Action.CANCEL, BINDINGS, Ties())
    with pytest.raises(errors.Forbidden, match=r"You have r00, .*, r09 and 2 more\.$"):
        policy.require(caller(*(f"r{number:02}" for number in range(12))), Action.CANCEL, BINDINGS, Ties())


def test_a_refusal_without_a_queue_names_the_lists() -> None:
    with pytest.raises(errors.Forbidden, match="a role of the queue's workers"):
        policy.require(caller("task-admin"), Action.WORK)


def test_require_lets_the_allowed_pass() -> None:
    policy.require(caller("reviewer"), Action.WORK, BINDINGS)


@pytest.mark.parametrize(
    ("roles", "reach"),
    [
        (("task-reader",), Reach.ALL),
        (("reviewer", "clerk"), Reach.ALL),
        (("clerk",), Reach.OWN),
        (("task-writer",), Reach.OWN),
        ((), Reach.NONE),
    ],
)
def test_reach_says_which_tasks_a_list_may_show(roles: tuple[str, ...], reach: Reach) -> None:
    assert policy.reach(caller(*roles), BINDINGS) is reach


def test_rights_are_what_a_worklist_shows() -> None:
    assert policy.rights(caller("reviewer"), BINDINGS, Ties()) == {Action.READ, Action.WORK, Action.TAKE}


def test_ties_are_read_from_the_task() -> None:
    now = datetime(2026, 1, 5, tzinfo=UTC)
    maker, worker, person = (task.Actor(id=name, name=name) for name in ("maker", "worker", "person"))
    bare = task.Task(
        tenant="demo",
        id="t1",
        queue="a:b",
        lane="l",
        state=task.State.READY,
        seq=1,
        priority=priority.Priority.NORMAL,
        place="",
        created_at=now,
        created_by=maker,
        updated_at=now,
        limits=task.Limits(),
        last_event=task.Note(type="created", at=now, by=maker),
    )
    assert policy.ties_of(bare) == Ties(creator="maker")
    held = msgspec.structs.replace(bare, holder=worker, assignment=task.Assignment(by=maker, at=now, to=person))
    assert policy.ties_of(held) == Ties(creator="maker", holder="worker", assignee="person")

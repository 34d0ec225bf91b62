"""One local stack for all tests of this folder that share it, started by `make run`, and callers of it."""

from collections.abc import Callable, Iterator

import pytest

from tests.support.people import Caller
from tests.support.stack import LocalStack


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """A running stack; tests that share it are in one xdist group and make queues of their own."""
    made = LocalStack(tmp_path_factory.mktemp("stack"))
    made.start()
    yield made
    made.stop()


@pytest.fixture
def caller(stack: LocalStack) -> Callable[..., Caller]:
    """Makes callers, for `async with`: of the tenant demo unless another is named."""
    local = stack.local

    def make(name: str, realm: str = "demo") -> Caller:
        return Caller(local["api"], local["auth"], realm, name)

    return make

"""Two faces of one implementation: every call is written once, as a coroutine, and both clients offer it.

A group of calls is a class whose methods are marked `@operation` (a coroutine) or `@stream` (an asynchronous
generator). Mixed with `Async` its methods are what they were written as; mixed with `Sync` they run on a background
event loop and hand back what comes out. Both are typed: the descriptors know which face they are asked by.
"""

import asyncio
import concurrent.futures
import functools
import os
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, Self, TypeVar, overload

from penstock import errors
from penstock.transport import Transport

P = ParamSpec("P")
T = TypeVar("T")


class Portal(Protocol):
    """Runs coroutines for code that cannot await."""

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """What the coroutine returns; raises what it raises."""
        ...


class LoopPortal:
    """A portal into a loop that runs in another thread already."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """What the coroutine returns; it is cancelled when the calling thread is interrupted meanwhile."""
        if _running_loop() is self._loop:
            work.close()
            raise errors.UsageError("The synchronous client was called on the event loop; use the asynchronous one.")
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise


class BackgroundLoop:
    """A portal with a loop and a daemon thread of its own, begun by its first call; anew in a forked process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._live: tuple[int, LoopPortal, asyncio.AbstractEventLoop, threading.Thread] | None = None

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """What the coroutine returns."""
        with self._lock:
            if self._live is None or self._live[0] != os.getpid():
                self._live = self._begin()
            portal = self._live[1]
        return portal.call(work)

    def close(self) -> None:
        """End the thread; a later call begins another."""
        with self._lock:
            live, self._live = self._live, None
        if live is not None and live[0] == os.getpid():
            live[2].call_soon_threadsafe(live[2].stop)
            live[3].join()

    def _begin(self) -> tuple[int, LoopPortal, asyncio.AbstractEventLoop, threading.Thread]:
        begun: concurrent.futures.Future[asyncio.AbstractEventLoop] = concurrent.futures.Future()

        def run() -> None:
            with asyncio.Runner() as runner:
                loop = runner.get_loop()
                loop.call_soon(begun.set_result, loop)
                loop.run_forever()

        thread = threading.Thread(target=run, name="penstock-client", daemon=True)
        thread.start()
        loop = begun.result()
        return os.getpid(), LoopPortal(loop), loop, thread


class Calls:
    """A group of calls on one transport."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport


class Async(Calls):
    """Mixed into a group of calls: its methods are awaited."""


class Sync(Calls):
    """Mixed into a group of calls: its methods block."""

    def __init__(self, transport: Transport, portal: Portal) -> None:
        super().__init__(transport)
        self._portal = portal

    @property
    def portal(self) -> Portal:
        """Where its calls run."""
        return self._portal


class Operation(Generic[P, T]):
    """A call that answers once."""

    def __init__(self, body: Callable[Concatenate[Any, P], Coroutine[Any, Any, T]]) -> None:
        self._body = body
        self.__doc__ = body.__doc__

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: Sync, owner: type) -> Callable[P, T]: ...
    @overload
    def __get__(self, instance: Async, owner: type) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, instance: Calls | None, owner: type) -> Any:
        """The method as the face that is asked offers it."""
        if instance is None:
            return self
        if not isinstance(instance, Sync):
            return functools.partial(self._body, instance)

        @functools.wraps(self._body)
        def blocking(*args: P.args, **kwargs: P.kwargs) -> T:
            return instance.portal.call(self._body(instance, *args, **kwargs))

        return blocking


class Stream(Generic[P, T]):
    """A call that answers many times."""

    def __init__(self, body: Callable[Concatenate[Any, P], AsyncIterator[T]]) -> None:
        self._body = body
        self.__doc__ = body.__doc__

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: Sync, owner: type) -> Callable[P, Iterator[T]]: ...
    @overload
    def __get__(self, instance: Async, owner: type) -> Callable[P, AsyncIterator[T]]: ...
    def __get__(self, instance: Calls | None, owner: type) -> Any:
        """The method as the face that is asked offers it."""
        if instance is None:
            return self
        if not isinstance(instance, Sync):
            return functools.partial(self._body, instance)

        @functools.wraps(self._body)
        def blocking(*args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
            return _drawn(instance.portal, self._body(instance, *args, **kwargs))

        return blocking


def operation(body: Callable[Concatenate[Any, P], Coroutine[Any, Any, T]]) -> Operation[P, T]:
    """Mark a coroutine as a call of both faces."""
    return Operation(body)


def stream(body: Callable[Concatenate[Any, P], AsyncIterator[T]]) -> Stream[P, T]:
    """Mark an asynchronous generator as a call of both faces."""
    return Stream(body)


def _drawn(portal: Portal, source: AsyncIterator[T]) -> Iterator[T]:
    end = object()
    stepping: set[asyncio.Task[Any]] = set()

    async def step() -> T | object:
        task = asyncio.current_task()
        assert task is not None
        stepping.add(task)
        try:
            return await anext(source, end)
        finally:
            stepping.discard(task)

    async def close() -> None:
        # A step that was interrupted is still being cancelled, and a generator that runs cannot be closed.
        if stepping:
            await asyncio.wait(stepping)
        closing = getattr(source, "aclose", None)
        if closing is not None:
            await closing()

    try:
        while (item := portal.call(step())) is not end:
            yield item  # pyright: ignore[reportReturnType] - anything but the end mark is an item
    finally:
        portal.call(close())


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None

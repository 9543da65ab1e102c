"""Finding out that a store has gone silent, so that nobody waits for it."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

import structlog

from persistence.breaker import Breaker, State

_log = structlog.get_logger(__name__)

# One unanswered question is enough: it was asked because somebody had waited in vain already, it had a fresh connection
# to itself, and it does not count if anybody else was answered meanwhile.
_FAILURES: Final = 1


class StoreSilent(ConnectionError):
    """The store does not answer, as somebody has found out; nothing was asked, or the answer is not waited for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchLimits:
    """How long silence is borne."""

    silence_seconds: float = 0.6
    """Whoever asks a store that has gone silent hears so after this."""
    retry_seconds: float = 0.25
    """How often a silent store is asked whether it is back."""

    @property
    def patience_seconds(self) -> float:
        """A third of the silence is waited for an answer, before the store is asked whether it lives."""
        return self.silence_seconds / 3

    @property
    def answer_seconds(self) -> float:
        """The rest, which that answer may take."""
        return self.silence_seconds - self.patience_seconds

    @property
    def return_seconds(self) -> float:
        """What the answer of a store that was silent may take: nobody waits for it, and connecting takes longer."""
        return 2 * self.silence_seconds


Ask = Callable[[], Awaitable[None]]
"""Asks the store, on a connection of its own, whether it lives. Any error says that it does not."""

_CANCEL_SECONDS: Final = 0.1
# So often the store is asked although nobody waits: routers forget connections on which nothing is said.
_QUIET_SECONDS: Final = 30.0


class Watch:
    """Knows who waits for a store and since when.

    When somebody has waited too long, or a connection was lost, it asks the store itself. A store that is merely slow
    answers that, and everybody goes on waiting for what they asked. If it does not, the breaker opens: all who wait
    are released with StoreSilent, and nobody has to wait from then on. Meanwhile the store is asked again and again;
    its first answer closes the breaker.
    """

    def __init__(
        self,
        name: str,
        limits: WatchLimits,
        ask: Ask,
        *,
        losses: tuple[type[Exception], ...],
        hang_up: Callable[[], None] = lambda: None,
    ) -> None:
        """`hang_up` ends the connection of `ask`.

        `losses`: what the driver raises when no answer came; whatever else it raises, the store has said.
        """
        self._name = name
        self._limits = limits
        self._ask = ask
        self._losses = losses
        self._hang_up = hang_up
        self._when_opened: list[Callable[[], None]] = []
        self._before_closed: list[Callable[[], Awaitable[None]]] = []
        self._breaker = Breaker(failures=_FAILURES, pause_seconds=limits.retry_seconds, clock=time.monotonic)
        # In the order in which they began to wait.
        self._waiting: dict[object, float] = {}
        self._scopes: set[asyncio.Timeout] = set()
        self._answered_at = 0.0
        self._suspected = asyncio.Event()
        self._distrusted = False

    @property
    def state(self) -> State:
        """Whether the store answers, as far as is known."""
        return self._breaker.state

    def when_opened(self, act: Callable[[], None]) -> None:
        """Have something done when the store has gone silent."""
        self._when_opened.append(act)

    def before_closed(self, act: Callable[[], Awaitable[None]]) -> None:
        """Have something done when the store answers again, before anybody asks it; tried until it succeeds."""
        self._before_closed.append(act)

    def check(self) -> None:
        """Raise StoreSilent when it is known that the store does not answer."""
        if not self._breaker.is_closed:
            raise StoreSilent(f"{self._name} does not answer")

    def begin(self, waiter: object) -> None:
        """Somebody waits for the store from now on. Raises StoreSilent."""
        self.check()
        self._waiting[waiter] = time.monotonic()

    def end(self, waiter: object, *, answered: bool) -> None:
        """Somebody waits no longer; `answered`: because the store said something, whatever it was."""
        self._waiting.pop(waiter, None)
        if answered:
            self._answered_at = time.monotonic()

    def distrust(self) -> None:
        """Let the store count as lost although it answers, so that what is done before it is back is done."""
        self._distrusted = True
        self._suspected.set()

    def suspect(self) -> None:
        """A connection was lost: find out at once whether the store is."""
        self._suspected.set()

    @asynccontextmanager
    async def asking(self) -> AsyncIterator[None]:
        """The block asks the store, and is interrupted by StoreSilent when it turns out to be silent."""
        waiter, scope, answered = object(), asyncio.timeout(None), True
        self.begin(waiter)
        self._scopes.add(scope)
        try:
            async with scope:
                yield
        except self._losses:
            answered = False
            if scope.expired():
                raise StoreSilent(f"{self._name} does not answer") from None
            self.suspect()
            raise
        except asyncio.CancelledError:
            answered = False
            raise
        finally:
            self._scopes.discard(scope)
            self.end(waiter, answered=answered)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Watch for as long as the block lasts."""
        # Not a TaskGroup: it would wrap whatever the block raises.
        task = asyncio.create_task(self._run(), name=f"watch {self._name}")
        try:
            yield
        finally:
            while not task.done():
                # Again and again: `asyncio.wait_for` of Python 3.11, by which the client asks, may lose it.
                task.cancel()
                await asyncio.wait([task], timeout=_CANCEL_SECONDS)
            self._hang_up()
            if not task.cancelled():
                task.result()

    async def _run(self) -> None:
        while True:
            await self._until_suspicious()
            began = time.monotonic()
            error = await self._unanswered(self._limits.answer_seconds)
            # Whoever is answered while we are not shows that the store lives.
            if (error is None or self._answered_at > began) and not self._distrusted:
                continue
            self._distrusted = False
            self._breaker.failed()
            if not self._breaker.is_closed:
                self._open(error)
                await self._until_back()

    async def _until_suspicious(self) -> None:
        """Return when somebody has waited too long while nobody was answered, or a connection was lost."""
        quiet_until = time.monotonic() + _QUIET_SECONDS
        while not self._suspected.is_set() and time.monotonic() < quiet_until:
            silent_since = max(next(iter(self._waiting.values()), time.monotonic()), self._answered_at)
            patience = silent_since + self._limits.patience_seconds - time.monotonic()
            if patience <= 0:
                break
            with suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await self._suspected.wait()
        self._suspected.clear()

    async def _unanswered(self, within_seconds: float) -> Exception | None:
        """Ask the store; None when it answers."""
        try:
            async with asyncio.timeout(within_seconds):
                await self._ask()
        except Exception as error:  # noqa: BLE001 - a store that cannot say even this is of no use, whatever it says
            return error
        self._answered_at = time.monotonic()
        return None

    def _open(self, error: Exception | None) -> None:
        """Release everybody."""
        _log.warning("store.lost", store=self._name, error=repr(error))
        for act in self._when_opened:
            act()
        now = asyncio.get_running_loop().time()
        for scope in self._scopes:
            scope.reschedule(now)

    async def _until_back(self) -> None:
        """Ask again and again; the first answer closes the breaker."""
        while not self._breaker.is_closed:
            await asyncio.sleep(self._breaker.pause_left_seconds)
            if not self._breaker.try_half_open():
                continue
            if await self._unanswered(self._limits.return_seconds) is None and await self._made_good():
                self._breaker.answered()
            else:
                self._breaker.failed()
        self._suspected.clear()
        _log.info("store.back", store=self._name)

    async def _made_good(self) -> bool:
        """Do what is to be done before anybody relies on the store again; False when that fails."""
        try:
            for act in self._before_closed:
                await act()
        except Exception as error:  # noqa: BLE001 - whatever it was, it is tried again until it succeeds
            _log.warning("store.not_made_good", store=self._name, error=repr(error))
            return False
        return True

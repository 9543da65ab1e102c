"""Detection of a store that has gone silent, so that no request waits for it."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

import structlog

from persistence.breaker import Breaker, BreakerState

_log = structlog.get_logger(__name__)

# One unanswered probe is enough: it is sent after a request has waited in vain, it has a connection to itself, and it
# does not count if any request was answered meanwhile.
_FAILURES: Final = 1


class StoreSilent(ConnectionError):
    """The store is known not to answer, or to take no writes; no request was sent, or its answer is not waited for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LivenessLimits:
    """Limits on how long silence of a store goes unnoticed."""

    silence_seconds: float = 0.6
    """A request to a store that has gone silent fails after this."""
    retry_seconds: float = 0.25
    """Pause between two probes of a silent store."""

    @property
    def probe_after_seconds(self) -> float:
        """A third of the silence: an unanswered request is followed by a probe after this."""
        return self.silence_seconds / 3

    @property
    def probe_seconds(self) -> float:
        """The rest of the silence: the time in which that probe must be answered."""
        return self.silence_seconds - self.probe_after_seconds

    @property
    def recovery_probe_seconds(self) -> float:
        """Time in which a silent store must answer a probe: no request waits for it, and connecting takes longer."""
        return 2 * self.silence_seconds


Probe = Callable[[], Awaitable[None]]
"""A question to the store on a connection of its own. Any error means that the store is of no use."""

_CANCEL_SECONDS: Final = 0.1
# Pause between probes while no request waits: routers forget idle connections.
_QUIET_SECONDS: Final = 30.0


def _never(_error: Exception) -> bool:
    return False


class LivenessWatch:
    """A register of the requests that wait for a store, with a breaker that opens when the store falls silent.

    When a request has waited too long, or a connection was lost, the watch probes the store itself. A store that is
    merely slow answers the probe, and the requests go on waiting. Otherwise the breaker opens: all waiting requests end
    with StoreSilent, and new ones fail at once. Meanwhile the store is probed again and again; its first answer closes
    the breaker.

    A store that answers, but takes no writes, counts as lost too, from its first such answer until a probe, which
    writes, has succeeded. Only what needs no room there is sent to it meanwhile.
    """

    def __init__(
        self,
        name: str,
        limits: LivenessLimits,
        probe: Probe,
        *,
        losses: tuple[type[Exception], ...],
        refuses_writes: Callable[[Exception], bool] = _never,
        check_seconds: float = _QUIET_SECONDS,
        close_probe: Callable[[], None] = lambda: None,
    ) -> None:
        """`close_probe` closes the connection of `probe`.

        `losses`: what the driver raises when no answer came; all its other errors are answers of the store.
        `refuses_writes` tells which of these say that it takes no writes; it is probed every `check_seconds` to find
        out.
        """
        self._name = name
        self._limits = limits
        self._probe = probe
        self._losses = losses
        self._is_refusal = refuses_writes
        self._check_seconds = check_seconds
        self.refuses_writes = False
        """True while the store answers, but takes no writes."""
        self._close_probe = close_probe
        self._loss_actions: list[Callable[[], None]] = []
        self._recovery_actions: list[Callable[[], Awaitable[None]]] = []
        self._breaker = Breaker(failures=_FAILURES, pause_seconds=limits.retry_seconds, clock=time.monotonic)
        # By waiter, in the order in which they began to wait.
        self._wait_started: dict[object, float] = {}
        self._request_timeouts: set[asyncio.Timeout] = set()
        self._answered_at = 0.0
        self._probe_wanted = asyncio.Event()
        self._declared_lost = False

    @property
    def state(self) -> BreakerState:
        """State of the breaker: closed while the store answers, as far as is known."""
        return self._breaker.state

    def on_lost(self, act: Callable[[], None]) -> None:
        """Call `act` each time the store falls silent."""
        self._loss_actions.append(act)

    def before_recovery(self, act: Callable[[], Awaitable[None]]) -> None:
        """Call `act` each time the store answers again, before any request is sent; repeat it until it succeeds."""
        self._recovery_actions.append(act)

    @property
    def is_alive(self) -> bool:
        """True while the store answers and takes writes, as far as is known."""
        return self._breaker.is_closed

    def require_alive(self, *, needs_room: bool = True) -> None:
        """Raise StoreSilent while the store is known not to answer, or has no room for what needs some."""
        if not self._breaker.is_closed and (needs_room or not self.refuses_writes):
            raise StoreSilent(f"{self._name} {'takes no writes' if self.refuses_writes else 'does not answer'}")

    def start_wait(self, waiter: object) -> None:
        """Register a request that waits for the store from now on. Raises StoreSilent."""
        self.require_alive()
        self._wait_started[waiter] = time.monotonic()

    def end_wait(self, waiter: object, *, answered: bool) -> None:
        """Remove a request that waits no longer; `answered`: the store replied, if only with an error."""
        self._wait_started.pop(waiter, None)
        if answered:
            self._answered_at = time.monotonic()

    def declare_lost(self) -> None:
        """Treat the store as lost although it answers, so that the recovery actions run."""
        self._declared_lost = True
        self._probe_wanted.set()

    def probe_soon(self) -> None:
        """Probe the store at once, because a connection was lost."""
        self._probe_wanted.set()

    def note_answer(self, error: Exception) -> None:
        """Take the store for lost at once if this error, which it answered, says that it takes no writes."""
        if self._breaker.is_closed and self._is_refusal(error):
            self._open_breaker(error)
            self._probe_wanted.set()

    @asynccontextmanager
    async def request(self, *, needs_room: bool = True) -> AsyncIterator[None]:
        """Register the block as a request, and end it with StoreSilent when the store falls silent."""
        if not self._breaker.is_closed:
            self.require_alive(needs_room=needs_room)
        waiter, scope, answered = object(), asyncio.timeout(None), True
        # What start_wait and end_wait do, spelled out: every command passes here.
        self._wait_started[waiter] = time.monotonic()
        self._request_timeouts.add(scope)
        try:
            async with scope:
                yield
        except self._losses:
            answered = False
            if scope.expired():
                raise StoreSilent(f"{self._name} does not answer") from None
            self.probe_soon()
            raise
        except asyncio.CancelledError:
            answered = False
            raise
        finally:
            self._request_timeouts.discard(scope)
            self._wait_started.pop(waiter, None)
            if answered:
                self._answered_at = time.monotonic()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Watch the store while the block runs."""
        # Not a TaskGroup: it would wrap whatever the block raises.
        task = asyncio.create_task(self._run(), name=f"watch {self._name}")
        try:
            yield
        finally:
            while not task.done():
                # Again and again: `asyncio.wait_for` of Python 3.11, by which the client asks, may lose it.
                task.cancel()
                await asyncio.wait([task], timeout=_CANCEL_SECONDS)
            self._close_probe()
            if not task.cancelled():
                task.result()

    async def _run(self) -> None:
        while True:
            is_suspected = await self._await_suspicion()
            if self._breaker.is_closed and not await self._was_found_lost(is_suspected=is_suspected):
                continue
            await self._await_recovery()

    async def _was_found_lost(self, *, is_suspected: bool) -> bool:
        """Probe the store; if it is lost, open the breaker and return True."""
        began = time.monotonic()
        error = await self._probe_error(self._limits.probe_seconds)
        if error is None or not self._is_refusal(error):
            # An answer to any request meanwhile shows that the store lives.
            if (error is None or self._answered_at > began) and not self._declared_lost:
                return False
            if not is_suspected and not self._declared_lost:
                # Nobody has waited in vain: perhaps it was this process that took so long.
                self._probe_wanted.set()
                return False
        self._declared_lost = False
        # A request may have been refused meanwhile.
        if self._breaker.is_closed:
            self._open_breaker(error)
        return True

    async def _await_suspicion(self) -> bool:
        """Return when a request has waited too long while none was answered, or when a connection was lost.

        False where nothing is suspected, and it is only time for a check.
        """
        quiet_until = time.monotonic() + self._check_seconds
        is_suspected = True
        while not self._probe_wanted.is_set() and time.monotonic() < quiet_until:
            silent_since = max(next(iter(self._wait_started.values()), time.monotonic()), self._answered_at)
            patience = silent_since + self._limits.probe_after_seconds - time.monotonic()
            if patience <= 0:
                break
            with suppress(TimeoutError):
                async with asyncio.timeout(min(patience, max(quiet_until - time.monotonic(), 0))):
                    await self._probe_wanted.wait()
        else:
            is_suspected = self._probe_wanted.is_set()
        self._probe_wanted.clear()
        return is_suspected

    async def _probe_error(self, within_seconds: float) -> Exception | None:
        """Probe the store, and return the error; None when it answers."""
        try:
            async with asyncio.timeout(within_seconds):
                await self._probe()
        except Exception as error:  # noqa: BLE001 - a store that cannot say even this is of no use, whatever it says
            return error
        self._answered_at = time.monotonic()
        return None

    def _open_breaker(self, error: Exception | None) -> None:
        """Call the loss actions, and end all waiting requests unless they are going to be answered."""
        self._breaker.record_failure()
        self.refuses_writes = error is not None and self._is_refusal(error)
        _log.warning("store.lost", store=self._name, error=repr(error), refuses_writes=self.refuses_writes)
        for act in self._loss_actions:
            act()
        if not self.refuses_writes:
            self._end_requests()

    def _end_requests(self) -> None:
        now = asyncio.get_running_loop().time()
        for scope in self._request_timeouts:
            scope.reschedule(now)

    async def _await_recovery(self) -> None:
        """Probe again and again; the first answer closes the breaker."""
        while not self._breaker.is_closed:
            await asyncio.sleep(self._breaker.pause_left_seconds)
            if not self._breaker.try_half_open():
                continue
            error = await self._probe_error(self._limits.recovery_probe_seconds)
            if error is None and await self._run_recovery_actions():
                self._breaker.record_success()
                self.refuses_writes = False
            else:
                self._breaker.record_failure()
                self._note_still_lost(error)
        self._probe_wanted.clear()
        _log.info("store.back", store=self._name)

    def _note_still_lost(self, error: Exception | None) -> None:
        """Note whether the store answers at least. An error of the recovery alone changes nothing."""
        if error is None:
            return
        did_refuse, self.refuses_writes = self.refuses_writes, self._is_refusal(error)
        if did_refuse and not self.refuses_writes:
            self._end_requests()

    async def _run_recovery_actions(self) -> bool:
        """Call the recovery actions; False when one fails."""
        try:
            for act in self._recovery_actions:
                await act()
        except Exception as error:  # noqa: BLE001 - whatever it was, it is tried again until it succeeds
            _log.warning("store.not_made_good", store=self._name, error=repr(error))
            return False
        return True

"""Use cases on the contacts of holds: sending a code, and checking it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final

from access.contacts.model import CodeResult, NoCode, WrongCode, masked
from access.rates.counts import Charge, RateCounts, charge_of
from access.rates.model import Activity, Rate, RateLimited, Rates, Source
from availability.state.catalogue_snapshots import CatalogueSnapshots
from bookings.contact_proof import contact_digest, contact_of
from bookings.model import CustomerDetails, LimitReached
from bookings.phone_numbers import country_for, e164, fault_of
from catalogue.model.rules.verification import Verification
from holds import refusals
from holds.code_store import MOST_CODES, MOST_TRIES, PAUSE_SECONDS, CodeReply, HoldCodeStore
from holds.contact_seal import HoldContact, code_digest, opened_contact, seal_contact
from holds.model import Hold, Visitor
from holds.service import HoldService
from holds.store import Reply
from kernel.errors import DomainError, ValidationFailed
from kernel.ids import HoldId
from kernel.operation import Operation
from persistence.audit import AuditNote
from persistence.errors import RedisUnavailable
from persistence.unit_of_work import UnitOfWork
from tasks.model import PlannedTask
from tasks.repository import TaskRepository

CODE_MESSAGE: Final = "access.code_message"
"""The kind of the tasks that send a code to a visitor."""
_NETWORK_SHARE: Final = 3
"""One network may use up this part of the codes that a contact is sent: nobody can keep somebody else from theirs."""


class ContactVerificationService:
    """Use cases on codes. All raise HoldNotFound, HoldExpired, and HoldsUnavailable when Redis does not answer."""

    def __init__(
        self,
        *,
        unit_of_work: UnitOfWork,
        snapshots: CatalogueSnapshots,
        holds: HoldService,
        codes: HoldCodeStore,
        rate_counts: RateCounts,
        rates: Rates,
    ) -> None:
        """`rates`: those of one contact."""
        self._unit_of_work = unit_of_work
        self._snapshots = snapshots
        self._holds = holds
        self._codes = codes
        self._rate_counts = rate_counts
        self._rate = rates.get(Activity.CODE)

    async def send(
        self, operation: Operation, hold_id: HoldId, details: CustomerDetails, visitor: Visitor | None
    ) -> CodeResult:
        """Have a code sent to the e-mail address of the details, else to their telephone number.

        A task sends it, again and again while the server of mails or messages is away. The first code of a hold
        lets it live as long as the code, as far as its longest life goes.

        Raises HoldBusy, MoveHoldRefusal, RateLimited, LimitReached when the hold has had as many codes as it may,
        ValidationFailed for an impossible number, StoreUnavailable.
        """
        hold = await self._holds.get(operation, hold_id)
        if hold.rescheduling is not None:
            raise refusals.hold_for_move(hold.rescheduling)
        catalogue = await self._snapshots.catalogue(operation.tenant_id, naming=hold.names)
        lead = catalogue.resource_by_id[hold.parts[0].resource_id]
        contact, name = _contact(details, country_for(catalogue, lead, hold.location_id))
        secret = catalogue.business.token_secret
        digest = contact_digest(name, secret)
        with self._charged(operation, digest, visitor), _RedisNeeded():
            asked = await self._codes.ask(
                operation.tenant_id, hold_id, contact=digest, sealed=seal_contact(contact, hold_id, secret)
            )
            _check_asked(asked)
        async with self._unit_of_work.begin(operation) as transaction:
            await TaskRepository(transaction.connection).plan(
                [PlannedTask(tenant_id=operation.tenant_id, kind=CODE_MESSAGE, subject=hold_id, key=hold_id)]
            )
            await transaction.audit.add(AuditNote(subject=hold_id))
        assert asked.record is not None
        assert asked.expires_at is not None, "it was asked for"
        return CodeResult(
            verification=contact.verification,
            sent_to=masked(contact),
            expires_at=asked.expires_at,
            hold_expires_at=datetime.fromtimestamp(asked.record.deadline_ms / 1000, UTC),
            codes_left=asked.codes_left,
        )

    async def check(self, operation: Operation, hold_id: HoldId, code: str) -> HoldContact:
        """The contact that the code proves for the hold, also when it is sent once more. Raises WrongCode, NoCode."""
        hold: Hold = await self._holds.get(operation, hold_id)
        secret = (await self._snapshots.catalogue(operation.tenant_id, naming=hold.names)).business.token_secret
        with _RedisNeeded():
            checked = await self._codes.check(operation.tenant_id, hold_id, code_digest(code, hold_id, secret))
        match checked.reply:
            case Reply.PROVED:
                contact = opened_contact(checked.sealed_contact, hold_id, secret)
                if contact is not None:
                    return contact
            case Reply.WRONG if checked.tries_left:
                raise WrongCode(
                    f"This is not the code that was sent. {_tries(checked.tries_left)}.", tries_left=checked.tries_left
                )
            case Reply.WRONG:
                raise WrongCode("This is not the code that was sent. Ask for a new one.", tries_left=0)
            case Reply.EXPIRED:
                raise refusals.hold_expired()
            case Reply.MISSING:
                raise refusals.hold_not_found()
            case _:
                pass
        raise NoCode(f"No code can be right now: each works for 10 minutes and {MOST_TRIES} tries. Ask for a new one.")

    @contextmanager
    def _charged(self, operation: Operation, digest: str, visitor: Visitor | None) -> Iterator[None]:
        """Count a code for its contact, unless it comes to nothing; the business's own are not counted."""
        charges = [] if visitor is None else self._charges(operation, digest, visitor)
        self._rate_counts.charge(charges)
        try:
            yield
        except DomainError:
            self._rate_counts.take_back(charges)
            raise

    def _charges(self, operation: Operation, digest: str, visitor: Visitor) -> Sequence[Charge]:
        rate, business = self._rate, operation.tenant_id.int
        if rate is None:
            return []
        charges = [charge_of(business, Source.CONTACT, digest, Activity.CODE, rate)]
        if visitor.network is not None:
            share = Rate(max(rate.most // _NETWORK_SHARE, 1), rate.seconds)
            subject = digest.encode() + visitor.network
            charges.append(charge_of(business, Source.CONTACT, subject, Activity.CODE, share))
        return charges


class _RedisNeeded:
    """Turns the absence of Redis into a refusal for the client."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, RedisUnavailable):
            raise refusals.holds_unavailable() from error


def _contact(details: CustomerDetails, country: str | None) -> tuple[HoldContact, str]:
    """The contact to send to, and the form in which it is compared. Raises ValidationFailed."""
    kind = details.told_apart_by
    assert kind is not None, "the request names one"
    name = contact_of(kind, details, country)
    assert name is not None, "it has that contact"
    if kind is Verification.EMAIL:
        return HoldContact(verification=kind, address=details.email or ""), name
    number = e164(details.phone or "", country)
    if number is None:
        fault = fault_of(details.phone or "", country) or "needs its country code, as in +44, to be sent a message"
        raise ValidationFailed.of("phone", fault)
    return HoldContact(verification=kind, address=number), name


def _check_asked(asked: CodeReply) -> None:
    """Raise the refusal of a code that is not sent."""
    match asked.reply:
        case Reply.ASKED:
            return
        case Reply.WAIT:
            seconds = max(-(-asked.wait_ms // 1000), 1)
            raise RateLimited(
                f"A code was sent just now. Please ask for another one in {seconds} seconds.",
                policy="hold-code",
                limit=1,
                window_seconds=PAUSE_SECONDS,
                retry_after_seconds=seconds,
            )
        case Reply.SPENT:
            raise LimitReached(
                f"The hold has had {MOST_CODES} codes, the most allowed. Place a new hold.",
                rule="verification",
                limit=MOST_CODES,
            )
        case Reply.EXPIRED:
            raise refusals.hold_expired()
        case Reply.PINNED:
            raise refusals.hold_pinned("verified")
        case Reply.CONFIRMED:
            raise refusals.hold_confirmed("verified")
        case _:
            raise refusals.hold_not_found()


def _tries(left: int) -> str:
    return "One try is left" if left == 1 else f"{left} tries are left"

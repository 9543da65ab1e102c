"""Every service, put together: the only file that knows every constructor."""

from dataclasses import dataclass
from typing import Final

from access.api_keys.service import ApiKeyService
from access.challenges import Challenge, Turnstile
from access.contacts.service import ContactVerificationService
from access.providers.service import IdentityProviderService
from access.providers.verification import ProviderTokenVerifier
from access.rates.counts import RateCounts
from access.sessions.service import UserSessionService
from access.sessions.sign_in_service import SignInService
from access.sessions.verification import AccessTokenVerifier
from access.stream_grants import StreamGrants
from access.subject import JwtVerifier
from access.users.service import UserService
from access.verification import TokenVerifier
from audit.service import AuditService
from availability.affected_visits import AffectedVisits
from availability.cache_sync import CacheSync
from availability.candidates import CandidateService
from availability.listing.service import ListingService
from availability.listing.streams import AvailabilityStreams
from availability.search_thread import SearchThread
from availability.state.bitmap_cache import BitmapCache
from availability.state.catalogue_snapshots import CatalogueSnapshots
from availability.state.daily_limits import DailyLimits
from availability.state.staff_days import StaffDays
from availability.utilisation.service import UtilisationService
from bookings.amendment_service import AmendmentService
from bookings.appointment_service import AppointmentService
from bookings.booking_service import BookingService
from bookings.collaborators import Collaborators
from bookings.grace import Grace
from bookings.move_hold_service import MoveHoldService
from bookings.token_secrets import TokenRotationService, TokenSecrets
from bookings.token_service import TokenService
from bootstrap.context import Context
from bootstrap.settings import Settings
from businesses.deletion.service import DeletionService
from businesses.service import BusinessService
from businesses.standings import Standings
from catalogue.document_service import BusinessDocumentService
from catalogue.loader import CatalogueLoader
from catalogue.objects_service import CatalogueObjectService
from catalogue.override_service import OverrideService
from catalogue.sandbox import SandboxService
from catalogue.tenants import TenantService
from catalogue.time_off_service import TimeOffService
from catalogue.writer import CatalogueWriter
from customers.erasures.journal import ErasureJournal, JournalEntry
from customers.erasures.service import ErasureService
from customers.retention.service import RetentionService
from customers.service import CustomerService
from events.feed import FeedService
from events.open_streams import OpenStreams
from events.streams import EventStreams
from holds.code_store import HoldCodeStore
from holds.service import HoldService
from holds.store import HoldStore
from kernel.clock import Clock, SystemClock
from kernel.ids import TenantId
from messages.channels.text_messages import read_sms_url
from notifications.callbacks.service import TextMessageCallbackService
from notifications.credentials.service import ChannelSettingsService
from notifications.log_service import NotificationLogService
from persistence.unit_of_work import UnitOfWork
from tasks.service import TaskService
from webhooks.deliveries.service import WebhookDeliveryService
from webhooks.endpoint_service import WebhookEndpointService

# COMMIT is one statement: nobody waits longer for it than for any other.
_CLOCK_MARGIN_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The use cases of the engine, and the parts of availability that several of them share."""

    unit_of_work: UnitOfWork
    tenants: TenantService
    businesses: BusinessService
    standings: Standings
    deletions: DeletionService
    api_keys: ApiKeyService
    catalogue: BusinessDocumentService
    objects: CatalogueObjectService
    time_off: TimeOffService
    overrides: OverrideService
    sandbox: SandboxService
    snapshots: CatalogueSnapshots
    staff_days: StaffDays
    cache_sync: CacheSync
    candidates: CandidateService
    listing: ListingService
    availability_streams: AvailabilityStreams
    utilisation: UtilisationService
    holds: HoldService
    bookings: BookingService
    appointments: AppointmentService
    move_holds: MoveHoldService
    amendments: AmendmentService
    customers: CustomerService
    erasures: ErasureService
    retention: RetentionService
    tokens: TokenService
    token_rotation: TokenRotationService
    web_tokens: JwtVerifier
    rate_counts: RateCounts
    contacts: ContactVerificationService
    challenge: Challenge | None
    identity_providers: IdentityProviderService
    users: UserService
    sign_in: SignInService
    user_sessions: UserSessionService
    tasks: TaskService
    feed: FeedService
    open_streams: OpenStreams
    event_streams: EventStreams
    notifications: NotificationLogService
    notification_channels: ChannelSettingsService
    text_message_callbacks: TextMessageCallbackService
    webhook_endpoints: WebhookEndpointService
    webhook_deliveries: WebhookDeliveryService
    audit: AuditService


def build_services(context: Context, clock: Clock | None = None) -> Services:
    """The services on the pools of a context. They open nothing by themselves, and need not be closed."""
    clock = clock or SystemClock()
    unit_of_work, standings = UnitOfWork(context.engine), Standings(context.engine)
    cache = BitmapCache(context.redis, most_bytes=context.settings.business_cache_bytes)
    loader = CatalogueLoader(unit_of_work)
    snapshots = CatalogueSnapshots(loader, cache)
    staff_days = StaffDays(unit_of_work, cache, context.missed_commits, context.memory, context.metrics)
    daily_limits = DailyLimits(unit_of_work)
    search_thread = SearchThread()
    cache_sync = CacheSync(cache, context.missed_commits, snapshots.forget_business)
    candidates = CandidateService(
        snapshots=snapshots,
        staff_days=staff_days,
        daily_limits=daily_limits,
        cache=cache,
        missed_commits=context.missed_commits,
        search_thread=search_thread,
        clock=clock,
    )
    affected_visits = AffectedVisits(clock)
    writer = CatalogueWriter(unit_of_work=unit_of_work, cache_updater=cache_sync, affected_finder=affected_visits)
    holds = HoldService(
        candidates=candidates,
        staff_days=staff_days,
        cache_sync=cache_sync,
        store=HoldStore(context.redis),
        register=context.hold_register,
        budget_limits=context.settings.budget_limits,
        quota_of=standings.quota,
        metrics=context.metrics,
    )
    token_secrets = TokenSecrets(unit_of_work, context.settings.master_keys)
    collaborators = Collaborators(
        unit_of_work=unit_of_work,
        snapshots=snapshots,
        staff_days=staff_days,
        cache_sync=cache_sync,
        holds=holds,
        token_secrets=token_secrets,
        clock=clock,
        grace=_grace(context.settings),
        quota_of=standings.quota,
        metrics=context.metrics,
    )
    listing = ListingService(
        snapshots=snapshots,
        staff_days=staff_days,
        daily_limits=daily_limits,
        search_thread=search_thread,
        clock=clock,
    )
    feed, rate_counts = FeedService(unit_of_work), RateCounts()
    tokens = TokenService(
        unit_of_work, secrets=token_secrets, clock=clock, days=context.settings.appointment_token_days
    )
    erasures = build_erasures(context)
    tenants = TenantService(unit_of_work=unit_of_work, engine=context.engine)
    documents = BusinessDocumentService(unit_of_work=unit_of_work, writer=writer)
    return Services(
        unit_of_work=unit_of_work,
        tenants=tenants,
        businesses=BusinessService(
            unit_of_work=unit_of_work, engine=context.engine, documents=documents, keys=context.settings.master_keys
        ),
        standings=standings,
        deletions=build_deletions(context),
        api_keys=ApiKeyService(unit_of_work),
        catalogue=documents,
        objects=CatalogueObjectService(loader=loader, writer=writer),
        time_off=TimeOffService(unit_of_work=unit_of_work, cache_updater=cache_sync, affected_finder=affected_visits),
        overrides=OverrideService(writer),
        sandbox=SandboxService(unit_of_work=unit_of_work, cache_updater=cache_sync, clock=clock),
        snapshots=snapshots,
        staff_days=staff_days,
        cache_sync=cache_sync,
        candidates=candidates,
        listing=listing,
        availability_streams=AvailabilityStreams(listing),
        utilisation=UtilisationService(snapshots, cache, clock),
        holds=holds,
        bookings=BookingService(collaborators),
        appointments=AppointmentService(collaborators),
        move_holds=MoveHoldService(collaborators),
        amendments=AmendmentService(collaborators),
        erasures=erasures,
        retention=RetentionService(
            unit_of_work=unit_of_work, snapshots=snapshots, erasures=erasures, clock=SystemClock()
        ),
        customers=CustomerService(unit_of_work=unit_of_work, snapshots=snapshots),
        tokens=tokens,
        token_rotation=TokenRotationService(
            unit_of_work=unit_of_work, keys=context.settings.master_keys, cache_updater=cache_sync, clock=clock
        ),
        web_tokens=TokenVerifier(
            ours=AccessTokenVerifier(unit_of_work=unit_of_work, clock=SystemClock()),
            others=ProviderTokenVerifier(
                engine=context.engine,
                outbound=context.outbound,
                tokens=tokens,
                catalogues=snapshots,
                clock=SystemClock(),
            ),
            clock=SystemClock(),
        ),
        identity_providers=IdentityProviderService(
            unit_of_work=unit_of_work, outbound=context.outbound, clock=SystemClock()
        ),
        rate_counts=rate_counts,
        contacts=ContactVerificationService(
            unit_of_work=unit_of_work,
            snapshots=snapshots,
            holds=holds,
            codes=HoldCodeStore(context.redis),
            rate_counts=rate_counts,
            rates=context.settings.contact_rates,
        ),
        challenge=_challenge(context),
        users=UserService(
            unit_of_work=unit_of_work, keys=context.settings.master_keys, catalogues=snapshots, clock=SystemClock()
        ),
        sign_in=build_sign_in(context),
        user_sessions=UserSessionService(
            unit_of_work=unit_of_work,
            keys=context.settings.master_keys,
            clock=SystemClock(),
            check_business=standings.check,
        ),
        tasks=TaskService(context.engine),
        feed=feed,
        open_streams=OpenStreams(
            find_revoked=tenants.find_revoked_keys,
            find_suspended=standings.among,
            find_ended=StreamGrants(unit_of_work=unit_of_work, clock=SystemClock()).find_ended,
            most=context.settings.streams_per_process,
            most_per_business=context.settings.streams_per_business,
            longest_seconds=context.settings.stream_seconds,
        ),
        event_streams=EventStreams(engine=context.engine, feed=feed),
        text_message_callbacks=TextMessageCallbackService(
            unit_of_work=unit_of_work,
            keys=context.settings.master_keys,
            public_url=context.settings.link_base,
            shared_token=_text_message_token(context.settings),
        ),
        notifications=NotificationLogService(unit_of_work, SystemClock()),
        notification_channels=ChannelSettingsService(
            unit_of_work=unit_of_work,
            keys=context.settings.master_keys,
            outbound=context.outbound,
            clock=SystemClock(),
        ),
        webhook_endpoints=WebhookEndpointService(
            unit_of_work=unit_of_work,
            keys=context.settings.master_keys,
            outbound=context.outbound,
            clock=SystemClock(),
        ),
        webhook_deliveries=build_webhook_deliveries(context),
        audit=AuditService(context.engine),
    )


def build_sign_in(context: Context) -> SignInService:
    """The use cases on sign-in links, by the real time."""
    return SignInService(
        engine=context.engine,
        unit_of_work=UnitOfWork(context.engine),
        keys=context.settings.master_keys,
        public_url=context.settings.link_base,
        clock=SystemClock(),
    )


def build_erasures(context: Context) -> ErasureService:
    """The use cases of erasure, by the real time: no sandbox makes anybody wait."""
    return ErasureService(
        unit_of_work=UnitOfWork(context.engine),
        journal=ErasureJournal(context.settings.erasure_journal),
        clock=SystemClock(),
    )


def build_deletions(context: Context) -> DeletionService:
    """The use cases of the deletion of businesses."""
    journal = ErasureJournal(context.settings.erasure_journal)

    async def note(tenant_id: TenantId) -> None:
        await journal.add([JournalEntry(tenant_id, None)])

    return DeletionService(unit_of_work=UnitOfWork(context.engine), redis=context.redis, note=note)


def build_webhook_deliveries(context: Context) -> WebhookDeliveryService:
    """The use cases on deliveries, by the real time: no sandbox makes another server wait."""
    return WebhookDeliveryService(
        unit_of_work=UnitOfWork(context.engine), keys=context.settings.master_keys, clock=SystemClock()
    )


def _challenge(context: Context) -> Challenge | None:
    settings = context.settings
    if settings.challenge_secret is None:
        return None
    return Turnstile(
        context.outbound,
        url=settings.challenge_url,
        secret=settings.challenge_secret,
        fails_open=settings.challenge_fails_open,
        asks_always=settings.challenge_always,
        script=settings.challenge_script,
    )


def _text_message_token(settings: Settings) -> str | None:
    return None if settings.sms_url is None else read_sms_url(settings.sms_url).token


def _grace(settings: Settings) -> Grace:
    """The time that confirmations have, by the limits of Postgres."""
    return Grace(
        commit_seconds=settings.confirm_seconds,
        margin_seconds=settings.postgres_statement_ms / 1000 + _CLOCK_MARGIN_SECONDS,
    )

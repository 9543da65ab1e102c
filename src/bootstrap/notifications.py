"""Notifications, put together: their tasks, with the people and the channels that they are told of."""

from access.roles import Role
from access.users.model import SECRET_PURPOSE, UserContact
from access.users.repository import UserRepository
from availability.state.catalogue_snapshots import CatalogueSnapshots
from bootstrap.context import Context
from bootstrap.mail import SENDER_NAME, build_channels
from catalogue.model.notifications.rules import NotificationRules
from kernel.clock import Clock, SystemClock
from kernel.ids import AppointmentId, TenantId
from messages.content.model import Audience, Links
from messages.model import Channel, Mail, Sender, TextMessage
from notifications.model import Addressee, Carriers, FindRules, People
from notifications.planning.recipients import Colleague
from notifications.sending import SendService
from notifications.service import PlanService
from notifications.tasks import NotificationDeletionHandler, SendHandler, VisitPlanHandler
from persistence.secrets import SecretStore
from persistence.unit_of_work import UnitOfWork
from tasks.model import TaskHandler


def build_notification_handlers(
    context: Context,
    snapshots: CatalogueSnapshots,
    *,
    mails: Channel[Mail] | None = None,
    text_messages: Channel[TextMessage] | None = None,
    find_rules: FindRules | None = None,
    clock: Clock | None = None,
) -> tuple[TaskHandler, ...]:
    """Handlers of the tasks of notifications, by the channels of the settings unless others are given."""
    unit_of_work, clock = UnitOfWork(context.engine), clock or SystemClock()
    find_rules = find_rules or _find_rules_by(snapshots)
    people = people_of(context)
    planning = PlanService(unit_of_work=unit_of_work, people=people, find_rules=find_rules, clock=clock)
    sending = SendService(
        unit_of_work=unit_of_work,
        snapshots=snapshots,
        people=people,
        find_rules=find_rules,
        clock=clock,
        # Files reach nobody.
        reaches_sandboxes=context.settings.smtp_url is None,
    )
    channels = build_channels(context, mails=mails, text_messages=text_messages)
    carriers = Carriers(mail=channels.mail, text_messages=channels.text_messages)
    return (
        VisitPlanHandler(planning),
        SendHandler(
            sending=sending,
            snapshots=snapshots,
            carriers=carriers,
            make_links=_make_links,
            default_sender=Sender(address=context.settings.mail_sender, name=SENDER_NAME),
            clock=clock,
            metrics=context.metrics,
        ),
        NotificationDeletionHandler(unit_of_work, clock),
    )


def people_of(context: Context) -> People:
    """The users of a business, as notifications ask for them."""
    unit_of_work, keys = UnitOfWork(context.engine), context.settings.master_keys

    async def find_colleagues(tenant_id: TenantId) -> list[Colleague]:
        async with unit_of_work.snapshot(tenant_id) as connection:
            users = await UserRepository(connection, tenant_id).find_all()
        return [Colleague(id=user.id, is_owner=user.role is Role.OWNER, resource_id=user.resource_id) for user in users]

    async def find_user(tenant_id: TenantId, user_id: str) -> Addressee | None:
        async with unit_of_work.snapshot(tenant_id) as connection:
            stored = await UserRepository(connection, tenant_id).find(user_id)
            if stored is None:
                return None
            opened = await SecretStore(connection, tenant_id, keys).open(SECRET_PURPOSE, stored.secret_id)
        contact = UserContact.opened(opened)
        return Addressee(email=contact.email, name=contact.name, locale=stored.locale)

    return People(find_colleagues=find_colleagues, find_user=find_user)


def _find_rules_by(snapshots: CatalogueSnapshots) -> FindRules:
    async def find_rules(tenant_id: TenantId) -> NotificationRules:
        return (await snapshots.latest(tenant_id)).catalogue.business.notifications

    return find_rules


async def _make_links(_tenant_id: TenantId, _appointment_id: AppointmentId, _audience: Audience) -> Links:
    """The pages that a message leads to."""
    return Links()

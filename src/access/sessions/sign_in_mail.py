"""Mail with a sign-in link, and the task that sends it."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import structlog

from access.sessions.model import LINK_LIFE
from access.sessions.sign_in_service import SIGN_IN_MAIL, SignInService
from access.users.model import SECRET_PURPOSE, UserContact
from access.users.repository import UserRepository
from catalogue.repositories.tenants import TenantRepository
from kernel.clock import Clock
from kernel.ids import TenantId, UserId, new_ulid
from messages.content.model import Audience, BusinessFacts, Links, MessageFacts, MessageKind
from messages.content.write import write
from messages.model import Channel, Mail, SendFailed
from persistence.sealing import MasterKeys
from persistence.secrets import SecretStore
from persistence.unit_of_work import UnitOfWork
from tasks.model import RunAgain, Task, TaskFailed, TaskKind
from telemetry.measures import MAILS
from telemetry.metrics import Metrics

KIND: Final = TaskKind(
    name=SIGN_IN_MAIL,
    # A conversation with the server takes 30 seconds at most.
    lease_seconds=40,
    # Somebody waits for it; after a quarter of an hour nobody does.
    retry_seconds=(2, 5, 15, 30, 60, 120, 240),
    concurrency=20,
)
_TOO_LATE: Final = timedelta(minutes=15)
_MINUTES: Final = int(LINK_LIFE.total_seconds()) // 60
_log = structlog.get_logger(__name__)


def sign_in_mail(*, to: str, business: str, url: str, mail_id: str, languages: Sequence[str] = ()) -> Mail:
    """The mail that brings a user a link, in the first of these languages that has words."""
    facts = MessageFacts(
        kind=MessageKind.SIGN_IN_LINK,
        audience=Audience.STAFF,
        business=BusinessFacts(name=business),
        links=Links(action=url),
        minutes=_MINUTES,
    )
    words = write(facts, languages=languages, templates={})
    return Mail(id=mail_id, to=to, subject=words.subject, text=words.text, html=words.html)


class SignInMailHandler:
    """Does the tasks of one kind: each mails a link to one user. A repetition mails another link, which works too."""

    kind = KIND

    def __init__(
        self,
        *,
        unit_of_work: UnitOfWork,
        keys: MasterKeys,
        sign_in: SignInService,
        channel: Channel[Mail],
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._keys = keys
        self._sign_in = sign_in
        self._channel = channel
        self._clock = clock
        self._metrics = metrics

    async def run(self, task: Task) -> RunAgain | None:
        """Send the mail. Raises TaskFailed, StoreUnavailable."""
        user_id = UserId(task.subject)
        if self._clock.now() - task.due_at > _TOO_LATE:
            _log.warning("sign_in_mail.too_late", business=str(task.tenant_id), user=user_id)
            return None
        # The address is read after the link is made: whoever changes it from then on takes the link back.
        url = await self._sign_in.make_link(task.tenant_id, user_id)
        contact, languages, business = await self._receiver(task.tenant_id, user_id)
        if contact is None or url is None:
            return None
        mail = sign_in_mail(
            to=contact.email, business=business, url=url, mail_id=f"ml_{new_ulid()}", languages=languages
        )
        try:
            await self._channel.send(mail)
        except SendFailed as failure:
            self._metrics.add(MAILS, label=failure.fault)
            if failure.is_final:
                _log.warning("sign_in_mail.refused", business=str(task.tenant_id), user=user_id, reason=failure.reason)
                return None
            raise TaskFailed(failure.reason) from None
        self._metrics.add(MAILS, label="sent")
        return None

    async def _receiver(self, tenant_id: TenantId, user_id: UserId) -> tuple[UserContact | None, tuple[str, ...], str]:
        """The address of the user, if there still is one, their language, and the name of the business."""
        async with self._unit_of_work.snapshot(tenant_id) as connection:
            stored = await UserRepository(connection, tenant_id).find(user_id)
            if stored is None:
                return None, (), ""
            opened = await SecretStore(connection, tenant_id, self._keys).open(SECRET_PURPOSE, stored.secret_id)
            name = await TenantRepository(connection).name(tenant_id) or ""
        return UserContact.opened(opened), () if stored.locale is None else (stored.locale,), name

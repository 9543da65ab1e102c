"""Settings from the environment, each with its unit, default and limits."""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, DotEnvSettingsSource, EnvSettingsSource, SettingsConfigDict

from access.challenges import SCRIPT_URL, TURNSTILE_URL, ChallengeScript
from access.rates.model import Activity, RateLimits, Rates, parse_rates
from holds.model import BudgetLimits
from messages.channels.smtp_server import read_smtp_url
from messages.channels.text_messages import read_sms_url
from outbound.targets import read_target
from persistence.engine import PostgresLimits
from persistence.liveness import LivenessLimits
from persistence.postgres_url import has_plain_form
from persistence.redis import RedisLimits, is_cluster, node_urls
from persistence.sealing import MasterKeys
from telemetry import tracing

Network: TypeAlias = IPv4Network | IPv6Network
_PREFIX: Final = "HOLDFAST_"
# Variables that are no settings: an option of two commands, and what belongs to the tests and the load tests.
_NO_SETTINGS: Final = ("HOLDFAST_KEY", "HOLDFAST_FUZZ_KEY", "HOLDFAST_ABUSE_KEY")
_NO_SETTINGS_PREFIXES: Final = ("HOLDFAST_TEST_", "HOLDFAST_LOAD_")
# The least likeness of two names, from 0 to 1. All have their prefix in common, which makes up 0.4 of some.
_NEAR: Final = 0.8

# Short of guesses, and long enough for what is made at random.
_SHORTEST_OPERATOR_KEY: Final = 16
# Nothing of the URL is repeated: parts of its password may stand anywhere in it.
_UNREADABLE: Final = (
    "has no user, password, host, port and path where they belong; in a user or a password write @ as %40, / as %2F, "
    ": as %3A, ? as %3F and # as %23"
)
# Variables that Kubernetes, and links of Docker, set for a service named holdfast or holdfast-….
_SERVICE_VARIABLE: Final = re.compile(r"HOLDFAST(_\w+)?_(SERVICE_(HOST|PORT(_\w+)?)|PORT_\d+_(TCP|UDP)(_\w+)?)")
_SERVICE_ADDRESS: Final = ("tcp://", "udp://")


def _postgres_url(url: str | None) -> str | None:
    if url is not None and not url.startswith(("postgresql://", "postgres://")):
        message = "must start with postgresql://"
        raise ValueError(message)
    if url is not None and not has_plain_form(url):
        raise ValueError(_UNREADABLE)
    # The older spelling is common in hosting panels, and SQLAlchemy does not know it.
    return url.replace("postgres://", "postgresql://", 1) if url is not None else None


def _redis_url(url: str | None) -> str | None:
    if url is not None and is_cluster(url):
        node_urls(url)
    elif url is not None and not url.startswith(("redis://", "rediss://", "unix://")):
        message = "must start with redis://, rediss://, unix://, redis+cluster:// or rediss+cluster://"
        raise ValueError(message)
    elif url is not None and not url.startswith("unix://") and not has_plain_form(_with_one_at(url)):
        raise ValueError(_UNREADABLE)
    return url


def _with_one_at(url: str) -> str:
    """The URL as the client of Redis reads it, which takes the last @ for the end of the password."""
    before, at, rest = url.rpartition("@")
    return f"{before.replace('@', '%40')}{at}{rest}"


def _networks(text: str) -> tuple[Network, ...]:
    try:
        return tuple(ip_network(name.strip()) for name in text.split(",") if name.strip())
    except ValueError:
        message = "must be addresses or networks such as 10.0.0.0/8, separated by commas"
        raise ValueError(message) from None


def _master_keys(text: str) -> str:
    try:
        MasterKeys.parse(text)
    except ValueError as error:
        message = f"{error}; make one with: openssl rand -base64 32"
        raise ValueError(message) from None
    return text


def _parts(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _keys_of_operator(text: str | None) -> str | None:
    parts = () if text is None else _parts(text)
    if text is not None and (not parts or min(map(len, parts)) < _SHORTEST_OPERATOR_KEY):
        message = f"must be keys of at least {_SHORTEST_OPERATOR_KEY} characters, separated by commas"
        raise ValueError(message)
    return text


def _rates(text: str) -> str:
    parse_rates(text)
    return text


def _target(url: str) -> str:
    read_target(url)
    return url


def _traceable(wanted: bool) -> bool:  # noqa: FBT001 - as Pydantic calls it
    if wanted and not tracing.is_installed():
        message = "needs OpenTelemetry: pip install 'holdfast[tracing]'"
        raise ValueError(message)
    return wanted


def _public_url(url: str | None) -> str | None:
    if url is None:
        return None
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment or "@" in url:
        message = "must be an address such as https://booking.example.com, without a query"
        raise ValueError(message)
    return url.rstrip("/")


def _smtp_url(url: str | None) -> str | None:
    if url is not None:
        read_smtp_url(url)
    return url


def _sms_url(url: str | None) -> str | None:
    if url is not None:
        read_sms_url(url)
    return url


def _publishable_key(key: str | None) -> str | None:
    # It is written into a page: a secret key must never get there.
    if key is not None and not key.startswith("hfp_"):
        message = "must start with hfp_"
        raise ValueError(message)
    return key


_ADDRESS_RATES: Final = "list=300/minute,hold=60/minute,book=30/minute,booked=6/hour,code=12/hour,other=300/minute"
_NETWORK_RATES: Final = "list=3000/minute,hold=300/minute,book=120/minute,booked=8/hour,code=24/hour,other=3000/minute"
_CONTACT_RATES: Final = "code=12/hour"
_BUSINESS_RATES: Final = "list=30000/minute,hold=6000/minute,book=3000/minute,other=6000/minute"
_BACK_END_RATES: Final = "list=60000/minute,hold=30000/minute,book=30000/minute,other=30000/minute"


class Settings(BaseSettings):
    """The settings of one process, read from variables named HOLDFAST_… and from the file `.env`.

    The environment wins over the file. An empty value counts as unset. `.env.example` lists every one.
    """

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX,
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    # Neither URL is ever printed: both hold a password.
    database_url: Annotated[str | None, AfterValidator(_postgres_url)] = Field(default=None, repr=False)
    """Postgres 15 or later; unset: an embedded one under data_dir."""
    database_direct_url: Annotated[str | None, AfterValidator(_postgres_url)] = Field(default=None, repr=False)
    """Address of the database past a pooler in database_url, for sessions that no pooler can carry; unset: the same."""
    redis_url: Annotated[str | None, AfterValidator(_redis_url)] = Field(default=None, repr=False)
    """Redis 7 or later, or Valkey, or a cluster of them; unset: an embedded one under data_dir."""
    data_dir: Path = Path(".data")
    """Folder of the embedded stores."""

    host: str = "127.0.0.1"
    """The address to listen on; 0.0.0.0 for all of them."""
    port: int = Field(default=8080, ge=0, le=65535)
    """The TCP port to listen on; 0 lets the system choose."""
    workers: int = Field(default=1, ge=1, le=256)
    """Server processes. More than one per core only adds context switches."""
    loops_in_process: bool = False
    """True: server processes run the background loops as well, as `serve` and `demo` do with embedded stores."""
    worker_nice: int = Field(default=10, ge=0, le=19)
    """Niceness of `holdfast worker` (nice(1)): requests come first where it shares processors with servers."""
    audit_seconds: int = Field(default=300, ge=0, le=86_400)
    """Pause between two reconciliations, which repair errors in Redis; 0: none."""
    appointment_token_days: int = Field(default=365, ge=0, le=3650)
    """Time after the end of a visit for which the token of its appointment still opens it; 0: for ever."""
    event_days: int = Field(default=30, ge=1, le=3650)
    """Time for which events are kept in the feed, for programs that read them."""

    postgres_pool_size: int = Field(default=20, ge=1, le=500)
    """Connections to Postgres per process; workers times this must stay under the server's max_connections."""
    postgres_pool_wait_seconds: float = Field(default=5.0, gt=0, le=30)
    """Limit of the wait for a free connection, before a request answers 503."""
    postgres_connect_seconds: float = Field(default=1.0, gt=0, le=30)
    """Limit of opening a connection."""
    postgres_statement_ms: int = Field(default=2000, ge=50, le=60_000)
    """Limit of one statement. Together with the others it bounds the time that a hold is pinned."""
    postgres_lock_ms: int = Field(default=1500, ge=50, le=60_000)
    """Limit of the wait for a lock; below the statement's limit, so that the error names the cause."""
    postgres_idle_in_transaction_ms: int = Field(default=5000, ge=1000, le=60_000)
    """After how long Postgres ends a transaction whose process has stopped talking."""

    confirm_seconds: float = Field(default=8.0, ge=1, le=60)
    """Limit of a booking until its commit; its hold is pinned that long, and for one more statement."""

    redis_pool_size: int = Field(default=64, ge=1, le=1000)
    """Connections to Redis per process; to each master of a cluster."""
    redis_pool_wait_seconds: float = Field(default=0.5, gt=0, le=10)
    """Limit of the wait for a free connection, before a request goes on without Redis."""
    redis_connect_seconds: float = Field(default=0.5, gt=0, le=10)
    """Limit of opening a connection."""
    redis_command_seconds: float = Field(default=0.5, gt=0, le=10)
    """Limit of one command or script."""

    business_cache_bytes: int = Field(default=33_554_432, ge=1_048_576, le=4_294_967_296)
    """Memory of Redis for the cached days of one business; beyond it they are read from Postgres each time."""

    store_silence_ms: int = Field(default=600, ge=100, le=10_000)
    """Limit of the wait for a store that has gone silent; later requests fail at once until it answers again."""
    store_retry_ms: int = Field(default=250, ge=10, le=10_000)
    """Pause between two probes of a silent store."""

    max_body_bytes: int = Field(default=1_048_576, ge=1024, le=16_777_216)
    """The largest request body; a business of a thousand resources is about 600 kB."""
    max_concurrent_requests: int = Field(default=1000, ge=1, le=100_000)
    """Requests one process works on at once; beyond it the answer is 503 at once instead of late."""
    max_connections: int = Field(default=10_000, ge=16, le=1_000_000)
    """Connections of clients that one process keeps open at once; beyond it the longest waiting is closed."""
    streams_per_process: int = Field(default=1000, ge=1, le=100_000)
    """Streams that one process serves at once."""
    streams_per_business: int = Field(default=200, ge=1, le=100_000)
    """Streams that one process serves at once for one business."""
    stream_seconds: float = Field(default=3600.0, ge=1, le=86_400)
    """The longest life of a stream; its client connects again, and goes on behind the last message."""
    first_byte_seconds: float = Field(default=10.0, gt=0, le=600)
    """Limit of the silence on a new connection."""
    header_seconds: float = Field(default=10.0, gt=0, le=600)
    """Limit from the first byte of a request to the end of its headers."""
    body_seconds: float = Field(default=30.0, gt=0, le=600)
    """Limit from the end of the headers to the end of the body."""
    body_bytes_per_second: int = Field(default=500, ge=1, le=1_000_000)
    """The slowest body, once five seconds have passed."""
    unread_seconds: float = Field(default=30.0, gt=0, le=600)
    """Limit of the wait for a client that does not take its answer."""
    keep_alive_seconds: float = Field(default=15.0, gt=0, le=600)
    """Life of an idle connection of a client."""
    shutdown_grace_seconds: int = Field(default=10, ge=0, le=300)
    """Limit of the shutdown after SIGTERM: all but the last second for running requests."""

    # Kept as text: a sequence would be read as JSON.
    trusted_proxies: str = ""
    """Addresses and networks of the reverse proxies whose X-Forwarded-For is believed, separated by commas."""
    holds_per_address: int = Field(default=50, ge=0, le=1_000_000)
    """The most live holds of one business that publishable keys may have from one address; 0: any number."""
    holds_per_network: int = Field(default=8, ge=0, le=1_000_000)
    """The most live holds of one business that publishable keys may have from a /24 of IPv4 or a /48; 0: any number."""
    holds_per_business: int = Field(default=2000, ge=0, le=1_000_000)
    """The most live holds of one business that publishable keys may have; 0: any number."""

    rates_per_address: Annotated[str, AfterValidator(_rates)] = _ADDRESS_RATES
    """Rates of one visitor's address; see docs/reference/settings.md for their form."""
    rates_per_network: Annotated[str, AfterValidator(_rates)] = _NETWORK_RATES
    """Rates of one network of visitors' addresses: a /24 of IPv4, a /48 of IPv6."""
    rates_per_credential: Annotated[str, AfterValidator(_rates)] = _BUSINESS_RATES
    """Rates of one credential that visitors have."""
    rates_per_back_end: Annotated[str, AfterValidator(_rates)] = _BACK_END_RATES
    """Rates of one secret key, or of one user."""
    rates_per_business: Annotated[str, AfterValidator(_rates)] = _BUSINESS_RATES
    """Rates of all visitors of a business."""
    rates_per_contact: Annotated[str, AfterValidator(_rates)] = _CONTACT_RATES
    """Rates of one e-mail address or telephone number that codes are sent to; one network may cause a third of it."""

    challenge_secret: str | None = Field(default=None, repr=False)
    """Secret of Cloudflare Turnstile: visitors send the response of a challenge to hold or book; unset: none do."""
    challenge_url: Annotated[str, AfterValidator(_target)] = TURNSTILE_URL
    """The address that judges responses."""
    challenge_always: bool = True
    """True: visitors are challenged each time; False: while much of a business was taken lately."""
    challenge_site_key: Annotated[str | None, Field(max_length=200)] = None
    """Site key of the same: it is public, and the booking widget shows the challenge by it; unset: it shows none."""
    challenge_script_url: Annotated[str, AfterValidator(_target)] = SCRIPT_URL
    """The script of the service, which the widget loads when visitors are challenged."""
    challenge_fails_open: bool = True
    """True: while responses are not judged within three seconds, visitors get through; False: they do not."""

    master_key: Annotated[str, AfterValidator(_master_keys)] = Field(default="", repr=False)
    """Keys of 32 bytes in base64, by commas: the first seals secrets, all open them; unset: one under data_dir."""
    erasure_journal: Path | None = None
    """File that names everybody who was erased, by ids, for `holdfast restore-erasures`; unset: one under data_dir."""
    # Kept as text, as above.
    outbound_allow: str = ""
    """Networks that requests to webhooks may reach besides public addresses, separated by commas."""

    public_url: Annotated[str | None, AfterValidator(_public_url)] = None
    """The address of the engine for browsers, which links in mails begin with; unset: this machine, at `port`."""
    smtp_url: Annotated[str | None, AfterValidator(_smtp_url)] = Field(default=None, repr=False)
    """Server that sends mails, smtp://user:password@host:587 or smtps://…; unset: they are written into mail_dir."""
    mail_from: str = ""
    """The e-mail address that mails come from; unset: no-reply@ the host of public_url."""
    sms_url: Annotated[str | None, AfterValidator(_sms_url)] = Field(default=None, repr=False)
    """Service that sends text messages, https://account:token@host?from=+1555…; unset: they go into mail_dir."""
    mail_dir: Path | None = None
    """Folder for mails where there is no smtp_url; unset: one under data_dir with an embedded database, else none."""

    booking_page_key: Annotated[str | None, AfterValidator(_publishable_key)] = None
    """A publishable key: a page to book at its business is served at /; unset: a page there says how to get one."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least serious event that is written."""
    log_format: Literal["console", "json"] = "console"
    """One JSON object per line, or lines for people."""
    log_sample: float = Field(default=1.0, ge=0, le=1)
    """The share of requests that get a line; those that failed on our side, or took a second, always do."""

    metrics: bool = True
    """True: the process counts its work, and adds the counts to Redis once a second."""
    loop_kept_ms: int = Field(default=50, ge=10, le=10_000)
    """Each time that the event loop answers nothing for longer is counted and logged."""
    operator_key: Annotated[str | None, AfterValidator(_keys_of_operator)] = Field(default=None, repr=False)
    """Opens /operator/v1 and what tells of the engine as a whole; several, separated by commas, open the same.

    Unset: whoever reaches the port may read /metrics, nobody /ops or /operator/v1.
    """

    tracing: Annotated[bool, AfterValidator(_traceable)] = False
    """True: requests are traced by OpenTelemetry; its own variables OTEL_… say where spans go."""

    @field_validator("port", mode="before")
    @classmethod
    def _not_of_a_service(cls, port: object) -> object:
        # Kubernetes sets HOLDFAST_PORT=tcp://10.0.0.1:80 in each pod beside a service named holdfast.
        is_address = isinstance(port, str) and port.startswith(_SERVICE_ADDRESS)
        return cls.model_fields["port"].default if is_address else port

    @field_validator("database_direct_url")
    @classmethod
    def _direct_to_what_is_named(cls, url: str | None, others: ValidationInfo) -> str | None:
        if url is not None and others.data.get("database_url") is None:
            message = "is a second way to the database of HOLDFAST_DATABASE_URL, which names none"
            raise ValueError(message)
        return url

    @field_validator("trusted_proxies", "outbound_allow")
    @classmethod
    def _of_networks(cls, text: str) -> str:
        _networks(text)
        return text

    @property
    def trusted_networks(self) -> tuple[Network, ...]:
        """The networks of trusted_proxies."""
        return _networks(self.trusted_proxies)

    @property
    def outbound_networks(self) -> tuple[Network, ...]:
        """The networks of outbound_allow."""
        return _networks(self.outbound_allow)

    @property
    def challenge_script(self) -> ChallengeScript | None:
        """The script by which pages show the challenge; None where visitors meet none, or pages have their own."""
        if self.challenge_secret is None or self.challenge_site_key is None:
            return None
        return ChallengeScript(site_key=self.challenge_site_key, url=self.challenge_script_url)

    @property
    def master_keys(self) -> MasterKeys:
        """The keys of master_key."""
        return MasterKeys.parse(self.master_key)

    @property
    def operator_keys(self) -> tuple[str, ...]:
        """The keys of operator_key."""
        return _parts(self.operator_key or "")

    @property
    def link_base(self) -> str:
        """Beginning of all links."""
        return self.public_url or f"http://localhost:{self.port}"

    @property
    def mail_sender(self) -> str:
        """The address that mails come from."""
        return self.mail_from or f"no-reply@{urlsplit(self.link_base).hostname}"

    @property
    def budget_limits(self) -> BudgetLimits:
        """The limits of visitors' live holds."""
        return BudgetLimits(
            per_address=self.holds_per_address,
            per_network=self.holds_per_network,
            per_business=self.holds_per_business,
        )

    @property
    def rate_limits(self) -> RateLimits:
        """The rates of each source of requests."""
        return RateLimits(
            address=parse_rates(self.rates_per_address),
            network=self._network_rates(),
            visitors_key=parse_rates(self.rates_per_credential),
            secret_key=parse_rates(self.rates_per_back_end),
            business=parse_rates(self.rates_per_business),
        )

    def _network_rates(self) -> Rates:
        """The rates of a network. Where visitors can be challenged, they are asked sooner than a network is refused."""
        rates = dict(parse_rates(self.rates_per_network))
        if self.challenge_secret is not None:
            rates.pop(Activity.BOOKED, None)
        return rates

    @property
    def contact_rates(self) -> Rates:
        """The rates of one contact."""
        return parse_rates(self.rates_per_contact)

    @property
    def session_url(self) -> str | None:
        """Address with stable sessions: for locks that are kept, for notifications, and for migrations."""
        return self.database_direct_url or self.database_url

    @property
    def postgres_limits(self) -> PostgresLimits:
        """The limits of Postgres."""
        return PostgresLimits(
            pool_size=self.postgres_pool_size,
            pool_wait_seconds=self.postgres_pool_wait_seconds,
            connect_seconds=self.postgres_connect_seconds,
            statement_ms=self.postgres_statement_ms,
            lock_ms=self.postgres_lock_ms,
            idle_in_transaction_ms=self.postgres_idle_in_transaction_ms,
        )

    @property
    def liveness_limits(self) -> LivenessLimits:
        """The limits of the liveness watches."""
        return LivenessLimits(
            silence_seconds=self.store_silence_ms / 1000,
            retry_seconds=self.store_retry_ms / 1000,
        )

    @property
    def redis_limits(self) -> RedisLimits:
        """The limits of Redis."""
        return RedisLimits(
            pool_size=self.redis_pool_size,
            pool_wait_seconds=self.redis_pool_wait_seconds,
            connect_seconds=self.redis_connect_seconds,
            command_seconds=self.redis_command_seconds,
        )


def unknown_variables() -> Mapping[str, str | None]:
    """Each variable named HOLDFAST_… that is no setting, with the setting whose name is nearest, if one is near.

    Read from where the settings are read from: the environment and the file `.env`.
    """
    settings = [f"{_PREFIX}{name.upper()}" for name in Settings.model_fields]
    given = {**DotEnvSettingsSource(Settings).env_vars, **EnvSettingsSource(Settings).env_vars}
    names = sorted({name.upper() for name in given} - {*settings, *_NO_SETTINGS})
    return {
        name: next(iter(get_close_matches(name, settings, n=1, cutoff=_NEAR)), None)
        for name in names
        if name.startswith(_PREFIX)
        and not name.startswith(_NO_SETTINGS_PREFIXES)
        and not _is_of_a_service(name, given[name.lower()])
    }


def _is_of_a_service(name: str, value: str | None) -> bool:
    """True for a variable that an orchestrator sets, and nobody who runs the engine."""
    return _SERVICE_VARIABLE.fullmatch(name) is not None or (value or "").startswith(_SERVICE_ADDRESS)

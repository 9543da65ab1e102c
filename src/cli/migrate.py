"""`holdfast migrate`."""

from bootstrap.embedded import Use, stores_for
from cli.console import load_settings, note, refusals
from cli.session import require_postgres
from persistence.errors import postgres_errors
from persistence.schema import head, upgrade


def migrate() -> None:
    """Bring the database to the newest schema. Safe to repeat, and to run on several nodes at once."""
    settings = load_settings()
    # A migration has no use for Redis, whose URL may be known to the servers only.
    without_redis = settings.model_copy(update={"redis_url": settings.redis_url or "redis://unused"})
    with refusals(), stores_for(without_redis, use=Use.COMMAND, announce=note) as with_urls:
        assert with_urls.session_url is not None
        if settings.session_url is not None:
            require_postgres(settings.session_url)
        with postgres_errors():
            upgrade(with_urls.session_url)
    note(f"The database is at revision {head()}.")

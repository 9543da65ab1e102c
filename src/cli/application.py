"""The application of a server process: the API, with the background loops beside it where there is no worker."""

from api.app import create_app_from_environment
from bootstrap.settings import Settings
from cli.loops import running_loops_with_views


def create_application() -> object:
    """The ASGI application that `holdfast serve` runs in each server process."""
    return create_app_from_environment(running_loops_with_views if Settings().loops_in_process else None)

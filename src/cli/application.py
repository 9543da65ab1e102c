"""The application of a server process: the API, with the background loops beside it where there is no worker."""

from api.app import create_app_from_environment
from bootstrap.loops import running_loops
from bootstrap.settings import Settings


def create_application() -> object:
    """The ASGI application that `holdfast serve` runs in each server process."""
    return create_app_from_environment(running_loops if Settings().loops_in_process else None)

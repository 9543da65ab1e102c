"""Background loops of a process that knows the API: webhooks with a full payload contain what its answers do."""

from functools import partial
from typing import Final

from api.subject_views import build_subject_view
from bootstrap.loops import running_loops

running_loops_with_views: Final = partial(running_loops, build_view=build_subject_view)
"""Runs the loops while its block does."""

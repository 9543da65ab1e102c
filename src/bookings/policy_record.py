"""Policies of appointments as their rows have them."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from bookings.model import Policy
from catalogue.model.documents import JsonObject
from catalogue.model.rules.cancellation import CANCELLATION
from catalogue.model.rules.reschedule import RESCHEDULE

_CODECS: Final = {"cancellation": CANCELLATION, "reschedule": RESCHEDULE}
_KNOWN: Final = {
    "cancellation": ("free_until_minutes", "fee_percent", "no_show_fee_percent"),
    "reschedule": ("until_minutes", "max_times"),
}
"""The members that version 0.1 knows; it stumbles over others, and leaves alone what stands beside the two rules."""
_MORE: Final = "more"


@lru_cache(maxsize=1000)
def policy_record(policy: Policy) -> JsonObject:
    """The policy as a record. A caller may not change it."""
    record: dict[str, Any] = {}
    more = {}
    for name, codec in _CODECS.items():
        rule = getattr(policy, name)
        record[name] = {member: getattr(rule, member) for member in _KNOWN[name]}
        members = codec.record(rule)
        assert isinstance(members, Mapping), "both rules have members"
        newer = {member: value for member, value in members.items() if member not in _KNOWN[name]}
        if newer:
            more[name] = newer
    return {**record, _MORE: more} if more else record


def stored_policy(record: Mapping[str, Any]) -> Policy:
    """The policy in a record, of this version or of any before."""
    more = record.get(_MORE, {})
    return Policy(**{name: codec.stored({**record[name], **more.get(name, {})}) for name, codec in _CODECS.items()})

"""Rules in force for a service with a certain resource."""

from dataclasses import dataclass, field
from typing import TypeVar

from catalogue.model.rules.approval import Approval
from catalogue.model.rules.cancellation import CancellationPolicy
from catalogue.model.rules.customer_limit import CustomerLimit
from catalogue.model.rules.hold_life import HoldLife
from catalogue.model.rules.level import Rules, overlay
from catalogue.model.rules.release import Release
from catalogue.model.rules.require import ContactDetail
from catalogue.model.rules.reschedule import ReschedulePolicy
from catalogue.model.rules.rule import UNSET, Unset
from catalogue.model.rules.verification import Verification
from catalogue.model.rules.window import Window

_RuleT = TypeVar("_RuleT")


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectiveRules:
    """The rules in force for a service with a certain resource: of the nearest level that sets them, else as here."""

    lead_time_minutes: int = 0
    window: Window | None = None
    release: Release = field(default_factory=Release)
    service_daily_limit: int | None = None
    resource_daily_limit: int | None = None
    customer_limit: CustomerLimit = field(default_factory=CustomerLimit)
    customer_limit_is_of_service: bool = False
    """True if only the customer's appointments of this service count, because the service sets the limit."""
    buffers_inside_hours: bool = False
    hold: HoldLife = field(default_factory=HoldLife)
    cancellation: CancellationPolicy = field(default_factory=CancellationPolicy)
    reschedule: ReschedulePolicy = field(default_factory=ReschedulePolicy)
    approval: Approval | None = None
    require: tuple[ContactDetail, ...] = ()
    verify: Verification | None = None


def effective_rules(*, resource: Rules, service: Rules, business: Rules) -> EffectiveRules:
    """The rules in force where these three levels set theirs, the nearest first."""
    general = overlay(service, business)
    nearest = overlay(resource, general)
    default = EffectiveRules()
    return EffectiveRules(
        lead_time_minutes=_else(nearest.lead_time_minutes, default.lead_time_minutes),
        window=_else(nearest.window, default.window),
        release=_else(nearest.release, None) or default.release,
        service_daily_limit=_else(general.daily_limit, default.service_daily_limit),
        resource_daily_limit=_else(resource.daily_limit, default.resource_daily_limit),
        customer_limit=_else(general.customer_limit, None) or default.customer_limit,
        customer_limit_is_of_service=service.customer_limit is not UNSET,
        buffers_inside_hours=_else(nearest.buffers_inside_hours, default.buffers_inside_hours),
        hold=_else(general.hold, default.hold),
        cancellation=_else(nearest.cancellation, default.cancellation),
        reschedule=_else(nearest.reschedule, default.reschedule),
        approval=_else(nearest.approval, default.approval),
        require=_else(general.require, default.require),
        verify=_else(general.verify, default.verify),
    )


def _else(rule: _RuleT | Unset, fallback: _RuleT) -> _RuleT:
    """The rule if it is set."""
    return fallback if isinstance(rule, Unset) else rule

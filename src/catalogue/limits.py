"""Limits on the size of a business and of its objects."""

from datetime import UTC, datetime
from typing import Final

from kernel.spans import MINUTES_PER_DAY, Span, to_minute

MAX_LOCATIONS: Final = 200
"""A chain of that many branches is better served by one business per region."""
MAX_RESOURCES: Final = 2000
"""Every process keeps the whole set-up of a business in memory."""
MAX_SERVICES: Final = 1000
"""As for resources."""
MAX_ARCHIVED_A_DAY: Final = 10_000
"""In any 24 hours: thrice the largest business. Each stays for 30 days, so it bounds what is archived in vain."""
MAX_CAPACITY: Final = 1000
"""Each place is a lane: a row in Postgres and 180 bytes per day in Redis."""
MAX_LANES: Final = 20_000
"""All places of a business: its cached days stay within a few megabytes each."""
MAX_WEEKLY_SPANS: Final = 200
"""Seven days of split shifts for more seasons than any business plans."""
MAX_LOCATED: Final = 20
"""Nobody works at more places; each costs as much as a resource when free times are searched."""
MAX_EVERY_WEEKS: Final = 52
"""A year. What is rarer is an override of its date."""
MAX_OVERRIDES: Final = 1000
"""Almost three years of exceptions; past ones may be deleted."""
MAX_CLOSURES: Final = 200
"""For the business, and for each location; past ones may be deleted."""
MAX_SPANS_PER_DATE: Final = 48
"""One every half hour."""
MAX_FIXED_STARTS: Final = 96
"""One every quarter of an hour."""
MAX_TIMED_PRICES: Final = 50
"""Seven prices for every day of the week."""
MAX_PERCENT_OF_PRICE: Final = 1000
"""Ten times the price."""
MAX_PARTS_OF_DAY: Final = 12
"""One every two hours: what is claimed of each is counted for every date."""
MAX_OFF_PEAK_ENTRIES: Final = 20
"""Some for every day of the week, which are counted likewise."""
MAX_RELEASE_HOURS: Final = 8784
"""A leap year; a booking window counts days."""
MAX_TIME_OFF: Final = 1000
"""For one resource; past ones may be deleted."""
MAX_TIME_OFF_MINUTES: Final = 1100 * MINUTES_PER_DAY
"""Three years. Every day of it is dropped from the cache; a resource that leaves for good is archived."""
MAX_QUESTIONS: Final = 20
"""Of a service: more than anybody answers before a visit."""
MAX_QUESTION_OPTIONS: Final = 50
"""A list that is still read."""
MAX_ROUTES: Final = 50
"""Of a service: one for each option of a long list."""
MAX_ROUTE_RESOURCES: Final = 200
"""As many as one query for free times may name."""
MAX_REQUIREMENTS: Final = 10
"""Every start needs a matching of resources to requirements, which grows with their number."""
MAX_COUNT: Final = 20
"""As for requirements."""
MAX_SEARCH_STEPS: Final = 15_000_000
"""For one answer of the search, at some twenty nanoseconds each: the largest business can be asked about a date."""
MAX_BLOCKED_MINUTES: Final = 7 * MINUTES_PER_DAY
"""A visit with its buffers, unless it is a stay. Longer claims have an index of their own."""
MAX_NIGHTS: Final = 60
"""Two months: who stays longer is a tenant."""
MAX_STAY_BLOCKED_MINUTES: Final = 62 * MINUTES_PER_DAY
"""A stay with its buffers: the nights, both dates in full, and a change of clocks. No claim is longer."""
MAX_ADVANCE_MINUTES: Final = 366 * MINUTES_PER_DAY
"""A year of notice, for any rule that counts back from the start of an appointment."""
MAX_WINDOW_DAYS: Final = 1100
"""Three years: no business knows its hours further ahead."""
HORIZON_DAYS: Final = 730
"""Two years: where a window has no end. Days that cannot be booked are neither read nor cached."""
MAX_DAILY_APPOINTMENTS: Final = 10_000
"""More than fit into a day of any resource."""
MAX_CUSTOMER_APPOINTMENTS: Final = 1000
"""A larger limit has no effect in practice."""
MAX_HOLD_SECONDS: Final = 86_400
"""A day. A hold bridges a checkout; what must stay longer is an appointment."""
MAX_HOLDS_PER_CLIENT: Final = 100
"""Enough for a family or a call centre; beyond it a client is hoarding."""
MAX_HOLDS_PER_ADDRESS: Final = 1000
"""Enough for a campus behind one address."""
MAX_LAPSES: Final = 1000
"""Lapses beyond which holds hardly cost an address anything."""
MAX_RESCHEDULES: Final = 100
"""A larger limit has no effect in practice."""
MAX_FEE_TIERS: Final = 10
"""More steps than a customer reads before booking."""
MAX_DURATIONS: Final = 20
"""More lengths than a visitor compares."""
MAX_ADD_ONS: Final = 20
"""More extras than a page shows beside one service."""
MAX_ALLOWED_ORIGINS: Final = 100
"""A franchise with a site in each town; each is compared with each request of a page."""
MAX_REMINDERS: Final = 5
"""Reminders of one visit: more of them are turned off by those who get them."""
MAX_REMINDER_MINUTES: Final = 60 * MINUTES_PER_DAY
"""Two months: what is further away is forgotten again."""
MAX_TEMPLATE_LANGUAGES: Final = 12
"""All that there are, each with a country besides."""
MAX_TEMPLATE_CHARACTERS: Final = 400_000
"""Characters of all templates of a business: every process keeps them in memory."""
MAX_AMOUNT_MINOR: Final = 10**12
"""Ten thousand million in most currencies; hundredths of it still fit a bigint."""
MAX_NAME_CHARACTERS: Final = 200
"""Fits a line of an e-mail."""
MAX_DESCRIPTION_CHARACTERS: Final = 2000
"""A few paragraphs; a page for visitors shows several of them at once."""
MAX_ADDRESS_CHARACTERS: Final = 500
"""An address, and how to find the door."""
MAX_REASON_CHARACTERS: Final = 500
"""A sentence or two."""
FIRST_YEAR: Final = 2000
"""The calendar that is kept: no appointment is older than the engine, ..."""
LAST_YEAR: Final = 2199
"""... and dates beyond this one are typing errors."""
CALENDAR: Final = Span(
    to_minute(datetime(FIRST_YEAR, 1, 1, tzinfo=UTC)), to_minute(datetime(LAST_YEAR + 1, 1, 1, tzinfo=UTC))
)
"""All minutes at which a visit may start, wherever it takes place."""

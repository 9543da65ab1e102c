"""The one table of problems: every code of the contract with its HTTP status and its words."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemKind:
    """One code of the contract."""

    status: int
    title: str
    meaning: str
    remedy: str
    detail: str
    """An example of a `detail`."""
    facts: Mapping[str, object] = field(default_factory=dict)
    """Examples of the code's further members."""
    retryable: bool = False
    """True if the same request may succeed in a moment: the answer carries Retry-After."""
    retries_later: bool = False
    """True if for some causes it may succeed later: the answer carries Retry-After then."""


TABLE: Final[Mapping[str, ProblemKind]] = {
    "validation": ProblemKind(
        status=422,
        title="The request is invalid",
        meaning="A field or parameter is missing, misspelled, malformed or out of range.",
        remedy="Correct every entry of `errors`: `pointer` gives the place, `detail` the fault.",
        detail="customer.name: required",
        facts={"errors": [{"pointer": "customer.name", "detail": "required"}]},
    ),
    "unauthorized": ProblemKind(
        status=401,
        title="Missing or invalid credential",
        meaning="The request has no `Authorization: Bearer …` header, or the key or token in it is unknown or revoked.",
        remedy="Send a secret key (hfs_…), a publishable key (hfp_…), an appointment token (hft_…) or an access token. "
        "An access token that has ended is renewed by POST /v1/sessions/refresh.",
        detail="Send your key in the header Authorization: Bearer hfs_…",
    ),
    "forbidden": ProblemKind(
        status=403,
        title="Not allowed with this credential",
        meaning="The credential is valid, but it does not permit this operation. "
        "Setting the clock is permitted in a sandbox only.",
        remedy="Use a secret key on your back end. A publishable key gives access to an appointment only together with "
        "that appointment's token.",
        detail="This requires a secret key. Keep that on your back end.",
    ),
    "origin_not_allowed": ProblemKind(
        status=403,
        title="Origin not allowed",
        meaning="The request comes from the page of a site that is not among the `allowed_origins` of the business. "
        "A script of that page cannot read this answer; the browser shows it to its developer.",
        remedy="Add the origin of the page, such as `https://example.com`, to `allowed_origins` of the business.",
        detail="The business does not allow pages of this origin to call its API (allowed_origins).",
    ),
    "business_suspended": ProblemKind(
        status=403,
        title="The business is suspended",
        meaning="The operator of the engine has suspended the business: no key, user, token or ticket of it opens "
        "anything for now. Nothing was done.",
        remedy="Ask the operator of the engine. All goes on as before once the business is resumed.",
        detail="The operator of this engine has suspended this business. Nothing was done.",
    ),
    "quota_exceeded": ProblemKind(
        status=403,
        title="The quota is used up",
        meaning="The business has as many objects of a kind as the operator of the engine grants it. `quota` names the "
        "kind: `resources`, `users`, `webhook_endpoints`, `api_keys` or `appointments_per_day`, of which the day ends "
        "in `retry_after_seconds`; `limit` is the most. Nothing was made; a hold that a direct booking "
        "was to replace may be gone.",
        remedy="Remove one that is not needed, wait for the next day, or ask the operator of the engine for more.",
        detail="The operator of this engine grants this business 20 resources. Remove one first.",
        facts={"quota": "resources", "limit": 20},
        retries_later=True,
    ),
    "not_found": ProblemKind(
        status=404,
        title="Not found",
        meaning="The business has no object with this id or key, or the path does not exist.",
        remedy="Check the id, key or path. Archived objects cannot be found by their keys.",
        detail='There is no service "haircut".',
    ),
    "method_not_allowed": ProblemKind(
        status=405,
        title="Method not allowed",
        meaning="The path exists, but not with this method. The `Allow` header lists its methods.",
        remedy="Use one of the methods listed.",
        detail="Use one of: GET, POST",
    ),
    "body_too_large": ProblemKind(
        status=413,
        title="Request body too large",
        meaning="The body exceeds the size limit of a request; with a publishable key or an appointment token that is "
        "64 kB at most.",
        remedy="Send less in one request.",
        detail="The body is larger than 1048576 bytes.",
    ),
    "malformed_request": ProblemKind(
        status=400,
        title="Malformed request",
        meaning="What came on the connection is no valid HTTP/1.1 request, or leaves open where its body ends. "
        "The connection is closed.",
        remedy="Use an HTTP client that is up to date, and http:// only where TLS ends before the server.",
        detail="This is not a valid HTTP/1.1 request.",
    ),
    "preflight_refused": ProblemKind(
        status=400,
        title="Preflight refused",
        meaning="A page of another origin may not send a request with this method, or with one of these headers.",
        remedy="Use the methods and headers of the API; other calls belong on your back end.",
        detail="Pages of other origins may not send this: Disallowed CORS method.",
    ),
    "request_timeout": ProblemKind(
        status=408,
        title="The request came too slowly",
        meaning="The header or the body of the request was not complete in time. Nothing was done. "
        "The connection is closed.",
        remedy="Send the request again, on a new connection.",
        detail="The header was not complete after 10 seconds.",
        retryable=True,
    ),
    "uri_too_long": ProblemKind(
        status=414,
        title="URL too long",
        meaning="The path and query of the request have more than 8 kB. The connection is closed.",
        remedy="Send less in the URL.",
        detail="The path and query have more than 8192 bytes.",
    ),
    "headers_too_large": ProblemKind(
        status=431,
        title="Headers too large",
        meaning="The request has more than 32 kB before its body, or more than 128 headers. The connection is closed.",
        remedy="Send fewer or shorter headers. Cookies are never read.",
        detail="The headers have more than 32768 bytes, or there are more than 128.",
    ),
    "version_conflict": ProblemKind(
        status=412,
        title="The object has changed",
        meaning="The version in `If-Match` is not the current one: the object has changed since you read it.",
        remedy="Read the object again, repeat your change and send the new ETag.",
        detail="The object is at version 4.",
    ),
    "idempotency_mismatch": ProblemKind(
        status=422,
        title="Idempotency key already used for another request",
        meaning="This `Idempotency-Key` came before with a different path or body, from the same credential.",
        remedy="Use a new key for each operation, and repeat a request unchanged.",
        detail="This Idempotency-Key belongs to another request. Use a new key for each operation.",
    ),
    "idempotency_answer_lost": ProblemKind(
        status=410,
        title="The first answer cannot be repeated",
        meaning="The first request with this `Idempotency-Key` has succeeded. Its answer was sealed by a master key "
        "that the engine no longer has, or was erased with the personal data of its customer. Nothing was done now.",
        remedy="Read what the request has made; if it has a secret, rotate that with a new key. Do not send the "
        "request once more: it would be done twice.",
        detail="The first request with this Idempotency-Key has succeeded. Its answer was sealed by a master key that "
        "the engine no longer has. Read what the request has made, and rotate its secret with a new Idempotency-Key.",
    ),
    "idempotency_in_flight": ProblemKind(
        status=409,
        title="The first request is still running",
        meaning="An earlier request with this `Idempotency-Key` has not finished.",
        remedy="Repeat the request after `Retry-After` seconds to get the answer to the first one.",
        detail="A request with this Idempotency-Key is still running.",
        facts={"retry_after_seconds": 1},
        retryable=True,
    ),
    "slot_taken": ProblemKind(
        status=409,
        title="This time is already booked",
        meaning="Every resource that could serve this visit is booked at this time. Nothing was held or booked.",
        remedy="List the availability again and offer another time.",
        detail="This time is already booked.",
    ),
    "slot_held": ProblemKind(
        status=409,
        title="This time is held by someone else",
        meaning="Another customer holds the last free place. It becomes free again if they do not book it.",
        remedy="Try again after `retry_after_seconds`, or offer another time.",
        detail="This time is held by someone else. It may become free in 214 seconds.",
        facts={"retry_after_seconds": 214},
        retryable=True,
    ),
    "not_offered": ProblemKind(
        status=422,
        title="This start is not offered",
        meaning="A rule of the business excludes this start. `reason` names it: no_resource, party_too_large, "
        "outside_window, lead_time, closed, off_grid, not_released, time_off or daily_limit. With party_too_large, "
        "`largest_party` is what the service takes. Where a closure is the cause, `closure` has its name.",
        remedy="Use a start from the availability.",
        detail="The start is not on the service's grid.",
        facts={"reason": "off_grid"},
    ),
    "appointments_affected": ProblemKind(
        status=409,
        title="Appointments would no longer fit",
        meaning="The change would take away hours, a resource or a service that live appointments need, and the "
        "request asked to be refused then. Nothing was changed. `affected` has the first 100, `affected_total` counts "
        "all.",
        remedy="Move or cancel the appointments, or repeat the request without `refuse_if_affected`.",
        detail="1 appointment would no longer fit. Move or cancel what is listed, or leave out refuse_if_affected.",
        facts={
            "affected": [
                {
                    "id": "apt_01kbc9x3v4h5m6n7p8q9r0s1t2",
                    "start": "2026-12-24T08:00:00Z",
                    "end": "2026-12-24T08:30:00Z",
                    "service": "haircut",
                    "resources": ["noa"],
                }
            ],
            "affected_total": 1,
        },
    ),
    "too_complex": ProblemKind(
        status=422,
        title="The question takes too much work",
        meaning="Finding the free times would take more work than one request may cause: too many days, resources and "
        "combinations of resources at once. `most_steps` is the budget of one request.",
        remedy="Ask for fewer days, or name the resources. If a single day is refused, let the service need fewer "
        "roles, smaller pools or fewer durations.",
        detail="This takes too much work for one request. Ask for fewer days, name the resources, or let the service "
        "need fewer resources, pools and durations.",
        facts={"most_steps": 15000000},
    ),
    "rate_limited": ProblemKind(
        status=429,
        title="Too many requests",
        meaning="The rate of the client's address, of its network, of the credential or of the business is used up; "
        "`policy` names it, and `RateLimit-Policy` has its numbers; `operator-key` stands for wrong operator keys. "
        "Without `policy`: as many long searches of this "
        "business are under way as may be, or as many sign-in links were asked for from this address. "
        "Nothing was done.",
        remedy="Retry after `Retry-After` seconds.",
        detail="At most 60 in 60 seconds for each address (hold). Please try again in 12 seconds.",
        facts={"policy": "address-hold", "limit": 60, "window_seconds": 60, "retry_after_seconds": 12},
        retryable=True,
    ),
    "challenge_required": ProblemKind(
        status=403,
        title="A challenge has to be passed",
        meaning="The engine asks visitors who hold or book for the response of a challenge on the page, always or "
        "while much of the business was taken lately, and the request has none that is good. Each is good once, for "
        "some minutes. Nothing was done. Where the operator has set a site key, `site_key` and `script` are what a "
        "page shows the challenge with.",
        remedy="Let the visitor pass the challenge, and send its response as `challenge`. Secret keys need none.",
        detail="Send the response of the challenge on your page as challenge.",
        facts={
            "site_key": "0x4AAAAAAADnPIDROrmt1Wwj",
            "script": "https://challenges.cloudflare.com/turnstile/v0/api.js?render=explicit",
        },
    ),
    "too_many_streams": ProblemKind(
        status=429,
        title="Too many streams are open",
        meaning="The business, or the server process, has as many streams open as it may. Nothing was opened.",
        remedy="Close a stream, or retry after `Retry-After` seconds. One stream has the events of all types.",
        detail="At most 200 streams may be open at once. Close one, or try again in a moment.",
        facts={"retry_after_seconds": 5},
        retryable=True,
    ),
    "hold_expired": ProblemKind(
        status=410,
        title="The hold has expired",
        meaning="The hold ended before it was confirmed or replaced. Nothing was booked or placed. The business may "
        "have taken its time.",
        remedy="Place a new hold, without `replaces` or with `replaces_optional: true`; or confirm with `if_free: "
        "true` to book the time if it is still free.",
        detail="The hold expired at 2026-12-01T06:05:00Z.",
    ),
    "hold_not_found": ProblemKind(
        status=404,
        title="Hold not found",
        meaning="The hold never existed, was released, or expired long ago.",
        remedy="Place a new hold.",
        detail="There is no such hold. It may have been released.",
    ),
    "hold_limit_reached": ProblemKind(
        status=429,
        title="Too many holds",
        meaning="There are as many live holds as `budget` allows: of the `client` for this service, or of publishable "
        "keys in this business, from one `address`, from one `network` (a /24 of IPv4, a /48 of IPv6) or from all "
        "(`business`). Or as many holds as the rule `hold.max_lapses` says have lapsed in half an hour from one "
        "address, neither confirmed nor released (`lapses`): it has to pause, each time for twice as long, up to an "
        "hour. Or visitors from one address have held and booked as much of that day within an hour as the rule "
        "`hold.max_share_percent` says (`share`; `limit` is in minutes). Or the business has as many live holds as "
        "the operator of the engine grants it (`quota`).",
        remedy="Release a hold, or replace one with `replaces`. `retry_after_seconds`: until the first of them ends, "
        "or the pause. Direct booking needs no hold.",
        detail="This client already has 3 live holds, the maximum. Release, confirm or replace one first. "
        "The first of them ends in 214 seconds.",
        facts={"budget": "client", "limit": 3, "retry_after_seconds": 214},
        retryable=True,
    ),
    "hold_life_exhausted": ProblemKind(
        status=409,
        title="The hold cannot be extended that far",
        meaning="The extension would exceed the maximum lifetime of a hold; or the hold to be replaced has used it up, "
        "and the new one shares minutes with it.",
        remedy="Ask for a shorter extension, confirm the hold, or take another time.",
        detail="The hold can be extended until 2026-12-01T06:20:00Z at most.",
    ),
    "invalid_transition": ProblemKind(
        status=409,
        title="Not possible in the current status",
        meaning="The appointment cannot change from the status `from` to the status `to`, "
        "its time for approval is over, it has not begun, or it ended more than a day ago; "
        "or a hold for a move was to become an appointment.",
        remedy="Read the appointment again: its status may have changed. Complete a visit, or report a no-show, "
        "from its `start` on; reopen it within 24 hours.",
        detail="The appointment is cancelled. It cannot become completed.",
        facts={"from": "cancelled", "to": "completed"},
    ),
    "cutoff_passed": ProblemKind(
        status=409,
        title="Too late for this change",
        meaning="Customers may do this only until `cutoff`, by the policy in force at booking.",
        remedy="Ask the business to make the change.",
        detail="The appointment could be rescheduled up to 120 minutes before its start.",
        facts={"cutoff": "2026-12-01T05:00:00Z"},
    ),
    "limit_reached": ProblemKind(
        status=409,
        title="Limit reached",
        meaning="The business limits this. `rule` names the limit: daily_limit, customer_limit or reschedule; "
        "`limit` is its number, and `date` its day where it is of one; one of a week or a month has `period`, `from` "
        "and `until`. `verification` (email or sms) says that the visits counted are those of whoever typed this "
        "contact: a visitor who proves it for a hold is counted by their own. With the rule verification, the hold "
        "has had as many codes as it may.",
        remedy="Cancel another appointment first, prove the contact where `verification` says so, or ask the business.",
        detail="The customer has 3 active appointments, the maximum.",
        facts={"rule": "customer_limit", "limit": 3},
    ),
    "verification_required": ProblemKind(
        status=409,
        title="The contact has to be proved first",
        meaning="The service takes bookings of visitors only with an e-mail address (`channel`: email) or a telephone "
        "number (sms) that they have proved to be theirs, for this hold. Nothing was booked; the hold lives on.",
        remedy="Place a hold; POST the contact to /v1/holds/{id}/verification; POST the code that arrives there to "
        "/v1/holds/{id}/verification/check; then confirm with this contact.",
        detail="Prove the e-mail address first: send it to POST /v1/holds/{id}/verification, then the code.",
        facts={"channel": "email"},
    ),
    "wrong_code": ProblemKind(
        status=422,
        title="Wrong code",
        meaning="The code is not the one that was sent last. `tries_left` says how many more may be tried.",
        remedy="Let the visitor type it again; without tries left, send a new one.",
        detail="This is not the code that was sent. 4 tries are left.",
        facts={"tries_left": 4},
    ),
    "no_code": ProblemKind(
        status=410,
        title="No code can be right now",
        meaning="No code was sent for this hold yet, or its ten minutes are over, or its five tries.",
        remedy="Send a new one with POST /v1/holds/{id}/verification.",
        detail="No code can be right now: each works for 10 minutes and 5 tries. Ask for a new one.",
    ),
    "customer_exists": ProblemKind(
        status=409,
        title="Another customer has this address",
        meaning="The new e-mail address or telephone number is that by which another customer is known: `customer`, "
        "where the caller may see that one.",
        remedy="If both are the same person, merge them, or let a manager do it; else correct the address.",
        detail="Another customer of the business has this address. If both are the same person, merge them.",
        facts={"customer": "cus_01kbc9x3v4h5m6n7p8q9r0s1t3"},
    ),
    "target_not_allowed": ProblemKind(
        status=422,
        title="This address is not allowed",
        meaning="The host of the URL has an address that requests may not reach: a private or local one, say. "
        "`setting` names the setting by which the operator allows networks.",
        remedy="Use a public address, or ask the operator to allow its network.",
        detail="The address of this host is private. Requests go to public addresses, and to networks that the "
        "operator lists in HOLDFAST_OUTBOUND_ALLOW.",
        facts={"setting": "HOLDFAST_OUTBOUND_ALLOW"},
    ),
    "webhook_endpoint_disabled": ProblemKind(
        status=409,
        title="The endpoint is disabled",
        meaning="Nothing is sent to a disabled webhook endpoint but a ping. Nothing was changed.",
        remedy="Enable the endpoint, then repeat the request.",
        detail="The endpoint is disabled. Enable it first, with PATCH and enabled: true.",
    ),
    "notification_not_resendable": ProblemKind(
        status=409,
        title="The notification cannot be sent again",
        meaning="It is still to be sent, or it was withdrawn because what it tells is true no more: see "
        "`notification_status`. Nothing was changed.",
        remedy="Wait until it is sent. Of a visit as it is now, another notification tells.",
        detail="It was withdrawn: what it tells is true no more. Nothing was done.",
        facts={"notification_status": "withdrawn"},
    ),
    "last_owner": ProblemKind(
        status=409,
        title="The only owner cannot be removed",
        meaning="A business that has users has an owner: the only one can neither be removed nor get another role. "
        "Nothing was changed.",
        remedy="Make somebody else an owner first.",
        detail="This is the only owner of the business. Make somebody else an owner first.",
    ),
    "business_not_suspended": ProblemKind(
        status=409,
        title="The business is not suspended",
        meaning="Only a suspended business can be deleted, so that nobody works with it meanwhile. Nothing was "
        "deleted.",
        remedy="Suspend the business, and delete it then.",
        detail="This business is not suspended, and was not deleted. Suspend it first.",
    ),
    "last_key": ProblemKind(
        status=409,
        title="The last key of the owner",
        meaning="It is the last secret key that has no end, and no user owns the business: nobody could act as the "
        "owner any more. Nothing was changed.",
        remedy="Make another secret key first, or rotate this one. On the command line any key can be revoked.",
        detail="This is the last key that acts as the owner, and no user does. Make another one first.",
    ),
    "identity_provider_taken": ProblemKind(
        status=409,
        title="The audience belongs to another business",
        meaning="Another business of this engine accepts tokens of this issuer for this audience, and a token must say "
        "which business it is for. Nothing was changed.",
        remedy="Let the issuer make tokens for an audience of your own.",
        detail="Tokens of this issuer for this audience belong to another business. Use an audience of your own.",
    ),
    "secret_rotating": ProblemKind(
        status=409,
        title="A rotation is not over",
        meaning="The secret before the current one signs until `previous_until`, and there is room for two secrets.",
        remedy="Revoke the previous secret, or wait until then.",
        detail="The secret before the current one signs until 2026-12-01T06:05:00Z. End it by DELETE of its "
        "previous-secret, or wait.",
        facts={"previous_until": "2026-12-01T06:05:00Z"},
    ),
    "tokens_rotating": ProblemKind(
        status=409,
        title="A rotation of tokens is not over",
        meaning="Appointment tokens of the secret before the current one work until `previous_until`, and there is "
        "room for two secrets. Nothing was changed.",
        remedy="Wait until then, or end all older tokens by `overlap_days: 0`.",
        detail="Tokens of the secret before the current one go on to work until then, and there is room for two "
        "secrets. Wait, or end them by a rotation with overlap_days 0.",
        facts={"previous_until": "2026-12-31T06:05:00Z"},
    ),
    "master_key_missing": ProblemKind(
        status=503,
        title="The engine cannot keep secrets",
        meaning="The operator has set no master key, so no secret can be stored. Nothing was done.",
        remedy="Ask the operator to set HOLDFAST_MASTER_KEY.",
        detail="The operator of this engine has set no HOLDFAST_MASTER_KEY, so it cannot keep secrets.",
    ),
    "holds_unavailable": ProblemKind(
        status=503,
        title="Holds are temporarily unavailable",
        meaning="The store of holds does not respond. Nothing was held. Direct booking still works.",
        remedy="Retry after `Retry-After` seconds, or book directly with POST /v1/appointments.",
        detail="Holds are temporarily unavailable. Direct booking still works.",
        retryable=True,
    ),
    "store_unavailable": ProblemKind(
        status=503,
        title="The database is temporarily unavailable",
        meaning="The database does not respond.",
        remedy="Retry after `Retry-After` seconds. Retrying is safe.",
        detail="The database is temporarily unavailable. Please retry in a moment. Retrying is safe.",
        retryable=True,
    ),
    "overloaded": ProblemKind(
        status=503,
        title="The server is overloaded",
        meaning="This server process works on as many requests as it may, or too many requests wait on this "
        "connection. Nothing was done.",
        remedy="Retry after `Retry-After` seconds.",
        detail="This server process works on as many requests as it may. Please retry in a moment.",
        retryable=True,
    ),
    "stopping": ProblemKind(
        status=503,
        title="The server is shutting down",
        meaning="This server process finishes its running requests and takes no new ones. Nothing was done.",
        remedy="Retry after `Retry-After` seconds, on a new connection.",
        detail="This server process is shutting down and takes no new requests. Please retry in a moment.",
        facts={"retry_after_seconds": 1},
        retryable=True,
    ),
    "internal": ProblemKind(
        status=500,
        title="Internal error",
        meaning="An unexpected error occurred. The server's log has it under the request id.",
        remedy="Retry the request. If it fails again, report the `request_id`.",
        detail="An unexpected error occurred.",
    ),
}

from datetime import UTC, datetime

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from outbound.signing import new_secret, read_secret, secret_text, signed_headers

_BODY = b'{"test": 2432232314}'


def test_signature_is_that_of_the_published_vector() -> None:
    secret = read_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")

    headers = signed_headers([secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, _BODY)

    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_library_of_receivers_verifies_either_secret_of_a_rotation_and_no_other() -> None:
    new, old, other = new_secret(), new_secret(), new_secret()

    headers = dict(signed_headers([new, old], "evt_1", int(datetime.now(UTC).timestamp()), _BODY))

    for secret in (new, old):
        assert Webhook(secret_text(secret)).verify(_BODY, headers) == {"test": 2432232314}
    with pytest.raises(WebhookVerificationError):
        Webhook(secret_text(other)).verify(_BODY, headers)


def test_library_of_receivers_refuses_a_changed_body_and_a_changed_id() -> None:
    secret = new_secret()
    headers = dict(signed_headers([secret], "evt_1", int(datetime.now(UTC).timestamp()), _BODY))

    with pytest.raises(WebhookVerificationError):
        Webhook(secret_text(secret)).verify(b'{"test": 1}', headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret_text(secret)).verify(_BODY, headers | {"webhook-id": "evt_2"})


def test_secrets_have_the_length_that_the_specification_asks_for() -> None:
    assert 24 <= len(new_secret()) <= 64
    assert secret_text(new_secret()).startswith("whsec_")

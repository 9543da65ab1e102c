"""A token is good for one key, one algorithm, one audience and one stretch of time; anything else is nothing."""

import base64
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from access.web_tokens import LEEWAY, TokenKey, expiry_if_good, looks_like_token, read_token

_NOW: Final = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
_RSA: Final = rsa.generate_private_key(public_exponent=65537, key_size=2048)
_EC: Final = ec.generate_private_key(ec.SECP256R1())
_ED: Final = ed25519.Ed25519PrivateKey.generate()
_KEYS: Final[dict[str, Any]] = {"RS256": _RSA, "ES256": _EC, "EdDSA": _ED}
_PUBLIC: Final = {name: TokenKey(algorithm=name, key=key.public_key()) for name, key in _KEYS.items()}
_CLAIMS: Final = {"iss": "https://id.example", "aud": "shop", "sub": "1", "exp": _NOW.timestamp() + 600}


def _signed(algorithm: str = "ES256", headers: dict[str, Any] | None = None, **claims: object) -> str:
    return jwt.encode(
        {**_CLAIMS, **claims}, _KEYS[algorithm], algorithm=algorithm, headers={"kid": "1", **(headers or {})}
    )


def _expiry(raw: str, algorithm: str = "ES256", *, now: datetime = _NOW, audience: str = "shop") -> datetime | None:
    token = read_token(raw)
    return None if token is None else expiry_if_good(token, _PUBLIC[algorithm], audience=audience, now=now)


def _part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize("algorithm", list(_KEYS))
def test_token_is_good_until_its_end(algorithm: str) -> None:
    assert _expiry(_signed(algorithm), algorithm) == _NOW + timedelta(seconds=600)


@pytest.mark.parametrize("algorithm", list(_KEYS))
@pytest.mark.parametrize("other", list(_KEYS))
def test_token_is_good_with_the_algorithm_of_its_key_alone(algorithm: str, other: str) -> None:
    assert (_expiry(_signed(algorithm), other) is not None) == (algorithm == other)


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", ""])
def test_unsigned_token_is_refused(algorithm: str) -> None:
    body = f"{_part({'alg': algorithm, 'kid': '1'})}.{_part(_CLAIMS)}"

    assert _expiry(f"{body}.") is None
    assert _expiry(f"{body}.AAAA") is None


@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512"])
@pytest.mark.parametrize("name", list(_KEYS))
@pytest.mark.parametrize("spelled", [Encoding.PEM, Encoding.DER])
def test_public_key_is_no_secret_to_sign_with(digest: str, name: str, spelled: Encoding) -> None:
    secret = _KEYS[name].public_key().public_bytes(spelled, PublicFormat.SubjectPublicKeyInfo)
    body = f"{_part({'alg': f'HS{digest[3:]}', 'kid': '1'})}.{_part(_CLAIMS)}"
    signature = base64.urlsafe_b64encode(hmac.digest(secret, body.encode(), digest)).rstrip(b"=").decode()

    assert _expiry(f"{body}.{signature}", name) is None


def test_key_that_a_token_brings_along_is_not_used() -> None:
    other = ec.generate_private_key(ec.SECP256R1())
    jwk = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(other.public_key()))
    headers = {"kid": "1", "jwk": jwk, "jku": "https://evil.example/jwks", "x5u": "https://evil.example/x5u"}

    assert _expiry(jwt.encode(_CLAIMS, other, algorithm="ES256", headers=headers)) is None


def test_critical_extension_is_refused() -> None:
    assert _expiry(_signed(headers={"crit": ["b64"], "b64": True})) is None


@pytest.mark.parametrize(
    "seconds", [-LEEWAY.total_seconds() - 1, -LEEWAY.total_seconds(), True, "600", None, 1e400, -1, 1e300, [], {}]
)
def test_token_without_a_good_end_is_refused(seconds: Any) -> None:
    is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    end = _NOW.timestamp() + seconds if is_number and abs(seconds) < 1e300 and seconds != -1 else seconds

    assert _expiry(_signed(exp=end)) is None


def test_clocks_may_differ_by_a_minute() -> None:
    late = _NOW + timedelta(seconds=600) + LEEWAY - timedelta(seconds=1)
    early = _signed(nbf=(_NOW + LEEWAY).timestamp())

    assert _expiry(_signed(), now=late) is not None
    assert _expiry(_signed(), now=late + timedelta(seconds=1)) is None
    assert _expiry(early) is not None
    assert _expiry(early, now=_NOW - timedelta(seconds=1)) is None


def test_token_without_an_end_is_refused() -> None:
    claims = {name: value for name, value in _CLAIMS.items() if name != "exp"}

    assert _expiry(jwt.encode(claims, _EC, algorithm="ES256", headers={"kid": "1"})) is None


@pytest.mark.parametrize("audience", ["shop", ["shop"], ["shop", "other"]])
def test_token_is_good_for_each_of_its_audiences(audience: object) -> None:
    assert _expiry(_signed(aud=audience)) is not None


@pytest.mark.parametrize(
    "audience", ["other", "shop ", "", [], ["other"], None, 1, ["shop", 1], ["shop"] * 9, {"shop": 1}]
)
def test_token_for_another_audience_is_refused(audience: object) -> None:
    assert _expiry(jwt.PyJWS().encode(json.dumps({**_CLAIMS, "aud": audience}).encode(), _EC, "ES256")) is None


@pytest.mark.parametrize(
    "raw",
    [
        "..",
        "a.b.c",
        f"{_part({'alg': 'ES256'})}.{_part([])}.AA",
        f"{_part([])}.{_part(_CLAIMS)}.AA",
        f"{_part({'alg': 5})}.{_part(_CLAIMS)}.AA",
        f"{_part({'alg': 'ES256', 'kid': 5})}.{_part(_CLAIMS)}.AA",
        f"{_part({'alg': 'ES256'})}.{_part({**_CLAIMS, 'iss': 5})}.AA",
        f"{_part({'alg': 'ES256'})}.{base64.urlsafe_b64encode(b'[' * 5000).decode()}.AA",
        f"{_part({'alg': 'ES256'})}.{base64.urlsafe_b64encode(b'9' * 5000).decode()}.AA",
        f"{_part({'alg': 'ES256'})}.{_part({**_CLAIMS, 'more': 'x' * 8192})}.AA",
        "é.é.é",
        # The stores can hold none of these, and JSON has them all.
        f"{_part({'alg': 'ES256', 'kid': chr(0)})}.{_part(_CLAIMS)}.AA",
        f"{_part({'alg': 'ES256', 'kid': chr(0xD800)})}.{_part(_CLAIMS)}.AA",
        f"{_part({'alg': 'ES256'})}.{_part({**_CLAIMS, 'iss': chr(0)})}.AA",
        f"{_part({'alg': 'ES256'})}.{_part({**_CLAIMS, 'iss': chr(0xDFFF)})}.AA",
        f"{_part({'alg': 'ES256'})}.{_part({**_CLAIMS, 'aud': ['shop', chr(0)]})}.AA",
        f"{_part({'alg': 'ES256'})}.{_part({**_CLAIMS, 'role': [{chr(0xD800): 1}]})}.AA",
        f"{_part({'alg': 'ES256'})}.{_part({**_CLAIMS, 'nbf': 10**400})}.AA",
    ],
)
def test_text_that_is_no_token_is_refused(raw: str) -> None:
    assert looks_like_token(raw)
    assert read_token(raw) is None


@pytest.mark.parametrize("raw", ["hfs_" + "a" * 43, "hft_x", "", "a.b", "a.b.c.d"])
def test_other_credentials_do_not_look_like_tokens(raw: str) -> None:
    assert not looks_like_token(raw)


def test_changed_claims_are_refused() -> None:
    header, _, signature = _signed().split(".")

    assert _expiry(f"{header}.{_part({**_CLAIMS, 'sub': '2'})}.{signature}") is None


def test_reading_says_what_a_token_claims() -> None:
    token = read_token(_signed(aud=["shop", "other"]))

    assert token is not None
    assert (token.key_id, token.algorithm, token.issuer) == ("1", "ES256", "https://id.example")
    assert token.audiences == ("shop", "other")

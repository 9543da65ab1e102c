from hypothesis import example, given
from hypothesis import strategies as st

from kernel.email_address import email_address, judged_address

_LOCAL_PARTS = st.text("abcXYZ019._+-'!#$%&*/=?^`{|}~\" (),:;<>@[]\\\u05d0\u00fc\u0130", max_size=70)
_DOMAINS = st.text("abcXYZ019-._\u00fc\u05d0@ ", max_size=20) | st.sampled_from(
    ["example.com", "Example.COM", "localhost", "shop.test", "xn--Bcher-kva.example", "a." * 120 + "com"]
)


def _outcome(judge: object, address: str) -> str | None:
    assert callable(judge)
    try:
        return str(judge(address))
    except ValueError:
        return None


@given(_LOCAL_PARTS, _DOMAINS)
@example("a" * 64, "a." * 94 + "a")
@example("a" * 64, "a." * 94 + "aa")
@example("a" * 64, "a." * 95 + "aa")
@example("a" * 65, "example.com")
def test_short_cut_for_plain_addresses_says_what_the_library_says(local_part: str, domain: str) -> None:
    address = f"{local_part}@{domain}".strip()

    assert _outcome(email_address, address) == _outcome(judge=judged_address, address=address)

from itertools import permutations

import pytest

from notifications.callbacks.status import TextMessageStatus, advanced, read_status

_WAY = (TextMessageStatus.QUEUED, TextMessageStatus.SENDING, TextMessageStatus.SENT, TextMessageStatus.DELIVERED)


@pytest.mark.parametrize("order", [*permutations(_WAY)])
def test_message_ends_delivered_in_whatever_order_it_is_told(order: tuple[TextMessageStatus, ...]) -> None:
    known = None
    for told in order:
        known = advanced(known, told)

    assert known is TextMessageStatus.DELIVERED


def test_status_that_is_unknown_says_nothing() -> None:
    assert (read_status("read"), read_status("sent")) == (None, TextMessageStatus.SENT)

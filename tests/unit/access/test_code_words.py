"""Words around a code: one message to a telephone in every language, and the code is in each part."""

import pytest

from access.contacts.code_message import code_words
from messages.content.model import LANGUAGES
from messages.content.text_length import parts_of_text_message


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("business", ["Fade & Co", "F" * 500, " Fade\r\n& Co "])
def test_code_is_in_every_part_and_a_text_message_is_short(business: str, language: str) -> None:
    words = code_words(business, "012345", languages=[language])

    assert all("012345" in part for part in (words.subject, words.text, words.html, words.sms))
    assert "\n" not in words.subject + words.sms
    assert parts_of_text_message(words.sms) <= (1 if len(business) < 60 or language == "en" else 2)
    assert "\u2068" not in words.subject + words.sms

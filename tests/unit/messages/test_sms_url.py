import pytest

from messages.channels.text_messages import read_sms_url


def test_url_names_account_token_and_sender() -> None:
    account = read_sms_url("https://AC1:to%40ken@sms.example:8443/base?from=%2B15551234567")

    assert (account.user, account.token, account.sender) == ("AC1", "to@ken", ("From", "+15551234567"))
    assert account.target.authority == "sms.example:8443"
    assert account.target.path == "/base/2010-04-01/Accounts/AC1/Messages.json"


def test_plus_of_a_number_may_stand_as_it_is() -> None:
    assert read_sms_url("https://AC1:x@sms.example?from=+15551234567").sender == ("From", "+15551234567")


def test_sender_may_be_a_name_or_a_messaging_service() -> None:
    assert read_sms_url("https://AC1:x@sms.example?from=FadeCo").sender == ("From", "FadeCo")
    assert read_sms_url("https://AC1:x@sms.example?messaging_service=MG1").sender == ("MessagingServiceSid", "MG1")


@pytest.mark.parametrize(
    "url",
    [
        "http://AC1:secret@sms.example?from=+1555",
        "https://sms.example?from=+1555",
        "https://AC1@sms.example?from=+1555",
        "https://AC1:secret@sms.example",
        "https://AC1:secret@sms.example?from=+1555&messaging_service=MG1",
        "https://AC1:secret@sms.example?to=+1555",
        "https://AC1:secret@sms.example:x?from=+1555",
        "ftp://AC1:secret@sms.example?from=+1555",
        "https://AC1:secret@sms.example?from=+1555#x",
    ],
)
def test_url_that_is_misspelled_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ValueError, match="must be https") as refused:
        read_sms_url(url)

    assert "secret" not in str(refused.value)

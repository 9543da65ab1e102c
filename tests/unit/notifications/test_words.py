import pytest

from notifications.callbacks.words import STARTED, STOPPED, OptOut, OptOutWish, answer_to, wish_of


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("STOP", "en"),
        (" stop! ", "en"),
        ("Opt-Out.", "en"),
        ("stop\nall", "en"),
        ("إيقاف", "ar"),
        ("ايقاف", "ar"),
        ("إِيقَاف!", "ar"),
        ("\u200fעצור.", "he"),  # noqa: RUF001 - Hebrew
        ("הסירו   אותי", "he"),
        ("ARRÊT", "fr"),
        ("arret", "fr"),
        ("Stopp", "de"),
        ("AUFHOREN", "de"),
        ("¡Baja!", "es"),
        ("\uff33\uff34\uff2f\uff30", "en"),
    ],
)
def test_wish_for_no_more_is_read_in_every_spelling(text: str, language: str) -> None:
    assert wish_of(text) == OptOutWish(kind=OptOut.STOP, language=language)


@pytest.mark.parametrize(
    ("text", "language"),
    [("start", "en"), ("ابدأ", "ar"), ("התחל", "he"), ("DÉBUT", "fr"), ("starten", "de"), ("Alta", "es")],
)
def test_wish_for_messages_again_is_read(text: str, language: str) -> None:
    assert wish_of(text) == OptOutWish(kind=OptOut.START, language=language)


@pytest.mark.parametrize("text", ["", "!", "please don't stop by", "stopwatch", "I cannot start before 10", "תודה"])
def test_other_messages_are_no_wish(text: str) -> None:
    assert wish_of(text) is None


@pytest.mark.parametrize("kind", OptOut)
@pytest.mark.parametrize("language", ["en", "ar", "he", "fr", "de", "es"])
def test_answer_names_the_business_and_the_way_back(kind: OptOut, language: str) -> None:
    answer = answer_to(OptOutWish(kind=kind, language=language), "Fade & Co")

    assert "Fade & Co" in answer
    assert ("START" if kind is OptOut.STOP else "STOP") in answer
    assert len(answer) < 160
    assert STOPPED.keys() == STARTED.keys()

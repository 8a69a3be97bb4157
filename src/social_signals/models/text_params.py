"""The knobs of what people write as a cause of churn."""

from __future__ import annotations

from dataclasses import dataclass, field

from social_signals.core.errors import ConfigError, did_you_mean

NONE, TOPICS, TFIDF, EMBEDDINGS = "none", "topics", "tfidf", "embeddings"
READERS = (NONE, TOPICS, TFIDF, EMBEDDINGS)
FROZEN, FINETUNE = "frozen", "finetune"
MODELS = (NONE, FROZEN, FINETUNE)


@dataclass
class ChurnTextParams:
    """What of a person's posts of the last `days` before a cut-off joins the features of churn.

    features: `topics` (shares of LDA's topics), `tfidf` (counted words, reduced by a truncated SVD) or `embeddings` (vectors of
    the sentence encoder, reduced by PCA), `components` numbers each, averaged over the posts; fitted on what the training slices
    saw, alone. model: a text model of churn, whose probability is one feature more: `frozen`, a linear head on the sentence
    encoder's averaged vectors, or `finetune`, the encoder of `train_text_churn` with its head. It is trained where it is not
    there yet. folds: how many times, each without a part of the people, so that nobody's probability comes from a model that
    saw them. regularisation: strengths of the L2 penalty that `frozen` tries. vocabulary: most frequent words looked at;
    min_posts: and each in so many texts at least. most_posts: what a driver holds to fit on, people drawn by a hash.
    """

    features: str = NONE
    model: str = NONE
    days: int = 90
    components: int = 4
    folds: int = 5
    regularisation: list[float] = field(default_factory=lambda: [1.0, 10.0, 100.0])
    vocabulary: int = 5_000
    min_posts: int = 5
    most_posts: int = 50_000

    def __post_init__(self) -> None:
        for name, known in (("features", READERS), ("model", MODELS)):
            value = getattr(self, name)
            if value not in known:
                raise ConfigError(f"churn.text.{name} is {value!r}", hint=did_you_mean(value, list(known)))
        for name, least in (
            ("days", 1), ("components", 2), ("folds", 2), ("vocabulary", 10), ("min_posts", 1), ("most_posts", 100),
        ):  # fmt: skip
            if getattr(self, name) < least:
                raise ConfigError(f"churn.text.{name} is {getattr(self, name)}", hint=f"give {least} or more")
        if not self.regularisation or min(self.regularisation) <= 0:
            raise ConfigError(
                f"churn.text.regularisation is {list(self.regularisation)}", hint="give one or more numbers above 0"
            )

    @property
    def is_used(self) -> bool:
        return self.features != NONE or self.model != NONE

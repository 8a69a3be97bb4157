"""Which text models read the posts."""

from __future__ import annotations

from dataclasses import dataclass, field

from social_signals.core.errors import ConfigError
from social_signals.nlp.language import UNDETERMINED

PACKAGED = "packaged"


@dataclass
class TextModelParams:
    """model: `packaged`; the folder of a model that train_sentiment or train_entities wrote; the folder of any model that
    Spark NLP saved, of a kind that labels texts or words from their tokens (BertForSequenceClassification,
    RoBertaForTokenClassification, ...); or the name of a pretrained one, which Spark NLP downloads.

    annotator: the class behind a name, null for BertFor{Sequence,Token}Classification. language: of that name. labels: what a
    label of the model means to us, where its name does not say so: labels={LABEL_0: negative}.
    """

    model: str = PACKAGED
    annotator: str | None = None
    language: str = "en"
    labels: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.model:
            raise ConfigError(
                "a text model is empty", hint=f"write {PACKAGED}, a folder, or the name of a pretrained Spark NLP model"
            )


@dataclass
class TextParams:
    """Which models read the posts, and which posts.

    languages: those that the models know, ISO 639 codes; und is a text that does not tell, mostly a word or two. The packaged
    models know English. aspects: also the mood of each sentence that names something. reread: posts that other models have
    read are read again, once. partitions: how many tasks read texts, null for four times the slots.
    """

    sentiment: TextModelParams = field(default_factory=TextModelParams)
    entities: TextModelParams = field(default_factory=TextModelParams)
    languages: list[str] = field(default_factory=lambda: ["en", UNDETERMINED])
    gazetteer: bool = True
    aspects: bool = True
    reread: bool = False
    partitions: int | None = None

    def __post_init__(self) -> None:
        if not self.languages:
            raise ConfigError("text.languages is empty", hint="name at least one, for example text.languages=[en, und]")


@dataclass
class TopicParams:
    """How topics are found. Whatever is found is kept: later runs only say what new posts are about.

    counts: numbers of topics to try; the most coherent one stays. iterations: of LDA. top_words: how many describe a topic.
    min_posts, max_share: a word counts that is in so many posts at least and in such a share of them at most. vocabulary: the
    most frequent words looked at. max_posts: learnt from at most. languages: of the posts. refit: learn anew; topics that
    are still there keep their number and label.
    """

    enabled: bool = True
    counts: list[int] = field(default_factory=lambda: [5, 10, 20])
    iterations: int = 30
    top_words: int = 10
    min_posts: int = 5
    max_share: float = 0.3
    vocabulary: int = 10_000
    max_posts: int = 100_000
    languages: list[str] = field(default_factory=lambda: ["en"])
    refit: bool = False

    def __post_init__(self) -> None:
        if not self.counts or min(self.counts) < 2:
            raise ConfigError(
                f"topics.counts is {list(self.counts)}", hint="give numbers of 2 or more: topics.counts=[5, 10]"
            )
        for name in ("iterations", "min_posts", "vocabulary", "max_posts"):
            if getattr(self, name) < 1:
                raise ConfigError(f"topics.{name} is {getattr(self, name)}", hint="give a whole number, 1 or more")
        if self.top_words < 3:
            raise ConfigError(f"topics.top_words is {self.top_words}", hint="a label alone takes three: give 3 or more")
        if not 0 < self.max_share <= 1:
            raise ConfigError(f"topics.max_share is {self.max_share}", hint="give a share above 0, at most 1")
        if not self.languages:
            raise ConfigError("topics.languages is empty", hint="name at least one, for example topics.languages=[en]")

"""What posts are about: latent Dirichlet allocation on Spark NLP's tokens, as many topics as are most coherent."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray
from pyspark.ml import Pipeline
from pyspark.ml.clustering import LDA, LocalLDAModel
from pyspark.ml.feature import CountVectorizerModel
from pyspark.ml.functions import vector_to_array
from pyspark.ml.stat import Summarizer
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_matrix

from social_signals.core.errors import DataQualityError, ModelMismatchError
from social_signals.core.steps import doing
from social_signals.nlp.packaged import CARD, require_spark_nlp, sign, verify_model
from social_signals.nlp.params import TopicParams
from social_signals.nlp.reading import distinct_texts
from social_signals.tables.gold import AS_OF, MODEL_ID
from social_signals.tables.gold_texts import POSTS_COUNT, SHARE, TEXT_HASH, TOPIC, WEIGHT, WEIGHTS
from social_signals.tables.silver import AUTHOR_ID, EVENT_TS, INGESTED_TS, POST_ID, TEXT, USER_ID

TASK = "topics"
WORDS = "words"
LABEL_WORDS = 3
# Links, accounts and left-over escapes are about nothing; the sign of a hashtag goes, its word stays.
_NOT_WORDS = r"https?://\S+|www\.\S+|@\w+|&\w+;|\\u[0-9a-fA-F]{4}"
# Topics of two runs are the same one where at least this share of their top words is (Jaccard).
_SAME = 0.25
_LEAST_WEIGHT = 0.01
# Between a word's probability in a topic and its lift over the corpus (Sievert and Shirley 2014, section 3.1).
_RELEVANCE = 0.6
_VOCABULARY_FILE, _LDA_FOLDER = "vocabulary.json", "lda"


class Topic(NamedTuple):
    """number: stable over runs. terms: top words with their probability, most telling first. share: of the corpus."""

    number: int
    label: str
    terms: tuple[tuple[str, float], ...]
    coherence: float
    share: float


@dataclass(frozen=True)
class TopicModel:
    """A fitted model: `topics[i]` is what the i-th column of the LDA stands for."""

    model_id: str
    topics: tuple[Topic, ...]
    coherence: Mapping[int, float]
    vocabulary: tuple[str, ...]
    lda: LocalLDAModel


def topic_words(posts: DataFrame, *, min_length: int = 3) -> DataFrame:
    """One row per distinct text: text_hash, post_ids, words (letters only, lower case, no stop words, with repeats)."""
    require_spark_nlp(posts.sparkSession)
    from pyspark.ml.feature import StopWordsRemover
    from sparknlp.annotator import Normalizer, StopWordsCleaner, Tokenizer
    from sparknlp.base import DocumentAssembler, Finisher

    plain = F.regexp_replace(F.regexp_replace(TEXT, _NOT_WORDS, " "), "[\u2019\u02bc]", "'")
    texts = distinct_texts(posts).withColumn(TEXT, plain)
    stop_words = [*StopWordsRemover.loadDefaultStopWords("english"), *_MORE_STOP_WORDS]
    # stop words are compared after the letters-only rule, which makes "don't" one word
    bare = sorted({"".join(c for c in word if c.isalpha()) for word in stop_words})
    stages = [
        DocumentAssembler().setInputCol(TEXT).setOutputCol("document").setCleanupMode("shrink"),
        Tokenizer().setInputCols(["document"]).setOutputCol("token"),
        Normalizer()
        .setInputCols(["token"])
        .setOutputCol("normal")
        .setLowercase(True)
        .setCleanupPatterns(["[^\\p{L}]"])
        .setMinLength(min_length),
        StopWordsCleaner().setInputCols(["normal"]).setOutputCol("clean").setStopWords(bare),
        Finisher().setInputCols(["clean"]).setOutputCols([WORDS]),
    ]
    read: DataFrame = Pipeline(stages=stages).fit(texts).transform(texts)
    return read.select(TEXT_HASH, "post_ids", WORDS)


_MORE_STOP_WORDS = (
    "also", "amp", "can", "cant", "could", "didnt", "doesnt", "dont", "even", "get", "getting", "going", "got", "gonna",
    "have", "hey", "http", "https", "ill", "im", "isnt", "ive", "just", "know", "lets", "like", "lol", "lot", "make", "maybe",
    "may", "might", "much", "need", "new", "now", "one", "please", "really", "said", "say", "see", "sure", "thanks", "thats",
    "thing", "things", "think", "two", "use", "used", "using", "via", "want", "wasnt", "way", "well", "whats", "will", "wont",
    "would", "yeah", "yes", "yet",
)  # fmt: skip


def fit_topics(texts: DataFrame, *, params: TopicParams, seed: int, before: Sequence[Topic] = ()) -> TopicModel:
    """The topics of the distinct texts of `topic_words`, as many of `params.counts` as are most coherent.

    Coherence is the mean NPMI of the pairs of a topic's top words, co-occurring in a text (`npmi_coherence`). Topics that
    were there `before` keep their number and label. Persist `texts`: they are read once for each number of topics.
    Raises DataQualityError where too few words are left to tell topics apart.
    """
    slots = texts.sparkSession.sparkContext.defaultParallelism
    # The same texts in the same places, wherever they came from, or the seed would not decide what is drawn.
    kept = texts.where(F.size(WORDS) > 0).orderBy(TEXT_HASH).limit(params.max_posts)
    said = kept.repartition(slots, TEXT_HASH).sortWithinPartitions(TEXT_HASH)
    vocabulary = _vocabulary(said, params)
    if len(vocabulary) < max(params.counts):
        raise DataQualityError(
            f"too few words occur in {params.min_posts} posts or more to tell {max(params.counts)} topics apart",
            hint="give more posts, or set topics.min_posts and topics.counts lower",
        )
    counted = CountVectorizerModel.from_vocabulary(vocabulary, inputCol=WORDS, outputCol="counts")
    counts = counted.transform(said).select(TEXT_HASH, WORDS, "counts").persist()
    try:
        models = {k: _lda(counts, k=k, params=params, seed=seed) for k in sorted(set(params.counts))}
        frequency = _frequency(counts, len(vocabulary))
        top = {
            k: top_terms(model.topicsMatrix().toArray().T, vocabulary, frequency, params.top_words)
            for k, model in models.items()
        }
        wanted = sorted({term for topics in top.values() for topic in topics for term, _ in topic})
        present = _occurrence(counts, wanted)
        place = {term: i for i, term in enumerate(wanted)}
        coherence = {
            k: [npmi_coherence(present, [place[term] for term, _ in topic]) for topic in topics]
            for k, topics in top.items()
        }
        means = {k: float(np.mean(values)) for k, values in coherence.items()}
        best = max(means, key=lambda k: (round(means[k], 6), -k))
        shares = _shares(models[best], counts, best)
    finally:
        counts.unpersist()
    topics = numbered(top[best], coherence[best], shares, before=before)
    return TopicModel("", topics, means, tuple(vocabulary), models[best])


@doing("choose the vocabulary of topics")
def _vocabulary(said: DataFrame, params: TopicParams) -> list[str]:
    """The words of enough posts and not of too many, the most frequent first and then by the alphabet.

    Spark's CountVectorizer leaves the order of equally frequent words to chance, and LDA starts from that order.
    """
    most = params.max_share * said.count()
    words = (
        said.select(F.explode(F.array_distinct(WORDS)).alias("word")).groupBy("word").agg(F.count("*").alias("posts"))
    )
    frequent = words.where(F.col("posts").between(params.min_posts, most))
    chosen = frequent.orderBy(F.desc("posts"), "word").limit(params.vocabulary).collect()
    return [row["word"] for row in chosen]


@doing("count words")
def _frequency(counts: DataFrame, size: int) -> NDArray[np.float64]:
    """The share of each word of the vocabulary in all words."""
    row = counts.agg(Summarizer.mean(F.col("counts")).alias("mean")).first()
    mean = row["mean"].toArray() if row is not None and row["mean"] is not None else np.zeros(size)
    return np.asarray(mean / max(mean.sum(), 1e-12))


def _occurrence(counts: DataFrame, words: Sequence[str]) -> csr_matrix:
    """A row a text, a column a word: 1 where the text has it. The words are few, so the ones that occur fit the driver."""
    place = {word: i for i, word in enumerate(words)}
    chosen = F.array(*(F.lit(word) for word in words))
    rows = [row["found"] for row in counts.select(F.array_intersect(WORDS, chosen).alias("found")).toLocalIterator()]
    ends = np.cumsum([0, *(len(found) for found in rows)])
    columns = [place[word] for found in rows for word in found]
    return csr_matrix((np.ones(len(columns)), columns, ends), shape=(len(rows), len(words)))


def _shares(model: LocalLDAModel, counts: DataFrame, k: int) -> list[float]:
    row = model.transform(counts).agg(Summarizer.mean(F.col("topicDistribution")).alias("mean")).first()
    return [float(v) for v in row["mean"].toArray()] if row is not None and row["mean"] is not None else [0.0] * k


@doing("learn topics by LDA")
def _lda(counts: DataFrame, *, k: int, params: TopicParams, seed: int) -> LocalLDAModel:
    lda = LDA(
        k=k, featuresCol="counts", optimizer="online", maxIter=params.iterations, seed=seed, subsamplingRate=0.2,
        learningOffset=64.0, optimizeDocConcentration=True,
    )  # fmt: skip
    return cast(LocalLDAModel, lda.fit(counts))  # the online optimiser gives no other


def top_terms(
    topics: NDArray[np.float64], vocabulary: Sequence[str], frequency: NDArray[np.float64], count: int
) -> list[list[tuple[str, float]]]:
    """For each row of `topics` (weights of the words) the `count` most telling words with their probability.

    Ranked by relevance, `0.6 log p(w|t) + 0.4 log (p(w|t) / p(w))` (Sievert and Shirley 2014); ties go by the alphabet.
    """
    found = []
    for weights in topics:
        chance = weights / weights.sum()
        logs = np.log(np.maximum(chance, 1e-12))
        relevance = _RELEVANCE * logs + (1 - _RELEVANCE) * (logs - np.log(np.maximum(frequency, 1e-12)))
        order = sorted(range(len(vocabulary)), key=lambda i: (-round(float(relevance[i]), 9), vocabulary[i]))[:count]
        found.append([(vocabulary[i], round(float(chance[i]), 6)) for i in order])
    return found


def npmi_coherence(present: csr_matrix, words: Sequence[int]) -> float:
    """Mean normalised pointwise mutual information of the pairs of `words`, columns of `present` (a row a text, 0 or 1).

    `ln(p(a, b) / (p(a) p(b))) / -ln p(a, b)`, -1 for a pair that never meets, 1 for one that never parts (Bouma 2009; Lau,
    Newman and Baldwin 2014 for topics).

    >>> together = csr_matrix([[1, 1, 0], [1, 1, 0], [0, 0, 1], [0, 0, 1]])
    >>> npmi_coherence(together, [0, 1]), npmi_coherence(together, [0, 2])
    (1.0, -1.0)
    """
    texts = present.shape[0]
    chosen = present[:, list(words)]
    joint = np.asarray((chosen.T @ chosen).todense(), dtype=float) / texts
    alone = joint.diagonal()
    values = []
    for a, b in combinations(range(len(words)), 2):
        both = joint[a, b]
        if both == 0:
            values.append(-1.0)
        elif both == 1:
            values.append(1.0)
        else:
            values.append(float(np.log(both / (alone[a] * alone[b])) / -np.log(both)))
    return float(np.mean(values))


def numbered(
    terms: Sequence[Sequence[tuple[str, float]]],
    coherence: Sequence[float],
    shares: Sequence[float],
    *,
    before: Sequence[Topic],
) -> tuple[Topic, ...]:
    """The topics with numbers and labels; one that shares a quarter of its top words with one `before` keeps that one's.

    Pairs are matched so that most words are shared in all. The others take free numbers, the larger share first.
    """
    kept: dict[int, Topic] = {}
    if before:
        words = [{term for term, _ in topic} for topic in terms]
        old = [{term for term, _ in topic.terms} for topic in before]
        likeness = np.array([[len(a & b) / len(a | b) for b in old] for a in words])
        kept = {
            int(i): before[j] for i, j in zip(*linear_sum_assignment(-likeness), strict=True) if likeness[i, j] >= _SAME
        }
    taken = {topic.number for topic in kept.values()}
    free = iter(n for n in range(len(terms) + len(before) + 1) if n not in taken)
    order = sorted(range(len(terms)), key=lambda i: (-round(shares[i], 9), terms[i][0][0]))
    labels = {topic.label for topic in kept.values()}
    found: dict[int, Topic] = {}
    for i in order:
        number = kept[i].number if i in kept else next(free)
        label = kept[i].label if i in kept else _label(terms[i], labels)
        labels.add(label)
        found[i] = Topic(number, label, tuple(terms[i]), round(coherence[i], 4), round(shares[i], 4))
    return tuple(found[i] for i in range(len(terms)))


def _label(terms: Sequence[tuple[str, float]], taken: Iterable[str]) -> str:
    """The first three words, or as many as make it unlike the others."""
    for count in range(LABEL_WORDS, len(terms) + 1):
        label = ", ".join(term for term, _ in terms[:count])
        if label not in taken:
            return label
    return ", ".join(term for term, _ in terms)


def assign_topics(texts: DataFrame, model: TopicModel) -> DataFrame:
    """One row per post of `topic_words`: the rows of `gold.post_topics`."""
    counted = CountVectorizerModel.from_vocabulary(list(model.vocabulary), inputCol=WORDS, outputCol="counts")
    model.lda.setFeaturesCol("counts").setTopicDistributionCol("distribution")
    read = model.lda.transform(counted.transform(texts)).withColumn("shares", vector_to_array(F.col("distribution")))
    numbers = F.array(*(F.lit(topic.number) for topic in model.topics))
    pairs = F.zip_with("shares", numbers, lambda share, number: F.struct((-share).alias("order"), number.alias(TOPIC)))
    ranked = F.filter(F.array_sort(pairs), lambda pair: pair["order"] <= -_LEAST_WEIGHT)
    weights = F.transform(
        ranked, lambda pair: F.struct(pair[TOPIC].alias(TOPIC), F.round(-pair["order"], 6).alias(WEIGHT))
    )
    return read.select(
        F.explode("post_ids").alias(POST_ID),
        F.when(F.size(weights) > 0, weights[0][TOPIC]).alias(TOPIC),
        weights.alias(WEIGHTS),
        TEXT_HASH,
        F.lit(model.model_id).alias(MODEL_ID),
    )


def creator_topics(post_topics: DataFrame, posts: DataFrame, *, as_of: datetime, model_id: str) -> DataFrame:
    """One row per author and topic: the rows of `gold.creator_topics`, from what was written and seen before `as_of` (UTC).

    A person's shares are the means of the shares of their posts that have a topic at all; they sum to 1 but for rounding.
    """
    was_known = (F.col(EVENT_TS) < as_of) & (F.col(INGESTED_TS) < as_of) & F.col(AUTHOR_ID).isNotNull()
    written = posts.where(was_known).select(POST_ID, F.col(AUTHOR_ID).alias(USER_ID))
    about = post_topics.where(F.col(TOPIC).isNotNull()).join(written, on=POST_ID, how="inner")
    counts = about.groupBy(USER_ID).agg(F.count(F.lit(1)).alias(POSTS_COUNT))
    sums = (
        about.select(USER_ID, F.explode(WEIGHTS).alias("part"))
        .groupBy(USER_ID, F.col("part")[TOPIC].alias(TOPIC))
        # exact, since a weight has six digits: the last ones of a sum of floats depend on its order
        .agg(F.sum(F.col("part")[WEIGHT].cast("decimal(18,6)")).cast("double").alias("weight_sum"))
    )
    return sums.join(counts, on=USER_ID, how="inner").select(
        F.lit(as_of).alias(AS_OF),
        USER_ID,
        TOPIC,
        F.round(F.col("weight_sum") / F.col(POSTS_COUNT), 6).alias(SHARE),
        POSTS_COUNT,
        F.lit(model_id).alias(MODEL_ID),
    )


def save_topics(model: TopicModel, folder: Path, *, params: Mapping[str, Any], seed: int) -> TopicModel:
    """Save under `folder/<model_id>`, with card and manifest; the same model with its id, which is a hash of the content."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".unfinished-") as scratch:
        unfinished = Path(scratch) / "model"
        model.lda.write().overwrite().save((unfinished / _LDA_FOLDER).absolute().as_uri())
        for litter in [*unfinished.rglob("*.crc"), *unfinished.rglob("_SUCCESS")]:
            litter.unlink()
        (unfinished / _VOCABULARY_FILE).write_text(
            json.dumps(list(model.vocabulary), ensure_ascii=False), encoding="utf-8"
        )
        topics = [topic._asdict() for topic in model.topics]
        digest = hashlib.sha256(json.dumps([topics, list(model.vocabulary)]).encode())
        digest.update(model.lda.topicsMatrix().toArray().tobytes())
        named = replace(model, model_id=f"{TASK}-{digest.hexdigest()[:12]}")
        sign(
            unfinished,
            {
                "model_id": named.model_id,
                "task": TASK,
                "what": "What a post is about: latent Dirichlet allocation, number of topics by coherence.",
                "labels": [topic.label for topic in model.topics],
                "seed": seed,
                "params": dict(params),
                "topics": topics,
                "metrics": {"coherence": {str(k): round(v, 4) for k, v in model.coherence.items()}},
            },
        )
        target = folder / named.model_id
        if target.exists():
            shutil.rmtree(target)
        unfinished.rename(target)
    return named


def load_topics(spark: SparkSession, folder: Path) -> TopicModel:
    """The model of a folder, checked against its manifest."""
    del spark  # LocalLDAModel.load takes the session that runs
    card = verify_model(folder)
    if card.task != TASK:
        raise ModelMismatchError(
            f"{folder} holds a model of {card.task}, not of topics", hint="name a folder of find_topics"
        )
    said = json.loads((folder / CARD).read_text(encoding="utf-8"))
    vocabulary = tuple(json.loads((folder / _VOCABULARY_FILE).read_text(encoding="utf-8")))
    topics = tuple(
        Topic(t["number"], t["label"], tuple((str(w), float(p)) for w, p in t["terms"]), t["coherence"], t["share"])
        for t in said["topics"]
    )
    coherence = {int(k): float(v) for k, v in card.metrics["coherence"].items()}
    lda = LocalLDAModel.load((folder / _LDA_FOLDER).absolute().as_uri())
    return TopicModel(card.model_id, topics, coherence, vocabulary, lda)

"""What people wrote before a cut-off as a few numbers: a reader fitted on the training slices, kept with the model.

A post becomes `components` numbers, a person at a cut-off their mean over the posts of the last days. Numbers are millionths
when they are summed, so that the same posts in any order give the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, LongType, StringType, StructField, StructType

from social_signals.core.errors import DataQualityError, ModelMismatchError
from social_signals.core.times import EPOCH
from social_signals.core.workers import settled
from social_signals.models.text_params import EMBEDDINGS, TFIDF, TOPICS, ChurnTextParams
from social_signals.nlp.words import MAX_CHARS
from social_signals.tables.gold import AS_OF
from social_signals.tables.gold_texts import EMBEDDING
from social_signals.tables.silver import AUTHOR_ID, EVENT_TS, INGESTED_TS, POST_ID, TEXT, USER_ID

Floats = NDArray[np.float64]
# Of nlp.topics.topic_words.
WORDS, TEXT_POST_IDS = "words", "post_ids"
VALUES = "values"
PPM = 1_000_000
_NAMES = {TOPICS: "text_topic", TFIDF: "text_words", EMBEDDINGS: "text_vector"}


@dataclass(frozen=True)
class TextReader:
    """How a post becomes numbers, in plain numbers itself.

    made_by: the encoder whose vectors it reads (embeddings). vocabulary: the words it counts (topics, tfidf). weights: what a
    post's input is multiplied with (tfidf: inverse document frequencies) or less of (embeddings: the mean). matrix: a row a
    component: directions (tfidf, embeddings), or how often a topic has each word (topics).
    """

    kind: str
    days: int
    made_by: str
    vocabulary: tuple[str, ...]
    weights: Floats
    matrix: Floats

    @property
    def columns(self) -> list[str]:
        """The names of the features, the same for as many components of a kind."""
        return [f"{_NAMES[self.kind]}_{number + 1}" for number in range(len(self.matrix))]

    def terms(self, count: int) -> list[list[str]]:
        """The words that weigh most in each component, most first; none where vectors are read."""
        if not self.vocabulary:
            return []
        order = np.argsort(-np.abs(self.matrix), axis=1, kind="stable")[:, :count]
        return [[self.vocabulary[i] for i in row] for row in order]

    def as_json(self) -> dict[str, Any]:
        return vars(self) | {
            "vocabulary": list(self.vocabulary), "weights": self.weights.tolist(), "matrix": self.matrix.tolist()
        }  # fmt: skip

    @staticmethod
    def from_json(said: Mapping[str, Any]) -> TextReader:
        return TextReader(
            said["kind"], int(said["days"]), said["made_by"], tuple(said["vocabulary"]),
            np.array(said["weights"]), np.array(said["matrix"]),
        )  # fmt: skip

    def read_vectors(self, vectors: Floats) -> Floats:
        """Components of vectors of texts, a row a text."""
        found: Floats = (vectors - self.weights) @ self.matrix.T
        return found

    def read_words(self, texts: Sequence[Sequence[str]]) -> Floats:
        """Components of texts given as words, a row a text; NaN where no word is known."""
        counts = _counted(texts, self.vocabulary)
        if self.kind == TOPICS:
            found = _loaded_lda(self.matrix).transform(counts)
        else:
            found = _weighed(counts, self.weights) @ self.matrix.T
        found = np.asarray(found, dtype=np.float64)
        found[np.diff(counts.indptr) == 0] = np.nan
        return found


def written(posts: DataFrame, *, as_of: Sequence[datetime], days: int) -> DataFrame:
    """One row per cut-off and post that its author wrote in [as_of - days, as_of), known before as_of: (as_of, user_id, post_id).

    Both clocks count: event_ts and ingested_ts lie strictly before as_of.
    """
    span = timedelta(days=days) // timedelta(microseconds=1)
    at, known = F.unix_micros(EVENT_TS), F.greatest(F.unix_micros(EVENT_TS), F.unix_micros(INGESTED_TS))
    instants = F.array(*[F.lit((c - EPOCH) // timedelta(microseconds=1)).cast("long") for c in sorted(set(as_of))])
    near = F.filter(instants, lambda cutoff: (known < cutoff) & (at >= cutoff - F.lit(span)))
    return posts.where(F.col(AUTHOR_ID).isNotNull()).select(
        F.explode(near).alias("_us"), F.col(AUTHOR_ID).alias(USER_ID), POST_ID
    ).select(F.timestamp_micros(F.col("_us")).alias(AS_OF), USER_ID, POST_ID)  # fmt: skip


def documents(wrote: DataFrame, posts: DataFrame) -> DataFrame:
    """One row per (as_of, user_id) of `written` with words: `text`, what the person wrote in the window, newest first, and `post_id`,
    a name for the two; as many characters as a text model reads."""
    texts = posts.where(F.length(F.trim(TEXT)) > 0).select(
        POST_ID, (-F.unix_micros(EVENT_TS)).alias("order"), F.substring(TEXT, 1, MAX_CHARS).alias(TEXT)
    )
    newest_first = F.array_sort(F.collect_list(F.struct("order", POST_ID, TEXT)))
    said = F.concat_ws("\n", F.transform(newest_first, lambda post: post[TEXT]))
    name = F.concat_ws(" ", F.unix_micros(AS_OF).cast("string"), USER_ID)
    people = wrote.join(texts, on=POST_ID, how="inner").groupBy(AS_OF, USER_ID).agg(said.alias(TEXT))
    return people.select(AS_OF, USER_ID, name.alias(POST_ID), F.substring(TEXT, 1, MAX_CHARS).alias(TEXT))


def fit_vectors(vectors: Floats, *, params: ChurnTextParams, made_by: str) -> TextReader:
    """Principal components of vectors of texts, a row a text, in an order of their own."""
    from sklearn.decomposition import PCA

    count = min(params.components, *vectors.shape)
    _require_texts(len(vectors), count)
    pca = PCA(n_components=count, svd_solver="full").fit(vectors)
    return TextReader(EMBEDDINGS, params.days, made_by, (), pca.mean_.round(7), pca.components_.round(7))


def fit_words(texts: Sequence[Sequence[str]], *, params: ChurnTextParams, seed: int) -> TextReader:
    """Topics by LDA (Blei, Ng and Jordan 2003), or directions of TF-IDF by a truncated SVD, of texts given as words.

    texts: each distinct one once, in an order of its own.
    """
    from sklearn.decomposition import LatentDirichletAllocation, TruncatedSVD

    vocabulary = _vocabulary(texts, params)
    _require_texts(min(len(texts), len(vocabulary)), params.components + 1)
    counts = _counted(texts, vocabulary)
    counts = counts[np.diff(counts.indptr) > 0]
    if params.features == TOPICS:
        lda = LatentDirichletAllocation(params.components, learning_method="online", random_state=seed, n_jobs=1)
        return TextReader(TOPICS, params.days, "", tuple(vocabulary), np.zeros(0), lda.fit(counts).components_.round(4))
    present = np.bincount(counts.indices, minlength=len(vocabulary))
    # as scikit-learn's TfidfTransformer has it
    idf = (np.log((1 + counts.shape[0]) / (1 + present)) + 1).round(7)
    svd = TruncatedSVD(params.components, random_state=seed).fit(_weighed(counts, idf))
    return TextReader(TFIDF, params.days, "", tuple(vocabulary), idf, svd.components_.round(7))


def values_of_vectors(embeddings: DataFrame, *, read: Callable[[Floats], Floats]) -> DataFrame:
    """One row per post of `gold.post_embeddings`: (post_id, values), the numbers that `read` gives of its vector, in millionths."""

    def batches(parts: Iterable[Any]) -> Iterable[Any]:
        for part in parts:
            if part.num_rows:
                vectors = part.column(1)
                flat = vectors.flatten().to_numpy(zero_copy_only=False)
                yield _batch(part.column(0), read(np.asarray(flat, dtype=np.float64).reshape(len(vectors), -1)))

    return embeddings.select(POST_ID, EMBEDDING).mapInArrow(settled(batches), _schema(StringType()))


def values_of_words(texts: DataFrame, *, reader: TextReader) -> DataFrame:
    """One row per post with a word that the reader knows: (post_id, values) in millionths. texts: `nlp.topics.topic_words`."""

    def batches(parts: Iterable[Any]) -> Iterable[Any]:
        for part in parts:
            if part.num_rows:
                yield _batch(part.column(0), reader.read_words(part.column(1).to_pylist()))

    read = texts.select(TEXT_POST_IDS, WORDS).mapInArrow(settled(batches), _schema(ArrayType(StringType())))
    return read.where(F.col(VALUES).isNotNull()).select(F.explode(POST_ID).alias(POST_ID), VALUES)


def person_means(wrote: DataFrame, values: DataFrame, *, count: int) -> DataFrame:
    """One row per (as_of, user_id) with a post that has values: their means as `means`, an array of `count` doubles.

    wrote: `written`. values: one row a post. A mean is an exact sum of millionths, divided once.
    """
    posts = F.count(F.lit(1)).cast("double") * F.lit(float(PPM))
    sums = F.array(*[F.sum(F.col(VALUES)[place]) / posts for place in range(count)])
    return wrote.join(values, on=POST_ID, how="inner").groupBy(AS_OF, USER_ID).agg(sums.alias("means"))


def text_features(wrote: DataFrame, values: DataFrame, *, reader: TextReader) -> DataFrame:
    """One row per (as_of, user_id) with a post that could be read: the reader's columns."""
    means = person_means(wrote, values, count=len(reader.matrix))
    return means.select(AS_OF, USER_ID, *[F.col("means")[i].alias(name) for i, name in enumerate(reader.columns)])


def require_encoder(found: str, wanted: str, *, model_id: str) -> None:
    """Raise ModelMismatchError where vectors come from another encoder than those that a model was made of."""
    if found != wanted:
        raise ModelMismatchError(
            f"{model_id} reads vectors of {wanted}, and the posts are read by {found}",
            hint="train it again, or set embeddings.model to the encoder that it was trained with",
        )


def stacked(vectors: Iterable[Any]) -> Floats:
    """Vectors as the rows of a matrix."""
    rows = [np.asarray(vector, dtype=np.float64) for vector in vectors]
    return np.stack(rows) if rows else np.zeros((0, 0))


def _batch(keys: Any, found: Floats) -> Any:
    import pyarrow as pa

    is_read = ~np.isnan(found).any(axis=1)
    ppm = np.where(np.isnan(found), 0.0, found * PPM).round().astype(np.int64)
    rows = pa.array([row.tolist() if ok else None for row, ok in zip(ppm, is_read, strict=True)], pa.list_(pa.int64()))
    return pa.RecordBatch.from_arrays([keys, rows], names=[POST_ID, VALUES])


def _schema(key: Any) -> StructType:
    return StructType([StructField(POST_ID, key), StructField(VALUES, ArrayType(LongType()))])


def _vocabulary(texts: Sequence[Sequence[str]], params: ChurnTextParams) -> list[str]:
    """The words of enough texts and of at most a third of them, the most frequent first, then by the alphabet."""
    present: dict[str, int] = {}
    for words in texts:
        for word in set(words):
            present[word] = present.get(word, 0) + 1
    most = max(len(texts) * 0.3, params.min_posts)
    known = [word for word, count in present.items() if params.min_posts <= count <= most]
    return sorted(known, key=lambda word: (-present[word], word))[: params.vocabulary]


def _counted(texts: Sequence[Sequence[str]], vocabulary: Sequence[str]) -> Any:
    from scipy.sparse import csr_matrix

    place = {word: i for i, word in enumerate(vocabulary)}
    known = [[place[word] for word in words if word in place] for words in texts]
    ends = np.cumsum([0, *(len(row) for row in known)])
    columns = np.array([c for row in known for c in row], dtype=np.int64)
    counts = csr_matrix((np.ones(len(columns)), columns, ends), shape=(len(texts), len(vocabulary)))
    counts.sum_duplicates()
    return counts


def _weighed(counts: Any, idf: Floats) -> Any:
    """TF-IDF with sublinear counts, rows of length 1."""
    from sklearn.preprocessing import normalize

    weighed = counts.copy()
    weighed.data = 1.0 + np.log(weighed.data)
    return normalize(weighed.multiply(idf).tocsr())


def _loaded_lda(components: Floats) -> Any:
    """scikit-learn's LDA as it was fitted, from the one matrix that decides its answers."""
    from scipy.special import psi
    from sklearn.decomposition import LatentDirichletAllocation

    lda = LatentDirichletAllocation(len(components), n_jobs=1)
    lda.components_, lda.n_features_in_ = components, components.shape[1]
    lda.doc_topic_prior_ = 1.0 / len(components)
    lda.exp_dirichlet_component_ = np.exp(psi(components) - psi(components.sum(axis=1, keepdims=True)))
    return lda


def _require_texts(found: int, needed: int) -> None:
    if found < max(needed, 2):
        raise DataQualityError(
            f"the training slices have {found} texts or words to learn from, and churn.text needs {max(needed, 2)}",
            hint="bring more posts, lower churn.text.min_posts, or set churn.text.features=none",
        )

"""How much of two creators' audiences is the same people, from signatures of a fixed size.

MinHash (Broder, 1997): the smallest of the hashes of an audience is the same for two audiences with the chance of their Jaccard
index. Each minimum is a built-in aggregate over xxhash64 with a seed of its own: no numbering of people and no vectors as Spark
ML's MinHashLSH needs, the same signature whatever else is in the frame, and one pass in generated code.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from social_signals.network.edges import DST, SRC
from social_signals.network.graph import Floats
from social_signals.tables.silver import USER_ID

SIGNATURE = "signature"


def signatures(edges: DataFrame, *, minima: int) -> DataFrame:
    """One row per person acted towards: (user_id, signature), `minima` smallest hashes of who acted towards them.

    edges: (src, dst, ...), src acted towards dst.
    """
    return edges.groupBy(F.col(DST).alias(USER_ID)).agg(
        F.array(*[F.min(F.xxhash64(F.lit(number), F.col(SRC))) for number in range(minima)]).alias(SIGNATURE)
    )


def overlaps(signed: NDArray[np.int64]) -> Floats:
    """The estimated Jaccard index of each two audiences; signed: a row an audience. 0 of one with itself.

    The standard error of an estimate of J from k minima is sqrt(J (1 - J) / k).

    >>> overlaps(np.array([[1, 2, 3, 4], [1, 2, 9, 8], [7, 6, 5, 0]])).tolist()
    [[0.0, 0.5, 0.0], [0.5, 0.0, 0.0], [0.0, 0.0, 0.0]]
    """
    found = np.zeros((len(signed), len(signed)))
    for place, one in enumerate(signed):
        found[place] = (signed == one).mean(axis=1)
    np.fill_diagonal(found, 0.0)
    return found

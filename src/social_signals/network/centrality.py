"""Who is looked at by those who are looked at: PageRank, also from a topic, and hubs with their authorities."""

from __future__ import annotations

import numpy as np

from social_signals.core.errors import DataQualityError
from social_signals.network.graph import Floats, Packed


def pagerank(
    towards: Packed,
    out_weight: Floats,
    *,
    start: Floats | None = None,
    damping: float,
    tolerance: float,
    max_rounds: int,
) -> Floats:
    """PageRank of every node, and from each topic: (nodes,) or, with `start`, (nodes, columns of start); each column sums to 1.

    towards: weights at (receiver, actor). out_weight: the sum of the weights of a node's edges out. start: where the walk
    starts anew, a column a topic, each summing to 1; all nodes alike without it. Who has no edge out starts anew too (as in
    networkx). Power iteration until a round moves less than `tolerance` in every column, all ranks added up. Brin and Page,
    1998; personalised: Haveliwala, 2002. Raises DataQualityError where max_rounds are not enough.
    """
    nodes = towards.nodes
    again = np.full((nodes, 1), 1.0 / nodes) if start is None else start
    shares = np.divide(1.0, out_weight, out=np.zeros(nodes), where=out_weight > 0)[:, None]
    is_end = out_weight <= 0
    ranks: Floats = again.copy()
    for _ in range(max_rounds):
        carried = towards.multiply(ranks * shares)
        lost = ranks[is_end].sum(axis=0)
        fresh = damping * (carried + lost * again) + (1.0 - damping) * again
        moved = float(np.abs(fresh - ranks).sum(axis=0).max())
        ranks = fresh
        if moved < tolerance:
            return ranks[:, 0] if start is None else ranks
    raise DataQualityError(
        f"PageRank still moves by {moved:.1e} after {max_rounds} rounds",
        hint="set network.max_rounds higher, or network.tolerance less strict",
    )


def hubs_and_authorities(towards: Packed, outwards: Packed) -> tuple[Floats, Floats]:
    """HITS: hub and authority of every node, each summing to 1. Kleinberg, 1999.

    towards: weights at (receiver, actor); outwards: the same at (actor, receiver). The authorities are the first right singular
    vector of the adjacency matrix, found by SciPy's Lanczos iteration: dozens of products where power iteration takes thousands.
    """
    from scipy.sparse.linalg import LinearOperator, svds

    nodes = towards.nodes
    if nodes < 3:
        # a singular vector of a matrix this small is not for an iteration to find
        dense = np.column_stack([outwards.multiply(unit) for unit in np.eye(nodes)])
        vector = np.linalg.svd(dense)[2][0]
    else:
        operator = LinearOperator(
            (nodes, nodes),
            matvec=lambda x: outwards.multiply(x.ravel()),
            rmatvec=lambda x: towards.multiply(x.ravel()),
            dtype=float,
        )
        vector = svds(operator, k=1, v0=np.full(nodes, nodes**-0.5), return_singular_vectors="vh")[2][0]
    authorities = np.abs(vector)
    hubs = outwards.multiply(authorities)
    return hubs / hubs.sum(), authorities / authorities.sum()

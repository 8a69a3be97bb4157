"""Groups of people who deal with each other, and who stands between them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from social_signals.network.graph import Block, Floats, Ints, Packed

# Odd 64-bit constants of SplitMix64 (Steele, Lea and Flood, 2014).
_STEP, _MIX = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9)


def label_propagation(neighbours: Packed, *, seed: int, max_rounds: int) -> Ints:
    """A community of each node: the smallest node in it. Raghavan, Albert and Kumara, 2007.

    neighbours: whole rows of weights at (node, other). In a round half of the nodes, drawn by a hash, take the label with the
    most weight around them, so that two sides of a tie do not swap labels for ever; the one they have stays where it ties, else
    a hash decides. Ends where nobody moves, or after max_rounds.
    """
    everybody = np.arange(neighbours.nodes, dtype=np.int64)
    labels = everybody.copy()
    half = _hashed(everybody, seed) % np.uint64(2)
    quiet = 0
    for number in range(max_rounds):
        chosen = neighbours.each_row(_heaviest_label, labels, np.array([seed]))
        fresh = np.where(half == np.uint64(number % 2), chosen, labels).astype(np.int64)
        quiet = quiet + 1 if np.array_equal(fresh, labels) else 0
        labels = fresh
        if quiet == 2:
            break
    # named by their smallest member
    smallest = np.full(len(labels), len(labels), dtype=np.int64)
    np.minimum.at(smallest, labels, everybody)
    return smallest[labels]


def participation(neighbours: Packed, labels: Ints) -> tuple[Floats, Floats]:
    """Of each node how evenly its weight lies on communities, 0 for one alone towards 1, and in how many of them it has anybody.

    1 less the sum of the squared shares: the participation coefficient of Guimerà and Amaral, 2005.
    """
    found = neighbours.each_row(_spread, labels, width=2)
    return found[:, 0], found[:, 1]


def _by_label(block: Block, labels: Ints) -> tuple[Ints, Ints, Floats]:
    """Row, label and summed weight of each label around a row; rows in order."""
    rows, near = block.row_of_each, labels[block.columns]
    order = np.lexsort((near, rows))
    rows, near, weights = rows[order], near[order], block.weights[order]
    begins = np.flatnonzero(np.r_[True, (rows[1:] != rows[:-1]) | (near[1:] != near[:-1])])
    return rows[begins], near[begins], np.add.reduceat(weights, begins)


def _heaviest_label(block: Block, labels: Ints, seed: Ints) -> Ints:
    own = labels[block.first : block.first + block.rows]
    rows, near, weights = _by_label(block, labels)
    # last of each row: the heaviest; of these the own one, else the greatest hash
    order = np.lexsort((_hashed(near, int(seed[0])), near == own[rows], weights, rows))
    last = np.flatnonzero(np.r_[rows[order][1:] != rows[order][:-1], True])
    chosen = own.copy()
    chosen[rows[order][last]] = near[order][last]
    return chosen


def _spread(block: Block, labels: Ints) -> Floats:
    rows, _, weights = _by_label(block, labels)
    total = np.bincount(rows, weights=weights, minlength=block.rows)
    squares = np.bincount(rows, weights=(weights / total[rows]) ** 2, minlength=block.rows)
    return np.column_stack([np.where(total > 0, 1.0 - squares, 0.0), np.bincount(rows, minlength=block.rows)])


def _hashed(values: Ints, seed: int) -> NDArray[np.uint64]:
    with np.errstate(over="ignore"):
        mixed = (values.astype(np.uint64) + np.uint64(seed + 1)) * _STEP
        mixed = (mixed ^ (mixed >> np.uint64(30))) * _MIX
        return mixed ^ (mixed >> np.uint64(31))

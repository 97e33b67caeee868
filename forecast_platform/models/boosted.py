"""LightGBM's trees answered from tables of bits: what it would say itself, bit for bit, and sooner.

Lucchese et al. (2015), "QuickScorer: A Fast Algorithm to Rank Documents with Additive Ensembles of
Regression Trees". Every leaf of a tree is a bit. A row starts with all of them; each split that it
takes to the right clears the leaves on its left, and the first bit left is its leaf. Which leaves
an input clears depends on its value alone, on between which of the model's thresholds it lies: so
the splits of a tree on one input are one table, of a word for each such interval or code, and a
tree costs a look into each of its inputs' tables, and no jump that the processor has to guess.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from forecast_platform.executing import spread

if TYPE_CHECKING:
    import lightgbm

MOST_LEAVES = 64
"""Leaves of a tree: the bits of a word."""

MOST_CODES = 4096
"""Codes of one input, so that the tables stay small."""

_CATEGORICAL, _DEFAULT_LEFT, _MISSING, _MISSING_NAN = 1, 2, 3, 2
"""Of LightGBM's `decision_type`: two flags, then from the third bit on what counts as missing."""

_NEXT_TO_ZERO = np.float32(1e-35)
"""What LightGBM takes for 0."""

_MULTIPLIER = 0x03F79D71B4CB0A89
"""A de Bruijn sequence: its product with a power of two tells by its top six bits which power."""

_BITS = np.zeros(64, dtype=np.int64)
for _bit in range(64):
    _BITS[(_MULTIPLIER << _bit) % 2**64 >> 58] = _bit

_FACTOR, _SHIFT, _ONE = np.uint64(_MULTIPLIER), np.uint64(58), np.uint64(1)
_ALL = np.uint64(2**64 - 1)
_BLOCK = 128
"""Rows scored together: what is known of them stays in the processor's first cache."""


class Boosted:
    """A LightGBM model, answered from tables that are made for the first question."""

    def __init__(self, booster: lightgbm.Booster) -> None:
        self.booster = booster

    @cached_property
    def _tables(self) -> Tables | None:
        return tables_of(self.booster)

    def raw(self, values: NDArray[np.float32], workers: int = 1) -> NDArray[np.float64]:
        """(B,) sums of the leaves that rows (B, F) fall into, before the objective's link.

        Args:
            values: Inputs, NaN where unknown.
            workers: Threads, which change nothing in the answer.
        """
        tables = self._tables
        if tables is None:
            threads = threads_of(workers)
            raw = self.booster.predict(values, raw_score=True, num_threads=threads)
            return np.asarray(raw, dtype=np.float64)
        out = np.zeros(len(values))
        size = max(-(-len(values) // workers), _BLOCK)
        parts = [slice(begin, begin + size) for begin in range(0, len(values), size)]
        threads = min(workers, max(len(parts), 1))
        list(spread(lambda at: _score(values[at], tables, _BITS, out[at]), parts, workers=threads))
        return out


def threads_of(workers: int) -> int:
    """LightGBM's threads: half the workers, for they spin while they wait for one another.

    On two busy cores two threads took ten times as long as one.
    """
    return max(1, workers // 2)


class Inputs(NamedTuple):
    """How values of F inputs become places in a table.

    Attributes:
        bounds: Thresholds of all inputs, ascending within one.
        first_bound: (F + 1,) where those of an input begin.
        codes: (F,) codes of a categorical input, 0 of others.
    """

    bounds: NDArray[np.float32]
    first_bound: NDArray[np.int64]
    codes: NDArray[np.int64]


class Tables(NamedTuple):
    """A model of T trees.

    Attributes:
        of: Its inputs.
        words: The tables: of an input with n thresholds n + 1 words and one for NaN, of one with n
            codes n words and one for all others.
        split: Inputs that a tree splits on, tree after tree.
        first_word: Where the table of each of these begins.
        first_split: (T + 1,) where those of a tree begin.
        leaves: Values of the leaves, from left to right, tree after tree.
        first_leaf: (T + 1,) where those of a tree begin.
    """

    of: Inputs
    words: NDArray[np.uint64]
    split: NDArray[np.int64]
    first_word: NDArray[np.int64]
    first_split: NDArray[np.int64]
    leaves: NDArray[np.float64]
    first_leaf: NDArray[np.int64]


class _Tree(NamedTuple):
    """A tree of n splits; child c below 0 is the leaf ~c.

    Attributes:
        feature: (n,) input of a split.
        threshold: (n,) values up to it go to the left; NaN where the split is on codes.
        children: (n, 2) left and right.
        unknown_left: (n,) whether NaN goes to the left.
        members: Codes that go to the left, a bit each in words of 32, split after split.
        first_member: (n + 1,) where those of a split begin.
        leaf_value: (n + 1,) by leaf.
    """

    feature: NDArray[np.int64]
    threshold: NDArray[np.float32]
    children: NDArray[np.int64]
    unknown_left: NDArray[np.bool_]
    members: NDArray[np.uint32]
    first_member: NDArray[np.int64]
    leaf_value: NDArray[np.float64]


def tables_of(booster: lightgbm.Booster) -> Tables | None:
    """The tables of a booster; None where words cannot hold its leaves, or there are many codes."""
    trees = list(_trees(booster.model_to_string()))
    of = _inputs(trees, booster.num_feature())
    if of.codes.max() > MOST_CODES or max(len(tree.leaf_value) for tree in trees) > MOST_LEAVES:
        return None
    sizes = np.where(of.codes > 0, of.codes + 1, np.diff(of.first_bound) + 2)
    splits = [np.unique(tree.feature) for tree in trees]
    split, first_split = np.concatenate(splits), _firsts([len(each) for each in splits])
    first_word = _firsts(sizes[split])
    words = np.full(first_word[-1], _ALL)
    leaves = []
    for at, tree in enumerate(trees):
        table = np.zeros(len(sizes), dtype=np.int64)
        table[splits[at]] = first_word[first_split[at] : first_split[at + 1]]
        leaves.append(tree.leaf_value[_clear(tree, of, table, words)])
    first_leaf = _firsts([len(each) for each in leaves])
    return Tables(of, words, split, first_word, first_split, np.concatenate(leaves), first_leaf)


def _firsts(sizes: Any) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


def _trees(text: str) -> Iterator[_Tree]:
    """The trees of a model in LightGBM's text form."""
    for part in text.partition("\nend of trees")[0].split("\nTree=")[1:]:
        said = dict(line.partition("=")[::2] for line in part.splitlines())

        def numbers(name: str, dtype: Any = np.int64, said: dict[str, str] = said) -> NDArray[Any]:
            return np.array(said.get(name, "").split(), dtype=dtype)

        kind, exact = numbers("decision_type"), numbers("threshold", np.float64)
        is_set, is_default_left = (kind & _CATEGORICAL) > 0, (kind & _DEFAULT_LEFT) > 0
        set_sizes = np.zeros(len(kind), dtype=np.int64)
        if is_set.any():
            set_sizes[is_set] = np.diff(numbers("cat_boundaries"))[exact[is_set].astype(np.int64)]
        # A value in single precision is up to the threshold when it is up to it rounded down.
        near = exact.astype(np.float32)
        near = np.where(near > exact, np.nextafter(near, np.float32(-np.inf)), near)
        is_known_missing = (kind >> 2) & _MISSING == _MISSING_NAN
        yield _Tree(
            numbers("split_feature"),
            np.where(is_set, np.float32(np.nan), near),
            np.stack([numbers("left_child"), numbers("right_child")], axis=1),
            # Where training saw no NaN, it is taken for 0.
            np.where(is_known_missing, is_default_left, exact >= 0) & ~is_set,
            numbers("cat_threshold", np.uint32),
            _firsts(set_sizes),
            numbers("leaf_value", np.float64),
        )


def _inputs(trees: list[_Tree], count: int) -> Inputs:
    feature = np.concatenate([tree.feature for tree in trees])
    threshold = np.concatenate([tree.threshold for tree in trees])
    codes = np.zeros(count, dtype=np.int64)
    np.maximum.at(codes, feature, 32 * np.concatenate([np.diff(t.first_member) for t in trees]))
    known = ~np.isnan(threshold)
    bounds = [np.unique(threshold[known & (feature == number)]) for number in range(count)]
    return Inputs(np.concatenate(bounds), _firsts([len(each) for each in bounds]), codes)


@njit(cache=True)
def _clear(
    tree: _Tree, of: Inputs, table: NDArray[np.int64], words: NDArray[np.uint64]
) -> NDArray[np.int64]:
    """Clear the leaves that a tree's splits exclude, in its tables.

    Args:
        tree: The tree.
        of: The model's inputs.
        table: (F,) where the tree's table of an input begins.
        words: Changed.

    Returns:
        (n + 1,) the leaves from left to right.
    """
    splits = len(tree.feature)
    count, position = np.ones(splits, np.int64), np.zeros(splits, np.int64)
    order = np.zeros(splits + 1, np.int64)
    for node in range(splits - 1, -1, -1):  # A split is numbered before those below it.
        left, right = tree.children[node]
        count[node] = (count[left] if left >= 0 else 1) + (count[right] if right >= 0 else 1)
    for node in range(splits):
        left, right = tree.children[node]
        on_left = count[left] if left >= 0 else 1
        for child, place in ((left, position[node]), (right, position[node] + on_left)):
            if child >= 0:
                position[child] = place
            else:
                order[place] = ~child
        keep = ~(((_ONE << np.uint64(on_left)) - _ONE) << np.uint64(position[node]))
        number = tree.feature[node]
        base = table[number]
        first = tree.first_member[node]
        for code in range(of.codes[number]):
            word = first + (code >> 5)
            is_member = word < tree.first_member[node + 1]
            if not is_member or not (tree.members[word] >> np.uint32(code & 31)) & 1:
                words[base + code] &= keep
        if of.codes[number] > 0:
            words[base + of.codes[number]] &= keep
            continue
        begin, end = of.first_bound[number], of.first_bound[number + 1]
        for at in range(begin, end):
            if of.bounds[at] > tree.threshold[node]:
                words[base + at - begin] &= keep
        words[base + end - begin] &= keep
        if not tree.unknown_left[node]:
            words[base + end - begin + 1] &= keep
    return order


@njit(cache=True, nogil=True)
def _score(
    values: NDArray[np.float32],
    tables: Tables,
    bits: NDArray[np.int64],
    out: NDArray[np.float64],
) -> None:
    """Add to `out` (B,) the leaves of rows (B, F), tree after tree as LightGBM does.

    Args:
        values: The rows.
        tables: The model.
        bits: (64,) the power of two that a product with the multiplier comes from.
        out: Changed.
    """
    of = tables.of
    rows, width = values.shape
    place = np.empty((width, _BLOCK), np.uint16)
    alive = np.empty(_BLOCK, np.uint64)
    for begin in range(0, rows, _BLOCK):
        size = min(_BLOCK, rows - begin)
        for number in range(width):
            bounds = of.bounds[of.first_bound[number] : of.first_bound[number + 1]]
            codes = of.codes[number]
            for row in range(size):
                value = values[begin + row, number]
                if codes > 0:
                    # Cut off towards zero, as LightGBM does.
                    place[number, row] = np.int64(value) if -1 < value < codes else codes
                elif np.isnan(value):
                    place[number, row] = len(bounds) + 1
                else:
                    known = value if abs(value) > _NEXT_TO_ZERO else np.float32(0)
                    place[number, row] = np.searchsorted(bounds, known)
        for tree in range(len(tables.first_leaf) - 1):
            alive[:] = _ALL
            for at in range(tables.first_split[tree], tables.first_split[tree + 1]):
                words = tables.words[tables.first_word[at] :]
                places = place[tables.split[at]]
                for row in range(size):
                    alive[row] &= words[places[row]]
            first = tables.first_leaf[tree]
            for row in range(size):
                lowest = alive[row] & (~alive[row] + _ONE)
                out[begin + row] += tables.leaves[first + bits[(lowest * _FACTOR) >> _SHIFT]]

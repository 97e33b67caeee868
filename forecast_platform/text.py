"""Sentences over rows."""

from __future__ import annotations

from itertools import zip_longest

import polars as pl


def filled(template: str, *parts: str | pl.Expr) -> pl.Expr:
    """The template with a part in place of every `{}`, row by row; null where a part is null.

    Stands in for `pl.format`, which now and then panics on one row or another (pola-rs/polars
    #25525, seen with 2.1.0 under load, and never twice on the same rows).

    Args:
        template: The text.
        parts: Columns or expressions, of any type that can be written out.

    Raises:
        ValueError: If there are more or fewer parts than places for them.
    """
    texts = template.split("{}")
    if len(texts) != len(parts) + 1:
        raise ValueError(f"{template!r} has room for {len(texts) - 1} parts, {len(parts)} given.")
    told = [pl.col(part) if isinstance(part, str) else part for part in parts]
    pieces = [pl.lit(text) for text in texts]
    pairs = zip_longest(pieces, told)
    return pl.concat_str([piece for pair in pairs for piece in pair if piece is not None])

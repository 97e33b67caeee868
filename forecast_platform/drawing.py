"""Texts of pictures: what a shop calls its things is shown as it is."""

from __future__ import annotations


def plain(text: str) -> str:
    """The text as a picture's title or label; matplotlib takes what dollars enclose for maths."""
    return text.replace("$", r"\$")

"""What a training will need of memory is told before it starts."""

from __future__ import annotations

import pytest

from forecast_platform import memory, progress


def told(n_series: int, n_days: int) -> list[str]:
    heard: list[str] = []
    with progress.listening(lambda what, share: heard.append(what)):
        memory.tell_need(n_series, n_days)
    return heard


def test_small_panels_are_not_worth_a_word() -> None:
    assert told(600, 730) == []


def test_large_panels_say_what_they_need(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_bytes", lambda: 64e9)
    assert told(30_000, 730) == ["30,000 series x 730 days: about 3.5 GB of memory"]


def test_what_does_not_fit_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_bytes", lambda: 2e9)
    (line,) = told(30_000, 730)
    assert "2.0 GB are free" in line
    assert "training_days" in line


def test_need_grows_with_series_and_days() -> None:
    assert memory.peak_bytes(2_000, 100) == 2 * memory.peak_bytes(1_000, 100)
    assert memory.peak_bytes(1_000, 200) == 2 * memory.peak_bytes(1_000, 100)


def test_free_memory_is_less_than_all_of_it() -> None:
    import os

    everything = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert 0 < memory.free_bytes() < everything

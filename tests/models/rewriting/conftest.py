"""All of rewriting plays; nothing of it trains."""

from tests.models.playing import playing

__all__ = ["playing"]

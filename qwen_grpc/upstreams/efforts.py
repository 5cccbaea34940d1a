"""How much thinking the words for it mean, for upstreams that only know a number of tokens."""

from collections.abc import Mapping

# Words that are not here set no limit.
TOKENS: Mapping[str, int] = {"minimal": 1024, "low": 4096, "medium": 16384, "high": 32768}

"""The models that a key may use: the tables, and what the service lists to that key beside them."""

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial

from qwen_grpc.catalog import Mode, ResolvedModel, listed, resolve
from qwen_grpc.credentials import ApiKey
from qwen_grpc.errors import ModelNotFound
from qwen_grpc.upstreams.base import ModelList
from qwen_grpc.upstreams.dashscope.models import FAMILIES, dated, decode_listing, merged, own_models
from qwen_grpc.upstreams.dashscope.origin import DashScopeOrigin
from qwen_grpc.upstreams.dashscope.refusals import refusal
from qwen_grpc.upstreams.model_cache import LineUp, ModelCache
from qwen_grpc.v1.models_pb2 import Model

MODELS = "/models"
KEPT_S = 3600.0
# Lists of so many keys are remembered; they differ by region, plan and workspace.
MAX_KEYS = 256


class Listings:
    """Model lists, one for each key. Without a key there are only the tables, and nobody is asked."""

    def __init__(self, origin: DashScopeOrigin, *, now: Callable[[], float] = time.time) -> None:
        self._origin = origin
        self._now = now
        self._own: Sequence[Model] = own_models()
        self._by_key: OrderedDict[str, ModelCache] = OrderedDict()

    async def get(self, key: ApiKey | None, *, force: bool = False) -> ModelList:
        """The list; see `Upstream.list_models`."""
        if key is None:
            return ModelList(self._own, listed(self._own, FAMILIES), self._now())
        return await self._cache(key).get(force=force)

    async def resolve(self, name: str, key: ApiKey | None) -> ResolvedModel:
        """Understands a name by the tables, then as the dated form of a model there, then by the key's own list."""
        try:
            return resolve(name, [*self._own, *_dated(name)], FAMILIES)
        except ModelNotFound:
            if key is None:
                raise
        return resolve(name, (await self.get(key)).models, FAMILIES)

    async def asked(self, key: ApiKey) -> Sequence[Model]:
        """The list as the service has it now. Raises what a refusal means, such as that of a wrong key."""
        path = self._origin.place.compatible + MODELS
        async with self._origin.exchange(self._origin.request("GET", path, self._origin.headers(key))) as response:
            body = await self._origin.body(response)
            if not response.is_success:
                raise refusal(response, body)
        return merged(decode_listing(body))

    async def close(self) -> None:
        """Waits for no list any longer."""
        for cache in self._by_key.values():
            await cache.close()

    def _cache(self, key: ApiKey) -> ModelCache:
        cache = self._by_key.get(key.fingerprint)
        if cache is None:
            fetch = partial(self.asked, key)
            cache = ModelCache(fetch, LineUp(FAMILIES, own_models), ttl_s=KEPT_S, now=self._now)
            self._by_key[key.fingerprint] = cache
        self._by_key.move_to_end(key.fingerprint)
        if len(self._by_key) > MAX_KEYS:
            self._by_key.popitem(last=False)
        return cache


def _dated(name: str) -> list[Model]:
    """The model whose dated form a name may be, with or without a suffix."""
    bases = [name.removesuffix(mode.value) for mode in Mode if name.endswith(mode.value)]
    return [model for base in bases if (model := dated(base)) is not None]

"""Work under an idempotency key."""

from types import SimpleNamespace
from typing import Any

import pytest

from qwen_grpc.errors import TokenMissing
from qwen_grpc.ledger import Ledger, Replies
from qwen_grpc.routing.callers import Caller
from qwen_grpc.routing.snapshot import Snapshot
from qwen_grpc.services.once import Done, Once
from qwen_grpc.services.owners import Owners
from qwen_grpc.v1.images_pb2 import GenerateImagesRequest, GenerateImagesResponse


@pytest.mark.asyncio
async def test_a_key_of_nobody_is_refused_with_what_to_do_and_nothing_is_done(tmp_path: Any) -> None:
    context: Any = SimpleNamespace(invocation_metadata=lambda: (("idempotency-key", "k"),))
    done = list[str]()

    async def work() -> Done[GenerateImagesResponse]:
        done.append("made")
        return Done(GenerateImagesResponse())

    async with Ledger(str(tmp_path / "ledger.sqlite3")) as ledger:
        once, nobody = Once(Owners(ledger), Replies(ledger)), Caller(Snapshot(()), None, None)
        with pytest.raises(TokenMissing, match="send a credential with it, or leave the key out"):
            await once.call(GenerateImagesRequest(), context, nobody, work, GenerateImagesResponse)
    assert done == []

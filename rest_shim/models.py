"""GET /v1/models and /v1/models/{id}."""

from sanic import HTTPResponse

from qwen_grpc.openai_json.codec import RESPONSES
from qwen_grpc.v1.models_pb2 import GetModelRequest, ListModelsRequest
from rest_shim.exchange import Exchange, answer


async def list_models(exchange: Exchange) -> HTTPResponse:
    """All names that work. `?refresh=true` asks the upstream instead of the cache."""
    force = exchange.request.args.get("refresh") in ("1", "true")
    found = await exchange.call(exchange.stubs.models.ListModels, ListModelsRequest(force_refresh=force))
    return answer(RESPONSES.write(found))


async def get_model(exchange: Exchange, model_id: str) -> HTTPResponse:
    """One model; the id may hold slashes."""
    found = await exchange.call(exchange.stubs.models.GetModel, GetModelRequest(model_id=model_id))
    return answer(RESPONSES.write(found.model))

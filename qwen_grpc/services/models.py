"""ModelsService."""

from collections.abc import Sequence

from qwen_grpc.calls import Context
from qwen_grpc.errors import InvalidParameter
from qwen_grpc.routing.offers import described, offers
from qwen_grpc.routing.router import Router
from qwen_grpc.services.caller import caller
from qwen_grpc.v1.models_pb2 import (
    MODEL_VIEW_FULL,
    GetModelRequest,
    GetModelResponse,
    ListModelsRequest,
    ListModelsResponse,
    Model,
    ModelView,
)
from qwen_grpc.v1.models_pb2_grpc import ModelsServiceServicer

MAX_PAGE = 1000


class ModelsService(ModelsServiceServicer):
    """The models that callers can use, with or without a credential, of all upstreams together."""

    def __init__(self, router: Router) -> None:
        self._router = router

    async def ListModels(self, request: ListModelsRequest, context: Context) -> ListModelsResponse:
        """All names that work, page by page."""
        found = await offers(caller(context, self._router), force=request.force_refresh)
        wanted = set(request.capabilities)
        models = [model for model in found.models if wanted <= set(model.capabilities)]
        page, token = _page(models, request)
        answer = ListModelsResponse(models=_viewed(page, request.view), next_page_token=token, stale=found.stale)
        answer.fetch_time.FromSeconds(int(found.fetched_at))
        return answer

    async def GetModel(self, request: GetModelRequest, context: Context) -> GetModelResponse:
        """One model, by any name that works."""
        who = caller(context, self._router)
        if request.force_refresh:
            await offers(who, force=True)
        model = await described(who, request.model_id)
        return GetModelResponse(model=_viewed([model], request.view)[0])


def _page(models: Sequence[Model], request: ListModelsRequest) -> tuple[Sequence[Model], str]:
    if request.page_size < 0 or request.page_size > MAX_PAGE:
        raise InvalidParameter(f"page_size is {request.page_size}: expected 0 to {MAX_PAGE}", field="page_size")
    if request.page_token and not (request.page_token.isascii() and request.page_token.isdigit()):
        raise InvalidParameter("page_token is not one that ListModels gave", field="page_token")
    first = int(request.page_token or 0)
    after = first + (request.page_size or MAX_PAGE)
    return models[first:after], str(after) if after < len(models) else ""


def _viewed(models: Sequence[Model], view: ModelView) -> Sequence[Model]:
    return models if view == MODEL_VIEW_FULL else [_basic(model) for model in models]


def _basic(model: Model) -> Model:
    basic = Model()
    basic.CopyFrom(model)
    basic.ClearField("upstream_json")
    return basic

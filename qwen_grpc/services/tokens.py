"""TokensService."""

from qwen_grpc.calls import Context
from qwen_grpc.credentials import WebSession, missing, pack, read_bearer
from qwen_grpc.errors import AccessDenied, CredentialExpired, TokenMalformed, Unsupported
from qwen_grpc.routing.callers import Caller
from qwen_grpc.routing.router import Router
from qwen_grpc.services.caller import credentials_of
from qwen_grpc.upstreams.base import Account
from qwen_grpc.v1.tokens_pb2 import (
    RefreshTokenRequest,
    RefreshTokenResponse,
    ValidateTokenRequest,
    ValidateTokenResponse,
)
from qwen_grpc.v1.tokens_pb2_grpc import TokensServiceServicer


class TokensService(TokensServiceServicer):
    """Checks and renews the caller's credential."""

    def __init__(self, router: Router) -> None:
        self._router = router

    async def ValidateToken(self, request: ValidateTokenRequest, context: Context) -> ValidateTokenResponse:
        """Says whether a credential is good; a bad one is an answer, a broken upstream is an error."""
        try:
            account = await _account(self._given(request.token, context), offline=request.offline)
        except (TokenMalformed, CredentialExpired, AccessDenied) as error:
            return ValidateTokenResponse(valid=False, reason=error.reason)
        answer = ValidateTokenResponse(valid=True, user_id=account.id)
        if account.expires_at:
            answer.expire_time.FromSeconds(int(account.expires_at))
        return answer

    async def RefreshToken(self, request: RefreshTokenRequest, context: Context) -> RefreshTokenResponse:
        """Gives a credential with a fresh access token, in the packed form."""
        lane = self._given(request.token, context).own_lane()
        fresh = await lane.upstream.refresh(lane.credentials)
        if not isinstance(fresh, WebSession):
            raise Unsupported("an API key does not expire and cannot be renewed")
        answer = RefreshTokenResponse(token=pack(fresh))
        if fresh.expires_at:
            answer.expire_time.FromSeconds(int(fresh.expires_at))
        return answer

    def _given(self, token: str, context: Context) -> Caller:
        return self._router.caller(read_bearer(token) if token else credentials_of(context, self._router))


async def _account(caller: Caller, *, offline: bool) -> Account:
    if caller.credentials is None:
        raise missing()
    if caller.key is not None:
        return Account(caller.key.name, None)
    if not offline:
        lane = caller.own_lane()
        return await lane.upstream.check(lane.credentials)
    if isinstance(caller.credentials, WebSession):
        return Account(caller.credentials.account_id, caller.credentials.expires_at)
    return Account("", None)

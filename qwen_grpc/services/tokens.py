"""TokensService."""

from qwen_grpc.calls import Context
from qwen_grpc.credentials import Credentials, WebSession, pack, read_bearer
from qwen_grpc.errors import AccessDenied, CredentialExpired, TokenMalformed, Unsupported
from qwen_grpc.services.caller import caller
from qwen_grpc.upstreams.base import Account, Upstreams
from qwen_grpc.v1.tokens_pb2 import (
    RefreshTokenRequest,
    RefreshTokenResponse,
    ValidateTokenRequest,
    ValidateTokenResponse,
)
from qwen_grpc.v1.tokens_pb2_grpc import TokensServiceServicer


class TokensService(TokensServiceServicer):
    """Checks and renews the caller's credential."""

    def __init__(self, upstreams: Upstreams) -> None:
        self._upstreams = upstreams

    async def ValidateToken(self, request: ValidateTokenRequest, context: Context) -> ValidateTokenResponse:
        """Says whether a credential is good; a bad one is an answer, a broken upstream is an error."""
        try:
            credentials = _given(request.token, context)
            account = await self._account(credentials, offline=request.offline)
        except (TokenMalformed, CredentialExpired, AccessDenied) as error:
            return ValidateTokenResponse(valid=False, reason=error.reason)
        answer = ValidateTokenResponse(valid=True, user_id=account.id)
        if account.expires_at:
            answer.expire_time.FromSeconds(int(account.expires_at))
        return answer

    async def _account(self, credentials: Credentials, *, offline: bool) -> Account:
        if not offline:
            return await self._upstreams.pick(credentials).check(credentials)
        if isinstance(credentials, WebSession):
            return Account(credentials.account_id, credentials.expires_at)
        return Account("", None)

    async def RefreshToken(self, request: RefreshTokenRequest, context: Context) -> RefreshTokenResponse:
        """Gives a credential with a fresh access token, in the packed form."""
        credentials = _given(request.token, context)
        fresh = await self._upstreams.pick(credentials).refresh(credentials)
        if not isinstance(fresh, WebSession):
            raise Unsupported("an API key does not expire and cannot be renewed")
        answer = RefreshTokenResponse(token=pack(fresh))
        if fresh.expires_at:
            answer.expire_time.FromSeconds(int(fresh.expires_at))
        return answer


def _given(token: str, context: Context) -> Credentials:
    return read_bearer(token) if token else caller(context)

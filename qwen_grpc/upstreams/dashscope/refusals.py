"""How DashScope says no, and what it means.

The code word decides; texts are looked at where one word stands for several
things, and are never shown.
"""

import random
import re
from collections.abc import Callable, Mapping
from typing import Any

from qwen_grpc.errors import (
    AccessDenied,
    Billing,
    ChatBusy,
    ContentFiltered,
    ContextLength,
    CredentialExpired,
    InvalidParameter,
    ModelNotFound,
    NotFound,
    QwenError,
    RateLimited,
    TokenQuota,
    TooLarge,
    Unsupported,
    UpstreamCrashed,
    UpstreamEmpty,
    UpstreamError,
    UpstreamProtocol,
    UpstreamRedirect,
    UpstreamUnavailable,
)
from qwen_grpc.openai_json.jsontext import load
from qwen_grpc.upstreams.dashscope.complaints import Complaint, complaint_in, complaint_of, is_complaint
from qwen_grpc.upstreams.dashscope.origin import DASHSCOPE, place_of
from qwen_grpc.upstreams.http import BUSY_S, retry_after
from qwen_grpc.upstreams.messages import Head

# How long limits of tokens per minute take to clear.
TOKENS_S = 60.0
ERROR_FINISH = "error_finish"
# The type of all that is wrong with a request, where the code says no more.
INVALID = "invalid_request_error"

_range = re.compile(r"[\[(]-?[\d.]+, ?-?[\d.]+[\])]")
_request_id = re.compile(r"[\w-]{8,64}")

Meaning = Callable[[Complaint], QwenError]


def refusal(response: Head, body: bytes) -> QwenError:
    """What an answer means that is not the one hoped for."""
    host, status = response.request.server.host, response.status_code
    if 300 <= status < 400:
        return UpstreamRedirect(f"{DASHSCOPE} at {host} pointed elsewhere; credentials do not follow redirects")
    if response.is_success and not body.strip():
        return UpstreamEmpty(f"{DASHSCOPE} at {host} answered with an empty body")
    try:
        value = load(body)
    except ValueError:
        value = None
    if response.is_success and not is_complaint(value):
        return UpstreamProtocol(f"{DASHSCOPE} at {host} answered with something else than was asked for")
    told = 0 if response.is_success else status
    return meaning(complaint_of(value, Complaint(host, told, wait_s=retry_after(response))))


def refused_event(host: str, value: Any) -> QwenError:
    """What an error within a stream means."""
    return meaning(complaint_of(value, Complaint(host)))


def failed_finish(host: str, reason: str, text: str) -> QwenError:
    """What a finish reason means that is none of the model's; `text` is that of its chunk."""
    if reason != ERROR_FINISH:
        return UpstreamError(f"{DASHSCOPE} at {host} ended its answer with a finish reason that is not known here")
    return meaning(complaint_in(text, Complaint(host)))


def meaning(said: Complaint) -> QwenError:
    """The error of ours for a complaint."""
    words = (said.code, said.code.partition(".")[0], said.type, said.type.partition(".")[0])
    known = (_CODES[word] for word in map(str.lower, words) if word in _CODES)
    error = (next(known, None) or _by_status(said))(said)
    if _request_id.fullmatch(said.request_id):
        error.facts["upstream_request_id"] = said.request_id
    return error


def _by_status(said: Complaint) -> Meaning:
    status = said.status or (400 if said.type == INVALID else 0)
    return _STATUSES.get(status, _crashed if status >= 500 else _unknown)


# -- the request ------------------------------------------------------------------------------------------------------

# Parameters as its texts call them; of those that are part of another one, the longer comes first.
_NAMES = [
    "temperature",
    "top_p",
    "top_k",
    "presence_penalty",
    "repetition_penalty",
    "frequency_penalty",
    "max_completion_tokens",
    "max_tokens",
    "top_logprobs",
    "logprobs",
    "logit_bias",
    "thinking_budget",
    "reasoning_effort",
    "enable_thinking",
    "enable_search",
    "response_format",
    "tool_choice",
    "modalities",
    "seed",
    "stop",
]
# What else its texts say, in small letters, and the field that is meant.
_PHRASES = {
    "json mode": "response_format",
    "tool names": "tools",
    "tool call": "tools",
    "tools": "tools",
    "range of n ": "n",
    "size": "size",
    "messages": "messages",
    "content": "messages",
    "role": "messages",
    "url": "messages",
}
_FIELDS = {**dict(zip(_NAMES, _NAMES, strict=True)), **_PHRASES}
_UNSUPPORTED = ("not support", "only support")


def _invalid(said: Complaint) -> QwenError:
    if said.says("range of input length") or said.says("maximum context length"):
        return ContextLength(
            f"the prompt is longer than this model takes at {said.where}; shorten it", field="messages"
        )
    if said.says("model not exist"):
        return _no_model(said)
    if said.says("max bytes per data-uri") or said.says("payload too large"):
        return _too_large(said)
    field = next((field for phrase, field in _FIELDS.items() if said.says(phrase)), "")
    about = f" because of {field}" if field else ""
    bounds = _range.search(said.message)
    expected = f": expected a value in {bounds[0]}" if bounds else ""
    kind = Unsupported if field and not bounds and any(map(said.says, _UNSUPPORTED)) else InvalidParameter
    return kind(f"{said.where} refused the request{about}{expected}", field=field)


def _no_thinking(said: Complaint) -> QwenError:
    return Unsupported(f"{said.where}: this model does not think on demand", field="enable_thinking")


def _media(said: Complaint) -> QwenError:
    return InvalidParameter(f"{said.where} cannot read a medium of the request: its address or type is wrong")


def _too_large(said: Complaint) -> QwenError:
    return TooLarge(f"{said.where} finds the request, or a medium in it, too large")


def _filtered(said: Complaint) -> QwenError:
    what = "its own answer" if said.says("output data may") and not said.says("input") else "the content of the request"
    return ContentFiltered(f"{said.where} refused {what}")


def _bad_role(said: Complaint) -> QwenError:
    if said.status in (0, 400):
        return InvalidParameter(f"{said.where} refused a message: its role is not allowed there, or it is empty")
    return _unavailable(said)


def _cannot(said: Complaint) -> QwenError:
    return Unsupported(f"{said.where} cannot do that, or cannot any longer")


def _no_model(said: Complaint) -> QwenError:
    return ModelNotFound(
        f"{said.where} has no such model for this key; some exist in one region only, others were retired"
    )


def _not_found(said: Complaint) -> QwenError:
    return NotFound(f"{said.where} does not know what was asked for")


# -- the account ------------------------------------------------------------------------------------------------------


def _unauthorized(said: Complaint) -> QwenError:
    if said.says("workspace"):
        return _denied(said)
    place = place_of(said.host)
    served = f" This host serves the region {place.region}, {place.plan}." if place.region else ""
    return CredentialExpired(
        f"{said.where} does not take this key.{served} A key belongs to one region and one plan: check that it is one "
        "of this host, and that it was not deleted (docs/dashscope.md)"
    )


def _denied(said: Complaint) -> QwenError:
    if said.says("workspace"):
        return AccessDenied(f"{said.where}: this key may not use the workspace; check `workspace` in the configuration")
    return AccessDenied(f"{said.where}: this key may not use the model or the feature")


def _billing(said: Complaint) -> QwenError:
    return Billing(f"{said.where}: the account has no credit left, or the free quota of this model is used up")


def _throttled(said: Complaint) -> QwenError:
    if "TPM" in said.message:
        return _token_quota(said)
    # It names no time of its own. Those who come back should not all come at once.
    wait_s = said.wait_s or random.uniform(1, 5)
    return RateLimited(f"{said.where} limits the requests of this account; wait and try again", retry_after=wait_s)


def _token_quota(said: Complaint) -> QwenError:
    """Worded like an unpaid bill, and yet it is a limit of tokens per minute, which clears by itself (Aug 2026)."""
    if said.says("free allocated quota") or said.says("free quota"):
        return _billing(said)
    text = f"{said.where} limits the tokens per minute of this account; they come back within a minute"
    return TokenQuota(text, retry_after=said.wait_s or TOKENS_S)


# -- the service ------------------------------------------------------------------------------------------------------


def _busy(said: Complaint) -> QwenError:
    return ChatBusy(f"{said.where} is busy with the same thing", retry_after=said.wait_s or BUSY_S)


def _crashed(said: Complaint) -> QwenError:
    return UpstreamCrashed(f"{said.where} reports an internal error")


def _timed_out(said: Complaint) -> QwenError:
    return UpstreamCrashed(f"{said.where} did not finish the answer in its own time")


def _unavailable(said: Complaint) -> QwenError:
    wait_s = said.wait_s or random.uniform(1, 5)
    return UpstreamUnavailable(f"{said.where} has no capacity for this model right now", retry_after=wait_s)


def _unknown(said: Complaint) -> QwenError:
    return UpstreamError(f"{said.where} failed and gave a reason that is not known here")


# Code words in small letters, of both dialects; of `A.B` also `A` is looked for. As documented until autumn 2026.
_CODES: Mapping[str, Meaning] = {
    "invalidparameter": _invalid,
    "invalid_parameter_error": _invalid,
    "invalid_value": _invalid,
    "invalidparameter.notsupportenablethinking": _no_thinking,
    "badrequest": _invalid,
    "badrequest.toolarge": _too_large,
    "invalidurl": _media,
    "invalidfile": _media,
    "datainspectionfailed": _filtered,
    "data_inspection_failed": _filtered,
    "ipinfringementsuspect": _filtered,
    "faqruleblocked": _filtered,
    "customroleblocked": _filtered,
    "serviceunavailableerror": _bad_role,
    "unsupportedoperation": _cannot,
    "invalidapikey": _unauthorized,
    "invalid_api_key": _unauthorized,
    "accessdenied": _denied,
    "access_denied": _denied,
    "model.accessdenied": _denied,
    "workspace.accessdenied": _denied,
    "app.accessdenied": _denied,
    "arrearage": _billing,
    "allocationquota.freetieronly": _billing,
    "commoditynotpurchased": _billing,
    "prepaidbilloverdue": _billing,
    "postpaidbilloverdue": _billing,
    "modelnotfound": _no_model,
    "model_not_found": _no_model,
    "model_not_supported": _no_model,
    "workspacenotfound": _not_found,
    "notfound": _not_found,
    "throttling": _throttled,
    "limitrequests": _throttled,
    "limit_requests": _throttled,
    "limit_burst_rate": _throttled,
    "throttling.allocationquota": _token_quota,
    "insufficient_quota": _token_quota,
    "requesttimeout": _timed_out,
    "request_timeout": _timed_out,
    "responsetimeout": _timed_out,
    "internalerror": _crashed,
    "internal_error": _crashed,
    "systemerror": _crashed,
    "modelservicefailed": _crashed,
    "invocationerror": _crashed,
    "modelunavailable": _unavailable,
    "model_unavailable": _unavailable,
    "modelservingerror": _unavailable,
}
# Where no code word is known.
_STATUSES: Mapping[int, Meaning] = {
    400: _invalid,
    401: _unauthorized,
    402: _billing,
    403: _denied,
    404: _not_found,
    409: _busy,
    413: _too_large,
    422: _invalid,
    429: _throttled,
    502: _unavailable,
    503: _unavailable,
    504: _unavailable,
}

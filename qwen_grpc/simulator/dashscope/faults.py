"""The errors of DashScope in its own words, by the name that a scenario calls them."""

from __future__ import annotations

from dataclasses import dataclass, replace

HELP = "https://help.aliyun.com/zh/model-studio/error-code"
INVALID = "invalid_request_error"


@dataclass(frozen=True, slots=True)
class Fault:
    """An error: its status, its code in the native dialect, and code, type and text where the other one differs."""

    status: int
    code: str
    message: str
    compat_code: str = ""
    type: str = INVALID
    compat_message: str = ""


class Refused(Exception):
    """The request is answered with this fault; `retry_after` overrides what the behaviour says of it."""

    def __init__(self, fault: Fault, retry_after: str = "") -> None:
        super().__init__(fault.code)
        self.fault = fault
        self.retry_after = retry_after


def invalid(message: str, *, algo: bool = False) -> Refused:
    """A parameter is wrong; what the model's own side finds comes with a prefix in the compatible dialect."""
    prefix = "<400> InternalError.Algo.InvalidParameter: " if algo else ""
    return Refused(Fault(400, "InvalidParameter", message, "invalid_parameter_error", compat_message=prefix + message))


def model_not_found(model: str) -> Fault:
    """There is no such model, or it is retired."""
    message = f"The model {model} does not exist or you do not have access to it."
    return Fault(404, "ModelNotFound", message, "model_not_found")


def not_for_chat(model: str) -> Fault:
    """The model exists and does not chat."""
    message = f"Unsupported model {model} for OpenAI compatibility mode."
    return Fault(404, "ModelNotFound", message, "model_not_supported")


def too_long(limit: int) -> Fault:
    """The prompt has more tokens than the model takes."""
    return Fault(400, "InvalidParameter", f"Range of input length should be [1, {limit}]", "invalid_parameter_error")


UNAUTHORIZED = Fault(
    401,
    "InvalidApiKey",
    "Invalid API-key provided.",
    "invalid_api_key",
    compat_message=f"Incorrect API key provided. For details, see: {HELP}#apikey-error",
)
NO_KEY = replace(UNAUTHORIZED, message="No API-key provided.", compat_message="You didn't provide an API key.")
BAD_BODY = Fault(
    400, "InvalidParameter", "Required body invalid, please check the request body format.", "invalid_request_error"
)
NO_MODEL = Fault(400, "InvalidParameter", "you must provide a model parameter.", "invalid_request_error")
MODEL_DENIED = Fault(403, "Model.AccessDenied", "Access to model denied. Please make sure you are eligible for it.")
BAD_URL = Fault(400, "InvalidParameter", "url error, please check url\uff01", "invalid_parameter_error")
DOWNLOAD = Fault(400, "InvalidParameter", "Failed to download multimodal content.", "invalid_parameter_error")
ONLY_ASYNC = Fault(403, "AccessDenied", "current user api does not support synchronous calls.", "access_denied")
ONLY_SYNC = Fault(403, "AccessDenied", "Current user api does not support asynchronous calls.", "access_denied")
BAD_INPUT = Fault(
    400,
    "DataInspectionFailed",
    "Input data may contain inappropriate content.",
    "data_inspection_failed",
    "data_inspection_failed",
)
BAD_OUTPUT = replace(BAD_INPUT, message="Output data may contain inappropriate content.")
RATE_QUOTA = Fault(
    429,
    "Throttling.RateQuota",
    "Requests rate limit exceeded, please try again later.",
    "limit_requests",
    "limit_requests",
    f"You exceeded your current requests list. For details, see: {HELP}#rate-limit",
)
BURST = Fault(
    429,
    "Throttling.BurstRate",
    "Request rate increased too quickly. To ensure system stability, please adjust your client logic to scale "
    "requests more smoothly over time.",
    "limit_burst_rate",
    "limit_burst_rate",
)
ALLOCATION = Fault(
    429,
    "Throttling.AllocationQuota",
    "Allocated quota exceeded, please increase your quota limit.",
    "insufficient_quota",
    "insufficient_quota",
)
# A limit of tokens per minute that reads like an unpaid bill (seen in Aug 2026).
BILLING = replace(
    ALLOCATION,
    message="You exceeded your current quota, please check your plan and billing details. "
    f"For more information on this error, read the docs: {HELP}#token-limit",
)
INTERNAL = Fault(
    500,
    "InternalError",
    "An internal error has occured, please try again later or contact service support.",
    "internal_error",
    "internal_error",
)
SERVING = Fault(
    503,
    "ModelServingError",
    "Too many requests. Your requests are being throttled due to system capacity limits. Please try again later.",
    "ModelServingError",
    "ModelServingError",
)

# What a scenario answers instead of what was asked for.
FAULTS: dict[str, Fault] = {
    "rate_quota": RATE_QUOTA,
    "burst_rate": BURST,
    "allocation_quota": ALLOCATION,
    "billing_quota": BILLING,
    "throttling": Fault(429, "Throttling", "Requests throttling triggered.", "429", "Throttling"),
    # The same code as a limit that passes, and it never does.
    "free_quota": replace(ALLOCATION, message="Free allocated quota exceeded."),
    "overdue": Fault(429, "PostpaidBillOverdue", "The postpaid bill is overdue.", type="PostpaidBillOverdue"),
    "arrearage": Fault(
        400, "Arrearage", "Access denied, please make sure your account is in good standing.", type="Arrearage"
    ),
    "free_tier_only": Fault(
        403,
        "AllocationQuota.FreeTierOnly",
        "The free tier of the model has been exhausted. If you wish to continue access the model on a paid basis, "
        'please disable the "use free tier only" mode in the management console.',
        type="AllocationQuota.FreeTierOnly",
    ),
    "unauthorized": UNAUTHORIZED,
    "model_access_denied": MODEL_DENIED,
    "access_denied": Fault(403, "AccessDenied", "Access denied.", "access_denied", "access_denied"),
    "model_not_found": model_not_found("simulated"),
    "content_filter": BAD_INPUT,
    "context_too_long": too_long(991_808),
    "download_failed": DOWNLOAD,
    "internal_error": INTERNAL,
    "timed_out": Fault(
        500, "RequestTimeOut", "Request timed out, please try again later.", "request_timeout", "request_timeout"
    ),
    "model_serving_error": SERVING,
    "model_unavailable": Fault(
        503, "ModelUnavailable", "Model is unavailable, please try again later.", "model_unavailable", "internal_error"
    ),
}
THROTTLED = (429, 503)

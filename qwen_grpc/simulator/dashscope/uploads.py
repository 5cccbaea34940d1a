"""The temporary store of DashScope: a policy, a form with the file, and addresses that only its model may read."""

from __future__ import annotations

import base64
import hmac
import re
from datetime import UTC, datetime, timedelta
from hashlib import md5
from typing import Any

import msgspec
from sanic import Request

from qwen_grpc.simulator.dashscope import faults
from qwen_grpc.simulator.dashscope.call import Call, answering, cue, ok
from qwen_grpc.simulator.dashscope.faults import Refused, invalid
from qwen_grpc.simulator.dashscope.results import ACCESS_KEY_ID, SECRET
from qwen_grpc.simulator.dashscope.state import Policy, Upload
from qwen_grpc.simulator.outputs import XML, store_error
from qwen_grpc.simulator.replies import Answer
from qwen_grpc.simulator.routes import Route
from qwen_grpc.simulator.state import Simulator

STORE = "/oss/dashscope-file-mgr"
MAX_BYTES = 1_073_741_824
FIELD = re.compile(rb'content-disposition: form-data; name="([^"]*)"', re.IGNORECASE)
FIXED = {"x-oss-object-acl": "private", "x-oss-forbid-overwrite": "true"}


async def get_policy(call: Call) -> Answer | None:
    """The leave to upload one file for one model."""
    await cue(call, "")
    query = call.request.args
    model = query.get("model", "")
    if query.get("action") != "getPolicy" or not model:
        raise invalid("action must be getPolicy, and model must be given")
    day = datetime.fromtimestamp(call.simulator.now(), UTC).strftime("%Y-%m-%d")
    owner = md5(call.account.encode(), usedforsecurity=False).hexdigest()
    folder = f"dashscope-instant/{owner}/{day}/{call.id}"
    expires_at = call.simulator.now() + call.behaviour.policy_ttl_s
    text = _policy_text(folder, expires_at)
    signature = _signature(text)
    call.dashscope.policies[signature] = Policy(call.account, model, folder, expires_at)
    return ok(call, {"data": _policy(call, text, signature, folder), "request_id": call.id})


def _policy(call: Call, text: str, signature: str, folder: str) -> dict[str, Any]:
    return {
        "policy": text,
        "signature": signature,
        "upload_dir": folder,
        "upload_host": f"{call.simulator.url}{STORE}",
        "expire_in_seconds": int(call.behaviour.policy_ttl_s),
        "max_file_size_mb": MAX_BYTES // 1024**2,
        "capacity_limit_mb": 999_999_999,
        "oss_access_key_id": ACCESS_KEY_ID,
        "x_oss_object_acl": FIXED["x-oss-object-acl"],
        "x_oss_forbid_overwrite": FIXED["x-oss-forbid-overwrite"],
    }


def _policy_text(folder: str, expires_at: float) -> str:
    """The policy as the store reads it, in base64."""
    conditions = [
        ["content-length-range", 0, MAX_BYTES],
        ["starts-with", "$key", folder],
        {"bucket": "dashscope-file-mgr"},
        *({name: value} for name, value in FIXED.items()),
    ]
    expiration = (datetime.fromtimestamp(0, UTC) + timedelta(seconds=expires_at)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return base64.b64encode(msgspec.json.encode({"expiration": expiration, "conditions": conditions})).decode()


def _signature(text: str) -> str:
    return base64.b64encode(hmac.digest(SECRET, text.encode(), "sha1")).decode()


async def take(simulator: Simulator, request: Request) -> Answer:
    """Take the form with the file; it needs no key, the policy says whose it is."""
    arrived: Any = request
    memory, form = simulator.dashscope, arrived.form or {}
    fields = {name: str(values[0]) for name, values in form.items()}
    sent = (arrived.files or {}).get("file")
    policy = memory.policies.get(fields.get("Signature", ""))
    key = fields.get("key", "")
    refused = _refused(simulator, request, fields, policy)
    if refused is not None or sent is None or policy is None:
        return refused or store_error(400, "InvalidArgument", "The form has no file.")
    if key in memory.uploads:
        return store_error(
            409, "FileAlreadyExists", "The object you specified already exists and can not be overwritten."
        )
    memory.uploads[key] = Upload(policy.account, policy.model, sent.name, sent.body, simulator.now())
    status = 200 if fields.get("success_action_status") == "200" else 204
    etag = f'"{md5(sent.body, usedforsecurity=False).hexdigest().upper()}"'
    return Answer(b"", status=status, actual=status, content_type=XML, headers={"etag": etag}, site=False)


def _refused(simulator: Simulator, request: Request, fields: dict[str, str], policy: Policy | None) -> Answer | None:
    """What is wrong with a form, as the store says it."""
    signed = fields.get("Signature") == _signature(fields.get("policy", ""))
    if policy is None or not signed or fields.get("OSSAccessKeyId") != ACCESS_KEY_ID:
        return store_error(403, "SignatureDoesNotMatch", "The request signature we calculated does not match.")
    if policy.expires_at <= simulator.now():
        return store_error(403, "AccessDenied", "Invalid according to Policy: Policy expired.")
    names = FIELD.findall(request.body)
    if names[-1:] != [b"file"]:
        return store_error(400, "InvalidArgument", "The file must be the last field of the form.")
    wrong = next((name for name, value in FIXED.items() if fields.get(name) != value), None)
    if not fields.get("key", "").startswith(f"{policy.folder}/"):
        wrong = "key"
    if wrong:
        return store_error(403, "AccessDenied", f"Invalid according to Policy: Policy Condition failed: {wrong}")
    return None


def check_url(call: Call, url: str, model: str) -> None:
    """Whether the service can read an address; those of the store need a header, their account and their model."""
    if not url.startswith("oss://"):
        if not url.startswith(("http://", "https://", "data:")):
            raise Refused(faults.BAD_URL)
        return
    if not call.enables("ossresourceresolve"):
        raise Refused(faults.BAD_URL)
    upload = call.dashscope.uploads.get(url.removeprefix("oss://"))
    if upload is None or (upload.account, upload.model) != (call.account, model):
        raise Refused(faults.DOWNLOAD)
    if call.simulator.now() >= upload.stored_at + call.behaviour.upload_ttl_s:
        raise Refused(faults.DOWNLOAD)


ROUTES: tuple[Route, ...] = (
    Route("GET", "/api/v1/uploads", answering(get_policy)),
    Route("POST", STORE, take),
)

"""Files of DashScope: uploaded for a purpose, listed, read by models that read files, deleted."""

from __future__ import annotations

from typing import Any

from qwen_grpc.simulator.dashscope.call import Call, answering, cue, ok
from qwen_grpc.simulator.dashscope.faults import Fault, Refused, invalid
from qwen_grpc.simulator.dashscope.state import DocumentFile
from qwen_grpc.simulator.replies import Answer
from qwen_grpc.simulator.routes import Route
from qwen_grpc.simulator.script import Sent

PATH = "/compatible-mode/v1/files"
# The beginning of an id, by purpose.
PURPOSES = {"file-extract": "file-fe", "batch": "file-batch"}
PAGE = 20


async def create(call: Call) -> Answer | None:
    """Keep a file."""
    await cue(call, "")
    request: Any = call.request
    form, sent = request.form or {}, (request.files or {}).get("file")
    purpose = str(form.get("purpose") or "")
    if purpose not in PURPOSES:
        raise invalid(f"purpose must be one of {', '.join(PURPOSES)}")
    if sent is None:
        raise invalid("file is required")
    file_id = f"{PURPOSES[purpose]}-{call.id.replace('-', '')[:24]}"
    created_at = int(call.simulator.now())
    kept = DocumentFile(file_id, call.account, sent.name, purpose, sent.body, created_at)
    call.dashscope.files[file_id] = kept
    return ok(call, _row(kept))


async def list_page(call: Call) -> Answer | None:
    """The files of an account, newest first."""
    await cue(call, "")
    purpose, after = call.request.args.get("purpose"), call.request.args.get("after")
    files = [kept for kept in reversed(call.dashscope.files.values()) if kept.account == call.account]
    files = [kept for kept in files if purpose in (None, kept.purpose)]
    ids = [kept.id for kept in files]
    start = ids.index(after) + 1 if after in ids else 0
    limit = call.number("limit", PAGE)
    page = files[start : start + limit]
    more = start + limit < len(files)
    return ok(call, {"object": "list", "data": [_row(kept) for kept in page], "has_more": more})


async def retrieve(call: Call, file_id: str) -> Answer | None:
    """One file."""
    await cue(call, "")
    return ok(call, _row(_known(call, file_id)))


async def delete(call: Call, file_id: str) -> Answer | None:
    """Forget a file."""
    await cue(call, "")
    del call.dashscope.files[_known(call, file_id).id]
    return ok(call, {"id": file_id, "object": "file", "deleted": True})


def sent_files(call: Call, file_ids: list[str]) -> tuple[Sent, ...]:
    """The files that a conversation names."""
    return tuple(Sent(_known(call, file_id).name, "file", file_id) for file_id in file_ids)


def _known(call: Call, file_id: str) -> DocumentFile:
    kept = call.dashscope.files.get(file_id)
    if kept is None or kept.account != call.account:
        raise Refused(Fault(404, "NotFound", f"No such File object: {file_id}", "not_found"))
    return kept


def _row(kept: DocumentFile) -> dict[str, Any]:
    return {
        "id": kept.id,
        "object": "file",
        "bytes": len(kept.content),
        "filename": kept.name,
        "purpose": kept.purpose,
        "status": "processed",
        "created_at": kept.created_at,
    }


ROUTES: tuple[Route, ...] = (
    Route("POST", PATH, answering(create)),
    Route("GET", PATH, answering(list_page)),
    Route("GET", f"{PATH}/<file_id:str>", answering(retrieve)),
    Route("DELETE", f"{PATH}/<file_id:str>", answering(delete)),
)

"""Documents: uploaded once, and then named in requests to the models that read files."""

from collections.abc import AsyncIterable

from qwen_grpc.credentials import ApiKey
from qwen_grpc.errors import Unsupported, UpstreamProtocol
from qwen_grpc.upstreams.base import Attachment, Upload
from qwen_grpc.upstreams.dashscope.form import Form
from qwen_grpc.upstreams.dashscope.native import Reply, answer_in
from qwen_grpc.upstreams.dashscope.origin import DashScopeOrigin
from qwen_grpc.upstreams.kinds import DOCUMENT
from qwen_grpc.upstreams.messages import Request
from qwen_grpc.upstreams.sending import sending

# Files that models read; those for batches have another one.
PURPOSE = "file-extract"
# How a message names a file.
SCHEME = "fileid://"


class Stored(Reply):
    """A file as the service describes it."""

    id: str = ""


class Documents:
    """Uploads documents. `patient` is a connection whose clock allows for a large file."""

    def __init__(self, patient: DashScopeOrigin) -> None:
        self._patient = patient

    async def upload(self, upload: Upload, key: ApiKey) -> Attachment:
        """Stores a document; see `Upstream.upload`. Raises `Unsupported` for media."""
        name = self._patient.name
        if upload.kind != DOCUMENT:
            text = f"{name} keeps documents only: send media inside of the request, as an address or a data URL"
            raise Unsupported(text, field="header.mime_type")
        file_id = (await self._stored(upload, key)).id
        if not file_id:
            raise UpstreamProtocol(f"{name} took a file and gave no id for it")
        url = f"{SCHEME}{file_id}"
        return Attachment(file_id, upload.kind, url, upload.filename, upload.mime_type, upload.size_bytes)

    async def _stored(self, upload: Upload, key: ApiKey) -> Stored:
        form = Form({"purpose": PURPOSE}, upload.filename, upload.mime_type)
        path = f"{self._patient.place.compatible}/files"
        headers = {**self._patient.headers(key), **form.headers(upload.size_bytes)}

        def request(body: AsyncIterable[bytes]) -> Request:
            return self._patient.request("POST", path, headers, body)

        async with sending(self._patient, form.around(upload.chunks), request) as response:
            return answer_in(self._patient, response, await self._patient.body(response), Stored)

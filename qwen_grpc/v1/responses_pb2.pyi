import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from qwen_grpc.v1 import chat_pb2 as _chat_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ResponseState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RESPONSE_STATE_UNSPECIFIED: _ClassVar[ResponseState]
    RESPONSE_STATE_QUEUED: _ClassVar[ResponseState]
    RESPONSE_STATE_RUNNING: _ClassVar[ResponseState]
    RESPONSE_STATE_SUCCEEDED: _ClassVar[ResponseState]
    RESPONSE_STATE_FAILED: _ClassVar[ResponseState]
    RESPONSE_STATE_CANCELLED: _ClassVar[ResponseState]
RESPONSE_STATE_UNSPECIFIED: ResponseState
RESPONSE_STATE_QUEUED: ResponseState
RESPONSE_STATE_RUNNING: ResponseState
RESPONSE_STATE_SUCCEEDED: ResponseState
RESPONSE_STATE_FAILED: ResponseState
RESPONSE_STATE_CANCELLED: ResponseState

class Response(_message.Message):
    __slots__ = ("id", "state", "request", "answer", "error", "background", "create_time", "complete_time", "expire_time", "dialect_json")
    ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    BACKGROUND_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_TIME_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    DIALECT_JSON_FIELD_NUMBER: _ClassVar[int]
    id: str
    state: ResponseState
    request: _chat_pb2.CompleteChatRequest
    answer: _chat_pb2.CompleteChatResponse
    error: ResponseError
    background: bool
    create_time: _timestamp_pb2.Timestamp
    complete_time: _timestamp_pb2.Timestamp
    expire_time: _timestamp_pb2.Timestamp
    dialect_json: str
    def __init__(self, id: _Optional[str] = ..., state: _Optional[_Union[ResponseState, str]] = ..., request: _Optional[_Union[_chat_pb2.CompleteChatRequest, _Mapping]] = ..., answer: _Optional[_Union[_chat_pb2.CompleteChatResponse, _Mapping]] = ..., error: _Optional[_Union[ResponseError, _Mapping]] = ..., background: bool = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., complete_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., dialect_json: _Optional[str] = ...) -> None: ...

class ResponseError(_message.Message):
    __slots__ = ("reason", "message")
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    reason: str
    message: str
    def __init__(self, reason: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class SaveResponseRequest(_message.Message):
    __slots__ = ("id", "request", "answer", "dialect_json", "keep_for")
    ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    DIALECT_JSON_FIELD_NUMBER: _ClassVar[int]
    KEEP_FOR_FIELD_NUMBER: _ClassVar[int]
    id: str
    request: _chat_pb2.CompleteChatRequest
    answer: _chat_pb2.CompleteChatResponse
    dialect_json: str
    keep_for: _duration_pb2.Duration
    def __init__(self, id: _Optional[str] = ..., request: _Optional[_Union[_chat_pb2.CompleteChatRequest, _Mapping]] = ..., answer: _Optional[_Union[_chat_pb2.CompleteChatResponse, _Mapping]] = ..., dialect_json: _Optional[str] = ..., keep_for: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class SaveResponseResponse(_message.Message):
    __slots__ = ("response",)
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    response: Response
    def __init__(self, response: _Optional[_Union[Response, _Mapping]] = ...) -> None: ...

class BeginResponseRequest(_message.Message):
    __slots__ = ("id", "request", "dialect_json")
    ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    DIALECT_JSON_FIELD_NUMBER: _ClassVar[int]
    id: str
    request: _chat_pb2.CompleteChatRequest
    dialect_json: str
    def __init__(self, id: _Optional[str] = ..., request: _Optional[_Union[_chat_pb2.CompleteChatRequest, _Mapping]] = ..., dialect_json: _Optional[str] = ...) -> None: ...

class BeginResponseResponse(_message.Message):
    __slots__ = ("response",)
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    response: Response
    def __init__(self, response: _Optional[_Union[Response, _Mapping]] = ...) -> None: ...

class GetResponseRequest(_message.Message):
    __slots__ = ("response_id",)
    RESPONSE_ID_FIELD_NUMBER: _ClassVar[int]
    response_id: str
    def __init__(self, response_id: _Optional[str] = ...) -> None: ...

class GetResponseResponse(_message.Message):
    __slots__ = ("response",)
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    response: Response
    def __init__(self, response: _Optional[_Union[Response, _Mapping]] = ...) -> None: ...

class CancelResponseRequest(_message.Message):
    __slots__ = ("response_id",)
    RESPONSE_ID_FIELD_NUMBER: _ClassVar[int]
    response_id: str
    def __init__(self, response_id: _Optional[str] = ...) -> None: ...

class CancelResponseResponse(_message.Message):
    __slots__ = ("response",)
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    response: Response
    def __init__(self, response: _Optional[_Union[Response, _Mapping]] = ...) -> None: ...

class DeleteResponseRequest(_message.Message):
    __slots__ = ("response_id", "allow_missing")
    RESPONSE_ID_FIELD_NUMBER: _ClassVar[int]
    ALLOW_MISSING_FIELD_NUMBER: _ClassVar[int]
    response_id: str
    allow_missing: bool
    def __init__(self, response_id: _Optional[str] = ..., allow_missing: bool = ...) -> None: ...

class DeleteResponseResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class LaneState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LANE_STATE_UNSPECIFIED: _ClassVar[LaneState]
    LANE_STATE_HEALTHY: _ClassVar[LaneState]
    LANE_STATE_COOLING: _ClassVar[LaneState]
    LANE_STATE_HALF_OPEN: _ClassVar[LaneState]
    LANE_STATE_NEEDS_LOGIN: _ClassVar[LaneState]
    LANE_STATE_CHALLENGED: _ClassVar[LaneState]
LANE_STATE_UNSPECIFIED: LaneState
LANE_STATE_HEALTHY: LaneState
LANE_STATE_COOLING: LaneState
LANE_STATE_HALF_OPEN: LaneState
LANE_STATE_NEEDS_LOGIN: LaneState
LANE_STATE_CHALLENGED: LaneState

class Lane(_message.Message):
    __slots__ = ("upstream", "label", "in_flight", "calls", "failures", "troubles")
    UPSTREAM_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    IN_FLIGHT_FIELD_NUMBER: _ClassVar[int]
    CALLS_FIELD_NUMBER: _ClassVar[int]
    FAILURES_FIELD_NUMBER: _ClassVar[int]
    TROUBLES_FIELD_NUMBER: _ClassVar[int]
    upstream: str
    label: str
    in_flight: int
    calls: int
    failures: int
    troubles: _containers.RepeatedCompositeFieldContainer[LaneTrouble]
    def __init__(self, upstream: _Optional[str] = ..., label: _Optional[str] = ..., in_flight: _Optional[int] = ..., calls: _Optional[int] = ..., failures: _Optional[int] = ..., troubles: _Optional[_Iterable[_Union[LaneTrouble, _Mapping]]] = ...) -> None: ...

class LaneTrouble(_message.Message):
    __slots__ = ("state", "model", "usage", "reason", "until")
    STATE_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    state: LaneState
    model: str
    usage: str
    reason: str
    until: _timestamp_pb2.Timestamp
    def __init__(self, state: _Optional[_Union[LaneState, str]] = ..., model: _Optional[str] = ..., usage: _Optional[str] = ..., reason: _Optional[str] = ..., until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class GetPoolRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetPoolResponse(_message.Message):
    __slots__ = ("lanes",)
    LANES_FIELD_NUMBER: _ClassVar[int]
    lanes: _containers.RepeatedCompositeFieldContainer[Lane]
    def __init__(self, lanes: _Optional[_Iterable[_Union[Lane, _Mapping]]] = ...) -> None: ...

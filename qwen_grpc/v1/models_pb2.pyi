import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Modality(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MODALITY_UNSPECIFIED: _ClassVar[Modality]
    MODALITY_TEXT: _ClassVar[Modality]
    MODALITY_IMAGE: _ClassVar[Modality]
    MODALITY_AUDIO: _ClassVar[Modality]
    MODALITY_VIDEO: _ClassVar[Modality]
    MODALITY_DOCUMENT: _ClassVar[Modality]

class Capability(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CAPABILITY_UNSPECIFIED: _ClassVar[Capability]
    CAPABILITY_CHAT: _ClassVar[Capability]
    CAPABILITY_THINKING: _ClassVar[Capability]
    CAPABILITY_SEARCH: _ClassVar[Capability]
    CAPABILITY_TOOLS: _ClassVar[Capability]
    CAPABILITY_VISION: _ClassVar[Capability]
    CAPABILITY_IMAGE_GENERATION: _ClassVar[Capability]
    CAPABILITY_IMAGE_EDIT: _ClassVar[Capability]
    CAPABILITY_VIDEO_GENERATION: _ClassVar[Capability]
    CAPABILITY_DEEP_RESEARCH: _ClassVar[Capability]
    CAPABILITY_CODE: _ClassVar[Capability]
    CAPABILITY_EMBEDDINGS: _ClassVar[Capability]

class Support(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SUPPORT_UNSPECIFIED: _ClassVar[Support]
    SUPPORT_NATIVE: _ClassVar[Support]
    SUPPORT_EMULATED: _ClassVar[Support]
    SUPPORT_IGNORED: _ClassVar[Support]
    SUPPORT_REFUSED: _ClassVar[Support]

class ModelView(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MODEL_VIEW_UNSPECIFIED: _ClassVar[ModelView]
    MODEL_VIEW_BASIC: _ClassVar[ModelView]
    MODEL_VIEW_FULL: _ClassVar[ModelView]
MODALITY_UNSPECIFIED: Modality
MODALITY_TEXT: Modality
MODALITY_IMAGE: Modality
MODALITY_AUDIO: Modality
MODALITY_VIDEO: Modality
MODALITY_DOCUMENT: Modality
CAPABILITY_UNSPECIFIED: Capability
CAPABILITY_CHAT: Capability
CAPABILITY_THINKING: Capability
CAPABILITY_SEARCH: Capability
CAPABILITY_TOOLS: Capability
CAPABILITY_VISION: Capability
CAPABILITY_IMAGE_GENERATION: Capability
CAPABILITY_IMAGE_EDIT: Capability
CAPABILITY_VIDEO_GENERATION: Capability
CAPABILITY_DEEP_RESEARCH: Capability
CAPABILITY_CODE: Capability
CAPABILITY_EMBEDDINGS: Capability
SUPPORT_UNSPECIFIED: Support
SUPPORT_NATIVE: Support
SUPPORT_EMULATED: Support
SUPPORT_IGNORED: Support
SUPPORT_REFUSED: Support
MODEL_VIEW_UNSPECIFIED: ModelView
MODEL_VIEW_BASIC: ModelView
MODEL_VIEW_FULL: ModelView

class Model(_message.Message):
    __slots__ = ("id", "create_time", "owned_by", "display_name", "description", "aliases", "base_model_id", "capabilities", "input_modalities", "output_modalities", "context_length", "max_output_tokens", "max_thinking_tokens", "active", "upstream_json", "upstreams", "features")
    class FeaturesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: Support
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Support, str]] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    OWNED_BY_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    ALIASES_FIELD_NUMBER: _ClassVar[int]
    BASE_MODEL_ID_FIELD_NUMBER: _ClassVar[int]
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    INPUT_MODALITIES_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_MODALITIES_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_LENGTH_FIELD_NUMBER: _ClassVar[int]
    MAX_OUTPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    MAX_THINKING_TOKENS_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_FIELD_NUMBER: _ClassVar[int]
    UPSTREAM_JSON_FIELD_NUMBER: _ClassVar[int]
    UPSTREAMS_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    id: str
    create_time: _timestamp_pb2.Timestamp
    owned_by: str
    display_name: str
    description: str
    aliases: _containers.RepeatedScalarFieldContainer[str]
    base_model_id: str
    capabilities: _containers.RepeatedScalarFieldContainer[Capability]
    input_modalities: _containers.RepeatedScalarFieldContainer[Modality]
    output_modalities: _containers.RepeatedScalarFieldContainer[Modality]
    context_length: int
    max_output_tokens: int
    max_thinking_tokens: int
    active: bool
    upstream_json: str
    upstreams: _containers.RepeatedScalarFieldContainer[str]
    features: _containers.ScalarMap[str, Support]
    def __init__(self, id: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., owned_by: _Optional[str] = ..., display_name: _Optional[str] = ..., description: _Optional[str] = ..., aliases: _Optional[_Iterable[str]] = ..., base_model_id: _Optional[str] = ..., capabilities: _Optional[_Iterable[_Union[Capability, str]]] = ..., input_modalities: _Optional[_Iterable[_Union[Modality, str]]] = ..., output_modalities: _Optional[_Iterable[_Union[Modality, str]]] = ..., context_length: _Optional[int] = ..., max_output_tokens: _Optional[int] = ..., max_thinking_tokens: _Optional[int] = ..., active: bool = ..., upstream_json: _Optional[str] = ..., upstreams: _Optional[_Iterable[str]] = ..., features: _Optional[_Mapping[str, Support]] = ...) -> None: ...

class ListModelsRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "capabilities", "force_refresh", "view")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    FORCE_REFRESH_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    capabilities: _containers.RepeatedScalarFieldContainer[Capability]
    force_refresh: bool
    view: ModelView
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., capabilities: _Optional[_Iterable[_Union[Capability, str]]] = ..., force_refresh: bool = ..., view: _Optional[_Union[ModelView, str]] = ...) -> None: ...

class ListModelsResponse(_message.Message):
    __slots__ = ("models", "next_page_token", "fetch_time", "stale")
    MODELS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    FETCH_TIME_FIELD_NUMBER: _ClassVar[int]
    STALE_FIELD_NUMBER: _ClassVar[int]
    models: _containers.RepeatedCompositeFieldContainer[Model]
    next_page_token: str
    fetch_time: _timestamp_pb2.Timestamp
    stale: bool
    def __init__(self, models: _Optional[_Iterable[_Union[Model, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., fetch_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., stale: bool = ...) -> None: ...

class GetModelRequest(_message.Message):
    __slots__ = ("model_id", "force_refresh", "view")
    MODEL_ID_FIELD_NUMBER: _ClassVar[int]
    FORCE_REFRESH_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    model_id: str
    force_refresh: bool
    view: ModelView
    def __init__(self, model_id: _Optional[str] = ..., force_refresh: bool = ..., view: _Optional[_Union[ModelView, str]] = ...) -> None: ...

class GetModelResponse(_message.Message):
    __slots__ = ("model",)
    MODEL_FIELD_NUMBER: _ClassVar[int]
    model: Model
    def __init__(self, model: _Optional[_Union[Model, _Mapping]] = ...) -> None: ...

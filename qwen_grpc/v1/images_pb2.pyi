from qwen_grpc.v1 import common_pb2 as _common_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ImageFormat(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    IMAGE_FORMAT_UNSPECIFIED: _ClassVar[ImageFormat]
    IMAGE_FORMAT_URL: _ClassVar[ImageFormat]
    IMAGE_FORMAT_DATA: _ClassVar[ImageFormat]
IMAGE_FORMAT_UNSPECIFIED: ImageFormat
IMAGE_FORMAT_URL: ImageFormat
IMAGE_FORMAT_DATA: ImageFormat

class ImageOptions(_message.Message):
    __slots__ = ("n", "size", "quality", "style", "background", "output_format", "format", "seed", "user", "extra_json")
    N_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    QUALITY_FIELD_NUMBER: _ClassVar[int]
    STYLE_FIELD_NUMBER: _ClassVar[int]
    BACKGROUND_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FORMAT_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    EXTRA_JSON_FIELD_NUMBER: _ClassVar[int]
    n: int
    size: str
    quality: str
    style: str
    background: str
    output_format: str
    format: ImageFormat
    seed: int
    user: str
    extra_json: str
    def __init__(self, n: _Optional[int] = ..., size: _Optional[str] = ..., quality: _Optional[str] = ..., style: _Optional[str] = ..., background: _Optional[str] = ..., output_format: _Optional[str] = ..., format: _Optional[_Union[ImageFormat, str]] = ..., seed: _Optional[int] = ..., user: _Optional[str] = ..., extra_json: _Optional[str] = ...) -> None: ...

class GenerateImagesRequest(_message.Message):
    __slots__ = ("model", "prompt", "options")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PROMPT_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    model: str
    prompt: str
    options: ImageOptions
    def __init__(self, model: _Optional[str] = ..., prompt: _Optional[str] = ..., options: _Optional[_Union[ImageOptions, _Mapping]] = ...) -> None: ...

class GenerateImagesResponse(_message.Message):
    __slots__ = ("created", "images", "usage", "extra_json")
    CREATED_FIELD_NUMBER: _ClassVar[int]
    IMAGES_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    EXTRA_JSON_FIELD_NUMBER: _ClassVar[int]
    created: int
    images: _containers.RepeatedCompositeFieldContainer[Image]
    usage: _common_pb2.Usage
    extra_json: str
    def __init__(self, created: _Optional[int] = ..., images: _Optional[_Iterable[_Union[Image, _Mapping]]] = ..., usage: _Optional[_Union[_common_pb2.Usage, _Mapping]] = ..., extra_json: _Optional[str] = ...) -> None: ...

class EditImagesRequest(_message.Message):
    __slots__ = ("model", "prompt", "images", "mask", "options")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PROMPT_FIELD_NUMBER: _ClassVar[int]
    IMAGES_FIELD_NUMBER: _ClassVar[int]
    MASK_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    model: str
    prompt: str
    images: _containers.RepeatedCompositeFieldContainer[_common_pb2.Media]
    mask: _common_pb2.Media
    options: ImageOptions
    def __init__(self, model: _Optional[str] = ..., prompt: _Optional[str] = ..., images: _Optional[_Iterable[_Union[_common_pb2.Media, _Mapping]]] = ..., mask: _Optional[_Union[_common_pb2.Media, _Mapping]] = ..., options: _Optional[_Union[ImageOptions, _Mapping]] = ...) -> None: ...

class EditImagesResponse(_message.Message):
    __slots__ = ("created", "images", "usage", "extra_json")
    CREATED_FIELD_NUMBER: _ClassVar[int]
    IMAGES_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    EXTRA_JSON_FIELD_NUMBER: _ClassVar[int]
    created: int
    images: _containers.RepeatedCompositeFieldContainer[Image]
    usage: _common_pb2.Usage
    extra_json: str
    def __init__(self, created: _Optional[int] = ..., images: _Optional[_Iterable[_Union[Image, _Mapping]]] = ..., usage: _Optional[_Union[_common_pb2.Usage, _Mapping]] = ..., extra_json: _Optional[str] = ...) -> None: ...

class Image(_message.Message):
    __slots__ = ("url", "data", "mime_type", "revised_prompt", "extra_json")
    URL_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    MIME_TYPE_FIELD_NUMBER: _ClassVar[int]
    REVISED_PROMPT_FIELD_NUMBER: _ClassVar[int]
    EXTRA_JSON_FIELD_NUMBER: _ClassVar[int]
    url: str
    data: bytes
    mime_type: str
    revised_prompt: str
    extra_json: str
    def __init__(self, url: _Optional[str] = ..., data: _Optional[bytes] = ..., mime_type: _Optional[str] = ..., revised_prompt: _Optional[str] = ..., extra_json: _Optional[str] = ...) -> None: ...

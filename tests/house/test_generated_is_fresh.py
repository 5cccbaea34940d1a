"""The generated code says what proto/ says. `make check` compares the files; this needs no generators."""

import dataclasses
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto, FileDescriptorSet
from source_tree import ROOT

import qwen_grpc.typed.qwen.v1 as typed

PACKAGE = "qwen.v1"
HOW = "run `make proto` and commit the result"


def buf(*words: str) -> subprocess.CompletedProcess[bytes]:
    command = [str(Path(sys.executable).with_name("buf")), *words, "--config", "buf.yaml"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, timeout=50, check=False)


@pytest.fixture(scope="module")
def contract(tmp_path_factory: pytest.TempPathFactory) -> dict[str, FileDescriptorProto]:
    """The files of proto/ as they are now, by name."""
    image = tmp_path_factory.mktemp("contract") / "now.binpb"
    done = buf("build", "proto", "--exclude-source-info", "-o", str(image))
    assert done.returncode == 0, done.stderr.decode()
    return ours(image)


def ours(image: Path) -> dict[str, FileDescriptorProto]:
    files = FileDescriptorSet.FromString(image.read_bytes()).file
    return {file.name: plain(file) for file in files if file.package == PACKAGE}


def plain(file: FileDescriptorProto) -> FileDescriptorProto:
    """Without what only one of the compilers writes: JSON names that follow the rule, and buf's own notes."""
    file.DiscardUnknownFields()
    for message, _ in messages(file):
        for field in message.field:
            field.ClearField("json_name")
    return file


def messages(file: FileDescriptorProto) -> Iterator[tuple[DescriptorProto, str]]:
    """All messages with their names as classes of the typed package; nested ones carry their outer one's name."""
    ahead = [(message, message.name) for message in file.message_type]
    while ahead:
        message, name = ahead.pop()
        yield message, name
        ahead += [(inner, name + inner.name) for inner in message.nested_type]


def test_the_grpcio_code_is_the_contract(contract: dict[str, FileDescriptorProto]) -> None:
    generated = {name: descriptor(name) for name in contract}
    stale = [name for name, file in contract.items() if file != generated[name]]
    assert stale == [], f"{stale} changed after the code was generated: {HOW}"
    made = {f"qwen_grpc/v1/{path.stem.removesuffix('_pb2')}.proto" for path in (ROOT / "qwen_grpc/v1").glob("*_pb2.py")}
    assert made == contract.keys(), f"qwen_grpc/v1 holds code of other files than proto/: {HOW}"


def descriptor(name: str) -> FileDescriptorProto:
    module = import_module(name.removesuffix(".proto").replace("/", ".") + "_pb2")
    return plain(FileDescriptorProto.FromString(module.DESCRIPTOR.serialized_pb))


def test_the_typed_messages_are_the_contract(contract: dict[str, FileDescriptorProto]) -> None:
    wanted = {
        name: sorted(field.name for field in message.field)
        for file in contract.values()
        for message, name in messages(file)
        if not message.options.map_entry
    }
    found = {name: fields_of(getattr(typed, name, None)) for name in wanted}
    assert found == wanted, f"qwen_grpc/typed is stale: {HOW}"


def fields_of(kind: type | None) -> list[str]:
    return sorted(field.name for field in dataclasses.fields(kind)) if kind else []  # type: ignore[arg-type]


def test_the_typed_package_has_a_stub_for_every_service(contract: dict[str, FileDescriptorProto]) -> None:
    wanted = sorted(f"{service.name}Stub" for file in contract.values() for service in file.service)
    assert sorted(name for name in typed.__all__ if name.endswith("ServiceStub")) == wanted, HOW


def test_no_released_client_is_broken(contract: dict[str, FileDescriptorProto]) -> None:
    base = ours(ROOT / "proto/base.binpb")
    assert base.keys() <= contract.keys(), "proto/base.binpb is the last release: it cannot hold files that are gone"
    done = buf("breaking", "proto", "--against", "proto/base.binpb")
    assert done.returncode == 0, f"add a field or an RPC instead of changing one:\n{done.stdout.decode()}"

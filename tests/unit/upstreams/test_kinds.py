"""How media are told apart, and how many of them go together."""

import pytest

from qwen_grpc.errors import InvalidParameter, TooLarge
from qwen_grpc.upstreams.kinds import MIB, check_size, check_together, fits, kind_of, named_type, sniffed


@pytest.mark.parametrize(
    ("head", "mime_type"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "image/png"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        (b"RIFF\0\0\0\0WAVEfmt ", "audio/wav"),
        (b"RIFF\0\0\0\0AVI LIST", "video/x-msvideo"),
        (b"RIFF", ""),
        (b"\0\0\0\x20ftypisom", "video/mp4"),
        (b"\0\0\0\x20ftypavif", "image/avif"),
        (b"\0\0\0\x20ftypM4A ", "audio/mp4"),
        (b"ID3\x04", "audio/mpeg"),
        (b"\xff\xfb\x90", "audio/mpeg"),
        (b"OggS", "audio/ogg"),
        (b"fLaC", "audio/flac"),
        (b"\x1aE\xdf\xa3", "video/webm"),
        (b"%PDF-1.7", "application/pdf"),
        (b"<!doctype html>", ""),
        (b"", ""),
    ],
)
def test_the_first_bytes_tell_the_type(head: bytes, mime_type: str) -> None:
    assert sniffed(head) == mime_type


def test_a_type_belongs_to_a_kind() -> None:
    kinds = {text: kind_of(text) for text in ("image/png", "AUDIO/wav", "video/mp4", "text/plain", "")}
    assert kinds == {
        "image/png": "image",
        "AUDIO/wav": "audio",
        "video/mp4": "video",
        "text/plain": "document",
        "": "document",
    }
    assert (fits("video/mp4", "audio"), fits("audio/ogg", "video"), fits("image/png", "video")) == (True, True, False)


def test_a_name_tells_a_type() -> None:
    assert [named_type(name) for name in ("a.png", "a.PDF", "a.webp", "a")] == [
        "image/png",
        "application/pdf",
        "image/webp",
        "",
    ]


def test_a_file_has_a_size_within_the_limit_of_its_kind() -> None:
    check_size("image", 20 * MIB, "x")
    with pytest.raises(TooLarge, match="over the limit of 20 MiB for kind image") as large:
        check_size("image", 20 * MIB + 1, "x")
    with pytest.raises(InvalidParameter, match="empty") as empty:
        check_size("video", 0, "y")
    assert (large.value.field, empty.value.field) == ("x", "y")


@pytest.mark.parametrize(
    ("kinds", "wrong"),
    [
        ("image " * 5, None),
        ("image " * 6, "5"),
        ("document " * 6, "5"),
        ("image " * 5 + "document " * 5, None),
        ("audio audio", "1"),
        ("video video", "1"),
        ("audio video", "1"),
        ("image audio", "1"),
        ("video document", "1"),
    ],
)
def test_only_so_many_files_go_together(kinds: str, wrong: str | None) -> None:
    files = [(str(number), kind) for number, kind in enumerate(kinds.split())]
    try:
        check_together(files)
        field = None
    except InvalidParameter as error:
        field = error.field
    assert field == wrong

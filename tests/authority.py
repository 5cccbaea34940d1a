"""A small certificate authority, made by `openssl`."""

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Pair:
    """A certificate and its private key, as file names."""

    certificate: Path
    key: Path


class Authority:
    """Signs certificates for 127.0.0.1 and localhost, into a folder of its own."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self._folder = folder
        self._own = Pair(folder / f"{name}.pem", folder / f"{name}.key")
        _openssl("req", "-x509", *NEW, "-subj", f"/CN={name}", "-out", self._own.certificate, "-keyout", self._own.key)

    @property
    def certificate(self) -> Path:
        return self._own.certificate

    def issue(self, name: str, *, days: int = 2, names: str = "DNS:localhost,IP:127.0.0.1") -> Pair:
        """A certificate that says this name as its subject. `names` are what it is for."""
        found = Pair(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        request = self._folder / f"{name}.csr"
        alternative = f"subjectAltName={names}"
        _openssl("req", *NEW, "-subj", f"/CN={name}", "-addext", alternative, "-out", request, "-keyout", found.key)
        signed = ("-CA", self._own.certificate, "-CAkey", self._own.key, "-days", days, "-copy_extensions", "copy")
        _openssl("x509", "-req", "-in", request, *signed, "-out", found.certificate)
        return found


NEW = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


def _openssl(*words: object) -> None:
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)

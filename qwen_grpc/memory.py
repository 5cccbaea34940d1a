"""How much memory this process holds, and how much it may."""

import os
from collections.abc import Iterator
from pathlib import Path

STATM = Path("/proc/self/statm")
CGROUPS = Path("/sys/fs/cgroup")
OWN_CGROUPS = Path("/proc/self/cgroup")
# What the first version of cgroups writes where nothing is limited is close to 2^63.
NO_LIMIT = 1 << 60


def resident_bytes() -> int:
    """Bytes of this process that are in memory; 0 where the system does not tell (it is no Linux)."""
    try:
        pages = int(STATM.read_bytes().split()[1])
    except (OSError, IndexError, ValueError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def limit_bytes(cgroups: Path = CGROUPS, own: Path = OWN_CGROUPS) -> int | None:
    """The least memory limit of the control groups that this process is in; None when there is none."""
    try:
        lines = own.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return min((limit for line in lines for limit in _limits(cgroups, line)), default=None)


def _limits(cgroups: Path, line: str) -> Iterator[int]:
    """The limits of one hierarchy, of the group itself and of those around it; `line` is `ID:controllers:path`."""
    _, controllers, path = line.split(":", 2)
    if not controllers:
        base, name = cgroups, "memory.max"
    elif "memory" in controllers.split(","):
        base, name = cgroups / "memory", "memory.limit_in_bytes"
    else:
        return
    group = base / path.lstrip("/")
    for folder in (group, *group.parents):
        if folder.is_relative_to(base) and (limit := _number(folder / name)) is not None:
            yield limit


def _number(file: Path) -> int | None:
    try:
        number = int(file.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    return number if number < NO_LIMIT else None

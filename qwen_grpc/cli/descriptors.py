"""How many files and connections the process may have open at once."""

import resource

# The ledger, logs, libraries, and what waits in temporary files.
SPARE = 128


def make_room(needed: int) -> str:
    """Raises the soft limit to what is needed, as far as the hard one lets it; a warning if that is not enough."""
    needed += SPARE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    endless = resource.RLIM_INFINITY
    if soft == endless or soft >= needed:
        return ""
    found = needed if hard == endless else min(needed, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (found, hard))
    if found >= needed:
        return ""
    return (
        f"warning: {found} files may be open at once, and {needed} may be needed: one for each connection of a client "
        "(MAX_CONNECTIONS), one for each call upstream (QWEN_MAX_CALLS); raise the limit (ulimit -n, LimitNOFILE=) "
        "or lower these"
    )

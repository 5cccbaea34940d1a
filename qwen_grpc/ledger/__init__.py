"""The durable record of jobs, files, responses and idempotency keys: who owns them, and how far they are.

One SQLite file. It never holds a credential: an owner is a keyed hash of an
account that the upstream has confirmed. Prompts, answers and the upstream's
addresses of files and results, which may name the account, are in it: the file
is as private as the chats.
"""

from qwen_grpc.ledger.files import FileEntry, Files
from qwen_grpc.ledger.jobs import Job, Jobs, State
from qwen_grpc.ledger.replies import Claim, Replies, Reply
from qwen_grpc.ledger.responses import Kept, Progress, Responses
from qwen_grpc.ledger.store import Ledger

__all__ = [
    "Claim", "FileEntry", "Files", "Job", "Jobs", "Kept", "Ledger", "Progress", "Replies", "Reply", "Responses",
    "State",
]  # fmt: skip

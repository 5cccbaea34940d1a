"""What an upstream lacks and the gateway does in its place: the form of an answer, and where it ends."""

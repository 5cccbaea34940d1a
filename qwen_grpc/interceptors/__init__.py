"""Concerns that every call shares: one async context manager each, lifted by `Around`."""

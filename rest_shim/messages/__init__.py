"""Anthropic's Messages API: one more dialect, read into the same request and written from the same answers."""

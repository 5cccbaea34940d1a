"""The upstreams: one adapter each, and the only code that opens outbound connections."""

"""The REST API described: OpenAPI made from the tables that serve it, and a page for people."""

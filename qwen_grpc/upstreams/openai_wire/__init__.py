"""What upstreams that speak OpenAI's chat dialect have in common: how a turn is opened, and how its chunks are read."""

"""OpenAI's JSON for the messages of the contract: read by the door, written for upstreams that speak it too."""

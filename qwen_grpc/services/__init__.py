"""The services of the contract: check the request, find the upstream, delegate."""

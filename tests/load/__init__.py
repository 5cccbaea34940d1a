"""Load proofs: what the gateway holds, delivers and leaves behind when many are served at once."""

"""Which upstream and which credential serve a call, and what is tried next when one fails."""

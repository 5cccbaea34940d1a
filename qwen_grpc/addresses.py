"""Where the site is: what the adapter calls, and what an export of a browser session was recorded from.

As seen in the browser's own traffic, Sep 2026.
"""

CHAT_HOST = "chat.qwen.ai"
AUTH_HOST = "auth.qwen.ai"

# The request that carries a message; the only one that always has all headers of the page.
COMPLETIONS = "/api/v2/chat/completions"

"""Where the upstreams are: what their adapters call, and what an export of a browser session was recorded from.

The site as seen in the browser's own traffic, Sep 2026; DashScope as its documentation said until autumn 2026.
"""

CHAT_HOST = "chat.qwen.ai"
AUTH_HOST = "auth.qwen.ai"

# The request that carries a message; the only one that always has all headers of the page.
COMPLETIONS = "/api/v2/chat/completions"

# DashScope's host for accounts of the international site.
DASHSCOPE_HOST = "dashscope-intl.aliyuncs.com"
# How its keys begin.
DASHSCOPE_KEY = "sk-"

"""The fault matrix as a tool: an upstream that fails as told, behind any OpenAI-compatible gateway, which is judged.

It shares no code with the gateway of this project, which it judges like any
other. `upstream.running` opens the upstream that misbehaves, `matrix.run`
plays the rows of `behaviours.BEHAVIOURS`.
"""

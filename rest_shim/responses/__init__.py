"""The dialect of `/v1/responses`: OpenAI's newer form of chat, read into and written from the same messages."""

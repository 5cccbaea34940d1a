"""Tool calling by words, where there is none by nature: asked for in the prompt, found in the answer."""

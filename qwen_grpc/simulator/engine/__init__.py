"""Simulated own engines: vLLM, SGLang, Ollama and llama.cpp as their servers were in autumn 2026, and a plain one."""

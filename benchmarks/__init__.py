"""What a delta and a request cost, beside a plain proxy; `python -m benchmarks`."""

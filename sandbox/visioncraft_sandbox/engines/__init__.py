"""The sandbox's engines: drawing code, and small open models on the CPU."""

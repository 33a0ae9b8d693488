"""The sandbox's engines: drawing code and small open models that do the real work on a CPU."""

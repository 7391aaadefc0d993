"""Where an engine's work is done: executors share items out to threads, processes and machines."""

"""Commands that the agent runs: their environment, their output, their end."""

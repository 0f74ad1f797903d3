"""The board: artifacts by stages, what each waits for and for how long, what runs, what's stopped by what."""

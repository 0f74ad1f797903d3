"""The dead man's switch: a host goes back by itself when its deployment has died."""

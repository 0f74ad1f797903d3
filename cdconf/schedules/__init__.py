"""Commands that this machine runs by itself, every so often: by a systemd timer, or by a line of the crontab."""

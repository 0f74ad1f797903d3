"""What the dashboard reads: without writing to anything but its own directory."""

"""What the operating system of a host knows: users, mounts, services, processes."""

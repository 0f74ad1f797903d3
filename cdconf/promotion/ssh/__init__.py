"""SSH signatures of people's own keys: read, verified, and made by ssh-keygen."""

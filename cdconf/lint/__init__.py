"""What lint says about a project's files: errors and warnings."""

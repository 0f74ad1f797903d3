"""What helps people to write projects: JSON Schemas, and a new project to begin with."""

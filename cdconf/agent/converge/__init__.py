"""Makes a host what its catalog says, or looks at what that would take."""

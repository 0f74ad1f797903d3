"""Makes hosts what their catalogs say, or looks at what that would take: provision, plan, drift."""

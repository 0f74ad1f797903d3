"""The web dashboard: a server that reads what there is, and changes nothing (the extra `web`)."""

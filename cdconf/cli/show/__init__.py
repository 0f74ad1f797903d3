"""How the command line shows what verbs have found: tables, rows and lines for people."""

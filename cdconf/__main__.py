"""`python -m cdconf`."""

from cdconf.cli import main

main()

"""What lets an artifact move on: what it's brought there by, who says that it passed, and who may go on."""

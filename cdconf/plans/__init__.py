"""What a change of the files means for a whole environment, told before it's made."""

"""What the controller may ask of an agent, and how it is answered."""

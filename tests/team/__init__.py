"""A team of two laptops and a CI runner, whose members race each other on one production."""

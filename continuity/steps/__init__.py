"""What a procedure does to the outside world, one operation at a time, each with its retry policy as data."""

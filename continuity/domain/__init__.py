"""Values, rules and decisions: no input or output, no clock, no logging."""

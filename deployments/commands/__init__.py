"""The verbs of the command line, one family a module. Each is a caller: it loads, calls a procedure, and tells."""

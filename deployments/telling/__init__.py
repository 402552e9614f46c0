"""What each verb tells at its end: the same facts as JSON and as lines, and the exit code."""

"""One flow a file: a procedure performed as tasks. Each reads like its runbook."""

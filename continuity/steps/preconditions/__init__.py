"""What a backup, a drill and a rollback need, looked at before anything is started, and all of it reported at once."""

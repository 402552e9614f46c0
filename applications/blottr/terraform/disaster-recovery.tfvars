# The values for recovery; the demonstration has its own.
database_host = "localhost"
media_bucket  = "blottr-media-bucket"
cluster       = "recovery"

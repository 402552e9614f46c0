"""Back up, restore, prove and roll back an application made of PostgreSQL, Kubernetes and S3."""

"""The embedded stack: real PostgreSQL and Prefect servers, and stand-ins for S3 and Kubernetes, on one machine."""

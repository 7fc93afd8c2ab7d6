"""Kafka, S3, Redis and PostgreSQL on this machine without a container engine: ``python -m deploy.local up``."""

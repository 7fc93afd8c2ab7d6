"""When and where: Kafka, S3, Redis, Postgres, time, retries, telemetry, command line."""

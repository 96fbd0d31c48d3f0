"""Search in Elasticsearch: one index for each repository and generation."""

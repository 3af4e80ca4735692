"""The steps from schema to schema, oldest first by number."""

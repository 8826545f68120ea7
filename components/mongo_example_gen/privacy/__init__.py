"""The privacy policy in an ingestion: applied, counted and reported."""

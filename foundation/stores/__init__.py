"""Object stores: what a pipeline root and a push destination need of S3 and Google Cloud Storage, one file a store."""

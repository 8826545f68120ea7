"""What an orchestrator needs to run a bundle: one room for each, see ``pipeline.orchestrators``."""

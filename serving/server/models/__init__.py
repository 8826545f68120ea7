"""Which models and versions there are: found, loaded, labelled, leased and unloaded."""

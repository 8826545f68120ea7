"""What the data planes share: a request of an experiment, the model it asks for, its REST path, copies for shadows."""

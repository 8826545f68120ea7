"""Experiments on live traffic: documents, assignment, modes, rewards, statistics, guardrails and the prediction log."""

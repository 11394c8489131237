"""Monitoring in the service: what passes found is kept, people are told of it, and retrains follow from it."""

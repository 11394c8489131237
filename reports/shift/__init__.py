"""Shift of the population: what a domain classifier sees, and the loss to expect from it."""

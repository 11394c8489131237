"""Judgement: measurements and limits in, findings out; pure functions."""

"""The rules of each gate: a pure function from what was measured and the policy to a verdict with all its reasons."""

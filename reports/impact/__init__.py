"""What a model is worth in the world: its arm's outcomes against the heuristic's, and champion against challenger."""

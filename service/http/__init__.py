"""HTTP: routes that translate bodies to commands and named errors to statuses, and nothing else."""

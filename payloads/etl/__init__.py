"""From an object store to SQL or DynamoDB, for teams that log to the store only."""

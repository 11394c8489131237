"""The durable payload log: outbox, object store, SQL, outcomes."""

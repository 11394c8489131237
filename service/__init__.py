"""Settings, wiring, HTTP, command line, durable workflows, dashboard."""

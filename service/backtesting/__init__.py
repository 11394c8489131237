"""The wiring of a backtest: a history read, candidates fitted and judged in this process, periods kept as they end."""

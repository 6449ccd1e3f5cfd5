"""Training as a stream of events: the loop yields, everything else listens."""

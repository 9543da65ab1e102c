"""What the engine tells about itself: logs, counters and timings."""

"""`make abuse`: what a stranger can do to an engine, and what ordinary visitors notice of it."""

"""Content of messages: what they say to whom, in six languages; pure."""

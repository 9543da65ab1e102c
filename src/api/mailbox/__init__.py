"""The mailbox: a page that shows what was sent to people, where messages are kept as files."""

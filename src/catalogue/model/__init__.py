"""Things that a business sets up: each module has one of them as value, document and row, with the codecs between."""

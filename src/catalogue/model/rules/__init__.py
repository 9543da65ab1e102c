"""Rules of booking: each module has one of them as value, document and stored record, with the codecs between."""

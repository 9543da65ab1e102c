"""Identity providers of businesses: servers whose tokens they accept."""

"""Contacts of visitors, and the codes by which they prove them."""

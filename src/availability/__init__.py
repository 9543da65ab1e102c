"""When something can be booked: hours, bitmaps and the one rule that listing, hold and confirmation share."""

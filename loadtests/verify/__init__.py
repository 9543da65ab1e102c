"""After a run: whether what visitors were told is what the stores have, and whether the budgets were met."""

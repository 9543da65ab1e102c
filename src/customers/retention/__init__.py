"""Retention: customers are erased some days after their last visit, where the business says so."""

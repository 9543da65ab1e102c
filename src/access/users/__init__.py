"""Users of a business."""

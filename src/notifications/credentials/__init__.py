"""Credentials of the channels of a business."""

"""Telegram: raw updates stored first (inbox.py), then run one chat at a time."""

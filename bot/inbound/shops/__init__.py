"""The API of the shop: webhooks are made, everything is pulled once, and what webhooks lost is pulled each night.

What is pulled has the shape of webhooks and is translated as these are, so both give the same rows.
"""

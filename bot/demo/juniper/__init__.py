"""The sample shop as Shopify keeps it: what it has, its API and its webhooks, and how it is connected."""

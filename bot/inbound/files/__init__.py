"""The door for history: CSV files of customers, products and orders, as Shopify and WooCommerce export them.

What comes in here is written down as facts. It makes no event, so it starts no flow and sends nothing.
"""

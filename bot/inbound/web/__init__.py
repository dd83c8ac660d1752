"""The FastAPI application, one file per door; each_request.py joins them."""

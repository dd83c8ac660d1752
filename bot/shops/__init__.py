"""The shop systems: what they tell us becomes the same facts whoever told it."""

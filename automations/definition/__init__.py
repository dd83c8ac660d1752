"""What a flow file may say, how it is checked, published and drawn."""

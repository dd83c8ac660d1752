"""What staff type and press: every command, every button, macros."""

"""One mail to everybody in a segment: each of them goes through the engine and the gate as in any flow."""

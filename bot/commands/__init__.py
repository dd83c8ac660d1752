"""The commands of `aftercart`, one file per subject. Each imports what it needs when it runs: help must be quick."""

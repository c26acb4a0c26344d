"""The command line `imageparity`, one module per command."""

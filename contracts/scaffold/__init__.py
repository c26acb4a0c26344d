"""Write the first version of a provider definition: minimal, or from what exists."""

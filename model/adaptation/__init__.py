"""Ways of adapting the network to one image."""

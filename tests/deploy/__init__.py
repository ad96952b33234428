"""What ships: the image, the services around it, what watches them."""

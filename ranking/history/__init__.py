"""What people did, kept for as long as it is of use."""

"""What games sample from: distributions in the plane, and published data sets."""

"""What was handed in: from a folder or an LMS's download to archives with names beside them."""

"""Listing formats of FTP servers: bytes in, rows out. Pure."""

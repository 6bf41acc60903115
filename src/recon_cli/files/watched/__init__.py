"""A folder that others write into: looks at its files, how it is mounted, and what the kernel tells of it."""

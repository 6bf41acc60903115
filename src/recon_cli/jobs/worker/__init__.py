"""Worker: reconstruction jobs taken from one Postgres, by any number of processes on any number of machines."""

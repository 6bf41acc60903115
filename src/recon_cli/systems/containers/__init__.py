"""containers: readings of container numbers by gate cameras, into `container_logs`."""

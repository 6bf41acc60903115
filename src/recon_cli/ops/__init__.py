"""What a job needs of its machine: paths, locks, whole files, time, signals, heartbeats. Imports core only."""

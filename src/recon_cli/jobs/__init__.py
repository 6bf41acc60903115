"""One straight line per job: takes ports and settings, returns a Report. The only place where two siblings meet."""

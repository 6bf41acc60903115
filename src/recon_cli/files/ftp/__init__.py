"""FTP and FTPS: a store that lists over the control channel where the server allows it."""

"""The command line: `main` picks a command; each command is one file, imported only when the command is run."""

"""The command line: `main` picks a command, each command is one file and is imported only when it is run."""

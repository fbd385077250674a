@rem cmd.exe has no `exec`, with which the scripts of package.json replace the shell on POSIX systems: this runs the command.
@%*

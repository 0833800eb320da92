"""Facts about the machine and the installation: free memory, threads, the user's folders."""

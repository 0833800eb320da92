"""Facts about the machine and the installation: free memory, the user's folders."""

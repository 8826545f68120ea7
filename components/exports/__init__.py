"""Reading MongoDB exports: which files a pattern means, what they hold, and their documents, in every format."""

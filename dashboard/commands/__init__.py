"""The verbs of ``callcenter``, a module for each subject."""

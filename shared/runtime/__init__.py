"""How any of our processes lives: settings, resources, worker, logging, command line."""

"""One outer system a module; each turns that system's errors into ours, once."""

"""Pages as HTML: one file each, without scripts and without anything that is fetched from elsewhere."""

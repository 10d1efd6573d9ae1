"""The local web page over run directories, which follows runs as they go on."""

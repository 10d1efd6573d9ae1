"""Records of many runs to tables; reads records only."""

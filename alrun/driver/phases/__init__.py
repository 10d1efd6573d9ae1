"""The five phases, one small unit each."""

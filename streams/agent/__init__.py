"""The instrument's agent: files that rest are uploaded, verified and published; a journal knows what became of each."""

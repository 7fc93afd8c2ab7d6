"""One file a migration; what was released is never altered."""

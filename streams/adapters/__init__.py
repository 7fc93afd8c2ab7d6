"""One concrete adapter a file; `streams.wiring` alone names them."""

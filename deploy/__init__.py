"""Files that come with the program: pipelines and what runs beside them."""

"""What is computed: restorations, scores, selections. Arrays and values in, arrays and values out."""

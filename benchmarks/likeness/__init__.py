"""What makes a home look real: measures of hourly series, real homes and prices to take them of, simulated ones beside them."""

"""How features are made: pure functions from readings, prices and the calendar to named columns on a site's grid."""

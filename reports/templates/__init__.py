"""The books that COMTECO may change in Excel: their look, their words, their print set-up; and what first made them."""

"""What the guards of a roll-out measure: shares, times and answers of two versions beside each other, at any number of looks."""

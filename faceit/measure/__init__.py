"""How good a swap is: numbers from landmarks and pixels of the driving and the swapped video."""

"""What every package of Penstock may import; it imports none of them."""

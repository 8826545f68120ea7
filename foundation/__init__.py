"""The ground floor every package of Penstock may stand on; it imports none of them."""

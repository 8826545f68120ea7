"""How an experiment's traffic is divided: fixed, copied, or learned from rewards."""

"""DistributionValidator: drift since the previous span; stock TFX, configured by the document."""

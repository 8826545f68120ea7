"""DistributionValidator: drift against the span before; stock TFX, configured by the document."""

"""StatisticsGen: TFDV's statistics of every split; stock TFX."""

"""Engines that Beam reaches through a job server: Apache Flink and Apache Spark, on this machine or by address."""

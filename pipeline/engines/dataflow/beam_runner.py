"""Beam's runner for Dataflow, which submits a node's job once and takes its word only when the job is ``DONE``.

Beam names it by its dotted path (``--runner=…``). It differs from Beam's own in this: if this process is told to end, its
job is cancelled; a job that did not execute is no result, so that whatever is not ``DONE`` raises; and what the workers
counted is taken over.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions
from apache_beam.pipeline import Pipeline
from apache_beam.runners.dataflow import dataflow_runner as stock
from apache_beam.runners.dataflow.internal import apiclient
from apache_beam.runners.runner import PipelineState
from google.api_core import exceptions

from pipeline.engines import counters
from pipeline.engines.dataflow.counted import counted
from pipeline.engines.dataflow.job import JobError, RemoteJob, console
from pipeline.engines.dataflow.labels import of_any_attempt

_TOO_MANY = 429


class DataflowRunner(stock.DataflowRunner):
    """Submits pipelines as jobs; Beam recognises the class by its name."""

    def run_pipeline(self, pipeline: Pipeline, options: PipelineOptions, pipeline_proto: Any = None) -> Any:
        """Submits a pipeline and returns its result, which has yet to be waited for.

        Raises:
            JobError: A job of this name is active, or the service refused or created none.
        """
        cloud = options.view_as(GoogleCloudOptions)
        try:
            result = super().run_pipeline(pipeline, options, pipeline_proto)
        except apiclient.DataflowJobAlreadyExistsError as error:
            raise JobError(
                f"Dataflow job {cloud.job_name}",
                expected="no active job of this name",
                seen=str(error),
                remedy="wait for it to end, or cancel it",
            ).passing() from error
        except exceptions.ClientError as error:
            raise JobError(
                f"Dataflow job {cloud.job_name}",
                expected="to be taken by the service",
                seen=f"{error.code} {error.message}",
                remedy="check project, region, accounts and their rights, and that the API is enabled",
            ).passing(error.code == _TOO_MANY) from error
        if not result.has_job:
            raise JobError(f"Dataflow job {cloud.job_name}", expected="a job", seen="none was created")
        return Submitted(result._job, self, options)


class Submitted(stock.DataflowPipelineResult):
    """The result of a submitted job."""

    def wait_until_finish(self, duration: int | None = None) -> str:
        """Waits until the job is done and takes over what its workers counted.

        Args:
            duration: Not supported: half a result is none.

        Raises:
            JobError: It ended in any other state.
        """
        if duration is not None:
            raise ValueError("a job is waited for until it has ended")
        cloud = self._options.view_as(GoogleCloudOptions)
        RemoteJob(
            self._runner.dataflow_client, self.job_id(), cloud.job_name, _console(cloud, self.job_id())
        ).wait()
        self._update_job()
        counters.add(counted(self._runner.dataflow_client.get_job_metrics(self.job_id())))
        return str(PipelineState.DONE)


def _console(cloud: GoogleCloudOptions, job: str) -> str:
    return console(cloud.region, cloud.project, job)


def orphans(args: Sequence[str]) -> Iterator[RemoteJob]:
    """Yields the active jobs of a run's node that attempts before this one have left.

    Args:
        args: The arguments of the node's Beam pipelines.
    """
    options = PipelineOptions(list(args))
    cloud = options.view_as(GoogleCloudOptions)
    client = apiclient.DataflowApplicationClient(options, cloud.staging_location)
    request = apiclient.dataflow.ListJobsRequest(
        project_id=cloud.project,
        location=cloud.region,
        filter=apiclient.dataflow.ListJobsRequest.Filter.ACTIVE,
    )
    names = of_any_attempt(cloud.job_name)
    # The service lists names and states only. Beam's client has no listing of its own that is public.
    for found in client._jobs_client.list_jobs(request):
        if names.fullmatch(found.name):
            yield RemoteJob(client, found.id, found.name, _console(cloud, found.id))

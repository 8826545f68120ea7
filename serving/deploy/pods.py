"""What the pods of servers and routers have in common: no rights, spread over nodes, limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from serving.deploy.document import DeployDocument, KubernetesConfig, ResourcesConfig

Manifest = dict[str, Any]
_KILLED_AFTER: Final = 10
"""Seconds after the drain."""
CONTAINER_SECURITY: Final[Manifest] = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


def pod_spec(
    document: DeployDocument, cluster: KubernetesConfig, labels: Mapping[str, str], user: int
) -> Manifest:
    """Returns a pod's specification without containers and volumes.

    Args:
        document: The document.
        cluster: Its section for Kubernetes.
        labels: The labels of the pods that are spread over nodes.
        user: The user that it runs as.
    """
    pod: Manifest = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": user,
            "runAsGroup": user,
            "fsGroup": user,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "terminationGracePeriodSeconds": document.drain_seconds + _KILLED_AFTER,
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": dict(labels)},
            }
        ],
    }
    if cluster.service_account is not None:
        pod["serviceAccountName"] = cluster.service_account
    return pod


def container_resources(resources: ResourcesConfig) -> Manifest:
    """Returns what a container reserves, and its limits."""
    limits = {"memory": resources.memory_limit or resources.memory}
    if resources.cpu_limit is not None:
        limits["cpu"] = resources.cpu_limit
    return {"requests": {"cpu": resources.cpu, "memory": resources.memory}, "limits": limits}

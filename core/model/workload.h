/* SPDX-License-Identifier: Apache-2.0 */
/* Whose a measurement, a span or an incident is: names of one workload, as resources and labels carry them. */
#ifndef SLO_MODEL_WORKLOAD_H
#define SLO_MODEL_WORKLOAD_H

/* Borrowed strings, never NULL; "" unknown. Names in the order of OpenTelemetry's resource conventions. */
struct slo_workload {
	const char *cluster; /* k8s.cluster.name */
	const char *node; /* k8s.node.name, host.name */
	const char *namespace_; /* k8s.namespace.name, service.namespace */
	const char *pod; /* k8s.pod.name */
	const char *pod_uid; /* k8s.pod.uid */
	const char *container; /* k8s.container.name */
	const char *container_id; /* container.id */
	const char *
		service; /* service.name: of Kubernetes' labels and owners, else the systemd unit, cgroup or comm */
};

#endif

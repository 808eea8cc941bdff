// Package check holds the tests of the Helm chart and of the queries of alerts
// and dashboard. It is a module of its own, so that the libraries of Helm,
// Kubernetes and Prometheus stay out of the relay's.
package check

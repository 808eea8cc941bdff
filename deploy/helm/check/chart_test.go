package check

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	yamlutil "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "write golden files")

const chartDir = "../rossum-relay"

func load(t *testing.T) *chart.Chart {
	t.Helper()
	c, err := loader.LoadDir(chartDir)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// render gives the chart's manifests as helm install would make them, the values checked against the schema first.
func render(t *testing.T, c *chart.Chart, values []byte) (string, error) {
	t.Helper()
	given, err := chartutil.ReadValues(values)
	if err != nil {
		t.Fatal(err)
	}
	all, err := chartutil.ToRenderValues(c, given, chartutil.ReleaseOptions{Name: "acme", Namespace: "relay", IsInstall: true}, chartutil.DefaultCapabilities)
	if err != nil {
		return "", err
	}
	files, err := engine.Render(c, all)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if text := strings.TrimSpace(files[name]); text != "" && path.Ext(name) == ".yaml" {
			fmt.Fprintf(&out, "---\n%s\n", text)
		}
	}
	return out.String(), nil
}

// TestChart renders the chart with each file of testdata and decodes every object strictly.
func TestChart(t *testing.T) {
	c := load(t)
	all, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(all) == 0 {
		t.Fatal(err)
	}
	for _, file := range all {
		if strings.HasSuffix(file, ".golden.yaml") {
			continue
		}
		t.Run(filepath.Base(file), func(t *testing.T) {
			values, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got, err := render(t, c, values)
			if err != nil {
				t.Fatal(err)
			}
			decodeAll(t, got)
			golden(t, strings.TrimSuffix(file, ".yaml")+".golden.yaml", got)
		})
	}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (-update writes it); got:\n%s", file, got)
	}
}

// decodeAll decodes the documents as Kubernetes' API would: an unknown field is an error. Objects of others (KEDA, the
// Prometheus operator) are only read.
func decodeAll(t *testing.T, text string) {
	t.Helper()
	kinds := map[string]int{}
	docs := yamlutil.NewDocumentDecoder(io.NopCloser(strings.NewReader(text)))
	defer docs.Close()
	for {
		buffer := make([]byte, 1<<20)
		n, err := docs.Read(buffer)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		doc := buffer[:n]
		var head struct {
			Kind     string `json:"kind"`
			Metadata struct {
				Name string `json:"name"`
			} `json:"metadata"`
		}
		if err := yaml.Unmarshal(doc, &head); err != nil {
			t.Fatalf("%v in\n%s", err, doc)
		}
		if head.Kind == "" {
			continue
		}
		kinds[head.Kind]++
		if head.Metadata.Name == "" {
			t.Errorf("a %s without a name", head.Kind)
		}
		object := typed(head.Kind)
		if err := strict(doc, object); err != nil {
			t.Errorf("%s %s: %v", head.Kind, head.Metadata.Name, err)
		}
		if d, ok := object.(*appsv1.Deployment); ok {
			checkPod(t, d)
		}
	}
	if kinds["Deployment"] < 2 || kinds["Service"] < 1 {
		t.Errorf("rendered only %v", kinds)
	}
}

func typed(kind string) any {
	switch kind {
	case "Deployment":
		return &appsv1.Deployment{}
	case "Service":
		return &corev1.Service{}
	case "ServiceAccount":
		return &corev1.ServiceAccount{}
	case "ConfigMap":
		return &corev1.ConfigMap{}
	case "Ingress":
		return &networkingv1.Ingress{}
	case "NetworkPolicy":
		return &networkingv1.NetworkPolicy{}
	case "PodDisruptionBudget":
		return &policyv1.PodDisruptionBudget{}
	}
	return &map[string]any{}
}

func strict(doc []byte, into any) error {
	data, err := yaml.YAMLToJSONStrict(doc)
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	return d.Decode(into)
}

// checkPod: a pod runs as nobody, and each role has its own secrets only.
func checkPod(t *testing.T, d *appsv1.Deployment) {
	t.Helper()
	role := d.Labels["app.kubernetes.io/component"]
	pod := d.Spec.Template.Spec
	if pod.SecurityContext == nil || pod.SecurityContext.RunAsNonRoot == nil || !*pod.SecurityContext.RunAsNonRoot {
		t.Errorf("%s may run as root", role)
	}
	for key, value := range d.Spec.Selector.MatchLabels {
		if d.Spec.Template.Labels[key] != value {
			t.Errorf("%s does not select its own pods by %s", role, key)
		}
	}
	for _, e := range pod.Containers[0].Env {
		if e.ValueFrom == nil || e.ValueFrom.SecretKeyRef == nil {
			continue
		}
		if owner, _, ok := strings.Cut(e.ValueFrom.SecretKeyRef.Key, "-only"); ok && owner != role {
			t.Errorf("%s has the secret %s", role, e.Name)
		}
	}
}

func TestChartRefuses(t *testing.T) {
	c := load(t)
	tests := map[string]string{
		"no configuration":  ``,
		"two of them":       `{config: a, existingConfigMap: b}`,
		"unknown value":     `{config: a, workers: {replicas: 3}}`,
		"secret in clear":   `{config: a, secrets: {worker: [{name: X, value: y}]}}`,
		"no replicas":       `{config: a, worker: {replicas: 0}}`,
		"keda without eyes": `{config: a, keda: {enabled: true}}`,
		"bad pipeline":      `{config: a, keda: {nats: {pipelines: ["Bad Name"]}}}`,
	}
	for name, values := range tests {
		if _, err := render(t, c, []byte(values)); err == nil {
			t.Errorf("%s: rendered", name)
		}
	}
}

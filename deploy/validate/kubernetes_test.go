package validate

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

const manifests = "../kubernetes"

// A cluster is what one kustomization applies, by kind.
type cluster struct {
	names    []string // kind/namespace/name, in order
	jobs     []job
	settings []corev1.ConfigMap
	cronJobs []batchv1.CronJob
}

// A job is the Job of a manifest, or the one that a CronJob makes.
type job struct {
	name string
	spec batchv1.JobSpec
}

func (j job) container(t *testing.T) corev1.Container {
	t.Helper()
	if n := len(j.spec.Template.Spec.Containers); n != 1 {
		t.Fatalf("%s has %d containers, want 1", j.name, n)
	}
	return j.spec.Template.Spec.Containers[0]
}

// render builds the kustomization in dir as kubectl apply -k does.
func render(t *testing.T, dir string) cluster {
	t.Helper()
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
	if err != nil {
		t.Fatal(err)
	}
	var c cluster
	for _, resource := range built.Resources() {
		text, err := resource.AsYAML()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.add(resource.GetKind(), text); err != nil {
			t.Fatalf("%s: %v", dir, err)
		}
		c.names = append(c.names, fmt.Sprintf("%s/%s/%s", resource.GetKind(), resource.GetNamespace(), resource.GetName()))
	}
	return c
}

// add decodes one document into the type of its kind; a field that the type
// hasn't is an error, as is one given twice.
func (c *cluster) add(kind string, text []byte) error {
	switch kind {
	case "Namespace":
		return yaml.UnmarshalStrict(text, &corev1.Namespace{})
	case "ConfigMap":
		var m corev1.ConfigMap
		err := yaml.UnmarshalStrict(text, &m)
		c.settings = append(c.settings, m)
		return err
	case "CronJob":
		var cj batchv1.CronJob
		err := yaml.UnmarshalStrict(text, &cj)
		c.cronJobs = append(c.cronJobs, cj)
		c.jobs = append(c.jobs, job{cj.Name, cj.Spec.JobTemplate.Spec})
		return err
	case "Job":
		var j batchv1.Job
		err := yaml.UnmarshalStrict(text, &j)
		c.jobs = append(c.jobs, job{j.Name, j.Spec})
		return err
	}
	return fmt.Errorf("no rule for a %s", kind)
}

// allJobs are the jobs of the three kustomizations: sync, migrate, backfill.
func allJobs(t *testing.T) []job {
	t.Helper()
	var jobs []job
	for _, dir := range []string{"", "/migrate", "/backfill"} {
		jobs = append(jobs, render(t, manifests+dir).jobs...)
	}
	return jobs
}

func TestEachKustomizationAppliesWhatItsNameSays(t *testing.T) {
	for dir, want := range map[string][]string{
		"":          {"ConfigMap/logferry/logferry", "CronJob/logferry/logferry", "Namespace//logferry"},
		"/migrate":  {"Job/logferry/logferry-migrate"},
		"/backfill": {"Job/logferry/logferry-backfill"},
	} {
		got := render(t, manifests+dir).names
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("deploy/kubernetes%s (-want +got):\n%s", dir, diff)
		}
	}
}

func TestAMisspeltManifestIsRefused(t *testing.T) {
	for _, text := range []string{
		"kind: CronJob\nspec: {scedule: '* * * * *'}",
		"kind: CronJob\nspec: {schedule: [a, list]}",
		"kind: CronJob\nspec: {schedule: '* * * * *', schedule: '@daily'}",
	} {
		if err := new(cluster).add("CronJob", []byte(text)); err == nil {
			t.Errorf("accepted:\n%s", text)
		}
	}
}

// The three pods differ in what they are told to do and in nothing else.
func TestPodsAreEquallyConfined(t *testing.T) {
	jobs := allJobs(t)
	first := jobs[0].spec.Template.Spec
	if first.SecurityContext.RunAsNonRoot == nil || !*first.SecurityContext.RunAsNonRoot {
		t.Errorf("%s may run as root", jobs[0].name)
	}
	for _, j := range jobs[1:] {
		pod, container, want := j.spec.Template.Spec, j.container(t), jobs[0].container(t)
		container.Args, container.Env, container.EnvFrom = want.Args, want.Env, want.EnvFrom
		if diff := cmp.Diff(want, container); diff != "" {
			t.Errorf("container of %s (-%s +%s):\n%s", j.name, jobs[0].name, j.name, diff)
		}
		pod.Containers = first.Containers
		if diff := cmp.Diff(first, pod); diff != "" {
			t.Errorf("pod of %s (-%s +%s):\n%s", j.name, jobs[0].name, j.name, diff)
		}
	}
}

func TestWhatARetryCannotMendIsNotRetried(t *testing.T) {
	for _, j := range allJobs(t) {
		var codes []int32
		for _, rule := range j.spec.PodFailurePolicy.Rules {
			if rule.OnExitCodes == nil || rule.Action != batchv1.PodFailurePolicyActionFailJob {
				continue
			}
			codes = append(codes, rule.OnExitCodes.Values...)
			if name := *rule.OnExitCodes.ContainerName; name != j.container(t).Name {
				t.Errorf("%s: the failure policy speaks of a container %q, which it hasn't", j.name, name)
			}
		}
		for _, code := range []int32{64, 77, 78} {
			if !slices.Contains(codes, code) {
				t.Errorf("%s retries exit code %d", j.name, code)
			}
		}
	}
}

func TestTheCronJobLetsAPassEndItself(t *testing.T) {
	const runTimeout = 50 * time.Minute // default of LOGFERRY_RUN_TIMEOUT
	spec := render(t, manifests).cronJobs[0].Spec
	pod := spec.JobTemplate.Spec.Template.Spec
	grace := time.Duration(*pod.TerminationGracePeriodSeconds) * time.Second
	deadline := time.Duration(*spec.JobTemplate.Spec.ActiveDeadlineSeconds) * time.Second
	if deadline < runTimeout+grace {
		t.Errorf("the Job is killed after %v, a pass may take %v and %v to end", deadline, runTimeout, grace)
	}
	if spec.ConcurrencyPolicy != batchv1.ForbidConcurrent {
		t.Errorf("concurrencyPolicy is %s", spec.ConcurrencyPolicy)
	}
	if args := pod.Containers[0].Args; len(args) > 0 {
		t.Errorf("args %q win over LOGFERRY_COMMAND: a Job made from the CronJob could not run backfill", args)
	}
}

// A misspelt variable would be warned about and ignored at run time.
func TestManifestsSetVariablesThatExist(t *testing.T) {
	known := exampleVariables(t)
	known["LOGFERRY_COMMAND"] = true
	check := func(where, name string) {
		if !known[strings.TrimSuffix(name, "_FILE")] {
			t.Errorf("%s sets %s, which .env.example doesn't have", where, name)
		}
	}
	for _, settings := range render(t, manifests).settings {
		for name := range settings.Data {
			check("settings.yaml", name)
		}
	}
	for _, j := range allJobs(t) {
		for _, variable := range j.container(t).Env {
			check(j.name, variable.Name)
		}
	}
}

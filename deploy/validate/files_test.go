package validate

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

const root = "../.."

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var variableLine = regexp.MustCompile(`(?m)^#?([A-Z][A-Z0-9_]*)=`)

// exampleVariables are the names in .env.example, commented ones too.
func exampleVariables(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for _, match := range variableLine.FindAllStringSubmatch(read(t, ".env.example"), -1) {
		names[match[1]] = true
	}
	return names
}

// compose loads text as docker compose would, with .env.example and extra
// lines as the .env beside it.
func compose(t *testing.T, text, extra string) (*types.Project, error) {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{
		"docker-compose.yml": text,
		".env":               read(t, ".env.example") + extra,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	options, err := cli.NewProjectOptions(
		[]string{filepath.Join(dir, "docker-compose.yml")}, cli.WithWorkingDirectory(dir), cli.WithEnvFiles(), cli.WithDotEnv)
	if err != nil {
		t.Fatal(err)
	}
	return options.LoadProject(t.Context())
}

func TestCompose(t *testing.T) {
	project, err := compose(t, read(t, "docker-compose.yml"), "POSTGRES_PASSWORD=a/b@c:d$$e\n")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"migrate", "postgres", "serve"}, project.ServiceNames()); diff != "" {
		t.Errorf("services (-want +got):\n%s", diff)
	}
	serve := project.Services["serve"]
	for service, want := range map[string]string{
		"postgres": types.ServiceConditionHealthy,
		"migrate":  types.ServiceConditionCompletedSuccessfully,
	} {
		if got := serve.DependsOn[service].Condition; got != want {
			t.Errorf("serve waits for %s to be %q, want %q", service, got, want)
		}
	}
	for _, name := range []string{"migrate", "serve"} {
		service := project.Services[name]
		if !service.ReadOnly || service.User != "65532:65532" || !slices.Contains(service.SecurityOpt, "no-new-privileges:true") {
			t.Errorf("%s is not confined: read_only %t, user %s, security_opt %q",
				name, service.ReadOnly, service.User, service.SecurityOpt)
		}
		want := project.Services["postgres"].Environment["POSTGRES_PASSWORD"]
		if got := service.Environment["PGPASSWORD"]; got == nil || *got != *want {
			t.Errorf("%s does not log in with the password that postgres was given", name)
		}
	}
}

func TestComposeRefuses(t *testing.T) {
	good := read(t, "docker-compose.yml")
	for _, test := range []struct{ name, text, extra, want string }{
		{"no password", good, "", "set POSTGRES_PASSWORD in .env"},
		{"a misspelt key", strings.Replace(good, "read_only:", "readonly:", 1), "POSTGRES_PASSWORD=x\n", "readonly"},
	} {
		if _, err := compose(t, test.text, test.extra); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want one with %q", test.name, err, test.want)
		}
	}
}

func stages(text string) ([]instructions.Stage, error) {
	file, err := parser.Parse(strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	found, _, err := instructions.Parse(file.AST, nil)
	return found, err
}

func TestDockerfile(t *testing.T) {
	text := read(t, "Dockerfile")
	found, err := stages(text)
	if err != nil {
		t.Fatal(err)
	}
	image := found[len(found)-1]
	if image.BaseName != "scratch" {
		t.Errorf("the image is built on %s", image.BaseName)
	}
	var user string
	var entrypoint []string
	for _, command := range image.Commands {
		switch c := command.(type) {
		case *instructions.UserCommand:
			user = c.User
		case *instructions.EntrypointCommand:
			entrypoint = c.CmdLine
		}
	}
	if user != "65532:65532" {
		t.Errorf("the image runs as %q", user)
	}
	if diff := cmp.Diff([]string{"/logferry"}, entrypoint); diff != "" {
		t.Errorf("entrypoint (-want +got):\n%s", diff)
	}
	if _, err := stages(strings.Replace(text, "COPY go.mod", "COPPY go.mod", 1)); err == nil {
		t.Error("an unknown instruction was accepted")
	}
}

var goLine = regexp.MustCompile(`(?m)^go (\d+\.\d+)`)

func TestDockerfileBuildsWithTheGoOfTheModule(t *testing.T) {
	want := "golang:" + goLine.FindStringSubmatch(read(t, "go.mod"))[1] + "-"
	found, err := stages(read(t, "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	if got := found[0].BaseName; !strings.HasPrefix(got, want) {
		t.Errorf("built with %s, want %s…", got, want)
	}
}

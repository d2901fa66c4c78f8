package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// An environ is the variables a process was started with. It is an
// envconfig.Lookuper that can also list its names.
type environ map[string]string

func processEnviron() environ {
	env := environ{}
	for _, pair := range os.Environ() {
		name, value, _ := strings.Cut(pair, "=")
		env[name] = value
	}
	return env
}

// Lookup returns the value of a variable, without the spaces and line ends
// that files and templates leave around it. Empty counts as unset.
func (e environ) Lookup(name string) (string, bool) {
	value := strings.TrimSpace(e[name])
	return value, value != ""
}

// A given is a Lookuper over an environ that also reads secrets from the files
// that X_FILE variables name, and remembers where each value came from.
type given struct {
	env      environ
	origin   map[string]string // by variable; absent: default
	problems []string
}

// maxSecretFile is far above any token or URL, and stops a device file.
const maxSecretFile = 64 << 10

// Lookup returns the value of a variable or, for a secret, of its file.
func (g *given) Lookup(name string) (string, bool) {
	value, ok := g.env.Lookup(name)
	path, inFile := g.env.Lookup(name + "_FILE")
	if !inFile || !slices.ContainsFunc(variables(), func(v variable) bool { return v.secret && v.name == name }) {
		if ok {
			g.origin[name] = "environment"
		}
		return value, ok
	}
	g.origin[name] = "file " + path
	if ok {
		g.problems = append(g.problems, fmt.Sprintf("%s and %s_FILE: are both set: keep one of them", name, name))
		return "", false
	}
	text, err := readSecret(path)
	if err != nil {
		g.problems = append(g.problems, fmt.Sprintf("%s_FILE: %v", name, err))
	}
	return text, err == nil
}

// has tells whether somebody set the variable, readable or not.
func (g *given) has(name string) bool { return g.origin[name] != "" }

// readSecret returns the text of a file without the line end that editors and
// Kubernetes leave.
func readSecret(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }() // only read
	bytes, err := io.ReadAll(io.LimitReader(file, maxSecretFile+1))
	if err != nil {
		return "", err
	}
	text := strings.TrimSpace(string(bytes))
	switch {
	case len(bytes) > maxSecretFile:
		return "", fmt.Errorf("%s is too long for a secret", path)
	case text == "":
		return "", fmt.Errorf("%s is empty", path)
	}
	return text, nil
}
